import { CorruptError, GuestfsError } from '../../errors/index.ts';
import { recordDate } from './dates.ts';
import { FLAG_MULTI_EXTENT, Record, SECTOR } from './layout.ts';
import type { IsoOptions } from './options.ts';
import {
  extentLength,
  firstBlock,
  isDirectory,
  isSelfOrParent,
  recordAt,
  systemUse,
  type DirectoryRecord,
} from './record.ts';
import { rockRidgeAttributes, type RockAttributes, type RockTime } from './rock-ridge.ts';
import type { Sectors } from './sectors.ts';
import { systemUseEntries, type SystemUseEntry } from './susp.ts';
import { zisofsFile, type ZisofsFile } from './zisofs.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../mode.ts';

/** What Linux gives where the disc does not say: all may read and enter. */
const DEFAULT_PERMISSIONS = 0o555;
/** Linux reckons inode numbers in units of 32 bytes: no two records begin in the same. */
export const INODE_UNIT = 32;
/** Records that one file may have, at up to 4 GiB each. */
const MAX_SECTIONS = 4096;

/** A part of a file's content; bytes on the device. */
export interface Section {
  start: number;
  length: number;
}

/** All that is known of a file. */
export interface Node {
  inode: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  /** In units of 512 bytes. */
  blocks: number;
  atime: RockTime;
  mtime: RockTime;
  ctime: RockTime;
  target?: Uint8Array;
  sections: readonly Section[];
  zisofs?: ZisofsFile;
  /** Why the content cannot be read. */
  unreadable?: string;
}

/** The disc as its files are found. */
export interface Volume {
  sectors: Sectors;
  /** Bytes in a logical block. */
  blockSize: number;
  options: IsoOptions;
  /** Rock Ridge is used; `skip` is how many bytes precede its entries. */
  rock: boolean;
  skip: number;
}

/** Rock Ridge's entries of a record; none where it is not used. */
export function rockEntries(volume: Volume, record: DirectoryRecord): readonly SystemUseEntry[] {
  if (!volume.rock) return [];
  return systemUseEntries(volume.sectors, volume.blockSize, systemUse(record), volume.skip);
}

/** Byte offset of a record's data. */
export function dataStart(volume: Volume, record: DirectoryRecord): number {
  return firstBlock(record) * volume.blockSize;
}

/** The record of a directory itself, which begins its extent. */
export function selfRecord(volume: Volume, start: number): DirectoryRecord {
  const record = recordAt(volume.sectors, start);
  if (record === null || !isSelfOrParent(record) || !isDirectory(record)) {
    throw new CorruptError(
      'iso9660 directory',
      `the directory at byte ${start} does not begin with the record of itself`,
      { offset: start },
    );
  }
  return record;
}

/** Read a file by its record. `inode` is the number it has. */
export function readNode(volume: Volume, inode: number, record: DirectoryRecord): Node {
  const node = plainNode(volume, inode, record);
  if (volume.rock) applyRock(volume, node, record, rockRidgeAttributes(rockEntries(volume, record)));
  return node;
}

function plainNode(volume: Volume, inode: number, record: DirectoryRecord): Node {
  const { options } = volume;
  const directory = isDirectory(record);
  const sections = directory ? [sectionOf(volume, record)] : sectionsOf(volume, record);
  const size = sections.reduce((sum, { length }) => sum + length, 0);
  const seconds = recordDate(record.bytes, Record.date);
  const time = { seconds, nanoseconds: 0 };
  const mode = directory
    ? S_IFDIR | (options.directoryMode ?? DEFAULT_PERMISSIONS)
    : S_IFREG | (options.fileMode ?? DEFAULT_PERMISSIONS);
  const node: Node = {
    inode,
    mode,
    // Also of directories: Linux tells find(1) by it not to count.
    nlink: 1,
    uid: options.uid ?? 0,
    gid: options.gid ?? 0,
    rdev: 0,
    size,
    blocks: Math.ceil(size / 512),
    atime: time,
    mtime: time,
    ctime: time,
    sections,
  };
  if (record.bytes[Record.interleave] !== 0 || record.bytes[Record.file_unit_size] !== 0) {
    node.unreadable = 'it is recorded in interleaved mode';
  }
  return node;
}

function sectionOf(volume: Volume, record: DirectoryRecord): Section {
  const length = extentLength(record);
  return { start: dataStart(volume, record), length: volume.options.cruft ? length & 0xffffff : length };
}

/** The extents of a file: one record each, the last of which has the flag off. */
function sectionsOf(volume: Volume, first: DirectoryRecord): Section[] {
  const sections = [sectionOf(volume, first)];
  let record = first;
  while ((record.bytes[Record.flags]! & FLAG_MULTI_EXTENT) !== 0) {
    let next = record.offset + record.bytes.length;
    let following = recordAt(volume.sectors, next);
    if (following === null) {
      next = (Math.floor(next / SECTOR) + 1) * SECTOR;
      following = recordAt(volume.sectors, next);
    }
    if (following === null || sections.length >= MAX_SECTIONS) {
      throw new CorruptError(
        'iso9660 directory record',
        `the record at ${first.offset} says that more of the file follows, but the one at ${next} does not go on`,
        { offset: first.offset },
      );
    }
    record = following;
    sections.push(sectionOf(volume, record));
  }
  return sections;
}

function applyRock(volume: Volume, node: Node, record: DirectoryRecord, rock: RockAttributes): void {
  const { options } = volume;
  if (rock.mode !== undefined) node.mode = rock.mode;
  node.nlink = rock.nlink ?? node.nlink;
  node.uid = options.uid ?? rock.uid ?? node.uid;
  node.gid = options.gid ?? rock.gid ?? node.gid;
  node.rdev = rock.rdev ?? node.rdev;
  node.atime = rock.atime ?? node.atime;
  node.mtime = rock.mtime ?? node.mtime;
  node.ctime = rock.ctime ?? node.ctime;
  if (rock.childBlock !== undefined) relocate(volume, node, record, rock.childBlock);
  if (rock.target !== undefined) {
    node.target = rock.target;
    if ((node.mode & S_IFMT) === S_IFLNK) node.size = rock.target.length;
  }
  if (rock.sparse === true) node.unreadable = 'it is stored with holes (SF entry)';
  if (rock.zisofs !== undefined && !options.nocompress && (node.mode & S_IFMT) === S_IFREG) {
    node.zisofs = zisofsFile(rock.zisofs, node.size, record.offset);
    node.size = rock.zisofs.size;
  }
  if (options.overrideRockPermissions) overridePermissions(node, options);
}

/** A directory that lies elsewhere because its path is too deep: all but its number are those of the other. */
function relocate(volume: Volume, node: Node, record: DirectoryRecord, block: number): void {
  const self = selfRecord(volume, block * volume.blockSize);
  const rock = rockRidgeAttributes(rockEntries(volume, self));
  if (rock.childBlock !== undefined) {
    throw new CorruptError('CL entry', 'a relocated directory is relocated again, which is not allowed', {
      offset: record.offset,
    });
  }
  const other = readNode(volume, node.inode, self);
  Object.assign(node, other);
}

function overridePermissions(node: Node, options: IsoOptions): void {
  const kind = node.mode & S_IFMT;
  if (kind === S_IFDIR) {
    if (options.directoryMode !== undefined) node.mode = S_IFDIR | options.directoryMode;
  } else if (kind === S_IFREG && options.fileMode !== undefined) {
    node.mode = S_IFREG | options.fileMode;
  }
}

/** True where a node is a directory. */
export function isDirectoryNode(node: Node): boolean {
  return (node.mode & S_IFMT) === S_IFDIR;
}

/**
 * The record that an inode's number stands for, where it is not known from listing: a directory's own record begins
 * its extent, and any other is found by going through the records of its sector.
 */
export function findRecord(volume: Volume, inode: number): DirectoryRecord {
  const offset = inode * INODE_UNIT;
  const fail = (): never => {
    throw new GuestfsError('ENOENT', `inode ${inode} of the ISO 9660 volume is not that of a file`, {
      structure: 'iso9660 directory record',
      offset,
    });
  };
  if (!Number.isSafeInteger(inode) || inode < 0 || offset >= volume.sectors.device.size) return fail();
  for (let at = Math.floor(offset / SECTOR) * SECTOR; at < offset + INODE_UNIT;) {
    const record = recordAt(volume.sectors, at);
    if (record === null) return fail();
    if (at >= offset) return record;
    at += record.bytes.length;
  }
  return fail();
}
