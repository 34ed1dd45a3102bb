import type { BlockDevice } from '../../block/device.ts';
import { CorruptError } from '../../errors/index.ts';
import type { Chain } from './chain.ts';
import { FIRST_CLUSTER, type Geometry } from './geometry.ts';
import { ATTR_DIRECTORY, ENTRY, Entry } from './layout.ts';
import { isDots, LongNameParser } from './long-name.ts';
import { isUsable, shortName } from './names.ts';
import type { FatOptions } from './options.ts';

/** Bytes of a directory read at once. */
const CHUNK = 64 * 1024;

/** Where a directory's entries are: its own area (root of FAT12 and FAT16), a chain, or nowhere. */
export type Place = { offset: number; length: number } | Chain | null;

/** A file's entry. */
export interface FatEntry {
  name: string;
  /** The short name where `name` is a long one, else the same. */
  alias: string;
  /** Byte offset of the short entry on the device. */
  offset: number;
  isDirectory: boolean;
}

/** Bytes that can be read: a device, or one with changes over it that are not written yet. */
export type Readable = Pick<BlockDevice, 'size' | 'readAt'>;

/** What reading a directory needs. */
export interface DirectoryContext {
  device: Readable;
  geometry: Geometry;
  options: FatOptions;
  warn: (message: string) => void;
}

interface Piece {
  bytes: Uint8Array;
  /** Where `bytes` come from on the device. */
  offset: number;
}

/** The parts of a directory in order; the buffer is reused for the next. */
function* pieces({ device, geometry }: DirectoryContext, place: Place): Generator<Piece> {
  if (place === null) return;
  if ('offset' in place) {
    checkRange(device, place.offset, place.length);
    const bytes = new Uint8Array(place.length);
    device.readAt(place.offset, bytes);
    yield { bytes, offset: place.offset };
    return;
  }
  const wanted = Math.max(1, Math.floor(CHUNK / geometry.clusterSize));
  let buffer: Uint8Array | undefined;
  for (let index = 0; ;) {
    // A directory that fits into one cluster needs a buffer of that size only.
    const run = place.locate(index, index === 0 ? 1 : wanted);
    if (run === null) return;
    const length = run.count * geometry.clusterSize;
    if (buffer === undefined || buffer.length < length) buffer = new Uint8Array(length);
    const bytes = buffer.subarray(0, length);
    const offset = clusterOffset(geometry, run.cluster);
    checkRange(device, offset, length);
    device.readAt(offset, bytes);
    yield { bytes, offset };
    index += run.count;
  }
}

/** Byte offset of a cluster on the device. */
export function clusterOffset(geometry: Geometry, cluster: number): number {
  return geometry.dataOffset + (cluster - FIRST_CLUSTER) * geometry.clusterSize;
}

/** Throws CorruptError where bytes that the volume counts as its own are not on the device. */
export function checkRange(device: Readable, offset: number, length: number): void {
  if (offset + length <= device.size) return;
  throw new CorruptError(
    'FAT volume',
    `${length} bytes at ${offset} are part of the volume, but the device ends at ${device.size}`,
    { offset },
  );
}

/** Files of a directory in stored order, without `.` and `..`. */
export function* entries(context: DirectoryContext, place: Place): Generator<FatEntry> {
  const { options, warn } = context;
  const parser = new LongNameParser();
  for (const { bytes, offset } of pieces(context, place)) {
    for (let at = 0; at < bytes.length; at += ENTRY) {
      // Most of a directory is often empty; an entry of zeroes is nothing, and others may follow it.
      const long = parser.take(bytes, at);
      if (long === undefined || isDots(bytes, at)) continue;
      const alias = shortName(bytes, at, bytes[at + Entry.DIR_NTRes]!, options);
      const name = isUsable(long) ? long : alias;
      if (!isUsable(name)) {
        warn(`the directory entry at byte ${offset + at} has a name that no path can hold and is left out`);
        continue;
      }
      const isDirectory = (bytes[at + Entry.DIR_Attr]! & ATTR_DIRECTORY) !== 0;
      yield { name, alias, offset: offset + at, isDirectory };
    }
  }
}

/** How many entries of a directory are directories, `.` and `..` among them: what Linux makes its link count of. */
export function countDirectories(context: DirectoryContext, place: Place): number {
  const parser = new LongNameParser();
  let count = 0;
  for (const { bytes } of pieces(context, place)) {
    for (let at = 0; at < bytes.length; at += ENTRY) {
      if (parser.take(bytes, at) === undefined) continue;
      if ((bytes[at + Entry.DIR_Attr]! & ATTR_DIRECTORY) !== 0) count++;
    }
  }
  return count;
}
