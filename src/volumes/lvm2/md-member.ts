import type { BlockDevice } from '../../block/device.ts';
import { bits64, layout, u32 } from '../../bytes/layout.ts';

/** Start of an md superblock, of version 0.90 or 1.x. Source: md(4), the kernel's uapi md_p.h (places only). */
const MdSuperBlock = layout('md superblock', 152, 'le', {
  magic: u32(0),
  major_version: u32(4),
  minor_version: u32(8),
  /** 1.x: where it is, in sectors. */
  super_offset: bits64(144),
});

const MAGIC = 0xa92b4efc;

function superBlockAt(device: BlockDevice, offset: number): ReturnType<typeof MdSuperBlock.view> | undefined {
  if (offset < 0 || offset + MdSuperBlock.size > device.size) return undefined;
  const bytes = new Uint8Array(MdSuperBlock.size);
  device.readAt(offset, bytes);
  const block = MdSuperBlock.view(bytes);
  return block.magic === MAGIC ? block : undefined;
}

/**
 * True where the end of a device has the superblock of an md array (version 0.90 or 1.0). The array's content then
 * begins with the device, so that the label of a PV on the array is seen on each member too.
 */
export function isMdMember(device: BlockDevice): boolean {
  const old = superBlockAt(device, (Math.floor(device.size / 65536) - 1) * 65536);
  if (old?.major_version === 0 && old.minor_version === 90) return true;
  const sector = Math.floor((Math.floor(device.size / 512) - 16) / 8) * 8;
  const current = superBlockAt(device, sector * 512);
  // Only a superblock that says where it is is one: the words must not be data by chance.
  return current?.major_version === 1 && current.super_offset === BigInt(sector);
}
