import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { copyBuffer } from '../../vfs/copy-content.ts';
import { S_IFDIR, S_IFREG } from '../../filesystems/mode.ts';
import { removeTree } from '../../vfs/remove.ts';
import { findTarget } from '../../vfs/target.ts';
import { allZero, runsOf } from '../content.ts';
import type { ActionContext } from '../context.ts';
import { deviceFull, writeDevice } from '../device-writing.ts';
import {
  existingFile,
  invalid,
  isDirectory,
  makeNew,
  newMode,
  openFile,
  orRemove,
  replaceFile,
  writerOf,
} from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { PASSES, scrub } from '../scrub.ts';

// Devices.

/** Where most formats begin: 32 blocks of 4096 bytes. */
const HEAD_BYTES = 32 * 4096;
/** Zeroes of this length and position are left alone. */
const ZERO_BLOCK = 64 * 1024;

/** Zero a part of a device, but for blocks that are zeroes already. */
function zeroRange(context: ActionContext, name: string, length: number): void {
  writeDevice(context, name, (device) => {
    const end = Math.min(length, device.size);
    const buffer = copyBuffer();
    const content = {
      name,
      size: device.size,
      read(offset: number, into: Uint8Array): number {
        device.readAt(offset, into);
        return into.length;
      },
      extents: (offset: number, count: number) => device.extents(offset, count),
    };
    for (const run of end > 0 ? runsOf(content, 0, end) : []) {
      const runEnd = run.offset + run.length;
      for (let at = run.offset; run.data && at < runEnd;) {
        context.checkCancelled();
        const piece = buffer.subarray(0, Math.min(buffer.length, runEnd - at));
        device.readAt(at, piece);
        for (const [start, count] of nonZero(piece)) device.zero(at + start, count);
        at += piece.length;
        context.progress(at, end);
      }
      context.progress(runEnd, end);
    }
  });
}

/** Stretches of a buffer that have anything but zeroes in them, in whole blocks. */
function* nonZero(bytes: Uint8Array): Generator<readonly [number, number], void, void> {
  let start = -1;
  for (let at = 0; at < bytes.length; at += ZERO_BLOCK) {
    const zero = allZero(bytes.subarray(at, Math.min(bytes.length, at + ZERO_BLOCK)));
    if (!zero && start < 0) start = at;
    if (zero && start >= 0) {
      yield [start, at - start];
      start = -1;
    }
  }
  if (start >= 0) yield [start, bytes.length - start];
}

function pwriteDevice(context: ActionContext, name: string, content: Uint8Array, offset: number): number {
  if (offset < 0)
    throw new GuestfsError('EINVAL', `${name}: the offset ${offset} is negative`, { device: name });
  return writeDevice(context, name, (device) => {
    if (offset >= device.size && content.length > 0) {
      throw deviceFull(name, device, offset + content.length);
    }
    // As pwrite(2): what fits is written, and the result says how much that was.
    const fits = content.subarray(0, device.size - offset);
    device.writeAt(offset, fits);
    return fits.length;
  });
}

function scrubDevice(context: ActionContext, name: string): void {
  writeDevice(context, name, (device) => {
    scrub(
      context,
      device.size,
      (at, piece) => device.writeAt(at, piece),
      () => device.flush(),
    );
  });
}

// Files.

function scrubFile(context: ActionContext, path: string): void {
  const { files } = context.platform;
  const writer = writerOf(context);
  const target = findTarget(files, path);
  const file = existingFile(context, path);
  const { size, blockSize } = files.stat(file);
  // To the end of the last block, where an older file may have left something.
  const whole = Math.ceil(size / blockSize) * blockSize;
  scrub(
    context,
    whole,
    (at, piece) => writer.write(file, at, piece),
    () => writer.sync(),
  );
  const real = findTarget(files, files.pathOf(file));
  writer.unlink(real.directory, real.name);
  if (target.file !== undefined && files.pathOf(target.file) !== files.pathOf(file)) {
    // The path was a link: what it led to is gone, and so is it.
    writer.unlink(target.directory, target.name);
  }
}

/** Bytes of each file that free space is filled with. */
const FILLER_BYTES = 1024 * 1024 * 1024;
/** The smallest write that is tried where space runs out. */
const SMALLEST = 512;

function scrubFreeSpace(context: ActionContext, path: string): void {
  const { files } = context.platform;
  const writer = writerOf(context);
  const { file: directory, target } = makeNew(context, path, { mode: S_IFDIR | 0o700 });
  const { bfree, frsize } = files.statvfs(directory);
  const free = bfree * frsize;
  let before = 0;
  try {
    for (let number = 0, full = false; !full; number++) {
      const name = `scrub.${String(number).padStart(6, '0')}`;
      const file = writer.create(directory, name, { mode: S_IFREG | 0o600, uid: 0, gid: 0 });
      const size = fillUp(context, (at, piece) => writer.write(file, at, piece));
      full = size < FILLER_BYTES;
      const done = before;
      scrub(
        context,
        size,
        (at, piece) => writer.write(file, at, piece),
        () => writer.sync(),
        (at) => context.progress(Math.min(free, done + at / PASSES), Math.max(free, 1)),
      );
      before += size;
    }
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code !== 'ENOSPC') throw error;
  } finally {
    removeTree(files, writer, target.directory, target.name);
  }
}

/** Write a new file until it is large or the space is used up; returns its size. */
function fillUp(context: ActionContext, write: (at: number, piece: Uint8Array) => void): number {
  const buffer = copyBuffer().fill(0xff);
  let size = 0;
  for (let length = buffer.length; size < FILLER_BYTES && length >= SMALLEST;) {
    context.checkCancelled();
    try {
      write(size, buffer.subarray(0, length));
      size += length;
    } catch (error) {
      if (!(error instanceof GuestfsError) || (error.code !== 'ENOSPC' && error.code !== 'EFBIG'))
        throw error;
      length /= 2;
    }
  }
  return size;
}

/** A file of `length` bytes that repeat a pattern. */
function fillPattern(context: ActionContext, pattern: Uint8Array, length: number, path: string): void {
  if (length < 0) throw invalid(path, `the length ${length} is negative`);
  const buffer = copyBuffer();
  const whole = buffer.length - (buffer.length % pattern.length);
  if (whole === 0) throw invalid(path, `the pattern has ${pattern.length} bytes, more than ${buffer.length}`);
  for (let at = 0; at < Math.min(whole, length); at += pattern.length) buffer.set(pattern, at);
  replaceFile(context, path, length, (content) => {
    for (let at = 0; at < length;) {
      context.checkCancelled();
      const part = Math.min(whole, length - at);
      content.write(buffer.subarray(0, part));
      at += part;
      context.progress(at, length);
    }
  });
}

function fill(context: ActionContext, value: number, length: number, path: string): void {
  if (value < 0 || value > 255) throw invalid(path, `the byte ${value} is not in the range 0 to 255`);
  fillPattern(context, Uint8Array.of(value), length, path);
}

function fillDirectory(context: ActionContext, path: string, count: number): void {
  if (count < 0) throw invalid(path, `the number ${count} of files is negative`);
  const { files } = context.platform;
  const directory = files.resolve(path);
  if (!isDirectory(context, directory)) {
    throw new GuestfsError('ENOTDIR', `${path}: it is not a directory`, { path });
  }
  const writer = writerOf(context);
  const file = { mode: S_IFREG | newMode(context, directory, 0o666), uid: 0, gid: 0 };
  for (let number = 0; number < count; number++) {
    if (number % 256 === 0) {
      context.checkCancelled();
      context.progress(number, count);
    }
    const name = String(number).padStart(8, '0');
    const there = files.lookup(directory, name);
    if (there === undefined) writer.create(directory, name, file);
    else writer.truncate(there, 0);
  }
}

/** posix_fallocate(3): where space cannot be reserved, what is not there yet is written as zeroes. */
function fallocate(context: ActionContext, path: string, length: number): void {
  if (length <= 0) throw invalid(path, `the length ${length} must be more than 0`);
  const opened = openFile(context, path);
  const writer = writerOf(context);
  orRemove(context, opened, () => {
    try {
      writer.allocate(opened.file, 0, length);
      return;
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code !== 'ENOTSUP') throw error;
    }
    const { files } = context.platform;
    const zeroes = copyBuffer().fill(0);
    const write = (from: number, to: number): void => {
      for (let at = from; at < to; at += zeroes.length) {
        context.checkCancelled();
        writer.write(opened.file, at, zeroes.subarray(0, Math.min(zeroes.length, to - at)));
      }
    };
    // All are listed before the first is written: writing changes them.
    const extents = [...files.extents(opened.file, 0, Math.min(length, opened.size))];
    for (const extent of extents.filter(({ kind }) => kind === 'hole')) {
      write(extent.offset, extent.offset + extent.length);
    }
    write(opened.size, length);
  });
}

/** Which part of a filesystem is trimmed, in bytes. */
export interface TrimOptions {
  offset?: number;
  length?: number;
  minimumfreeextent?: number;
}

function fstrim(context: ActionContext, path: string, options: TrimOptions): void {
  const { offset = 0, length = Number.MAX_SAFE_INTEGER, minimumfreeextent = 0 } = options;
  for (const [what, value] of Object.entries({ offset, length, minimumfreeextent })) {
    if (value < 0) throw invalid(path, `${what} is ${value}, which is negative`);
  }
  writerOf(context).trim(context.platform.files.resolve(path), offset, length, minimumfreeextent);
}

/** What overwrites and fills: devices, files, and free space. */
export const wipeActions = {
  zero: (context, device) => zeroRange(context, device, HEAD_BYTES),

  zero_device: (context, device) => zeroRange(context, device, Number.MAX_SAFE_INTEGER),

  blkdiscard: (context, device) => writeDevice(context, device, (opened) => opened.discard(0, opened.size)),

  pwrite_device: pwriteDevice,

  scrub_device: scrubDevice,

  scrub_file: scrubFile,

  scrub_freespace: scrubFreeSpace,

  fill,

  fill_pattern(context, pattern, length, path) {
    if (pattern === '') throw invalid(path, 'the pattern is empty');
    fillPattern(context, encodeText(pattern), length, path);
  },

  fill_dir: fillDirectory,

  fallocate,

  fallocate64: fallocate,

  fstrim,

  zero_free_space(context, path) {
    const directory = context.platform.files.resolve(path);
    if (!isDirectory(context, directory))
      throw new GuestfsError('ENOTDIR', `${path}: Not a directory`, { path });
    writerOf(context).zeroFreeSpace(directory, (done, total) => {
      context.checkCancelled();
      context.progress(done, total);
    });
  },
} satisfies Partial<DaemonActions>;
