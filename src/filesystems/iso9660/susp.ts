import type { Sectors } from './sectors.ts';
import { SECTOR } from './layout.ts';
import { u32 } from './record.ts';

/** Continuation areas that one record may have. */
const MAX_CONTINUATIONS = 32;

/** An entry of a system use area: two letters, its length, its version, then its data. */
export interface SystemUseEntry {
  /** The two letters as a number: see {@link signature}. */
  signature: number;
  /** The whole entry, header included. */
  bytes: Uint8Array;
}

/** Two letters as the number that entries carry. */
export function signature(letters: string): number {
  return (letters.charCodeAt(0) << 8) | letters.charCodeAt(1);
}

const CONTINUATION = signature('CE');
const TERMINATOR = signature('ST');

/**
 * The entries of a system use area and its continuations (SUSP 5). An area that is no such thing gives none: what
 * lies there may be of another kind. `skip` is how many bytes the disc says precede the entries.
 */
export function systemUseEntries(
  sectors: Sectors,
  blockSize: number,
  area: Uint8Array,
  skip: number,
): SystemUseEntry[] {
  const entries: SystemUseEntry[] = [];
  let rest: Uint8Array | undefined = area;
  let at = skip;
  for (let continuation = 0; rest !== undefined && continuation <= MAX_CONTINUATIONS; continuation++) {
    let next: Uint8Array | undefined;
    while (at + 4 <= rest.length) {
      const length: number = rest[at + 2]!;
      if (length < 4 || at + length > rest.length) break;
      const letters = (rest[at]! << 8) | rest[at + 1]!;
      if (letters === TERMINATOR) break;
      const bytes: Uint8Array = rest.subarray(at, at + length);
      if (letters === CONTINUATION && length >= 28) next = continued(sectors, blockSize, bytes);
      else entries.push({ signature: letters, bytes });
      at += length;
    }
    rest = next;
    at = 0;
  }
  return entries;
}

/** The area that a CE entry names; undefined where it is none: Linux allows it within one block. */
function continued(sectors: Sectors, blockSize: number, entry: Uint8Array): Uint8Array | undefined {
  const offset = u32(entry, 12);
  const length = u32(entry, 20);
  if (length === 0 || offset + length > SECTOR) return undefined;
  return sectors.read(u32(entry, 4) * blockSize + offset, length, 'SUSP continuation area');
}
