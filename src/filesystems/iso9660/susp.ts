import type { Sectors } from './sectors.ts';
import { SECTOR } from './layout.ts';
import { u32 } from './record.ts';

/** Continuation areas that one record may have. */
const MAX_CONTINUATIONS = 32;

/** An entry of a system use area: two letters, its length, its version, then its data. */
export interface SystemUseEntry {
  signature: string;
  /** The whole entry, header included. */
  bytes: Uint8Array;
}

/**
 * The entries of a system use area and its continuations (SUSP 5). An area that is no such thing gives none: what
 * lies there may be of another kind. `skip` is how many bytes the disc says precede the entries.
 */
export function* systemUseEntries(
  sectors: Sectors,
  blockSize: number,
  area: Uint8Array,
  skip: number,
): Generator<SystemUseEntry> {
  let rest = area.slice(skip);
  for (let continuation = 0; continuation <= MAX_CONTINUATIONS; continuation++) {
    let next: { offset: number; length: number } | undefined;
    let at = 0;
    while (at + 4 <= rest.length) {
      const length = rest[at + 2]!;
      if (length < 4 || at + length > rest.length) break;
      const signature = String.fromCharCode(rest[at]!, rest[at + 1]!);
      const bytes = rest.subarray(at, at + length);
      if (signature === 'ST') break;
      if (signature === 'CE' && length >= 28) {
        const offset = u32(bytes, 12);
        next = { offset: u32(bytes, 4) * blockSize + offset, length: u32(bytes, 20) };
        if (offset + next.length > SECTOR) next = undefined;
      } else {
        yield { signature, bytes };
      }
      at += length;
    }
    if (next === undefined || next.length === 0) return;
    // Copied: other reads may follow before the next entry is asked for.
    rest = sectors.read(next.offset, next.length, 'SUSP continuation area').slice();
  }
}
