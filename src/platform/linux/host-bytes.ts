import { encodeText } from '../../bytes/text.ts';

const ESCAPED = /[\uD800-\uDFFF]/;

/** A path as node:fs takes it: text, or bytes where it is not UTF-8. */
export function fsPath(path: string): string | Buffer {
  return ESCAPED.test(path) ? Buffer.from(encodeText(path)) : path;
}

/** A path as C functions take it, with its NUL. */
export function cString(text: string): Uint8Array {
  const bytes = encodeText(text);
  const terminated = new Uint8Array(bytes.length + 1);
  terminated.set(bytes);
  return terminated;
}

/** Whether a text can be an argument of a program that Node starts, which takes UTF-8 alone. */
export function isPlainText(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code === 0 || (code >= 0xd800 && code <= 0xdfff)) return false;
  }
  return true;
}
