import { GuestfsError } from '../errors/index.ts';
import { chunksOf, TEXT_CAP, type Content } from './content.ts';
import type { ActionContext } from './context.ts';

const ROW = 16;
/** Characters of a row before its text. */
const TEXT_COLUMN = 58;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const SHOWN = Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
);

/** A content as `hexdump -C` shows it: rows that repeat the row before are one `*`. Throws EFBIG. */
export function hexdump(context: ActionContext, content: Content): string {
  const previous = new Uint8Array(ROW);
  let repeating = false;
  let position = 0;
  let text = 0;
  const parts: string[] = [];
  // Chunks are a multiple of a row, but for the last.
  for (const chunk of chunksOf(context, content)) {
    let part = '';
    for (let at = 0; at < chunk.length; at += ROW, position += ROW) {
      const length = Math.min(ROW, chunk.length - at);
      if (position > 0 && length === ROW && sameRow(chunk, at, previous)) {
        if (!repeating) part += '*\n';
        repeating = true;
        continue;
      }
      repeating = false;
      part += row(chunk, at, length, position);
      for (let i = 0; i < length; i++) previous[i] = chunk[at + i] as number;
    }
    text += part.length;
    if (text > TEXT_CAP) {
      throw new GuestfsError('EFBIG', `${content.name}: the dump has more than ${TEXT_CAP} characters`, {
        path: content.name,
      });
    }
    parts.push(part);
  }
  if (content.size > 0) parts.push(`${content.size.toString(16).padStart(8, '0')}\n`);
  return parts.join('');
}

function sameRow(bytes: Uint8Array, at: number, row: Uint8Array): boolean {
  for (let i = 0; i < ROW; i++) if (bytes[at + i] !== row[i]) return false;
  return true;
}

function row(bytes: Uint8Array, at: number, length: number, position: number): string {
  let text = position.toString(16).padStart(8, '0');
  for (let i = 0; i < length; i++) text += (i % 8 === 0 ? '  ' : ' ') + HEX[bytes[at + i] as number];
  text = `${text.padEnd(TEXT_COLUMN)}  |`;
  for (let i = 0; i < length; i++) text += SHOWN[bytes[at + i] as number];
  return `${text}|\n`;
}
