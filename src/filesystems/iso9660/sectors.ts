import type { BlockDevice } from '../../block/device.ts';
import { CorruptError } from '../../errors/index.ts';

/** Bytes of metadata read at once, and pieces kept. */
const PAGE = 16 * 1024;
const PAGES = 64;

/** Metadata of a volume, read through a cache of pages. */
export class Sectors {
  readonly device: BlockDevice;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(device: BlockDevice) {
    this.device = device;
  }

  /**
   * `length` bytes at `offset`, as a part of a cached page where they lie in one; good until the next few calls. At
   * most one page long. Throws CorruptError where the device ends before them.
   */
  read(offset: number, length: number, structure: string): Uint8Array {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > this.device.size) {
      throw new CorruptError(
        structure,
        `${length} bytes at ${offset} are needed, the device has ${this.device.size}`,
        { offset },
      );
    }
    const number = Math.floor(offset / PAGE);
    const inside = offset - number * PAGE;
    if (inside + length <= PAGE) return this.#page(number).subarray(inside, inside + length);
    const bytes = new Uint8Array(length);
    this.device.readAt(offset, bytes);
    return bytes;
  }

  clear(): void {
    this.#pages.clear();
  }

  #page(number: number): Uint8Array {
    let page = this.#pages.get(number);
    if (page === undefined) {
      const start = number * PAGE;
      page = new Uint8Array(PAGE);
      this.device.readAt(start, page.subarray(0, Math.min(PAGE, this.device.size - start)));
      if (this.#pages.size >= PAGES) this.#pages.delete(this.#pages.keys().next().value!);
      this.#pages.set(number, page);
    }
    return page;
  }
}
