import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { layout, raw, u16, u32, u64 } from '../../../bytes/layout.ts';
import { encodeText } from '../../../bytes/text.ts';
import { crcOfU32, inodeSeed } from '../checksum.ts';

/** `struct mmp_struct`: multiple mount protection. */
const MmpBlock = layout('mmp_struct', 1024, 'le', {
  mmp_magic: u32(0x0),
  mmp_seq: u32(0x4),
  mmp_time: u64(0x8),
  mmp_nodename: raw(0x10, 64),
  mmp_bdevname: raw(0x50, 32),
  mmp_check_interval: u16(0x70),
  mmp_checksum: u32(0x3fc),
});
const MMP_MAGIC = 0x004d4d50;
/** `mmp_seq` of a filesystem that nobody uses. */
const MMP_CLEAN = 0xff4d4d50;
const MMP_CHECKSUM_AT = 0x3fc;

/** The block of multiple mount protection of a filesystem that is not in use. */
export function mmpBlock(
  blockSize: number,
  options: { now: number; interval: number; seed: number | undefined },
): Uint8Array {
  const bytes = new Uint8Array(blockSize);
  const view = MmpBlock.view(bytes);
  view.mmp_magic = MMP_MAGIC;
  view.mmp_seq = MMP_CLEAN;
  view.mmp_time = options.now;
  view.mmp_nodename = encodeText('guestfs');
  view.mmp_check_interval = options.interval;
  if (options.seed !== undefined) view.mmp_checksum = crc32cRaw(options.seed, bytes, 0, MMP_CHECKSUM_AT);
  return bytes;
}

/** `struct ext4_orphan_block_tail` ends each block of the orphan file. */
const ORPHAN_MAGIC = 0x0b10ca04;
const ORPHAN_TAIL = 8;

/** An empty block of the orphan file, which is block `number` of the device. */
export function orphanBlock(
  blockSize: number,
  inode: number,
  number: number,
  seed: number | undefined,
): Uint8Array {
  const bytes = new Uint8Array(blockSize);
  const view = new DataView(bytes.buffer);
  const tail = blockSize - ORPHAN_TAIL;
  view.setUint32(tail, ORPHAN_MAGIC, true);
  if (seed !== undefined) {
    let crc = crcOfU32(inodeSeed(seed, inode, 0), number % 0x100000000);
    crc = crcOfU32(crc, Math.floor(number / 0x100000000));
    view.setUint32(tail + 4, crc32cRaw(crc, bytes, 0, tail), true);
  }
  return bytes;
}

/** Blocks of the orphan file of a filesystem of so many blocks. */
export function orphanFileBlocks(blocks: number): number {
  return Math.min(512, Math.max(32, Math.floor(blocks / 4096)));
}
