/** Writes the appliance's root: an ext filesystem that is mounted read-only, made by the engine itself. */
import { closeSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { dirname, basename } from 'node:path';
import { openFile } from '../../../block/file.ts';
import { openExt4 } from '../../../filesystems/ext4/index.ts';
import { makeExt } from '../../../filesystems/ext4/mkfs/index.ts';
import type { FileSystemWriter } from '../../../filesystems/writer.ts';
import type { FileSet, FileSetEntry } from './file-set.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../../../filesystems/mode.ts';

const BLOCK = 4096;
const SECTOR = 512;
/** The image is a multiple of this. */
const UNIT = 1024 * 1024;
const PIECE = 4 * 1024 * 1024;
/** Inodes and bytes of tables beside what the files take. */
const SPARE_INODES = 256;
const INODE = 256;
const SPARE = 16 * UNIT;

/** Bytes that the image of a set of files will have. */
export function rootImageSize(files: FileSet): number {
  let bytes = SPARE;
  for (const [, entry] of files.entries()) {
    const size = entry.kind === 'file' ? entry.size : entry.kind === 'content' ? entry.bytes.length : 0;
    bytes += Math.ceil(size / BLOCK) * BLOCK + INODE + (entry.kind === 'directory' ? BLOCK : 0);
  }
  // Group descriptors and bitmaps are less than a hundredth.
  return Math.ceil((bytes * 1.01) / UNIT) * UNIT;
}

/** 512-byte sectors of an image of so many bytes, as the kernel counts them. */
export function sectorsOf(bytes: number): number {
  return bytes / SECTOR;
}

/** Make the image as a new file. Throws what writing throws, and leaves the unfinished file. */
export function writeRootImage(path: string, files: FileSet, size: number, uuid: Uint8Array): void {
  const fd = openSync(path, 'wx', 0o644);
  try {
    ftruncateSync(fd, size);
  } finally {
    closeSync(fd);
  }
  const device = openFile(path, { writable: true, lock: false });
  try {
    const entries = files.entries();
    makeExt(device, {
      type: 'ext4',
      blockSize: BLOCK,
      inodeSize: INODE,
      inodesCount: entries.length + SPARE_INODES,
      reservedPercentage: 0,
      // What stock libguestfs can boot, and no journal in what is never written.
      features: ['^has_journal', '^metadata_csum', '^64bit', '^resize_inode'],
      label: 'guestfs',
      uuid,
    });
    const filesystem = openExt4(device);
    const writer = filesystem.openWriter();
    fill(writer, filesystem.root, entries);
    writer.close();
    device.flush();
  } finally {
    device.close();
  }
}

function fill(writer: FileSystemWriter, root: number, entries: readonly [string, FileSetEntry][]): void {
  const inodes = new Map<string, number>([['/', root]]);
  const piece = new Uint8Array(PIECE);
  for (const [path, entry] of entries) {
    const parent = inodes.get(dirname(path)) as number;
    const owner = { uid: 0, gid: 0 };
    const name = basename(path);
    if (entry.kind === 'directory') {
      inodes.set(path, writer.create(parent, name, { mode: S_IFDIR | entry.mode, ...owner }));
    } else if (entry.kind === 'link') {
      writer.create(parent, name, { mode: S_IFLNK | 0o777, ...owner, target: entry.target });
    } else {
      const inode = writer.create(parent, name, { mode: S_IFREG | entry.mode, ...owner });
      if (entry.kind === 'content') writer.write(inode, 0, entry.bytes);
      else copyInto(writer, inode, entry, piece);
    }
  }
}

function copyInto(
  writer: FileSystemWriter,
  inode: number,
  { source, size }: { source: string; size: number },
  piece: Uint8Array,
): void {
  const fd = openSync(source, 'r');
  try {
    for (let offset = 0; offset < size;) {
      const length = readSync(fd, piece, 0, Math.min(piece.length, size - offset), offset);
      if (length === 0) return;
      writer.write(inode, offset, piece.subarray(0, length));
      offset += length;
    }
  } finally {
    closeSync(fd);
  }
}
