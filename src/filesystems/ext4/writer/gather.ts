import type { BlockDevice, Extent } from '../../../block/device.ts';

/** Bytes that are written at once. */
const GATHERED = 256 * 1024;
/** Larger writes than this go straight through. */
const SMALL = 64 * 1024;

/**
 * A device on which small writes that follow each other without a gap become one. The order of writes stays; all else
 * sees the device as if nothing were kept back. A write that fails is kept, so that what was accepted is not lost: it is
 * tried again by whatever comes next.
 */
export class GatheringDevice implements BlockDevice {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly #below: BlockDevice;
  #bytes: Uint8Array | undefined;
  #start = 0;
  #length = 0;

  constructor(below: BlockDevice) {
    this.#below = below;
    this.size = below.size;
    this.sectorSize = below.sectorSize;
    this.writable = below.writable;
  }

  /** Write what was kept back. */
  drain(): void {
    if (this.#length === 0) return;
    this.#below.writeAt(this.#start, this.#bytes!.subarray(0, this.#length));
    this.#length = 0;
  }

  readAt(offset: number, into: Uint8Array): void {
    if (offset < this.#start + this.#length && offset + into.length > this.#start) this.drain();
    this.#below.readAt(offset, into);
  }

  writeAt(offset: number, from: Uint8Array): void {
    const follows = offset === this.#start + this.#length && this.#length + from.length <= GATHERED;
    if (!follows || from.length > SMALL) this.drain();
    if (from.length > SMALL) {
      this.#below.writeAt(offset, from);
      return;
    }
    this.#bytes ??= new Uint8Array(GATHERED);
    if (this.#length === 0) this.#start = offset;
    this.#bytes.set(from, this.#length);
    this.#length += from.length;
  }

  zero(offset: number, length: number): void {
    this.drain();
    this.#below.zero(offset, length);
  }

  discard(offset: number, length: number): void {
    this.drain();
    this.#below.discard(offset, length);
  }

  extents(offset: number, length: number): Iterable<Extent> {
    this.drain();
    return this.#below.extents(offset, length);
  }

  flush(): void {
    this.drain();
    this.#below.flush();
  }

  close(): void {
    this.drain();
    this.#below.close();
  }
}
