import { latin1 } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { chunksOf, contentOf, copyDevice, type Content, type Stretch } from '../content.ts';
import type { ActionContext, ByteSink, ByteSource, DeviceOrPath } from '../context.ts';
import { deviceFull, writeDevice } from '../device-writing.ts';
import { dropPrivileges, openFile, orRemove, replaceFile, writerOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { piecesOf } from '../pieces.ts';

function copyOut(
  context: ActionContext,
  from: DeviceOrPath,
  out: ByteSink,
  content: Content,
  stretch: Stretch = {},
): void {
  if ('device' in from) copyDevice(context, content, out, stretch);
  else for (const chunk of chunksOf(context, content, stretch)) out.write(chunk);
}

function download(context: ActionContext, from: DeviceOrPath, out: ByteSink): void {
  copyOut(context, from, out, contentOf(context, from));
}

/** Part of a file or device; what lies beyond its end is left out. */
function downloadOffset(
  context: ActionContext,
  from: DeviceOrPath,
  out: ByteSink,
  offset: number,
  size: number,
): void {
  const name = 'device' in from ? from.device : from.path;
  if (offset < 0)
    throw new GuestfsError('EINVAL', `${name}: the offset ${offset} is negative`, { path: name });
  if (size < 0) throw new GuestfsError('EINVAL', `${name}: the size ${size} is negative`, { path: name });
  const content = contentOf(context, from);
  const length = Math.max(0, Math.min(size, content.size - offset));
  copyOut(context, from, out, content, { offset, length });
}

function upload(context: ActionContext, source: ByteSource, to: DeviceOrPath): void {
  if ('device' in to) uploadToDevice(context, source, to.device, 0);
  else {
    replaceFile(context, to.path, source.size, (content) => {
      for (const piece of piecesOf(context, source)) content.write(piece);
    });
  }
}

/** Into the middle of a file or device, in place. */
function uploadOffset(context: ActionContext, source: ByteSource, to: DeviceOrPath, offset: number): void {
  const name = 'device' in to ? to.device : to.path;
  if (offset < 0)
    throw new GuestfsError('EINVAL', `${name}: the offset ${offset} is negative`, { path: name });
  if ('device' in to) {
    uploadToDevice(context, source, to.device, offset);
    return;
  }
  const opened = openFile(context, to.path);
  const writer = writerOf(context);
  orRemove(context, opened, () => {
    const done = writeEach(context, source, name, (at, piece) =>
      writer.write(opened.file, offset + at, piece),
    );
    // An empty upload still makes the hole before it.
    if (done === 0 && opened.made !== undefined && offset > 0) writer.truncate(opened.file, offset);
    if (opened.made === undefined) dropPrivileges(context, opened.file);
  });
}

function uploadToDevice(context: ActionContext, source: ByteSource, name: string, offset: number): void {
  writeDevice(context, name, (device) => {
    if (source.size !== undefined && offset + source.size > device.size) {
      throw deviceFull(name, device, offset + source.size);
    }
    writeEach(context, source, name, (at, piece) => {
      const start = offset + at;
      if (start + piece.length > device.size) {
        const room = Math.max(0, device.size - start);
        if (room > 0) device.writeAt(start, piece.subarray(0, room));
        throw deviceFull(name, device, start + piece.length);
      }
      device.writeAt(start, piece);
    });
  });
}

/** Write a stream piece by piece in place; says what was written where it fails. Returns how many bytes. */
function writeEach(
  context: ActionContext,
  source: ByteSource,
  name: string,
  write: (at: number, piece: Uint8Array) => void,
): number {
  let done = 0;
  try {
    for (const piece of piecesOf(context, source)) {
      write(done, piece);
      done += piece.length;
    }
  } catch (error) {
    if (done > 0) context.warn(`${name}: ${done} bytes were written before the upload failed`);
    throw error;
  }
  return done;
}

/** Text of base64 in chunks as bytes. Line ends and other white space may stand anywhere. */
class Base64Decoder {
  readonly #name: string;
  #waiting = '';
  #ended = false;

  constructor(name: string) {
    this.#name = name;
  }

  push(chunk: Uint8Array): Uint8Array {
    const text = this.#waiting + latin1(chunk).replace(/[ \t\r\n\f\v]+/g, '');
    const whole = text.length - (text.length % 4);
    this.#waiting = text.slice(whole);
    return this.#decode(text.slice(0, whole));
  }

  end(): void {
    if (this.#waiting !== '')
      throw this.#bad(`it ends in the middle of a group of four, at ${this.#waiting}`);
  }

  #decode(text: string): Uint8Array {
    if (text === '') return new Uint8Array(0);
    if (this.#ended) throw this.#bad('something follows its end');
    const match = /^[A-Za-z0-9+/]*(={0,2})$/.exec(text);
    if (match === null) {
      const at = text.search(/[^A-Za-z0-9+/]/);
      throw this.#bad(`${JSON.stringify(text.slice(at, at + 8))} is not of its letters`);
    }
    this.#ended = match[1] !== '';
    return Buffer.from(text, 'base64');
  }

  #bad(why: string): GuestfsError {
    return new GuestfsError('EINVAL', `${this.#name}: the input is not base64: ${why}`, { path: this.#name });
  }
}

function base64In(context: ActionContext, source: ByteSource, path: string): void {
  const decoder = new Base64Decoder(path);
  const size = source.size === undefined ? undefined : Math.floor(source.size / 4) * 3;
  replaceFile(context, path, size, (content) => {
    for (const piece of piecesOf(context, source)) content.write(decoder.push(piece));
    decoder.end();
  });
}

/** Files out of the guest and into it. */
export const transferActions = {
  download,

  download_offset: downloadOffset,

  upload,

  upload_offset: uploadOffset,

  base64_in: base64In,
} satisfies Partial<DaemonActions>;
