import { GuestfsError } from '../errors/index.ts';
import type { BlockDevice, Extent } from './device.ts';

/**
 * The contract of BlockDevice, checked once: range, state and writability. Every device that leaves a format's
 * `open` is guarded; drivers carry no such checks themselves.
 */
class GuardedDevice implements BlockDevice {
  readonly #below: BlockDevice;
  readonly #name: string;
  #closed = false;
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;

  constructor(below: BlockDevice, name: string) {
    this.#below = below;
    this.#name = name;
    this.size = below.size;
    this.sectorSize = below.sectorSize;
    this.writable = below.writable;
  }

  #check(what: string, offset: number, length: number): void {
    if (this.#closed) throw new GuestfsError('EBADF', `${this.#name}: ${what} after close`);
    if (
      !Number.isSafeInteger(offset) ||
      offset < 0 ||
      !Number.isSafeInteger(length) ||
      length < 0 ||
      offset > this.size - length
    ) {
      throw new GuestfsError(
        'EINVAL',
        `${this.#name}: ${what} of ${length} bytes at ${offset} is outside the device of ${this.size} bytes`,
        { offset },
      );
    }
  }

  #checkWrite(what: string, offset: number, length: number): void {
    if (!this.writable) throw new GuestfsError('EROFS', `${this.#name}: ${what} on a read-only device`);
    this.#check(what, offset, length);
  }

  readAt(offset: number, into: Uint8Array): void {
    this.#check('read', offset, into.length);
    if (into.length > 0) this.#below.readAt(offset, into);
  }

  writeAt(offset: number, from: Uint8Array): void {
    this.#checkWrite('write', offset, from.length);
    if (from.length > 0) this.#below.writeAt(offset, from);
  }

  zero(offset: number, length: number): void {
    this.#checkWrite('zero', offset, length);
    if (length > 0) this.#below.zero(offset, length);
  }

  discard(offset: number, length: number): void {
    this.#checkWrite('discard', offset, length);
    if (length > 0) this.#below.discard(offset, length);
  }

  extents(offset: number, length: number): Iterable<Extent> {
    this.#check('extents', offset, length);
    return length > 0 ? this.#below.extents(offset, length) : [];
  }

  flush(): void {
    if (this.#closed) throw new GuestfsError('EBADF', `${this.#name}: flush after close`);
    if (this.writable) this.#below.flush();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#below.close();
  }
}

/** Wrap a driver so that misuse throws; `name` stands in the messages. */
export function guard(device: BlockDevice, name: string): BlockDevice {
  return device instanceof GuardedDevice ? device : new GuardedDevice(device, name);
}
