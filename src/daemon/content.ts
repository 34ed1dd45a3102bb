import type { BlockDevice, Extent } from '../block/device.ts';
import { GuestfsError } from '../errors/index.ts';
import { S_IFDIR, S_IFMT } from '../filesystems/mode.ts';
import type { ActionContext, ByteSink, DeviceOrPath } from './context.ts';

/** Bytes that a streaming loop reads at once. */
export const CHUNK_BYTES = 256 * 1024;

/** Bytes that a copy of a whole device reads at once. */
const LARGE_CHUNK_BYTES = 1024 * 1024;

/** Bytes that an action may return as one buffer: beyond it ask for parts, or download. */
export const BUFFER_CAP = 2 ** 31 - 1;

/** Bytes that an action may return as one string or list of strings: what the longest string can hold. */
export const TEXT_CAP = 2 ** 29 - 64;

/** The bytes of a file or a device. */
export interface Content {
  /** Path or device, for messages. */
  readonly name: string;
  readonly size: number;
  /** Bytes read, less than asked only at the end. */
  read(offset: number, into: Uint8Array): number;
  extents(offset: number, length: number): Iterable<Extent>;
}

/** The content of a regular file, links followed. Throws EISDIR, and EINVAL for what has no content. */
export function fileContent({ platform }: ActionContext, path: string): Content {
  const { files } = platform;
  const ref = files.resolve(path);
  const { size, mode } = files.stat(ref);
  if ((mode & S_IFMT) === S_IFDIR) throw new GuestfsError('EISDIR', `${path}: Is a directory`, { path });
  const content: Content = {
    name: path,
    size,
    read: (offset, into) => files.read(ref, offset, into),
    extents: (offset, length) => files.extents(ref, offset, length),
  };
  // What has no content (a fifo, a device node) is refused here and not at the first read.
  content.read(0, new Uint8Array(0));
  return content;
}

/** The content of a block device. */
export function deviceContent({ platform }: ActionContext, device: string): Content {
  return blockContent(platform.devices.open(device), device);
}

function blockContent(device: BlockDevice, name: string): Content {
  return {
    name,
    size: device.size,
    read(offset, into) {
      const length = Math.max(0, Math.min(into.length, device.size - offset));
      if (length > 0) device.readAt(offset, into.subarray(0, length));
      return length;
    },
    extents: (offset, length) => device.extents(offset, length),
  };
}

/** The content of what a `Dev_or_Path` argument names. */
export function contentOf(context: ActionContext, where: DeviceOrPath): Content {
  return 'device' in where ? deviceContent(context, where.device) : fileContent(context, where.path);
}

/** A stretch of a content; the rest of it where nothing is given. */
export interface Stretch {
  offset?: number;
  length?: number;
}

/**
 * The bytes of a content piece by piece, in one buffer that is used anew for each: copy what is kept. Reports
 * progress and stops when the user cancels.
 */
export function* chunksOf(
  context: ActionContext,
  content: Content,
  stretch: Stretch = {},
  chunkBytes = CHUNK_BYTES,
): Generator<Uint8Array, void, void> {
  const { offset = 0, length = Math.max(0, content.size - offset) } = stretch;
  const end = Math.min(offset + length, Math.max(content.size, offset));
  const buffer = new Uint8Array(Math.max(1, Math.min(chunkBytes, end - offset)));
  for (let at = offset; at < end;) {
    context.checkCancelled();
    const wanted = Math.min(buffer.length, end - at);
    const got = content.read(at, wanted === buffer.length ? buffer : buffer.subarray(0, wanted));
    if (got === 0) return;
    at += got;
    yield got === buffer.length ? buffer : buffer.subarray(0, got);
    context.progress(at - offset, end - offset);
  }
}

/** Bytes of zeroes below which a hole is read like data: told apart it would only make reads and writes small. */
const HOLE_BYTES = 64 * 1024;

/** A run of a content that is read, or one that is known to be zeroes. */
export interface Run {
  offset: number;
  length: number;
  data: boolean;
}

/** The extents of a stretch with neighbours joined: few runs, each worth a read or a hole of its own. */
export function* runsOf(content: Content, offset: number, length: number): Generator<Run, void, void> {
  let run: Run | undefined;
  for (const extent of content.extents(offset, length)) {
    const data = extent.kind === 'data' || extent.length < HOLE_BYTES;
    if (run?.data === data) run.length += extent.length;
    else {
      if (run !== undefined) yield run;
      run = { offset: extent.offset, length: extent.length, data };
    }
  }
  if (run !== undefined) yield run;
}

/**
 * Copy a device, or a stretch that lies in it, to a sink without reading what the layers below know to be zeroes.
 * Reports progress and stops when the user cancels.
 */
export function copyDevice(
  context: ActionContext,
  content: Content,
  out: ByteSink,
  { offset = 0, length = Math.max(0, content.size - offset) }: Stretch = {},
): void {
  if (out.writeZeroes === undefined) {
    for (const chunk of chunksOf(context, content, { offset, length }, LARGE_CHUNK_BYTES)) out.write(chunk);
    return;
  }
  const buffer = new Uint8Array(Math.min(LARGE_CHUNK_BYTES, length));
  for (const run of runsOf(content, offset, length)) {
    const end = run.offset + run.length;
    for (let at = run.offset; at < end;) {
      context.checkCancelled();
      const part = run.data ? Math.min(buffer.length, end - at) : end - at;
      if (run.data) {
        const piece = part === buffer.length ? buffer : buffer.subarray(0, part);
        content.read(at, piece);
        out.write(piece);
      } else out.writeZeroes(part);
      at += part;
      context.progress(at - offset, length);
    }
  }
}

/** All bytes of a content. Throws EFBIG where there are more than `cap`. */
export function readAll(context: ActionContext, content: Content, cap = BUFFER_CAP): Uint8Array {
  if (content.size > cap) {
    throw new GuestfsError(
      'EFBIG',
      `${content.name} has ${content.size} bytes, more than the ${cap} that fit in one result; download it, or read parts`,
      { path: content.name },
    );
  }
  const bytes = new Uint8Array(content.size);
  let at = 0;
  while (at < bytes.length) {
    context.checkCancelled();
    const got = content.read(at, bytes.subarray(at, Math.min(bytes.length, at + 16 * CHUNK_BYTES)));
    if (got === 0) break;
    at += got;
    context.progress(at, bytes.length);
  }
  return at === bytes.length ? bytes : bytes.subarray(0, at);
}

/** Whether all of `bytes` are zero. */
export function allZero(bytes: Uint8Array): boolean {
  const head = Math.min(bytes.length, (4 - (bytes.byteOffset % 4)) % 4);
  const words = (bytes.length - head) >> 2;
  const view = new Int32Array(bytes.buffer, bytes.byteOffset + head, words);
  for (let i = 0; i < head; i++) if (bytes[i] !== 0) return false;
  for (let i = 0; i < words; i++) if (view[i] !== 0) return false;
  for (let i = head + words * 4; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
