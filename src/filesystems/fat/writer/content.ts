import { clockMilliseconds } from '../../../bytes/clock.ts';
import { CorruptError, GuestfsError, isHostFull, UnsupportedError } from '../../../errors/index.ts';
import { divideUp } from '../../../bytes/round.ts';
import { checkRange, clusterOffset } from '../directory.ts';
import { FIRST_CLUSTER } from '../geometry.ts';
import { ATTR_ARCHIVE, ENTRY, Entry } from '../layout.ts';
import { SECTOR } from '../sectors.ts';
import type { FatVolume } from '../volume.ts';
import { setFirstCluster } from './new-entry.ts';
import type { Transaction } from './transaction.ts';
import { fatTime, type FatTime } from '../times.ts';

/** DIR_FileSize has 32 bits. */
export const MAX_FILE_SIZE = 0xffffffff;

/** An entry in memory, to be changed in place before anything else is called. */
export interface ChangingEntry {
  bytes: Uint8Array;
  view: DataView;
  at: number;
}

/** Throws EFBIG where FAT has no room for a size. */
export function checkFileSize(size: number): void {
  if (size <= MAX_FILE_SIZE) return;
  throw new GuestfsError(
    'EFBIG',
    `a file of ${size} bytes is too large for FAT, expected at most ${MAX_FILE_SIZE}`,
  );
}

/** Changes what is in files. */
export class FileContent {
  readonly #volume: FatVolume;
  readonly #transaction: Transaction;

  constructor(volume: FatVolume, transaction: Transaction) {
    this.#volume = volume;
    this.#transaction = transaction;
  }

  now(): FatTime {
    const milliseconds = clockMilliseconds();
    const nanoseconds = (milliseconds % 1000) * 1_000_000;
    return fatTime(Math.floor(milliseconds / 1000), nanoseconds, this.#volume.options.timeOffset);
  }

  /** The entry of an inode, which is not the root. */
  change(inode: number): ChangingEntry {
    const offset = inode * ENTRY;
    const bytes = this.#volume.sectors.change(offset);
    this.#volume.changed(inode);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return { bytes, view, at: offset % SECTOR };
  }

  /** Set the time of writing of an inode to now; the root has none. */
  touch(inode: number): void {
    if (inode === this.#volume.root) return;
    const { view, at } = this.change(inode);
    setWritten(view, at, this.now());
  }

  write(inode: number, offset: number, from: Uint8Array): void {
    const { size } = this.#file(inode);
    const end = offset + from.length;
    if (from.length === 0) return;
    checkFileSize(end);
    const first = this.#reserve(inode, end, (chain) => {
      if (offset > size) this.#zero(inode, chain, size, offset);
      this.#eachRun(inode, chain, offset, from.length, (at, done, length) => {
        this.#volume.device.writeAt(at, from.subarray(done, done + length));
      });
    });
    this.#wrote(inode, first, Math.max(size, end));
  }

  truncate(inode: number, size: number): void {
    checkFileSize(size);
    const file = this.#file(inode);
    let { first } = file;
    if (size > file.size) {
      first = this.#reserve(inode, size, (chain) => this.#zero(inode, chain, file.size, size));
    } else if (size === 0 && first !== 0) {
      this.#transaction.free(first, 'file');
      first = 0;
    } else if (size < file.size) {
      const clusters = divideUp(size, this.#volume.geometry.clusterSize);
      const last = this.#volume.chains.get(first).locate(clusters - 1, 1);
      if (last === null) throw tooShort(inode, clusters);
      this.#transaction.countChain(first);
      this.#transaction.cut(first, last.cluster);
    }
    this.#wrote(inode, first, size);
  }

  /** As fallocate(2) of Linux's vfat: space is reserved by writing zeroes behind the end. */
  allocate(inode: number, offset: number, length: number, keepSize: boolean): void {
    const { size } = this.#file(inode);
    if (offset + length <= size) return;
    if (keepSize) {
      throw new UnsupportedError(
        `FAT cannot reserve space behind the end of a file without making it larger (${offset + length} of ${size} bytes)`,
      );
    }
    this.truncate(inode, offset + length);
  }

  punch(inode: number, offset: number, length: number): void {
    const { size, first } = this.#file(inode);
    const end = Math.min(size, offset + length);
    if (offset >= end) return;
    this.#zero(inode, first, offset, end);
    this.#wrote(inode, first, size);
  }

  /** Give a file another chain and size; the old chain becomes free. */
  exchange(inode: number, first: number, size: number): void {
    const old = this.#file(inode).first;
    if (old !== 0) this.#transaction.free(old, 'file');
    this.#wrote(inode, first, size);
  }

  /** What an entry says, kept; throws for a directory and for a chain that starts nowhere. */
  #file(inode: number): { first: number; size: number } {
    const { isDirectory, first, size } = this.#volume.file(inode);
    if (isDirectory)
      throw new GuestfsError('EISDIR', `inode ${inode} is a directory, it has no content to change`);
    const { clusterCount } = this.#volume.geometry;
    const isSound = first === 0 ? size === 0 : first >= FIRST_CLUSTER && first < clusterCount + FIRST_CLUSTER;
    if (!isSound) {
      throw new CorruptError(
        'FAT directory entry',
        `a file of ${size} bytes starts at cluster ${first}, which is not of the data area`,
        { offset: inode * ENTRY },
      );
    }
    return { first, size };
  }

  /** Make a file's chain long enough for a size and fill it; returns its first cluster. A full host changes nothing. */
  #reserve(inode: number, size: number, fill: (first: number) => void): number {
    const { first } = this.#file(inode);
    const { clusterSize } = this.#volume.geometry;
    // What was cut off is still in the table: the end must be there before something is added to it.
    if (first !== 0 && this.#transaction.isCut(first)) this.#transaction.commit();
    const wanted = divideUp(size, clusterSize);
    const chain = first === 0 ? undefined : this.#volume.chains.get(first);
    const have = chain?.length() ?? 0;
    const needed = divideUp(this.#file(inode).size, clusterSize);
    if (have < needed) throw tooShort(inode, have);
    if (wanted <= have) {
      fill(first);
      return first;
    }
    const tail = chain?.locate(have - 1, 1)?.cluster ?? 0;
    const added = this.#transaction.allocate(wanted - have, tail === 0 ? 0 : tail + 1);
    if (chain !== undefined) {
      this.#transaction.link(tail, added.first, 'file');
      chain.extended(added.first);
    }
    try {
      fill(chain === undefined ? added.first : first);
    } catch (error) {
      if (isHostFull(error)) {
        if (chain === undefined) this.#transaction.free(added.first, 'file');
        else this.#transaction.cut(first, tail);
      }
      throw error;
    }
    return chain === undefined ? added.first : first;
  }

  #zero(inode: number, first: number, start: number, end: number): void {
    this.#eachRun(inode, first, start, end - start, (at, _done, length) => {
      this.#volume.device.zero(at, length);
    });
  }

  #eachRun(
    inode: number,
    first: number,
    offset: number,
    length: number,
    act: (at: number, done: number, length: number) => void,
  ): void {
    const { geometry, device, chains } = this.#volume;
    const { clusterSize } = geometry;
    if (length === 0) return;
    const chain = chains.get(first);
    for (let done = 0; done < length;) {
      const index = Math.floor((offset + done) / clusterSize);
      const inside = (offset + done) % clusterSize;
      const run = chain.locate(index, divideUp(inside + length - done, clusterSize));
      if (run === null) throw tooShort(inode, index);
      const at = clusterOffset(geometry, run.cluster) + inside;
      const part = Math.min(run.count * clusterSize - inside, length - done);
      checkRange(device, at, part);
      act(at, done, part);
      done += part;
    }
  }

  #wrote(inode: number, first: number, size: number): void {
    const now = this.now();
    const { bytes, view, at } = this.change(inode);
    setFirstCluster(view, at, first);
    view.setUint32(at + Entry.DIR_FileSize, size, true);
    setWritten(view, at, now);
    bytes[at + Entry.DIR_Attr] = bytes[at + Entry.DIR_Attr]! | ATTR_ARCHIVE;
  }
}

function setWritten(view: DataView, at: number, now: FatTime): void {
  view.setUint16(at + Entry.DIR_WrtTime, now.time, true);
  view.setUint16(at + Entry.DIR_WrtDate, now.date, true);
}

function tooShort(inode: number, clusters: number): CorruptError {
  return new CorruptError(
    'FAT',
    `the chain of the file at inode ${inode} ends after ${clusters} clusters, before the file does`,
    { offset: inode * ENTRY },
  );
}
