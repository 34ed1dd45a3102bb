import { readvSync, writeSync } from 'node:fs';
import { readinessOf, type Readiness } from './readiness.ts';

/** Bytes to and from a peer, synchronously. */
export interface Transport {
  /** Wait for bytes; returns how many there were, 0 once the peer is gone. Throws what the system call throws. */
  read(into: Uint8Array): number;
  /** Write all. Throws what the system call throws. */
  write(bytes: Uint8Array): void;
  /** True if {@link read} would not wait. False too where that cannot be told. */
  readable(): boolean;
}

/** A virtio-serial port of Linux gives at most a page at a time. */
const PAGE = 4096;
/** Reads that one system call may make of such a port. */
const PAGES = 32;

/**
 * An open descriptor: a socket, or the port of a virtio-serial channel. It is used as it is, blocking or not; only
 * one that does not block, or a system with koffi, lets {@link Transport.readable} tell anything.
 */
export class DescriptorTransport implements Transport {
  readonly #fd: number;
  readonly #ready: Readiness;
  /** A port that does not block: it is read page by page, as many as there are. */
  readonly #pages: boolean;

  constructor(fd: number, options: { pages?: boolean } = {}) {
    this.#fd = fd;
    this.#ready = readinessOf(fd);
    this.#pages = options.pages ?? false;
  }

  read(into: Uint8Array): number {
    const views = this.#pages ? pagesOf(into) : [into];
    for (;;) {
      try {
        const got = readvSync(this.#fd, views);
        this.#ready.progressed();
        return got;
      } catch (error) {
        if (!isNotReady(error)) throw error;
        this.#ready.wait('read');
      }
    }
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      try {
        done += writeSync(this.#fd, bytes, done, bytes.length - done);
        this.#ready.progressed();
      } catch (error) {
        if (!isNotReady(error)) throw error;
        this.#ready.wait('write');
      }
    }
  }

  readable(): boolean {
    return this.#ready.readable();
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
