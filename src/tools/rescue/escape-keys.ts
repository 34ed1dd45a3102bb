import { UsageError } from '../common/usage-error.ts';

/** Letters of the keys from Ctrl-@ on: the control character of `x` is its code without these bits. */
const CONTROL_MASK = 0x1f;
/** What Ctrl makes a control character of. */
const WITH_CONTROL = /^\^([@-_a-z])$/;

/**
 * The byte of `-e KEY`: `^x` is Ctrl and x; undefined for `none`.
 *
 * @throws UsageError for what is neither.
 */
export function parseEscapeKey(value: string): number | undefined {
  if (value === 'none') return undefined;
  const letter = WITH_CONTROL.exec(value)?.[1];
  if (letter === undefined) throw new UsageError(`-e '${value}': expected ^ and a letter, as in ^], or none`);
  return letter.toUpperCase().charCodeAt(0) & CONTROL_MASK;
}

/** A piece of what is typed: bytes for the machine, or a letter that was typed after the escape key. */
export type Typed = { bytes: Uint8Array } | { command: string };

/** Tells commands to the tool apart from what is typed for the machine. */
export class EscapeKeys {
  readonly #key: number | undefined;
  #escaped = false;

  /** With the byte of the escape key; undefined for none. */
  constructor(key: number | undefined) {
    this.#key = key;
  }

  /** The parts of what was typed, in order. The escape key may be the last byte of one piece, its letter the first of the next. */
  split(bytes: Uint8Array): Typed[] {
    const parts: Typed[] = [];
    let from = 0;
    const upTo = (end: number): void => {
      if (end > from) parts.push({ bytes: bytes.slice(from, end) });
    };
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (this.#escaped) {
        this.#escaped = false;
        // Twice the key is the key itself.
        from = byte === this.#key ? at : at + 1;
        if (byte !== this.#key) parts.push({ command: String.fromCharCode(byte) });
      } else if (byte === this.#key) {
        upTo(at);
        from = at + 1;
        this.#escaped = true;
      }
    }
    if (!this.#escaped) upTo(bytes.length);
    return parts;
  }
}
