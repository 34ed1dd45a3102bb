import { closeSync, fdatasyncSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { GuestfsError } from '../errors/index.ts';
import type { BlockDevice, Extent } from './device.ts';
import { hostError } from './file-error.ts';
import { fileExtents } from './file-extents.ts';
import { nativeCalls } from './file-native.ts';
import { punchHole, reserveRange, zeroRange, type ZeroSupport } from './file-zero.ts';

/** What a descriptor is, as it was found when it was opened. */
export interface FileFacts {
  fd: number;
  path: string;
  /** Bytes. */
  size: number;
  sectorSize: number;
  writable: boolean;
  /** A block device has the size it has. */
  fixed: boolean;
  /** Gives a lock back; called once, at close. */
  unlock?: () => void;
}

/** Bytes that are written before the host is told to begin carrying them to its disk. */
const WRITE_BEHIND_BYTES = 32 * 1024 * 1024;
/** SYNC_FILE_RANGE_WRITE: begin to write what is dirty, and do not wait for it. */
const BEGIN_WRITING = 2;

/** A host file or block device by its descriptor. Writes go straight to the host; nothing is kept back here. */
export class FileDriver implements BlockDevice {
  size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly path: string;
  /** Bytes it can grow to. */
  readonly limit: number;
  readonly #fd: number;
  readonly #unlock: (() => void) | undefined;
  readonly #support: ZeroSupport = { punch: true, zeroRange: true };
  #failedFlush: GuestfsError | undefined;
  /** Bytes written since the host last began to write. */
  #waiting = 0;

  constructor(facts: FileFacts) {
    this.#fd = facts.fd;
    this.path = facts.path;
    this.size = facts.size;
    this.sectorSize = facts.sectorSize;
    this.writable = facts.writable;
    this.limit = facts.fixed ? facts.size : Infinity;
    this.#unlock = facts.unlock;
  }

  #failed(error: unknown, what: string, offset: number): GuestfsError {
    return hostError(error, `cannot ${what} ${this.path} at ${offset}`, this.path, offset);
  }

  readAt(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      let count: number;
      try {
        count = readSync(this.#fd, into, done, into.length - done, offset + done);
      } catch (error) {
        throw this.#failed(error, 'read', offset + done);
      }
      if (count === 0) {
        throw new GuestfsError(
          'EIO',
          `${this.path}: the file ends at ${offset + done}, it had ${this.size} bytes when it was opened`,
          { path: this.path, offset: offset + done },
        );
      }
      done += count;
    }
  }

  writeAt(offset: number, from: Uint8Array): void {
    for (let done = 0; done < from.length;) {
      try {
        done += writeSync(this.#fd, from, done, from.length - done, offset + done);
      } catch (error) {
        throw this.#failed(error, 'write', offset + done);
      }
    }
    this.#waiting += from.length;
    if (this.#waiting >= WRITE_BEHIND_BYTES) this.#beginWriting();
  }

  zero(offset: number, length: number): void {
    let position = offset;
    try {
      zeroRange(this.#fd, offset, length, this.#support, (at) => {
        position = at;
      });
    } catch (error) {
      throw this.#failed(error, 'zero', position);
    }
  }

  /** A hole where the host can make one, else zeroes. */
  discard(offset: number, length: number): void {
    if (!punchHole(this.#fd, offset, length, this.#support)) this.zero(offset, length);
  }

  /** Give the host the space of a range whose bytes matter to nobody, if it takes it without being written to. */
  release(offset: number, length: number): void {
    punchHole(this.#fd, offset, length, this.#support);
  }

  /** Have the host set aside space for a range that reads as zeroes: by a reservation, or by writing zeroes. */
  reserve(offset: number, length: number, write: boolean): void {
    try {
      reserveRange(this.#fd, offset, length, write);
    } catch (error) {
      throw this.#failed(error, 'set space aside in', offset);
    }
    this.size = Math.max(this.size, offset + length);
  }

  extents(offset: number, length: number): Iterable<Extent> {
    return fileExtents(this.#fd, offset, length);
  }

  /** The host's disk works while the program does, so that the flush at the end has less to wait for. */
  #beginWriting(): void {
    this.#waiting = 0;
    nativeCalls()?.beginSyncFileRange(this.#fd, 0, 0, BEGIN_WRITING);
  }

  flush(): void {
    this.#waiting = 0;
    // After a failed fsync the kernel forgets what it could not write: a later one that succeeds proves nothing.
    if (this.#failedFlush !== undefined) throw this.#failedFlush;
    try {
      fdatasyncSync(this.#fd);
    } catch (error) {
      this.#failedFlush = hostError(error, `cannot write ${this.path} through to its disk`, this.path);
      throw this.#failedFlush;
    }
  }

  /** Make the file longer or shorter. Throws EINVAL for a block device, whose size is what it is. */
  resize(size: number): void {
    if (this.limit !== Infinity) {
      throw new GuestfsError(
        'EINVAL',
        `${this.path} is a block device of ${this.size} bytes and cannot be given ${size} bytes`,
        { path: this.path },
      );
    }
    try {
      ftruncateSync(this.#fd, size);
    } catch (error) {
      throw hostError(error, `cannot give ${this.path} a size of ${size} bytes`, this.path);
    }
    this.size = size;
  }

  close(): void {
    try {
      closeSync(this.#fd);
    } finally {
      this.#unlock?.();
    }
  }
}
