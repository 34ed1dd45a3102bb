import type { BlockDevice } from '../../block/device.ts';

/** Bytes from the start that nearly every probe looks at; read at once. */
const HEAD = 72 * 1024;
/** Bytes at the end where RAID superblocks live; read at once. */
const TAIL = 16 * 1024;

/**
 * Bounded reading of a device for probes: the head and the tail are read once, anything else is read as asked
 * and kept. What does not lie within the device is null, never an error, because probes look everywhere.
 */
export class Window {
  readonly size: number;
  readonly sectorSize: number;
  readonly #device: BlockDevice;
  readonly #others = new Map<string, Uint8Array>();
  #head: Uint8Array | undefined;
  #tail: Uint8Array | undefined;

  constructor(device: BlockDevice) {
    this.#device = device;
    this.size = device.size;
    this.sectorSize = device.sectorSize;
  }

  /** `length` bytes at `offset`, shared with other callers; null where they are not all within the device. */
  read(offset: number, length: number): Uint8Array | null {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.size - length) return null;
    if (offset + length <= HEAD) {
      this.#head ??= this.#load(0, Math.min(HEAD, this.size));
      return this.#head.subarray(offset, offset + length);
    }
    const tailStart = Math.max(0, this.size - TAIL);
    if (offset >= tailStart) {
      this.#tail ??= this.#load(tailStart, this.size - tailStart);
      return this.#tail.subarray(offset - tailStart, offset - tailStart + length);
    }
    const key = `${offset}+${length}`;
    let bytes = this.#others.get(key);
    if (bytes === undefined) {
      bytes = this.#load(offset, length);
      this.#others.set(key, bytes);
    }
    return bytes;
  }

  /** True where the bytes at `offset` are `magic`, given as code points 0 to 255. */
  has(offset: number, magic: string): boolean {
    const bytes = this.read(offset, magic.length);
    return bytes !== null && matches(bytes, 0, magic);
  }

  #load(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#device.readAt(offset, bytes);
    return bytes;
  }
}

/** True where `bytes` at `at` are `magic`, given as code points 0 to 255. */
export function matches(bytes: Uint8Array, at: number, magic: string): boolean {
  for (let i = 0; i < magic.length; i++) if (bytes[at + i] !== magic.charCodeAt(i)) return false;
  return true;
}
