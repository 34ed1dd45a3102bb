import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { INCOMPAT_64BIT, RO_COMPAT_METADATA_CSUM } from '../features.ts';
import { SUPERBLOCK_CHECKSUM_OFFSET, SUPERBLOCK_OFFSET, SuperBlock, type SuperBlockView } from '../layout.ts';
import type { Geometry } from '../superblock.ts';
import type { BlockStore, OperationPart } from './store.ts';

/** The three words of features. */
export type FeatureWord = 'compat' | 'incompat' | 'roCompat';

/** A geometry whose features may be added to. */
export type LiveGeometry = { -readonly [K in keyof Geometry]: Geometry[K] };

/** Offset of `s_snapshot_list`: of a feature that never was; nobody reads it while `s_snapshot_inum` is 0. */
const SPARE = SuperBlock.fields.s_snapshot_list.offset;

interface Row {
  effect: number;
  word: number;
}

let rows: Row[] | undefined;

/** What each bit of the spare word does to the checksum, as rows with different highest bits, highest first. */
function spareRows(): Row[] {
  if (rows !== undefined) return rows;
  rows = [];
  const tail = new Uint8Array(SUPERBLOCK_CHECKSUM_OFFSET - SPARE);
  for (let bit = 0; bit < 32; bit++) {
    tail.fill(0, 0, 4);
    tail[bit >>> 3] = 1 << (bit & 7);
    let effect = crc32cRaw(0, tail);
    let word = (1 << bit) >>> 0;
    for (const known of rows) {
      if ((effect ^ known.effect) >>> 0 < effect) {
        effect = (effect ^ known.effect) >>> 0;
        word = (word ^ known.word) >>> 0;
      }
    }
    rows.push({ effect, word });
    rows.sort((a, b) => b.effect - a.effect);
  }
  return rows;
}

/**
 * Make `s_checksum` right, where the filesystem has one. It lies in another sector than what changes at run time, and
 * a write may tear between the two. So the checksum stays, and a spare word of the first sector is set so that the
 * contents have that checksum (a CRC is linear: the word is solved for). Then only one sector ever differs.
 */
export function sealSuperBlock(view: SuperBlockView): void {
  if ((view.s_feature_ro_compat & RO_COMPAT_METADATA_CSUM) === 0) return;
  const end = view.base + SUPERBLOCK_CHECKSUM_OFFSET;
  if (view.s_snapshot_inum !== 0) {
    view.s_checksum = crc32cRaw(0xffffffff, view.bytes, view.base, end);
    return;
  }
  view.s_snapshot_list = 0;
  let difference = (crc32cRaw(0xffffffff, view.bytes, view.base, end) ^ view.s_checksum) >>> 0;
  let word = 0;
  for (const row of spareRows()) {
    if ((difference ^ row.effect) >>> 0 < difference) {
      difference = (difference ^ row.effect) >>> 0;
      word = (word ^ row.word) >>> 0;
    }
  }
  view.s_snapshot_list = word;
}

/** Set `s_wtime` to a time in seconds. */
export function stampSuperBlock(view: SuperBlockView, seconds: number): void {
  view.s_wtime = seconds >>> 0;
  view.s_wtime_hi = Math.floor(seconds / 0x100000000) & 0xff;
}

/** The primary superblock as a block that operations change, and the sums in it, which are brought up at commits. */
export class LiveSuperBlock implements OperationPart {
  readonly #store: BlockStore;
  readonly #geometry: LiveGeometry;
  readonly #block: number;
  readonly #base: number;
  #changed = false;
  /** Free clusters and inodes of the whole filesystem, with what the running operation did. */
  #freeClusters: number;
  #freeInodes: number;
  #settledClusters: number;
  #settledInodes: number;

  constructor(store: BlockStore, geometry: LiveGeometry, free: { clusters: number; inodes: number }) {
    this.#store = store;
    this.#geometry = geometry;
    this.#block = Math.floor(SUPERBLOCK_OFFSET / geometry.blockSize);
    this.#base = SUPERBLOCK_OFFSET % geometry.blockSize;
    this.#freeClusters = this.#settledClusters = free.clusters;
    this.#freeInodes = this.#settledInodes = free.inodes;
  }

  get freeClusters(): number {
    return this.#freeClusters;
  }

  get freeInodes(): number {
    return this.#freeInodes;
  }

  countClusters(change: number): void {
    this.#freeClusters += change;
  }

  countInodes(change: number): void {
    this.#freeInodes += change;
  }

  read(): SuperBlockView {
    return SuperBlock.view(this.#store.read(this.#block).bytes, this.#base);
  }

  /** To be changed in place; the checksum is set at the end of the operation. */
  change(): SuperBlockView {
    this.#changed = true;
    const entry = this.#store.change(this.#block);
    // Where the first descriptors share the block, it is still the superblock's.
    entry.role = 'superblock';
    return SuperBlock.view(entry.bytes, this.#base);
  }

  /** Set a feature bit if it is not set: one that older drivers need to know of what is about to be done. */
  enableFeature(word: FeatureWord, bit: number): void {
    if (this.#geometry[word] & bit) return;
    const view = this.change();
    if (word === 'compat') view.s_feature_compat |= bit;
    else if (word === 'incompat') view.s_feature_incompat |= bit;
    else view.s_feature_ro_compat |= bit;
    this.#geometry[word] = (this.#geometry[word] | bit) >>> 0;
  }

  /** Bring the sums up to date; part of a commit. */
  writeCounts(): void {
    const view = this.read();
    const wide = (this.#geometry.incompat & INCOMPAT_64BIT) !== 0;
    const blocks = this.#freeClusters * this.#geometry.clusterRatio;
    const low = blocks % 0x100000000;
    const high = Math.floor(blocks / 0x100000000);
    const same =
      view.s_free_blocks_count_lo === low &&
      (!wide || view.s_free_blocks_count_hi === high) &&
      view.s_free_inodes_count === this.#freeInodes;
    if (same) return;
    const changed = this.change();
    changed.s_free_blocks_count_lo = low;
    if (wide) changed.s_free_blocks_count_hi = high;
    changed.s_free_inodes_count = this.#freeInodes;
    stampSuperBlock(changed, this.#store.now().seconds);
  }

  finish(): void {
    if (this.#changed) sealSuperBlock(this.read());
  }

  settle(): void {
    this.#settledClusters = this.#freeClusters;
    this.#settledInodes = this.#freeInodes;
    if (this.#changed) this.#copy();
    this.#changed = false;
  }

  undo(): void {
    this.#freeClusters = this.#settledClusters;
    this.#freeInodes = this.#settledInodes;
    if (this.#changed) this.#copy();
    this.#changed = false;
  }

  /** The reader keeps a copy of the superblock: make it the same. */
  #copy(): void {
    const view = this.read();
    const geometry = this.#geometry;
    geometry.superBlock.bytes.set(
      view.bytes.subarray(view.base, view.base + SuperBlock.size),
      geometry.superBlock.base,
    );
    geometry.compat = view.s_feature_compat;
    geometry.incompat = view.s_feature_incompat;
    geometry.roCompat = view.s_feature_ro_compat;
  }
}
