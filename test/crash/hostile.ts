import type { BlockDevice } from '../../src/block/device.ts';
import { memoryDevice } from '../../src/block/memory.ts';
import { GuestfsError } from '../../src/errors/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import type { FileSystemWriter } from '../../src/filesystems/writer.ts';
import { pattern } from './workloads.ts';

/** Calls of a device after which something does not end. */
const MOST_CALLS = 60_000;

/**
 * A device over bytes, which it changes, for whoever is led astray by them: what lies outside of it is an Error and no
 * GuestfsError, and so is a call too many.
 */
export function strictDevice(bytes: Uint8Array, sectorSize = 512): BlockDevice {
  const below = memoryDevice(bytes, { sectorSize });
  let calls = 0;
  const check = (what: string, offset: number, length: number): void => {
    if (++calls > MOST_CALLS) throw new Error(`${what} is call ${calls} of the device: it does not end`);
    if (Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= below.size) return;
    throw new Error(`${what} of ${length} bytes at ${offset} is outside of ${below.size} bytes`);
  };
  return {
    size: below.size,
    sectorSize: below.sectorSize,
    writable: true,
    readAt(offset, into) {
      check('a read', offset, into.length);
      below.readAt(offset, into);
    },
    writeAt(offset, from) {
      check('a write', offset, from.length);
      below.writeAt(offset, from);
    },
    zero(offset, length) {
      check('zeroing', offset, length);
      below.zero(offset, length);
    },
    discard(offset, length) {
      check('discarding', offset, length);
      below.discard(offset, length);
    },
    extents: (offset, length) => below.extents(offset, length),
    flush: () => below.flush(),
    close() {},
  };
}

/** Let GuestfsErrors pass; what is no such error is thrown again. Gives the error. */
export function tolerate(act: () => void): GuestfsError | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof GuestfsError) return error;
    throw error;
  }
}

/** Places of a sound filesystem that are written to in the mutated ones. */
export interface Places {
  files: { directory: readonly string[]; name: string }[];
  directories: (readonly string[])[];
}

/** The first names of each kind. */
export function placesOf(fs: FileSystem): Places {
  const places: Places = { files: [], directories: [[]] };
  const visit = (inode: number, path: readonly string[]): void => {
    for (const { name, inode: child, type } of fs.readdir(inode)) {
      if (type === 'file' && places.files.length < 24) places.files.push({ directory: path, name });
      if (type !== 'directory' || places.directories.length >= 12) continue;
      places.directories.push([...path, name]);
      visit(child, [...path, name]);
    }
  };
  visit(fs.root, []);
  return places;
}

function find(fs: FileSystem, path: readonly string[]): number {
  let inode = fs.root;
  for (const name of path) {
    inode = fs.lookup(inode, name);
    if (inode === 0) throw new GuestfsError('ENOENT', `${name} is not there`);
  }
  return inode;
}

type FileStep = (
  writer: FileSystemWriter,
  inode: number,
  name: string,
  directory: number,
  fs: FileSystem,
) => void;

const fileSteps: readonly FileStep[] = [
  (writer, inode) => writer.write(inode, 500, pattern(1, 3000)),
  (writer, inode) => writer.write(inode, 30_000, pattern(2, 40_000)),
  (writer, inode) => writer.truncate(inode, 700),
  (writer, inode) => {
    const replacement = writer.replace(inode, 9000);
    try {
      replacement.write(pattern(3, 9000));
      replacement.finish();
    } catch (error) {
      replacement.abandon();
      throw error;
    }
  },
  (writer, _inode, name, directory) => writer.unlink(directory, name),
  (writer, _inode, name, directory, fs) =>
    writer.rename(directory, name, fs.root, `moved ${name}`.slice(0, 60)),
  (writer, inode) =>
    writer.setAttributes(inode, { mode: 0o600, mtime: { seconds: 1_500_000_000, nanoseconds: 0 } }),
  (writer, inode) => writer.setXattr?.(inode, 'user.hostile', pattern(4, 200)),
  (writer, inode) => writer.punch?.(inode, 0, 2000),
  (writer, inode) => writer.allocate?.(inode, 0, 50_000),
];

/**
 * Open a filesystem, whatever it is, and do some of everything in it: each call may fail with a GuestfsError. Gives the
 * errors of what failed.
 */
export function writeHostile(fs: FileSystem, places: Places): GuestfsError[] {
  const errors: GuestfsError[] = [];
  const attempt = (act: () => void): void => {
    const error = tolerate(act);
    if (error !== undefined) errors.push(error);
  };
  let writer: FileSystemWriter | undefined;
  attempt(() => (writer = fs.openWriter?.()));
  if (writer === undefined) return errors;
  const open = writer;
  for (const [index, { directory, name }] of places.files.entries()) {
    attempt(() => {
      const parent = find(fs, directory);
      const inode = fs.lookup(parent, name);
      if (inode !== 0) fileSteps[index % fileSteps.length]?.(open, inode, name, parent, fs);
    });
  }
  for (const [index, path] of places.directories.entries()) {
    attempt(() => {
      const inode = find(fs, path);
      for (let i = 0; i < 12; i++) open.create(inode, `a new name ${i}`, { mode: 0o100644, uid: 0, gid: 0 });
      open.create(inode, 'directory', { mode: 0o040755, uid: 0, gid: 0 });
    });
    if (index % 3 === 1) {
      attempt(() => open.rmdir(find(fs, path.slice(0, -1)), path.at(-1) ?? ''));
      attempt(() => open.rename(find(fs, path.slice(0, -1)), path.at(-1) ?? '', fs.root, `d${index}`));
    }
    if (index % 4 === 0) attempt(() => open.sync());
  }
  attempt(() => fs.close());
  return errors;
}
