import { readSync, readvSync } from 'node:fs';
import { monotonicMilliseconds } from '../daemon/monotonic.ts';
import { type ReadWrite, shortReadWrite } from '../native/read-write.ts';
import { readinessOf, type Readiness } from './readiness.ts';

/** Bytes to and from a peer, synchronously. */
export interface Transport {
  /** Wait for bytes; returns how many there were, 0 once the peer is gone. Throws what the system call throws. */
  read(into: Uint8Array): number;
  /** Write all. Throws what the system call throws. */
  write(bytes: Uint8Array): void;
  /** True if {@link read} would not wait. False too where that cannot be told. */
  readable(): boolean;
  /** Wait for bytes, or the end, for a while; false if none came, true too where that cannot be told. */
  waitReadable(): boolean;
  /** Write all unless nothing can be written for a while, which gives false. Throws what the system call throws. */
  tryWrite(bytes: Uint8Array): boolean;
}

/** A virtio-serial port of Linux gives at most a page at a time. */
const PAGE = 4096;
/** Reads that one system call may make of such a port. */
const PAGES = 32;

/** How long a while is that is waited for a peer, in milliseconds. */
const A_WHILE = 250;

/** What is known of a descriptor. */
export interface DescriptorOptions {
  /** It is a virtio-serial port that does not block: it is read page by page, as many as there are. */
  pages?: boolean;
  /** Reading it never waits. */
  nonBlocking?: boolean;
  /** False does without koffi. */
  native?: boolean;
}

/**
 * An open descriptor: a socket, or the port of a virtio-serial channel. It is used as it is, blocking or not. Without
 * koffi {@link Transport.readable} can only tell of one that is known not to block.
 */
export class DescriptorTransport implements Transport {
  readonly #fd: number;
  readonly #ready: Readiness;
  readonly #pages: boolean;
  readonly #nonBlocking: boolean;
  readonly #short: ReadWrite;
  /** What was read to see whether there is anything. */
  #ahead: Uint8Array = new Uint8Array(0);
  #ended = false;
  /** Bytes that were read last. */
  #last = 0;
  /** A read did not find anything once: the descriptor does not block. */
  #mayBeEmpty: boolean;
  /** Waiting has just told that there is something. */
  #isThere = false;
  #views: Uint8Array[] = [];
  /** What {@link #views} are of. */
  #viewed: Uint8Array | undefined;

  constructor(fd: number, options: DescriptorOptions = {}) {
    this.#fd = fd;
    this.#ready = readinessOf(fd, options.native);
    this.#short = shortReadWrite(options.native);
    this.#pages = options.pages ?? false;
    this.#nonBlocking = options.nonBlocking ?? false;
    this.#mayBeEmpty = this.#nonBlocking;
  }

  read(into: Uint8Array): number {
    if (this.#ahead.length > 0) {
      const part = this.#ahead.subarray(0, into.length);
      into.set(part);
      this.#ahead = this.#ahead.subarray(part.length);
      return part.length;
    }
    if (this.#ended) return 0;
    // What is most likely empty is waited for first: to read in vain costs an error with all that belongs to it.
    if (this.#mayBeEmpty && this.#ready.isExact && !this.#isThere) this.#ready.wait('read');
    this.#isThere = false;
    for (;;) {
      try {
        this.#last = this.#readSome(into);
        this.#ready.progressed();
        return this.#last;
      } catch (error) {
        if (!isNotReady(error)) throw error;
        this.#mayBeEmpty = true;
        this.#ready.wait('read');
      }
    }
  }

  /** Many pages at once only in the middle of much: all of them are handed to the kernel each time. */
  #readSome(into: Uint8Array): number {
    if (!this.#pages) return readSync(this.#fd, into);
    if (this.#last < PAGE) return this.#short.read(this.#fd, into, Math.min(PAGE, into.length));
    if (
      this.#viewed?.buffer !== into.buffer ||
      this.#viewed.byteOffset !== into.byteOffset ||
      this.#viewed.length !== into.length
    ) {
      this.#viewed = into;
      this.#views = pagesOf(into);
    }
    return readvSync(this.#fd, this.#views);
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      try {
        done += this.#short.write(this.#fd, done === 0 ? bytes : bytes.subarray(done));
        this.#ready.progressed();
      } catch (error) {
        if (!isNotReady(error)) throw error;
        this.#ready.wait('write');
      }
    }
  }

  tryWrite(bytes: Uint8Array): boolean {
    let done: number;
    try {
      done = this.#short.write(this.#fd, bytes);
    } catch (error) {
      if (!isNotReady(error)) throw error;
      this.#ready.wait('write', A_WHILE);
      return false;
    }
    this.write(bytes.subarray(done));
    return true;
  }

  waitReadable(): boolean {
    if (this.#ahead.length > 0 || this.#ended) return true;
    const known = this.#ready.wait('read', A_WHILE);
    if (known !== undefined) {
      this.#isThere = known;
      return known;
    }
    // Without poll(2) only reading tells, and only where it does not wait itself.
    if (!this.#nonBlocking) return true;
    const until = monotonicMilliseconds() + A_WHILE;
    while (!this.readable()) {
      if (monotonicMilliseconds() >= until) return false;
      this.#ready.wait('read');
    }
    return true;
  }

  readable(): boolean {
    if (this.#ahead.length > 0 || this.#ended) return true;
    const known = this.#ready.readable();
    if (known !== undefined || !this.#nonBlocking) return known ?? false;
    const bytes = new Uint8Array(4);
    try {
      this.#ahead = bytes.subarray(0, readvSync(this.#fd, [bytes]));
    } catch (error) {
      if (isNotReady(error)) return false;
      throw error;
    }
    this.#ended = this.#ahead.length === 0;
    return true;
  }
}

function pagesOf(into: Uint8Array): Uint8Array[] {
  const views: Uint8Array[] = [];
  for (let at = 0; at < into.length && views.length < PAGES; at += PAGE) {
    views.push(into.subarray(at, Math.min(at + PAGE, into.length)));
  }
  return views;
}

function isNotReady(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAGAIN' || code === 'EINTR';
}
