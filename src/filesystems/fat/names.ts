import { latin1 } from '../../bytes/text.ts';
import type { FatOptions } from './options.ts';
import { KANJI_E5, LOWER_BASE, LOWER_EXTENSION } from './layout.ts';

/** Checksum of a short name, which its long name's parts carry. */
export function shortNameChecksum(bytes: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = at; i < at + 11; i++) sum = (((sum & 1) << 7) + (sum >> 1) + bytes[i]!) & 0xff;
  return sum;
}

/** The name of a short entry at `at` as it is shown; empty where there is none. `flags` is its DIR_NTRes. */
export function shortName(bytes: Uint8Array, at: number, flags: number, options: FatOptions): string {
  const base = part(bytes, at, 8, (flags & LOWER_BASE) !== 0, options);
  const extension = part(bytes, at + 8, 3, (flags & LOWER_EXTENSION) !== 0, options);
  return extension === '' ? base : `${base}.${extension}`;
}

function part(bytes: Uint8Array, at: number, length: number, isLower: boolean, options: FatOptions): string {
  const lower = options.shortNames === 'lower' || (isLower && options.shortNames === 'as-stored');
  const table = lower ? options.codePage.lower : options.codePage.characters;
  let end = length;
  while (end > 0 && bytes[at + end - 1] === 0x20) end--;
  let text = '';
  for (let i = 0; i < end; i++) {
    let byte = bytes[at + i]!;
    if (byte === 0) break;
    // Only the very first byte of a name stands for another.
    if (byte === KANJI_E5 && i === 0 && length === 8) byte = 0xe5;
    text += table[byte]!;
  }
  return text;
}

const narrow = new Uint8Array(260);

/** A long name: up to its NUL; halves of surrogate pairs, which are no characters, are dropped as Linux does. */
export function longName(units: Uint16Array, length: number): string {
  let end = 0;
  while (end < length && units[end] !== 0 && units[end]! < 0x100) {
    narrow[end] = units[end]!;
    end++;
  }
  if (end === length || units[end] === 0) return latin1(narrow, 0, end);
  while (end < length && units[end] !== 0) end++;
  const text = String.fromCharCode(...units.subarray(0, end));
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '');
}

/** True where a name can stand in a path. */
export function isUsable(name: string): boolean {
  return name !== '' && !name.includes('/') && !name.includes('\0');
}

/** The form in which names are compared: ASCII letters lower, others to the letter, as Linux does by default. */
export function folded(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
