import { CorruptError } from '../../../../errors/index.ts';

/**
 * Changing a run of `struct ext4_dir_entry_2` in place: a leaf block without its checksum tail, or an inline area.
 * All of it works on bytes and offsets; nothing is allocated for an entry.
 *
 * Source: Documentation/filesystems/ext4, "Linear (Classic) Directories".
 */

/** Bytes of an entry before its name. */
export const NAME_AT = 8;
const REC_LEN = 4;
/** Where the length of its name is in an entry. */
export const NAME_LEN = 6;
const FILE_TYPE = 7;
/** Shortest entry: one of a name of up to 4 bytes, or an unused one of a checksum tail's size. */
const SHORTEST = 12;

/** A run of entries: where it is and how its lengths are stored. */
export interface EntryRun {
  readonly bytes: Uint8Array;
  readonly start: number;
  /** First byte after the last entry. */
  readonly end: number;
  readonly blockSize: number;
  /** Inode of the directory; for messages. */
  readonly directory: number;
  /** True if the filesystem keeps file types in entries. */
  readonly typed: boolean;
}

/** Bytes that an entry with a name of this many bytes needs. */
export function neededBytes(nameLength: number): number {
  return NAME_AT + ((nameLength + 3) & ~3);
}

/** Little-endian 32-bit number. */
export function getU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Store a little-endian 32-bit number. */
export function setU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Store the length of an entry. 64 KiB do not fit 16 bits: 65535 stands for it. */
export function setLength(bytes: Uint8Array, at: number, length: number, blockSize: number): void {
  let stored = length;
  if (blockSize === 65536) stored = length === 65536 ? 65535 : (length & 0xfffc) | (length >>> 16);
  bytes[at + REC_LEN] = stored;
  bytes[at + REC_LEN + 1] = stored >>> 8;
}

/** Length of the entry at `at`, checked so that it lies in the run and holds its own name. */
export function entryLength(run: EntryRun, at: number): number {
  const { bytes, end, blockSize } = run;
  const left = end - at;
  let length = left < NAME_AT ? 0 : bytes[at + REC_LEN]! | (bytes[at + REC_LEN + 1]! << 8);
  if (blockSize === 65536 && left >= NAME_AT) {
    length = length === 0 || length === 65535 ? 65536 : (length & 0xfffc) | ((length & 3) << 16);
  }
  const needed = left < NAME_AT ? NAME_AT : neededBytes(bytes[at + NAME_LEN]!);
  if (length < SHORTEST || (length & 3) !== 0 || length < needed || length > left) {
    throw new CorruptError(
      'ext4_dir_entry_2',
      `directory ${run.directory}: rec_len is ${length} at ${at - run.start} of ${end - run.start} bytes,` +
        ` expected a multiple of 4 from ${Math.max(SHORTEST, needed)} to ${left}`,
    );
  }
  return length;
}

/** Bytes that the entry at `at` uses itself: 0 where it is unused. */
export function usedBytes(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at) === 0 ? 0 : neededBytes(bytes[at + NAME_LEN]!);
}

/** How a name is compared with a stored one. */
export type Matcher = (bytes: Uint8Array, start: number, end: number) => boolean;

/** A place in a run: that of an entry and of the one before it, -1 where it is the first. */
export interface EntryPlace {
  at: number;
  previous: number;
}

/** Offset of the entry that matches, into `place`; false if there is none. */
export function findEntry(run: EntryRun, matches: Matcher, place: EntryPlace): boolean {
  const { bytes, start, end } = run;
  let previous = -1;
  for (let at = start; at < end;) {
    const length = entryLength(run, at);
    const from = at + NAME_AT;
    if (getU32(bytes, at) !== 0 && matches(bytes, from, from + bytes[at + NAME_LEN]!)) {
      place.at = at;
      place.previous = previous;
      return true;
    }
    previous = at;
    at += length;
  }
  return false;
}

/** Write an entry's fields; its length is stored beside. */
export function putEntry(
  run: EntryRun,
  at: number,
  length: number,
  inode: number,
  name: Uint8Array,
  type: number,
): void {
  const { bytes } = run;
  setU32(bytes, at, inode);
  setLength(bytes, at, length, run.blockSize);
  bytes[at + NAME_LEN] = name.length;
  bytes[at + FILE_TYPE] = run.typed ? type : 0;
  bytes.set(name, at + NAME_AT);
  const padded = at + neededBytes(name.length);
  bytes.fill(0, at + NAME_AT + name.length, padded);
}

/** Offset of the first entry with room for `needed` more bytes, or -1. */
export function findGap(run: EntryRun, needed: number): number {
  for (let at = run.start; at < run.end;) {
    const length = entryLength(run, at);
    if (length - usedBytes(run.bytes, at) >= needed) return at;
    at += length;
  }
  return -1;
}

/** Put an entry into the gap that {@link findGap} found at `at`. */
export function fillGap(run: EntryRun, at: number, inode: number, name: Uint8Array, type: number): void {
  const length = entryLength(run, at);
  const used = usedBytes(run.bytes, at);
  if (used > 0) setLength(run.bytes, at, used, run.blockSize);
  putEntry(run, at + used, length - used, inode, name, type);
}

/**
 * Remove the entry of a place: its room goes to the one before it, or it becomes an unused first one. Only lengths
 * and the inode change, so that the block is a valid one whichever of its sectors reach the disk.
 */
export function removeEntry(run: EntryRun, place: EntryPlace): void {
  if (place.previous < 0) {
    setU32(run.bytes, place.at, 0);
    return;
  }
  const length = place.at - place.previous + entryLength(run, place.at);
  setLength(run.bytes, place.previous, length, run.blockSize);
}

/** Remove all entries that `leaves` says yes to, as {@link removeEntry} does. */
export function removeEntries(run: EntryRun, leaves: (at: number) => boolean): void {
  let previous = -1;
  for (let at = run.start; at < run.end;) {
    const length = entryLength(run, at);
    if (getU32(run.bytes, at) !== 0 && leaves(at)) {
      removeEntry(run, { at, previous });
      if (previous < 0) previous = at;
    } else {
      previous = at;
    }
    at += length;
  }
}

/** Make an entry point to another inode. */
export function pointEntry(run: EntryRun, at: number, inode: number, type: number): void {
  setU32(run.bytes, at, inode);
  if (run.typed) run.bytes[at + FILE_TYPE] = type;
}

/** One unused entry from `at` to the end of the run. */
export function emptyRun(run: EntryRun, at = run.start): void {
  run.bytes.fill(0, at, run.end);
  setLength(run.bytes, at, run.end - at, run.blockSize);
}

/** Room that is free in the whole run, however many gaps it is in. */
export function freeBytes(run: EntryRun): number {
  let free = 0;
  for (let at = run.start; at < run.end;) {
    const length = entryLength(run, at);
    free += length - usedBytes(run.bytes, at);
    at += length;
  }
  return free;
}

/** Move the entries to the front, so that the free room is one gap behind the last of them. */
export function packRun(run: EntryRun): void {
  const { bytes, start, end, blockSize } = run;
  let to = start;
  let last = -1;
  for (let at = start; at < end;) {
    const length = entryLength(run, at);
    const used = usedBytes(bytes, at);
    if (used > 0) {
      if (to !== at) bytes.copyWithin(to, at, at + used);
      setLength(bytes, to, used, blockSize);
      last = to;
      to += used;
    }
    at += length;
  }
  if (last < 0) {
    emptyRun(run);
    return;
  }
  bytes.fill(0, to, end);
  setLength(bytes, last, end - last, blockSize);
}

/** True if the run holds names beside `.` and `..`. */
export function holdsNames(run: EntryRun): boolean {
  const { bytes } = run;
  for (let at = run.start; at < run.end;) {
    const length = entryLength(run, at);
    if (getU32(bytes, at) !== 0 && !isDot(bytes, at)) return true;
    at += length;
  }
  return false;
}

function isDot(bytes: Uint8Array, at: number): boolean {
  const length = bytes[at + NAME_LEN]!;
  if (bytes[at + NAME_AT] !== 0x2e) return false;
  return length === 1 || (length === 2 && bytes[at + NAME_AT + 1] === 0x2e);
}

/**
 * Append the used entries of `from` to those of `to`, the last of which must have all the free room behind it (as
 * after {@link packRun} or {@link emptyRun}) and enough of it. `.` and `..` are left out.
 */
export function copyNames(from: EntryRun, to: EntryRun): void {
  for (let at = from.start; at < from.end;) {
    const length = entryLength(from, at);
    if (getU32(from.bytes, at) !== 0 && !isDot(from.bytes, at)) {
      const nameLength = from.bytes[at + NAME_LEN]!;
      const name = from.bytes.subarray(at + NAME_AT, at + NAME_AT + nameLength);
      const gap = findGap(to, neededBytes(nameLength));
      if (gap < 0) {
        throw new CorruptError(
          'ext4_dir_entry_2',
          `directory ${from.directory}: its names do not fit a block of ${to.blockSize} bytes`,
        );
      }
      fillGap(to, gap, getU32(from.bytes, at), name, from.bytes[at + FILE_TYPE]!);
    }
    at += length;
  }
}

/**
 * Copy the entries at `places` from index `first` on, each of which needs `sizes` bytes, into a run that is empty; the
 * last one gets the room that is left.
 */
export function copyRange(
  from: EntryRun,
  to: EntryRun,
  places: readonly number[],
  sizes: readonly number[],
  first: number,
): void {
  let at = to.start;
  for (let i = first; i < places.length; i++) {
    const size = sizes[i]!;
    to.bytes.set(from.bytes.subarray(places[i]!, places[i]! + size), at);
    const length = i === places.length - 1 ? to.end - at : size;
    setLength(to.bytes, at, length, to.blockSize);
    at += size;
  }
}

/** Put `.` and `..` at the start of a run, `..` with all the room. */
export function putDots(run: EntryRun, directory: number, parent: number): void {
  const DIRECTORY = 2;
  putEntry(run, run.start, SHORTEST, directory, DOT, DIRECTORY);
  putEntry(run, run.start + SHORTEST, run.end - run.start - SHORTEST, parent, DOTS, DIRECTORY);
}
const DOT = Uint8Array.of(0x2e);
const DOTS = Uint8Array.of(0x2e, 0x2e);

/** Offset of `..` in a first block, which must begin with `.` and `..`. */
export function placeOfParent(run: EntryRun): number {
  const { bytes, start } = run;
  const at = start + entryLength(run, start);
  const right =
    bytes[start + NAME_LEN] === 1 &&
    bytes[start + NAME_AT] === 0x2e &&
    at < run.end &&
    entryLength(run, at) > 0 &&
    bytes[at + NAME_LEN] === 2 &&
    bytes[at + NAME_AT] === 0x2e &&
    bytes[at + NAME_AT + 1] === 0x2e;
  if (!right) {
    throw new CorruptError(
      'ext4_dir_entry_2',
      `directory ${run.directory}: its first block does not begin with "." and ".."`,
    );
  }
  return at;
}
