import type { InputSize } from './measure.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Bytes of an inode in the filesystems that mkfs makes. */
const INODE = 256;
/** Filesystems below this size have blocks of 1 KiB. */
const SMALL = 512 * MIB;
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
  // Blocks that are set aside, and what groups and their copies take.
  bytes *= isFat(type) ? 1.03 : 1.05;
  return roundToMib(bytes + MIB) + (partitioned ? TABLE : 0);
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
