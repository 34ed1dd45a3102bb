import type { Extent } from '../../src/block/device.ts';
import type { GrowingFile } from '../../src/block/file-growing.ts';
import type { Recorder, Step } from './recorder.ts';

const SECTOR = 512;

/** A file in memory that grows, and what was done to it. */
export interface GrowingRecorder {
  readonly file: GrowingFile;
  readonly recorder: Recorder;
  /** The content of the file in a state that a cut has left: as long as its size says. */
  cut(image: Uint8Array): Uint8Array;
}

/**
 * Record what is done to a file of these bytes, which can grow to `capacity`. The size of the file is a sector behind all
 * others, so that a cut may leave the old size with new bytes or the new size without them.
 */
export function recordFile(before: Uint8Array, capacity: number): GrowingRecorder {
  const now = new Uint8Array(capacity + SECTOR);
  now.set(before);
  const view = new DataView(now.buffer);
  view.setFloat64(capacity, before.length);
  const recorder: Recorder = { before: now.slice(), steps: [] as Step[] } as unknown as Recorder;
  let size = before.length;
  const log = (offset: number, length: number): void => {
    const start = offset - (offset % SECTOR);
    const end = Math.ceil((offset + length) / SECTOR) * SECTOR;
    recorder.steps.push({ kind: 'write', offset: start, bytes: now.slice(start, end) });
  };
  const resize = (wanted: number): void => {
    if (wanted > capacity)
      throw new Error(`the recorded file has room for ${capacity} bytes, not for ${wanted}`);
    if (wanted < size) now.fill(0, wanted, size);
    size = wanted;
    view.setFloat64(capacity, size);
    log(capacity, SECTOR);
  };
  const write = (offset: number, bytes: Uint8Array): void => {
    if (offset + bytes.length > capacity) throw new Error('the recorded file is full');
    now.set(bytes, offset);
    log(offset, bytes.length);
    if (offset + bytes.length > size) resize(offset + bytes.length);
  };
  const file: GrowingFile = {
    get size() {
      return size;
    },
    sectorSize: SECTOR,
    writable: true,
    limit: Infinity,
    readAt(offset, into) {
      if (offset + into.length > size)
        throw new Error(`read of ${into.length} bytes at ${offset} of ${size}`);
      into.set(now.subarray(offset, offset + into.length));
    },
    writeAt: write,
    zero: (offset, length) => write(offset, new Uint8Array(length)),
    discard: (offset, length) => write(offset, new Uint8Array(length)),
    release: (offset, length) => write(offset, new Uint8Array(Math.max(0, Math.min(length, size - offset)))),
    reserve: (offset, length) => resize(Math.max(size, offset + length)),
    extents: (offset, length): Iterable<Extent> => [{ offset, length, kind: 'data' }],
    flush: () => void recorder.steps.push({ kind: 'flush' }),
    resize,
    close() {},
  };
  return {
    file,
    recorder: Object.assign(recorder, { device: file }),
    cut: (image) => image.subarray(0, new DataView(image.buffer, image.byteOffset).getFloat64(capacity)),
  };
}
