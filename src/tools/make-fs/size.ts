import type { InputSize } from './measure.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Bytes of an inode in the filesystems that mkfs makes. */
const INODE = 256;
/** Filesystems below this size have blocks of 1 KiB. */
const SMALL = 512 * MIB;
/** Bytes that mkfs.xfs(8) and mkfs.btrfs(8) want at least; smaller disks are made where `--size` says so. */
const LEAST: Readonly<Record<string, number>> = { btrfs: 256 * MIB, xfs: 300 * MIB };
/** Bytes that a partition table takes before and after the one partition. */
const TABLE = 2 * MIB;

/** Blocks of the journal that a filesystem of so many bytes gets, in bytes; about as mke2fs(8) chooses. */
function journal(bytes: number): number {
  if (bytes < 32 * MIB) return bytes < 2 * MIB ? 0 : MIB;
  if (bytes < 256 * MIB) return 4 * MIB;
  if (bytes < 512 * MIB) return 8 * MIB;
  if (bytes < 1024 * MIB) return 16 * MIB;
  return bytes < 4096 * MIB ? 32 * MIB : 64 * MIB;
}

/**
 * Bytes of a disk on which a filesystem has just room for an input, estimated from above: content in whole blocks,
 * inodes, tables and maps, the journal, and a partition table if there is one.
 */
export function estimateSize(input: InputSize, type: string, partitioned: boolean): number {
  const inodes = Math.ceil(input.files * 1.1) + 32;
  let content = input.kib * KIB;
  if (content > SMALL * 0.9) content = input.kib4 * KIB;
  const tables = content * 0.01 + (isFat(type) ? inodes * 96 : inodes * INODE);
  let bytes = content + tables + 256 * KIB;
  if (/^ext[34]$/.test(type)) bytes += journal(bytes * 1.1);
  bytes += ownStructures(type, bytes, inodes);
  // Blocks that are set aside, and what groups and their copies take.
  bytes *= isFat(type) ? 1.03 : 1.05;
  return Math.max(roundToMib(bytes + MIB), LEAST[type] ?? 0) + (partitioned ? TABLE : 0);
}

/** Bytes that filesystems of other makers take beside the content, from above. */
function ownStructures(type: string, content: number, inodes: number): number {
  switch (type) {
    case 'btrfs':
      // Metadata is kept twice, and space is given out in large pieces.
      return 2 * Math.min(256 * MIB, content * 0.15) + inodes * 4 * KIB;
    case 'ntfs':
      // A record of 1 KiB a file, and the log.
      return inodes * KIB + Math.min(64 * MIB, 4 * MIB + content * 0.03);
    case 'xfs':
      // The log, and inodes of 512 bytes.
      return 64 * MIB + inodes * 512;
    default:
      return 0;
  }
}

function isFat(type: string): boolean {
  return type === 'vfat' || type === 'fat' || type === 'msdos';
}

/** Inodes that a filesystem needs for an input and a little more. */
export function inodesFor(input: InputSize): number {
  return Math.ceil(input.files * 1.1) + 32;
}

/** Round up to whole MiB. */
export function roundToMib(bytes: number): number {
  return Math.ceil(bytes / MIB) * MIB;
}
