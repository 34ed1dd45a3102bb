import type { BlockDevice } from '../../../block/device.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { CorruptError, UnsupportedError } from '../../../errors/index.ts';
import type { BlockMapper, MapSource, Run } from '../mapping.ts';
import type { Geometry } from '../superblock.ts';
import { crcWithout } from './checksum.ts';
import * as jbd2 from './layout.ts';

const WINDOW_BYTES = 256 * 1024;

/** What the journal's superblock says, checked. */
export interface JournalGeometry {
  /** Block of the journal where the log begins; 0 where there is nothing to replay. */
  readonly start: number;
  /** First transaction to replay. */
  readonly sequence: number;
  /** The log is the blocks from `first` up to, not including, `last`; it wraps there. */
  readonly first: number;
  readonly last: number;
  /** Blocks of the fast commit area; `fastFirst` is 0 where there is none. */
  readonly fastFirst: number;
  readonly fastEnd: number;
  readonly errno: number;
  readonly compat: number;
  readonly incompat: number;
  /** True with checksum version 2 or 3. */
  readonly checksums: boolean;
  readonly checksumSeed: number;
}

/** The journal file as numbered blocks, read ahead in large pieces. */
export class JournalLog {
  readonly #device: BlockDevice;
  readonly #geometry: Geometry;
  readonly #mapper: BlockMapper;
  readonly #source: MapSource;
  /** Blocks that the file has. */
  readonly blocks: number;
  readonly #window: Uint8Array;
  #windowFirst = 0;
  #windowCount = 0;
  readonly #run: Run = { block: 0, length: 0, kind: 'hole' };

  constructor(device: BlockDevice, geometry: Geometry, mapper: BlockMapper, source: MapSource, size: number) {
    this.#device = device;
    this.#geometry = geometry;
    this.#mapper = mapper;
    this.#source = source;
    this.blocks = Math.min(Math.floor(size / geometry.blockSize), geometry.blocksCount);
    this.#window = new Uint8Array(Math.max(WINDOW_BYTES, geometry.blockSize));
  }

  /** Contents of a block of the journal; valid until the next call. */
  read(number: number): Uint8Array {
    const { blockSize } = this.#geometry;
    if (number < this.#windowFirst || number >= this.#windowFirst + this.#windowCount) {
      const block = this.locate(number);
      const count = Math.min(this.#run.length, this.#window.length / blockSize, this.blocks - number);
      this.#windowCount = 0;
      this.#device.readAt(block * blockSize, this.#window.subarray(0, count * blockSize));
      this.#windowFirst = number;
      this.#windowCount = count;
    }
    const at = (number - this.#windowFirst) * blockSize;
    return this.#window.subarray(at, at + blockSize);
  }

  /** Where a block of the journal is in the filesystem. */
  locate(number: number): number {
    if (number < 0 || number >= this.blocks) {
      throw new CorruptError(
        'journal',
        `block ${number} is asked for, the journal has ${this.blocks} blocks`,
      );
    }
    this.#mapper.map(this.#source, number, this.#run);
    if (this.#run.kind !== 'data') {
      throw new CorruptError('journal', `block ${number} of the journal is a hole`);
    }
    return this.#run.block;
  }
}

function bad(field: string, found: number | string, expected: string): CorruptError {
  return new CorruptError('journal_superblock_s', `${field} is ${found}, expected ${expected}`);
}

/** Read and check the journal's superblock. */
export function readJournalSuperBlock(log: JournalLog, blockSize: number): JournalGeometry {
  const bytes = log.read(0).slice(0, jbd2.JournalSuperBlock.size);
  const view = jbd2.JournalSuperBlock.view(bytes);
  if (view.h_magic !== jbd2.JBD2_MAGIC) throw bad('h_magic', `0x${view.h_magic.toString(16)}`, '0xc03b3998');
  const version2 = view.h_blocktype === jbd2.BLOCK_SUPER_V2;
  if (!version2 && view.h_blocktype !== jbd2.BLOCK_SUPER_V1)
    throw bad('h_blocktype', view.h_blocktype, '3 or 4');
  if (view.s_blocksize !== blockSize) throw bad('s_blocksize', view.s_blocksize, `${blockSize}`);
  const compat = version2 ? view.s_feature_compat : 0;
  const incompat = version2 ? view.s_feature_incompat : 0;
  const roCompat = version2 ? view.s_feature_ro_compat : 0;
  const unknown = incompat & ~jbd2.INCOMPAT_KNOWN;
  if (unknown !== 0 || roCompat !== 0) {
    throw new UnsupportedError(
      `the journal needs features that are not known here: incompat 0x${(unknown >>> 0).toString(16)}, ro_compat 0x${roCompat.toString(16)}`,
      { structure: 'journal_superblock_s' },
    );
  }
  const v2 = (incompat & jbd2.INCOMPAT_CSUM_V2) !== 0;
  const v3 = (incompat & jbd2.INCOMPAT_CSUM_V3) !== 0;
  const checksums = v2 || v3;
  if (v2 && v3) throw bad('s_feature_incompat', 'checksum v2 and v3 at once', 'one of them');
  if (checksums) {
    if (compat & jbd2.COMPAT_CHECKSUM)
      throw bad('s_feature_compat', 'checksum v1 beside v2 or v3', 'one of them');
    if (view.s_checksum_type !== 4) throw bad('s_checksum_type', view.s_checksum_type, '4 (crc32c)');
    const computed = crcWithout(0xffffffff, bytes, jbd2.JournalSuperBlock.fields.s_checksum.offset);
    if (computed !== view.s_checksum) {
      throw new CorruptError(
        'journal_superblock_s',
        `s_checksum is 0x${view.s_checksum.toString(16)}, the contents have 0x${computed.toString(16)}`,
        { checksum: true },
      );
    }
  }
  const length = view.s_maxlen;
  if (length > log.blocks)
    throw bad('s_maxlen', length, `at most the ${log.blocks} blocks of the journal's file`);
  const first = view.s_first;
  if (first === 0 || first >= length) throw bad('s_first', first, `1 to ${length - 1}`);
  const fast = (incompat & jbd2.INCOMPAT_FAST_COMMIT) !== 0;
  let last = length;
  if (fast) {
    last -= view.s_num_fc_blks === 0 ? jbd2.DEFAULT_FC_BLOCKS : view.s_num_fc_blks;
    if (last <= first) throw bad('s_num_fc_blks', view.s_num_fc_blks, `less than ${length - first}`);
  }
  if (view.s_start !== 0 && (view.s_start < first || view.s_start >= last)) {
    throw bad('s_start', view.s_start, `${first} to ${last - 1}`);
  }
  return {
    start: view.s_start,
    sequence: view.s_sequence,
    first,
    last,
    fastFirst: fast ? last + 1 : 0,
    fastEnd: fast ? length : 0,
    errno: view.s_errno | 0,
    compat,
    incompat,
    checksums,
    checksumSeed: crc32cRaw(0xffffffff, view.s_uuid),
  };
}
