import type { BlockDevice } from '../../../../block/device.ts';
import { CorruptError, UnsupportedError } from '../../../../errors/index.ts';
import { INCOMPAT_64BIT } from '../../features.ts';
import { crcWithout } from '../../journal/checksum.ts';
import { openJournalLog } from '../../journal/index.ts';
import * as jbd2 from '../../journal/layout.ts';
import { readJournalSuperBlock, type JournalGeometry } from '../../journal/log.ts';
import type { Geometry } from '../../superblock.ts';

/** What a disk writes whole or not at all. */
const SECTOR = 512;
/** Most runs that a journal file may be in. */
const RUN_CAP = 65536;

/** The journal's file as a place to write: its superblock, and where its blocks are. */
export class LogFile {
  readonly #device: BlockDevice;
  readonly #blockSize: number;
  readonly #bytes: Uint8Array;
  /** Pairs: first block of the journal, block of the filesystem. */
  readonly #runs: { first: number; block: number; length: number }[] = [];
  #geometry: JournalGeometry;

  /** Throws CorruptError or UnsupportedError where the journal cannot be used. */
  constructor(device: BlockDevice, geometry: Geometry) {
    this.#device = device;
    this.#blockSize = geometry.blockSize;
    const log = openJournalLog(device, geometry);
    this.#geometry = readJournalSuperBlock(log, geometry.blockSize);
    this.#bytes = log.read(0).slice(0, jbd2.JournalSuperBlock.size);
    const view = jbd2.JournalSuperBlock.view(this.#bytes);
    if (view.h_blocktype !== jbd2.BLOCK_SUPER_V2) {
      throw new UnsupportedError(
        'the journal is of version 1, which has no revocation: it can be read, not written',
      );
    }
    const end = this.#geometry.fastEnd === 0 ? this.#geometry.last : this.#geometry.fastEnd;
    for (let number = 0; number < end; number++) {
      const block = log.locate(number);
      const run = this.#runs.at(-1);
      if (run !== undefined && block === run.block + run.length) {
        run.length++;
        continue;
      }
      if (this.#runs.length >= RUN_CAP) {
        throw new CorruptError('journal', `the journal is in more than ${RUN_CAP} pieces`);
      }
      this.#runs.push({ first: number, block, length: 1 });
    }
  }

  get geometry(): JournalGeometry {
    return this.#geometry;
  }

  get uuid(): Uint8Array {
    return jbd2.JournalSuperBlock.view(this.#bytes).s_uuid;
  }

  /** Where a block of the journal is in the filesystem. */
  locate(number: number): number {
    const runs = this.#runs;
    let low = 0;
    let high = runs.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (runs[middle]!.first <= number) low = middle;
      else high = middle;
    }
    const run = runs[low]!;
    return run.block + (number - run.first);
  }

  /**
   * Say where the log begins and with which transaction; `start` 0 says that there is nothing in it. The fields and
   * their checksum are in one sector, which is all that is written. Not flushed.
   */
  writeSuperBlock(start: number, sequence: number): void {
    const view = jbd2.JournalSuperBlock.view(this.#bytes);
    view.s_start = start;
    view.s_sequence = sequence;
    this.#seal();
    this.#device.writeAt(this.locate(0) * this.#blockSize, this.#bytes.subarray(0, SECTOR));
  }

  #seal(): void {
    if (!this.#geometry.checksums) return;
    const view = jbd2.JournalSuperBlock.view(this.#bytes);
    view.s_checksum = crcWithout(0xffffffff, this.#bytes, jbd2.JournalSuperBlock.fields.s_checksum.offset);
  }

  /**
   * Choose the features of the log as Linux does when it mounts: revocation, 64-bit numbers and checksums as the
   * filesystem has them; no checksums of version 1. Only for a log with nothing in it; takes effect with the next
   * {@link writeSuperBlock}.
   */
  chooseFeatures(geometry: Geometry): void {
    const view = jbd2.JournalSuperBlock.view(this.#bytes);
    let incompat = view.s_feature_incompat | jbd2.INCOMPAT_REVOKE;
    incompat &= ~jbd2.INCOMPAT_ASYNC_COMMIT;
    if (geometry.incompat & INCOMPAT_64BIT) incompat |= jbd2.INCOMPAT_64BIT;
    if (geometry.checksums && (incompat & jbd2.INCOMPAT_CSUM_V2) === 0) incompat |= jbd2.INCOMPAT_CSUM_V3;
    const checksums = (incompat & (jbd2.INCOMPAT_CSUM_V2 | jbd2.INCOMPAT_CSUM_V3)) !== 0;
    if (checksums) view.s_checksum_type = 4;
    view.s_feature_compat &= ~jbd2.COMPAT_CHECKSUM;
    view.s_feature_incompat = incompat >>> 0;
    this.#geometry = {
      ...this.#geometry,
      compat: view.s_feature_compat,
      incompat: incompat >>> 0,
      checksums,
    };
    this.#seal();
  }
}
