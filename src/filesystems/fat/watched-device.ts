import { isHostFull } from '../../errors/index.ts';
import type { BlockDevice, Extent } from '../../block/device.ts';

/** Keeps in mind whether a write failed, after which nothing may be written any more, and what was not flushed yet. */
export class WatchedDevice implements BlockDevice {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  /** The first error of a write, if there was one. */
  failure: unknown;
  /** Something was written since the last flush. */
  unflushed = false;
  readonly #below: BlockDevice;

  constructor(below: BlockDevice) {
    this.#below = below;
    this.size = below.size;
    this.sectorSize = below.sectorSize;
    this.writable = below.writable;
  }

  readAt(offset: number, into: Uint8Array): void {
    this.#below.readAt(offset, into);
  }

  writeAt(offset: number, from: Uint8Array): void {
    this.unflushed = true;
    try {
      this.#below.writeAt(offset, from);
    } catch (error) {
      this.#fail(error);
    }
  }

  zero(offset: number, length: number): void {
    this.unflushed = true;
    try {
      this.#below.zero(offset, length);
    } catch (error) {
      this.#fail(error);
    }
  }

  discard(offset: number, length: number): void {
    this.unflushed = true;
    this.#below.discard(offset, length);
  }

  extents(offset: number, length: number): Iterable<Extent> {
    return this.#below.extents(offset, length);
  }

  flush(): void {
    try {
      this.#below.flush();
    } catch (error) {
      this.#fail(error);
    }
    this.unflushed = false;
  }

  /** The device below is its opener's to close. */
  close(): void {}

  /** A host that is full has refused the write, and no more: what was to be written can be given up. */
  #fail(error: unknown): never {
    if (!isHostFull(error)) this.failure ??= error;
    throw error;
  }
}
