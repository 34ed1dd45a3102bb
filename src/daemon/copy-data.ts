import type { BlockDevice } from '../block/device.ts';
import { GuestfsError } from '../errors/index.ts';
import { copyBuffer } from '../vfs/copy-content.ts';
import { allZero, contentOf, runsOf, type Content } from './content.ts';
import type { ActionContext, DeviceOrPath } from './context.ts';
import { deviceFull, writeDevice } from './device-writing.ts';
import { dropPrivileges, openFile, orRemove, replaceFile, writerOf } from './file-writing.ts';

/** Options of copy_device_to_device and its kin. Offsets and size are in bytes. */
export interface CopyDataOptions {
  srcoffset?: number;
  destoffset?: number;
  size?: number;
  sparse?: boolean;
  append?: boolean;
}

/** Zeroes of this length and position are left out by `sparse`. */
const SPARSE_BLOCK = 64 * 1024;

/** Takes what is copied, piece by piece in order. */
interface Receiver {
  write(piece: Uint8Array): void;
  zeroes(length: number): void;
}

/**
 * Copy bytes between files and devices. A file that is copied to is replaced, old or new after a crash, unless it is
 * appended to. Throws EINVAL where the source has not got as much, ENOSPC where the device is too small: both before
 * anything is written.
 */
export function copyData(
  context: ActionContext,
  src: DeviceOrPath,
  dest: DeviceOrPath,
  options: CopyDataOptions,
): void {
  const { srcoffset = 0, destoffset = 0, sparse = false, append = false } = options;
  const content = contentOf(context, src);
  for (const [what, value] of Object.entries({ srcoffset, destoffset, size: options.size ?? 0 })) {
    if (value < 0)
      throw new GuestfsError('EINVAL', `${content.name}: ${what} is ${value}, which is negative`);
  }
  const available = Math.max(0, content.size - srcoffset);
  const length = options.size ?? available;
  if (length > available) {
    throw new GuestfsError(
      'EINVAL',
      `${content.name}: ${length} bytes from ${srcoffset} on were to be copied, it has only ${available} there`,
      { path: content.name },
    );
  }
  const copy = (to: Receiver): void => pump(context, content, srcoffset, length, sparse, to);
  if ('device' in dest) {
    if (append) {
      throw new GuestfsError('EINVAL', `${dest.device}: append is for files, not for devices`, {
        device: dest.device,
      });
    }
    writeDevice(context, dest.device, (device) => {
      if (destoffset + length > device.size) throw deviceFull(dest.device, device, destoffset + length);
      copy(deviceReceiver(device, destoffset, sparse));
    });
  } else if (append) appendTo(context, dest.path, length, copy);
  else {
    replaceFile(context, dest.path, destoffset + length, (replacement) => {
      if (destoffset > 0) replacement.writeZeroes(destoffset);
      copy({
        write: (piece) => replacement.write(piece),
        zeroes: (count) => replacement.writeZeroes(count),
      });
    });
  }
}

function appendTo(context: ActionContext, path: string, length: number, copy: (to: Receiver) => void): void {
  const opened = openFile(context, path);
  const writer = writerOf(context);
  const { file, size } = opened;
  orRemove(context, opened, () => {
    let at = size;
    copy({
      write(piece) {
        writer.write(file, at, piece);
        at += piece.length;
      },
      zeroes(count) {
        at += count;
      },
    });
    // Zeroes at the end were only counted.
    if (length > 0) writer.truncate(file, size + length);
    if (opened.made === undefined) dropPrivileges(context, file);
  });
}

function deviceReceiver(device: BlockDevice, start: number, sparse: boolean): Receiver {
  let at = start;
  return {
    write(piece) {
      device.writeAt(at, piece);
      at += piece.length;
    },
    zeroes(count) {
      if (!sparse) device.zero(at, count);
      at += count;
    },
  };
}

function pump(
  context: ActionContext,
  content: Content,
  offset: number,
  length: number,
  sparse: boolean,
  to: Receiver,
): void {
  const buffer = copyBuffer();
  for (const run of runsOf(content, offset, length)) {
    const end = run.offset + run.length;
    if (!run.data) to.zeroes(run.length);
    for (let at = run.offset; run.data && at < end;) {
      context.checkCancelled();
      const piece = buffer.subarray(0, Math.min(buffer.length, end - at));
      fill(content, at, piece);
      if (sparse) split(piece, to);
      else to.write(piece);
      at += piece.length;
      context.progress(at - offset, length);
    }
    context.progress(end - offset, length);
  }
}

function fill(content: Content, offset: number, piece: Uint8Array): void {
  for (let done = 0; done < piece.length;) {
    const got = content.read(offset + done, done === 0 ? piece : piece.subarray(done));
    if (got === 0) {
      throw new GuestfsError('EIO', `${content.name}: it ends at ${offset + done}, before its size`, {
        path: content.name,
      });
    }
    done += got;
  }
}

/** Zero blocks apart from the rest, neighbours together. */
function split(piece: Uint8Array, to: Receiver): void {
  let start = 0;
  let zero: boolean | undefined;
  const flush = (end: number): void => {
    if (end === start) return;
    if (zero) to.zeroes(end - start);
    else to.write(piece.subarray(start, end));
    start = end;
  };
  for (let at = 0; at < piece.length; at += SPARSE_BLOCK) {
    const isZero = allZero(piece.subarray(at, Math.min(at + SPARSE_BLOCK, piece.length)));
    if (isZero !== zero) flush(at);
    zero = isZero;
  }
  flush(piece.length);
}
