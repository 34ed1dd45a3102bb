import type { BlockDevice } from '../block/device.ts';
import type { Partition, PartitionTable } from '../partitions/index.ts';

/** Cylinders, heads and sectors per track. */
export interface Geometry {
  cylinders: number;
  heads: number;
  sectors: number;
}

/** Sectors per track and heads that Linux makes up for a large disk; also what an MBR is taken to be written for. */
const LARGE = { heads: 255, sectors: 63 };

/**
 * The geometry that Linux makes up for a SCSI disk: as many heads and sectors per track as at most 1024 cylinders and
 * 62 sectors need where that reaches (7.9 GB), else 64 heads of 32 sectors, or 255 of 63 over 64 GiB. Disks with
 * partitions in an MBR are taken to have 255 of 63, as sfdisk(8) shows them. Linux counts in 512 bytes for this,
 * sfdisk gives the cylinders in the device's sectors.
 */
export function diskGeometry(device: BlockDevice, table: PartitionTable | null): Geometry {
  const { heads, sectors } = track(Math.floor(device.size / 512), table);
  const cylinders = Math.floor(device.size / device.sectorSize / (heads * sectors));
  return { cylinders, heads, sectors };
}

function track(capacity: number, table: PartitionTable | null): { heads: number; sectors: number } {
  if (table?.type === 'msdos' && table.partitions.length > 0) return LARGE;
  const heads = Math.ceil(capacity / (1024 * 62));
  const sectors = capacity % (1024 * 62) === 0 ? 62 : Math.ceil(capacity / (1024 * heads));
  if (heads >= 1 && heads <= 255 && sectors >= 1 && sectors <= 63) return { heads, sectors };
  return capacity >= 65535 * 2048 ? LARGE : { heads: 64, sectors: 32 };
}

/** Names of the commonest partition types, for people to read. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  0x01: 'FAT12',
  0x04: 'FAT16 <32M',
  0x05: 'Extended',
  0x06: 'FAT16',
  0x07: 'HPFS/NTFS/exFAT',
  0x0b: 'W95 FAT32',
  0x0c: 'W95 FAT32 (LBA)',
  0x0e: 'W95 FAT16 (LBA)',
  0x0f: "W95 Ext'd (LBA)",
  0x27: 'Hidden NTFS WinRE',
  0x42: 'SFS',
  0x82: 'Linux swap / Solaris',
  0x83: 'Linux',
  0x85: 'Linux extended',
  0x8e: 'Linux LVM',
  0xa5: 'FreeBSD',
  0xa6: 'OpenBSD',
  0xa9: 'NetBSD',
  0xbf: 'Solaris',
  0xee: 'GPT',
  0xef: 'EFI (FAT-12/16/32)',
  0xfd: 'Linux raid autodetect',
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': 'EFI System',
  '21686148-6449-6e6f-744e-656564454649': 'BIOS boot',
  '0fc63daf-8483-4772-8e79-3d69d8477de4': 'Linux filesystem',
  '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f': 'Linux swap',
  'e6d6d379-f507-44c2-a23c-238f2a3df928': 'Linux LVM',
  'a19d880f-05fc-4d3b-a006-743f0f84911e': 'Linux RAID',
  '933ac7e1-2eb4-4f13-b844-0e14e2aef915': 'Linux home',
  '3b8f8425-20e0-4f3b-907f-1a25a76f98e8': 'Linux server data',
  '44479540-f297-41b2-9af7-d131d5f0458a': 'Linux root (x86)',
  '4f68bce3-e8cd-4db1-96e7-fbcaf984b709': 'Linux root (x86-64)',
  'bc13c2ff-59e6-4262-a352-b275fd6f7172': 'Linux extended boot',
  'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7': 'Microsoft basic data',
  'e3c9e316-0b5c-4db8-817d-f92df00215ae': 'Microsoft reserved',
  'de94bba4-06d1-4d40-a16a-bfd50179d6ac': 'Windows recovery environment',
  '516e7cb4-6ecf-11d6-8ff8-00022d09712b': 'FreeBSD data',
  '516e7cb6-6ecf-11d6-8ff8-00022d09712b': 'FreeBSD UFS',
  '516e7cba-6ecf-11d6-8ff8-00022d09712b': 'FreeBSD ZFS',
  '48465300-0000-11aa-aa11-00306543ecac': 'Apple HFS/HFS+',
  '7c3457ef-0000-11aa-aa11-00306543ecac': 'Apple APFS',
  '9d275380-40ad-11db-bf97-000c2911d1b8': 'VMware VMFS',
};

/** Bytes as people read them: one decimal below ten, powers of 1024, without space. */
function shortSize(bytes: number, suffixes: readonly string[]): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < suffixes.length - 1) {
    value /= 1024;
    unit++;
  }
  const rounded = Math.round(value * 10) / 10;
  return `${rounded}${suffixes[unit]}`;
}

const LETTERS = ['B', 'K', 'M', 'G', 'T', 'P', 'E'];
const WORDS = [' B', ' KiB', ' MiB', ' GiB', ' TiB', ' PiB', ' EiB'];

/** Lines of a table; all columns to the right but the named ones. */
function columns(rows: readonly (readonly string[])[], left: readonly string[]): string[] {
  const [head = []] = rows;
  const widths = head.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) =>
        left.includes(head[i] ?? '') ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join(' ')
      .trimEnd(),
  );
}

/** What `sfdisk -l` shows of a disk, near enough for people. `nameOf` gives a partition's device name. */
export function diskListing(
  name: string,
  device: BlockDevice,
  table: PartitionTable | null,
  nameOf: (number: number) => string,
): string {
  const unit = table?.sectorSize ?? device.sectorSize;
  const lines = [
    `Disk ${name}: ${shortSize(device.size, WORDS)}, ${device.size} bytes, ${Math.floor(device.size / unit)} sectors`,
    `Units: sectors of 1 * ${unit} = ${unit} bytes`,
    `Sector size (logical/physical): ${unit} bytes / ${unit} bytes`,
    `I/O size (minimum/optimal): ${unit} bytes / ${unit} bytes`,
  ];
  if (table !== null) {
    lines.push(`Disklabel type: ${table.type === 'msdos' ? 'dos' : table.type}`);
    if (table.diskGuid !== undefined) lines.push(`Disk identifier: ${table.diskGuid.toUpperCase()}`);
    if (table.diskSignature !== undefined) {
      lines.push(`Disk identifier: 0x${table.diskSignature.toString(16).padStart(8, '0')}`);
    }
    if (table.partitions.length > 0) lines.push('', ...partitionRows(table, unit, nameOf));
    const inOrder = table.partitions
      .filter(({ kind }) => kind !== 'logical')
      .every(({ start }, i, all) => i === 0 || start >= (all[i - 1]?.start ?? 0));
    if (!inOrder) lines.push('', 'Partition table entries are not in disk order.');
  }
  return `${lines.join('\n')}\n`;
}

function partitionRows(table: PartitionTable, unit: number, nameOf: (number: number) => string): string[] {
  const isMbr = table.type === 'msdos';
  const head = [
    'Device',
    ...(isMbr ? ['Boot'] : []),
    'Start',
    'End',
    'Sectors',
    'Size',
    ...(isMbr ? ['Id'] : []),
    'Type',
  ];
  const rows = table.partitions.map((partition: Partition) => [
    // sfdisk leaves one more space before the boot mark.
    `${nameOf(partition.number)}${isMbr ? ' ' : ''}`,
    ...(isMbr ? [partition.bootable ? '*' : ''] : []),
    String(partition.start / unit),
    String((partition.start + partition.size) / unit - 1),
    String(partition.size / unit),
    shortSize(partition.size, LETTERS),
    ...(isMbr ? [partition.type.toString(16)] : []),
    TYPE_NAMES[partition.type] ?? 'unknown',
  ]);
  return columns([head, ...rows], ['Device', 'Boot', 'Type']);
}
