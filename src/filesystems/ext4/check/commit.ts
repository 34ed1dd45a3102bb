import { clockMilliseconds } from '../../../bytes/clock.ts';
import type { BlockDevice } from '../../../block/device.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { INCOMPAT_RECOVER } from '../features.ts';
import { groupFirstBlock } from '../groups.ts';
import { SUPERBLOCK_OFFSET, SuperBlock } from '../layout.ts';
import type { StoredBlock } from '../writer/contract.ts';
import { openJournal, writeLogStart, type JournalFile } from './journal-file.ts';
import { transactionBlocks, transactionCapacity } from './log-writer.ts';
import { sealSuperBlock, writeSuperBlock } from './superblock-write.ts';
import type { Volume } from './volume.ts';

/** Bytes written at once. */
const WRITE_BYTES = 1 << 20;
/** Bit of `s_state`: unmounted cleanly. */
export const STATE_CLEAN = 0x1;

/** How one commit differs from the usual. */
export interface CommitOptions {
  /** A block that is written only when all others are durable: the inode of a journal that moves. */
  last?: number;
  /**
   * When the superblock is written. Whoever opens the filesystem after a cut takes its size from there before the log is
   * replayed, and looks for descriptors of all groups: it comes `last` where there are more of them, `first` where there
   * are fewer. Default: first with a journal, last without one.
   */
  superBlock?: 'first' | 'last';
}

/**
 * Makes the staged changes of a volume durable, one transaction at a time: through the journal, which is empty again
 * after each, so that a cut leaves the filesystem as it was before or after one. Without a journal, or where the
 * changes do not fit it and `loose` is set, the filesystem is marked as not clean first; then block bitmaps that
 * have the old and the new bits, and blocks that were free, then all else, then the bitmaps as they should be: a cut
 * leaks space at worst, and the checker runs, because of the mark.
 */
export class Committer {
  readonly #volume: Volume;
  readonly #device: BlockDevice;
  readonly #loose: boolean;
  #file: JournalFile | undefined;
  #sequence = 0;
  /** The superblock as it is on the device. */
  readonly #onDisk: Uint8Array;
  #marked = false;

  constructor(volume: Volume, options: { loose?: boolean; direct?: boolean } = {}) {
    this.#volume = volume;
    this.#device = volume.device;
    this.#loose = options.loose ?? false;
    this.#onDisk = volume.superBytes.slice();
    this.#device.readAt(SUPERBLOCK_OFFSET, this.#onDisk);
    if (!options.direct) this.reopenJournal();
  }

  /** Find the journal anew: it has moved. */
  reopenJournal(): void {
    this.#file = openJournal(this.#device, this.#volume.geometry);
    if (this.#file !== undefined) this.#sequence = (this.#file.journal.sequence + 1) >>> 0;
  }

  get hasJournal(): boolean {
    return this.#file !== undefined;
  }

  /** Most blocks that a commit may change. */
  get capacity(): number {
    if (this.#file === undefined || this.#loose) return Infinity;
    // One for the superblock.
    return transactionCapacity(this.#file, this.#volume.geometry.blockSize) - 1;
  }

  /** Blocks that wait. */
  get pending(): number {
    return this.#volume.blocks.changed.size + this.#volume.descriptors.dirty.size;
  }

  /** Commit what is staged. */
  commit(options: CommitOptions = {}): void {
    const volume = this.#volume;
    volume.stageDescriptors();
    if (volume.blocks.changed.size === 0 && this.#superBlockIsSame()) return;
    const file = this.#file;
    const count = volume.blocks.changed.size;
    const fits = file !== undefined && count < transactionCapacity(file, volume.geometry.blockSize);
    if (file !== undefined && fits) this.#journalled(file, options);
    else if (file === undefined || this.#loose) this.#ordered(options);
    else {
      throw new GuestfsError(
        'ENOSPC',
        `one step changes ${count} blocks, but the journal's transactions hold ${this.capacity}:` +
          ' remove the journal (tune2fs -O ^has_journal) or make a larger one',
      );
    }
    volume.blocks.written();
  }

  /** The last commit was the last one: the filesystem is as if it had been unmounted. */
  finish(): void {
    const view = this.#volume.superBlock;
    view.s_feature_incompat &= ~INCOMPAT_RECOVER;
    if (this.#marked) view.s_state |= STATE_CLEAN;
    this.#writeSuper();
    this.#device.flush();
  }

  #superBlockIsSame(): boolean {
    const next = this.#volume.superBytes.slice();
    sealSuperBlock(next);
    return next.every((byte, i) => byte === this.#onDisk[i]);
  }

  #writeSuper(): void {
    const next = this.#volume.superBytes.slice();
    writeSuperBlock(this.#device, this.#onDisk, next);
    this.#onDisk.set(next);
    this.#volume.superBytes.set(next);
  }

  /** Write the old superblock with one change, and flush. */
  #writeMark(change: (view: Volume['superBlock']) => void): void {
    const next = this.#onDisk.slice();
    const view = SuperBlock.view(next);
    change(view);
    if (next.every((byte, i) => byte === this.#onDisk[i])) return;
    writeSuperBlock(this.#device, this.#onDisk, next);
    this.#onDisk.set(next);
    this.#device.flush();
  }

  #journalled(file: JournalFile, options: CommitOptions): void {
    const { blocks, geometry, superBlock, superBytes } = this.#volume;
    const { blockSize } = geometry;
    this.#writeMark((view) => {
      view.s_feature_incompat |= INCOMPAT_RECOVER;
    });
    superBlock.s_feature_incompat |= INCOMPAT_RECOVER;
    sealSuperBlock(superBytes);
    const place = Math.floor(SUPERBLOCK_OFFSET / blockSize);
    blocks.change(place).bytes.set(superBytes, SUPERBLOCK_OFFSET % blockSize);
    const changed = [...blocks.changed.values()].sort((a, b) => a.number - b.number);
    this.#sequence = (this.#sequence + 1) >>> 0;
    const seconds = Math.floor(clockMilliseconds() / 1000);
    let next = file.journal.first;
    this.#writeRuns(
      map(transactionBlocks(file, blockSize, this.#sequence, changed, seconds), (bytes) => ({
        number: file.places[next++]!,
        bytes,
      })),
    );
    this.#device.flush();
    writeLogStart(this.#device, geometry, file, file.journal.first, this.#sequence);
    if (options.superBlock !== 'last') {
      this.#writeSuper();
      this.#device.flush();
    }
    this.#writeRuns(changed.filter(({ number }) => number !== place && number !== options.last));
    this.#device.flush();
    if (options.last !== undefined) {
      this.#writeRuns(changed.filter(({ number }) => number === options.last));
      this.#device.flush();
    }
    if (options.superBlock === 'last') {
      this.#writeSuper();
      this.#device.flush();
    }
    writeLogStart(this.#device, geometry, file, 0, (this.#sequence + 1) >>> 0);
  }

  #ordered(options: CommitOptions): void {
    const { blocks, geometry, descriptors } = this.#volume;
    const { blockSize } = geometry;
    if (!this.#marked) {
      this.#marked = (this.#volume.superBlock.s_state & STATE_CLEAN) !== 0;
      this.#writeMark((view) => {
        view.s_state &= ~STATE_CLEAN;
      });
      this.#volume.superBlock.s_state &= ~STATE_CLEAN;
    }
    const bitmaps = new Set<number>();
    const first: StoredBlock[] = [];
    const old = new Uint8Array(blockSize);
    const byGroup = new Map<number, StoredBlock[]>();
    for (const block of blocks.changed.values()) {
      const group = Math.floor((block.number - geometry.firstDataBlock) / geometry.blocksPerGroup);
      const known = byGroup.get(group);
      if (known === undefined) byGroup.set(group, [block]);
      else known.push(block);
    }
    for (let group = 0; group < geometry.groupsCount; group++) {
      for (const name of ['bg_block_bitmap', 'bg_inode_bitmap'] as const) {
        const block = blocks.changed.get(descriptors.get(group, name));
        if (block === undefined) continue;
        bitmaps.add(block.number);
        this.#device.readAt(block.number * blockSize, old);
        const bytes = block.bytes.slice();
        for (let i = 0; i < bytes.length; i++) bytes[i]! |= old[i]!;
        first.push({ number: block.number, bytes, view: new DataView(bytes.buffer) });
        if (name === 'bg_block_bitmap') {
          for (const made of this.#newBlocks(group, byGroup.get(group) ?? [], block.bytes, old))
            first.push(made);
        }
      }
    }
    first.sort((a, b) => a.number - b.number);
    this.#writeRuns(first);
    this.#device.flush();
    if (options.superBlock === 'first') {
      this.#writeSuper();
      this.#device.flush();
    }
    const done = new Set(first.map(({ number }) => number));
    const changed = [...blocks.changed.values()].sort((a, b) => a.number - b.number);
    this.#writeRuns(changed.filter(({ number }) => !done.has(number) && number !== options.last));
    this.#device.flush();
    if (options.superBlock !== 'first') this.#writeSuper();
    this.#writeRuns(changed.filter(({ number }) => bitmaps.has(number) || number === options.last));
    this.#device.flush();
  }

  /** Of changed blocks of a group those that were free: nothing leads to them yet, so that they are written first. */
  #newBlocks(
    group: number,
    changed: readonly StoredBlock[],
    bitmap: Uint8Array,
    old: Uint8Array,
  ): StoredBlock[] {
    const { geometry } = this.#volume;
    const start = groupFirstBlock(geometry, group);
    const isSet = (bits: Uint8Array, bit: number): boolean => ((bits[bit >>> 3]! >>> (bit & 7)) & 1) === 1;
    return changed.filter(({ number }) => {
      const bit = Math.floor((number - start) / geometry.clusterRatio);
      return isSet(bitmap, bit) && !isSet(old, bit);
    });
  }

  /** Write blocks, those that lie together at once. */
  #writeRuns(blocks: Iterable<{ number: number; bytes: Uint8Array }>): void {
    const { blockSize } = this.#volume.geometry;
    const most = Math.max(1, Math.floor(WRITE_BYTES / blockSize));
    const buffer = new Uint8Array(most * blockSize);
    let first = 0;
    let count = 0;
    const write = (): void => {
      if (count > 0) this.#device.writeAt(first * blockSize, buffer.subarray(0, count * blockSize));
      count = 0;
    };
    for (const { number, bytes } of blocks) {
      if (count === most || number !== first + count) write();
      if (count === 0) first = number;
      buffer.set(bytes, count++ * blockSize);
    }
    write();
  }
}

function* map<T, R>(items: Iterable<T>, change: (item: T) => R): Iterable<R> {
  for (const item of items) yield change(item);
}
