import type { BlockDevice } from '../../../../block/device.ts';
import { GuestfsError } from '../../../../errors/index.ts';
import { INCOMPAT_RECOVER } from '../../features.ts';
import type { StoredBlock } from '../contract.ts';
import type { WriterCore } from '../core.ts';
import { BlockGatherer, writeInPlace } from '../write-blocks.ts';
import type { Committer } from './contract.ts';
import { LogFormat } from './log-blocks.ts';
import type { LogFile } from './log-file.ts';
import { markMounted, writeSuperBlockSector } from './mark.ts';

/** What a disk writes whole or not at all. */
const SECTOR = 512;
/** Memory that the blocks of one transaction may take. */
const TRANSACTION_BYTES = 32 * 1024 * 1024;

/**
 * Commits through the filesystem's journal. For each transaction:
 *
 * 1. revoke blocks, descriptors, metadata, and a place for the commit block free of old contents, are written to the
 *    log; a flush makes them durable, and with them all file data and what the transaction before left in place;
 * 2. the commit block (one sector), and the log's beginning, which is now this transaction; a flush;
 * 3. the blocks go to their places, which the next flush makes durable.
 *
 * So the log holds what is being written and the transaction before it, and each place is written only when the log
 * has it.
 */
export class JournalCommitter implements Committer {
  readonly #device: BlockDevice;
  readonly #blockSize: number;
  readonly #file: LogFile;
  readonly #format: LogFormat;
  readonly #first: number;
  readonly #blocks: number;
  /** Where the next transaction begins, as an offset from the first block of the log. */
  #head = 0;
  #sequence: number;
  /** Blocks before the head that are needed while the last transaction may not be in place. */
  #held = 0;
  /** The commit block may or may not be on the device. */
  #sealing = false;
  /** Blocks that the log has and that are not all in their places yet. */
  #unplaced: readonly StoredBlock[] | undefined;

  constructor(device: BlockDevice, file: LogFile, blockSize: number, sequence: number) {
    this.#device = device;
    this.#blockSize = blockSize;
    this.#file = file;
    this.#format = new LogFormat(file, blockSize);
    this.#first = file.geometry.first;
    this.#blocks = file.geometry.last - file.geometry.first;
    this.#sequence = sequence >>> 0;
  }

  readonly atomic = true;

  get retryable(): boolean {
    return !this.#sealing;
  }

  get capacity(): number {
    return Math.min(Math.floor(this.#blocks / 3), Math.floor(TRANSACTION_BYTES / this.#blockSize));
  }

  begin(core: WriterCore): void {
    markMounted(core, (view) => {
      view.s_feature_incompat |= INCOMPAT_RECOVER;
    });
    this.#file.writeSuperBlock(0, this.#sequence);
    writeSuperBlockSector(this.#device, core);
    this.#device.flush();
  }

  #place(offset: number): number {
    return this.#file.locate(this.#first + (offset % this.#blocks));
  }

  commit(core: WriterCore): void {
    if (this.#unplaced !== undefined) return this.#putInPlace(core, this.#unplaced);
    core.prepareCommit();
    const blocks = [...core.store.dirtyBlocks()].sort((a, b) => a.number - b.number);
    const revoked = [...core.store.revoked];
    if (blocks.length === 0 && revoked.length === 0) {
      this.#device.flush();
      return;
    }
    const size = this.#format.sizeOf(blocks.length, revoked.length);
    if (size > this.#blocks - 1) {
      throw new GuestfsError(
        'ENOSPC',
        `a transaction of ${size} blocks does not fit the ext4 journal, which has ${this.#blocks}`,
      );
    }
    const first = this.#first + (this.#head % this.#blocks);
    if (this.#held === 0 || this.#held + size > this.#blocks) {
      // Once it is flushed everything before is in place, and the log begins anew.
      if (this.#held > 0) this.#device.flush();
      this.#file.writeSuperBlock(first, this.#sequence);
      if (this.#held > 0) this.#device.flush();
      this.#held = 0;
    }
    const commitPlace = this.#writeLog(blocks, revoked);
    this.#device.flush();
    this.#sealing = true;
    if (this.#held > 0) this.#file.writeSuperBlock(first, this.#sequence);
    const commit = this.#format.commit(this.#sequence, core.store.now());
    this.#device.writeAt(commitPlace * this.#blockSize, commit.subarray(0, SECTOR));
    this.#device.flush();
    this.#head = (this.#head + size) % this.#blocks;
    this.#held = size;
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#sealing = false;
    this.#putInPlace(core, blocks);
  }

  #putInPlace(core: WriterCore, blocks: readonly StoredBlock[]): void {
    this.#unplaced = blocks;
    writeInPlace(this.#device, blocks, this.#blockSize);
    this.#unplaced = undefined;
    core.committed();
  }

  /** Everything of a transaction but its commit block, for which an empty block is written. Returns its place. */
  #writeLog(
    blocks: readonly { number: number; bytes: Uint8Array; view: DataView }[],
    revoked: readonly number[],
  ): number {
    const gatherer = new BlockGatherer(this.#device, this.#blockSize);
    let at = this.#head;
    for (let i = 0; i < revoked.length; i += this.#format.perRevoke) {
      const part = revoked.slice(i, i + this.#format.perRevoke);
      gatherer.add(this.#place(at++), this.#format.revoke(part, this.#sequence));
    }
    for (let i = 0; i < blocks.length; i += this.#format.perDescriptor) {
      const part = blocks.slice(i, i + this.#format.perDescriptor);
      const contents: Uint8Array[] = [];
      const descriptor = this.#format.descriptor(part, this.#sequence, (bytes) => contents.push(bytes));
      gatherer.add(this.#place(at++), descriptor);
      for (const bytes of contents) gatherer.add(this.#place(at++), bytes);
    }
    const place = this.#place(at);
    gatherer.add(place, new Uint8Array(this.#blockSize));
    gatherer.end();
    return place;
  }

  end(core: WriterCore): void {
    this.#device.flush();
    this.#file.writeSuperBlock(0, this.#sequence);
    this.#device.flush();
    markUnmounted(core);
    writeSuperBlockSector(this.#device, core);
    this.#device.flush();
    core.committed();
  }
}

function markUnmounted(core: WriterCore): void {
  core.store.operation(() => {
    core.superBlock.change().s_feature_incompat &= ~INCOMPAT_RECOVER;
  });
}
