import type { Transport } from '../../src/rpc/transport.ts';

/** What a scripted peer says next: bytes, or what it says after it has seen what came so far. */
export type Saying = Uint8Array | ((received: Uint8Array) => Uint8Array);

/** The peer of a daemon as a script, in memory: what it says, in pieces of `piece` bytes; then it is gone. */
export class MemoryTransport implements Transport {
  readonly #script: Saying[];
  readonly #piece: number;
  #rest: Uint8Array = new Uint8Array(0);
  readonly #written: Uint8Array[] = [];
  /** Writes fail after this many bytes. */
  writable = Number.MAX_SAFE_INTEGER;

  constructor(script: readonly Saying[], piece = 1 << 20) {
    this.#script = [...script];
    this.#piece = piece;
  }

  /** Everything that the daemon has written. */
  get received(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#written));
  }

  read(into: Uint8Array): number {
    while (this.#rest.length === 0) {
      const next = this.#script.shift();
      if (next === undefined) return 0;
      this.#rest = typeof next === 'function' ? next(this.received) : next;
    }
    const length = Math.min(this.#piece, into.length, this.#rest.length);
    into.set(this.#rest.subarray(0, length));
    this.#rest = this.#rest.subarray(length);
    return length;
  }

  write(bytes: Uint8Array): void {
    this.writable -= bytes.length;
    if (this.writable < 0) throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    this.#written.push(Uint8Array.from(bytes));
  }

  tryWrite(bytes: Uint8Array): boolean {
    this.write(bytes);
    return true;
  }

  waitReadable(): boolean {
    return true;
  }

  readable(): boolean {
    return this.#rest.length > 0 || this.#script.length > 0;
  }
}
