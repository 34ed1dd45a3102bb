import { closeSync, ftruncateSync, fstatSync, openSync, statSync, truncateSync, unlinkSync } from 'node:fs';
import type { ByteSink } from '../../daemon/context.ts';
import { hostError } from './host-error.ts';
import { writeAll } from './write-all.ts';

/** A sink that hears how the call went. */
export interface ClosableSink extends ByteSink {
  writeZeroes(length: number): void;
  /** The call ended well: everything is written when this returns. */
  end(): void;
  /** The call failed. Throws nothing. */
  abort(): void;
}

/** Bytes of one write to the host: 256 KiB was the fastest where it was measured. */
const WRITE_SIZE = 256 * 1024;

/** Bytes of a piece that is left out of a file if it is all zeroes. */
const HOLE_SIZE = 64 * 1024;

const zeroes = Buffer.alloc(WRITE_SIZE);

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  // Most pieces differ at once, which costs less to see here than a call does.
  return bytes[from] === 0 && bytes[to - 1] === 0 && zeroes.compare(bytes, from, to, 0, to - from) === 0;
}

/** Gathers small writes into large ones and hands large ones through. */
abstract class GatheringSink implements ClosableSink {
  #gathered: Uint8Array | undefined;
  #length = 0;

  /** Write the first `length` of `bytes` where the last write ended. */
  protected abstract put(bytes: Uint8Array, length: number): void;

  write(chunk: Uint8Array): void {
    if (this.#length === 0 && chunk.length >= WRITE_SIZE) {
      this.put(chunk, chunk.length);
      return;
    }
    const gathered = (this.#gathered ??= new Uint8Array(WRITE_SIZE));
    let taken = 0;
    while (taken < chunk.length) {
      const part = Math.min(chunk.length - taken, WRITE_SIZE - this.#length);
      gathered.set(chunk.subarray(taken, taken + part), this.#length);
      this.#length += part;
      taken += part;
      if (this.#length === WRITE_SIZE) this.flush();
    }
  }

  writeZeroes(length: number): void {
    for (let left = length; left > 0; left -= WRITE_SIZE) {
      this.write(left >= WRITE_SIZE ? zeroes : zeroes.subarray(0, left));
    }
  }

  protected flush(): void {
    const length = this.#length;
    if (length === 0) return;
    this.#length = 0;
    this.put(this.#gathered as Uint8Array, length);
  }

  end(): void {
    this.flush();
  }

  abort(): void {
    this.#length = 0;
  }
}

/** An open descriptor; it stays open. */
export class DescriptorSink extends GatheringSink {
  readonly #fd: number;
  readonly #poll: () => void;

  constructor(fd: number, poll: () => void) {
    super();
    this.#fd = fd;
    this.#poll = poll;
  }

  protected override put(bytes: Uint8Array, length: number): void {
    try {
      writeAll(this.#fd, bytes, length, null, this.#poll);
    } catch (error) {
      throw hostError(error, 'cannot write', `/dev/fd/${this.#fd}`);
    }
  }
}

/**
 * A file of the host by its path. It is opened, and cut to nothing, when the first byte comes: a call that fails
 * before leaves it as it was. After a later failure the file is removed if this call made it, and else stays with
 * what was written. Zeroes become holes where the file is a regular one.
 */
export class PathSink extends GatheringSink {
  readonly #path: string;
  readonly #poll: () => void;
  #fd: number | undefined;
  #created = false;
  #regular = false;
  #position = 0;

  constructor(path: string, poll: () => void) {
    super();
    this.#path = path;
    this.#poll = poll;
  }

  protected override put(bytes: Uint8Array, length: number): void {
    const fd = this.#open();
    try {
      if (this.#regular) this.#putSparse(fd, bytes.subarray(0, length));
      else writeAll(fd, bytes, length, null, this.#poll);
    } catch (error) {
      throw hostError(error, 'cannot write', this.#path);
    }
    this.#position += length;
  }

  /** Write the runs between pieces that are all zeroes. */
  #putSparse(fd: number, bytes: Uint8Array): void {
    let from = 0;
    for (let at = 0; at < bytes.length; at += HOLE_SIZE) {
      const end = Math.min(at + HOLE_SIZE, bytes.length);
      if (end - at < HOLE_SIZE || !isZero(bytes, at, end)) continue;
      if (at > from) writeAll(fd, bytes.subarray(from, at), at - from, this.#position + from, this.#poll);
      from = end;
    }
    const rest = bytes.subarray(from);
    if (rest.length > 0) writeAll(fd, rest, rest.length, this.#position + from, this.#poll);
  }

  override writeZeroes(length: number): void {
    this.flush();
    this.#open();
    if (this.#regular) this.#position += length;
    else super.writeZeroes(length);
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    try {
      const before = statSync(this.#path, { throwIfNoEntry: false });
      this.#created = before === undefined;
      // Cutting an old file before it is opened again keeps ext4 from waiting for the disk at close (auto_da_alloc).
      if (before?.isFile() && before.size > 0) truncateSync(this.#path, 0);
      this.#fd = openSync(this.#path, 'w', 0o666);
      this.#regular = fstatSync(this.#fd).isFile();
      return this.#fd;
    } catch (error) {
      throw hostError(error, 'cannot open for writing', this.#path);
    }
  }

  override end(): void {
    super.end();
    const fd = this.#open();
    try {
      if (this.#regular && fstatSync(fd).size < this.#position) ftruncateSync(fd, this.#position);
      this.#fd = undefined;
      closeSync(fd);
    } catch (error) {
      throw hostError(error, 'cannot write', this.#path);
    }
  }

  override abort(): void {
    super.abort();
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    if (!this.#created || !this.#regular) return;
    try {
      unlinkSync(this.#path);
    } catch {
      // Somebody else removed it: that is what was wanted.
    }
  }
}
