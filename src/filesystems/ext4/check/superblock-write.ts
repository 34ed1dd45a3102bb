import type { BlockDevice } from '../../../block/device.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { RO_COMPAT_METADATA_CSUM } from '../features.ts';
import { SUPERBLOCK_CHECKSUM_OFFSET, SUPERBLOCK_OFFSET, SuperBlock } from '../layout.ts';

/** What a disk writes whole or not at all. */
const SECTOR = 512;
/** `s_snapshot_list`: of a feature that never was; nobody reads it while `s_snapshot_inum` is 0. */
const SPARE = SuperBlock.fields.s_snapshot_list.offset;

/** Set `s_checksum`, where the filesystem has metadata checksums. */
export function sealSuperBlock(bytes: Uint8Array): void {
  const view = SuperBlock.view(bytes);
  if ((view.s_feature_ro_compat & RO_COMPAT_METADATA_CSUM) === 0) return;
  view.s_checksum = crc32cRaw(0xffffffff, bytes, 0, SUPERBLOCK_CHECKSUM_OFFSET);
}

/**
 * Set 4 bytes at `at` so that the CRC of all of `bytes[0, end)` is `wanted`. A CRC is linear: the difference of what
 * a word does to it is solved for, bit by bit.
 */
function forgeWord(bytes: Uint8Array, at: number, end: number, wanted: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(at, 0, true);
  let difference = (crc32cRaw(0xffffffff, bytes, 0, end) ^ wanted) >>> 0;
  const tail = new Uint8Array(end - at);
  const rows: { effect: number; word: number }[] = [];
  for (let bit = 0; bit < 32; bit++) {
    tail.fill(0, 0, 4);
    tail[bit >>> 3] = 1 << (bit & 7);
    let row = { effect: crc32cRaw(0, tail), word: (1 << bit) >>> 0 };
    for (const known of rows) {
      if ((row.effect ^ known.effect) >>> 0 < row.effect) {
        row = { effect: (row.effect ^ known.effect) >>> 0, word: (row.word ^ known.word) >>> 0 };
      }
    }
    rows.push(row);
    rows.sort((a, b) => b.effect - a.effect);
  }
  let word = 0;
  for (const row of rows) {
    if ((difference ^ row.effect) >>> 0 < difference) {
      difference = (difference ^ row.effect) >>> 0;
      word = (word ^ row.word) >>> 0;
    }
  }
  view.setUint32(at, word, true);
}

/**
 * Write the primary superblock so that a torn write leaves a valid one. Its checksum covers two sectors: the second
 * is written first, with a checksum that is right beside the old first one; then the first, with a spare word that
 * keeps the checksum as it is. `old` is what the device holds; `next` is changed to what was written. Flushes
 * between the two; the caller flushes afterwards.
 */
export function writeSuperBlock(device: BlockDevice, old: Uint8Array, next: Uint8Array): void {
  const view = SuperBlock.view(next);
  const summed = (view.s_feature_ro_compat & RO_COMPAT_METADATA_CSUM) !== 0;
  const oldSummed = (SuperBlock.view(old).s_feature_ro_compat & RO_COMPAT_METADATA_CSUM) !== 0;
  const checksumAt = SUPERBLOCK_CHECKSUM_OFFSET;
  if (!summed || !oldSummed || view.s_snapshot_inum !== 0) {
    sealSuperBlock(next);
    device.writeAt(SUPERBLOCK_OFFSET, next);
    return;
  }
  const mixed = next.slice();
  mixed.set(old.subarray(0, SECTOR));
  sealSuperBlock(mixed);
  if (!sameBytes(old, mixed, SECTOR, SuperBlock.size)) {
    device.writeAt(SUPERBLOCK_OFFSET + SECTOR, mixed.subarray(SECTOR));
    device.flush();
  }
  const sum = SuperBlock.view(mixed).s_checksum;
  next.set(mixed.subarray(checksumAt, checksumAt + 4), checksumAt);
  if (sameBytes(old, next, 0, SECTOR)) return;
  forgeWord(next, SPARE, checksumAt, sum);
  device.writeAt(SUPERBLOCK_OFFSET, next.subarray(0, SECTOR));
}

function sameBytes(a: Uint8Array, b: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}
