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
/** Type of a GPT partition that Windows gives a drive letter: "basic data". */
const GPT_BASIC_DATA = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';
/** Type of a GPT partition that is a physical volume. */
const GPT_LVM = 'E6D6D379-F507-44C2-A23C-238F2A3DF928';
const FAT_TYPES = new Set(['vfat', 'fat', 'msdos']);

/** Group and volume of `/dev/VG/LV`. Throws UsageError. */
export function parseVolumeName(name: string): [group: string, volume: string] {
  const match = /^\/dev\/([^/]+)\/([^/]+)$/.exec(name);
  if (match === null)
    throw new UsageError(`${name}: expected the name of a logical volume, /dev/GROUP/VOLUME`);
  return [match[1] as string, match[2] as string];
}

/**
 * Partition and format a disk; returns the device that the filesystem is on. Where no filesystem is made, signatures
 * of an older one that begins at the same place go, so that it does not show through.
 */
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
  } else if (table === 'gpt' || table === 'efi') {
    if (volume !== undefined) await handle.partSetGptType(device, 1, GPT_LVM);
    else if (FAT_TYPES.has(filesystem ?? '')) await handle.partSetGptType(device, 1, GPT_BASIC_DATA);
  }
  if (at !== device) await handle.wipefs(at);
  if (volume !== undefined) {
    const [group, name] = parseVolumeName(volume);
    await handle.pvcreate(at);
    await handle.vgcreate(group, [at]);
    await handle.lvcreateFree(name, group, 100);
    at = volume;
    await handle.wipefs(at);
  }
  if (filesystem !== undefined) {
    await handle.mkfs(filesystem, at, FAT_TYPES.has(filesystem) || label === undefined ? {} : { label });
    if (label !== undefined && FAT_TYPES.has(filesystem)) await handle.setLabel(at, label);
  }
  return at;
}
