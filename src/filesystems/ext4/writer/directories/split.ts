import { CorruptError } from '../../../../errors/index.ts';
import type { StoredBlock } from '../contract.ts';
import {
  copyRange,
  emptyRun,
  entryLength,
  getU32,
  NAME_AT,
  NAME_LEN,
  neededBytes,
  removeEntries,
} from './entries.ts';
import type { Folder, Folders } from './folder.ts';
import { unsureName, type Hasher } from './names.ts';

/** Where a leaf was split. */
export interface Split {
  /** Hash of the upper half's index entry; its lowest bit says that the halves share a hash. */
  boundary: number;
  /** True if the new entry belongs to the upper half. */
  intoUpper: boolean;
}

/** Hashes of the entries of a leaf and where they are, in the order of the hashes. */
interface Sorted {
  hashes: number[];
  /** Offsets of the entries. */
  places: number[];
  /** Bytes that each needs. */
  sizes: number[];
}

/**
 * Divide the entries of `lower` by their hashes between it and `upper`, which is empty, so that `entry` fits its
 * half. Neither block is sealed.
 */
export function splitLeaf(
  folders: Folders,
  folder: Folder,
  lower: StoredBlock,
  upper: StoredBlock,
  hasher: Hasher,
  entry: { name: Uint8Array; hash: number },
): Split {
  const from = folders.leaf(folder, lower);
  const sorted = sortEntries(folders, folder, lower, hasher);
  const at = chooseBoundary(sorted, entry.hash, neededBytes(entry.name.length), from.end - from.start);
  const { hashes, places, sizes } = sorted;
  const to = folders.leaf(folder, upper);
  emptyRun(to);
  copyRange(from, to, places, sizes, at);
  const moved = new Set(places.slice(at));
  removeEntries(from, (place) => moved.has(place));
  const shared = at > 0 && hashes[at] === hashes[at - 1];
  const hash = hashes[at]!;
  // An entry with the shared hash may go to either half; a search that misses in the lower one goes on to the upper.
  return { boundary: shared ? hash + 1 : hash, intoUpper: entry.hash >= hash };
}

function sortEntries(folders: Folders, folder: Folder, block: StoredBlock, hasher: Hasher): Sorted {
  const run = folders.leaf(folder, block);
  const { bytes } = run;
  const places: number[] = [];
  const hashes: number[] = [];
  for (let at = run.start; at < run.end;) {
    const length = entryLength(run, at);
    if (getU32(bytes, at) !== 0) {
      const name = bytes.subarray(at + NAME_AT, at + NAME_AT + bytes[at + NAME_LEN]!);
      const hash = hasher(name);
      if (hash === undefined) throw unsureName(folder.number, name);
      places.push(at);
      hashes.push(hash);
    }
    at += length;
  }
  const order = places.map((_, i) => i).sort((a, b) => hashes[a]! - hashes[b]!);
  return {
    hashes: order.map((i) => hashes[i]!),
    places: order.map((i) => places[i]!),
    sizes: order.map((i) => neededBytes(bytes[places[i]! + NAME_LEN]!)),
  };
}

/**
 * Index of the first entry of the upper half: as near to the middle of the bytes as can be, where the new entry fits
 * its half, and between two hashes rather than within one.
 */
function chooseBoundary(sorted: Sorted, newHash: number, needed: number, room: number): number {
  const { hashes, sizes } = sorted;
  let total = 0;
  for (const size of sizes) total += size;
  let best = -1;
  let bestCost = Infinity;
  let below = 0;
  for (let at = 1; at < sizes.length; at++) {
    below += sizes[at - 1]!;
    const lower = below + (newHash < hashes[at]! ? needed : 0);
    const upper = total - below + (newHash < hashes[at]! ? 0 : needed);
    if (lower > room || upper > room) continue;
    // A hash on both sides costs every search of it a block more: only where there is no other way.
    const cost = Math.abs(lower - upper) + (hashes[at] === hashes[at - 1] ? room : 0);
    if (cost < bestCost) {
      best = at;
      bestCost = cost;
    }
  }
  if (best < 0) {
    throw new CorruptError(
      'ext4_dir_entry_2',
      `a leaf with ${sizes.length} entries of ${total} bytes in ${room} cannot be split for one of ${needed} more`,
    );
  }
  return best;
}
