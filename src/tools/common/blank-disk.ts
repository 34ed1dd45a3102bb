import type { Handle } from './handle.ts';
import { UsageError } from './usage-error.ts';

/** What is put on an empty disk. */
export interface BlankDisk {
  /** Partition table type, or undefined for none. */
  table: string | undefined;
  /** `/dev/VG/LV`, or undefined for no logical volume. */
  volume: string | undefined;
  /** Filesystem type, or undefined for none. */
  filesystem: string | undefined;
  label: string | undefined;
}

/** Bytes from which on an MBR cannot name all sectors: 2 TiB less one sector of 512 bytes. */
const MBR_LIMIT = 2 ** 32 * 512 - 512;

/** The partition table type that a disk of this size should have. */
export function defaultTable(size: number): 'mbr' | 'gpt' {
  return size > MBR_LIMIT ? 'gpt' : 'mbr';
}

/** Partition types of an MBR by what is in the partition; Linux (0x83) for all others. */
const MBR_TYPES: Readonly<Record<string, number>> = {
  vfat: 0x0c,
  fat: 0x0c,
  msdos: 0x0c,
  ntfs: 0x07,
  swap: 0x82,
  lvm: 0x8e,
};
const MBR_LINUX = 0x83;
const FAT_TYPES = new Set(['vfat', 'fat', 'msdos']);

/** Group and volume of `/dev/VG/LV`. Throws UsageError. */
export function parseVolumeName(name: string): [group: string, volume: string] {
  const match = /^\/dev\/([^/]+)\/([^/]+)$/.exec(name);
  if (match === null)
    throw new UsageError(`${name}: expected the name of a logical volume, /dev/GROUP/VOLUME`);
  return [match[1] as string, match[2] as string];
}

/** Partition and format a disk; returns the device that the filesystem is on. */
export async function fillBlankDisk(handle: Handle, device: string, blank: BlankDisk): Promise<string> {
  const { table, volume, filesystem, label } = blank;
  let at = device;
  if (table !== undefined) {
    await handle.partDisk(device, table);
    at = `${device}1`;
  }
  if (table === 'mbr' || table === 'msdos') {
    const kind = volume === undefined ? (filesystem ?? '') : 'lvm';
    await handle.partSetMbrId(device, 1, MBR_TYPES[kind] ?? MBR_LINUX);
  }
  if (volume !== undefined) {
    const [group, name] = parseVolumeName(volume);
    await handle.pvcreate(at);
    await handle.vgcreate(group, [at]);
    await handle.lvcreateFree(name, group, 100);
    at = volume;
  }
  if (filesystem !== undefined) {
    await handle.mkfs(filesystem, at, FAT_TYPES.has(filesystem) || label === undefined ? {} : { label });
    if (label !== undefined && FAT_TYPES.has(filesystem)) await handle.setLabel(at, label);
  }
  return at;
}
