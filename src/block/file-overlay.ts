import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GuestfsError } from '../errors/index.ts';
import type { BlockDevice, Extent, ExtentKind } from './device.ts';
import { hostError } from './file-error.ts';
import { guard } from './guard.ts';

/** Bytes in one block of the overlay, blocks in one table, and bytes that a table stands for. */
const BLOCK = 4096;
const TABLE = 1024;
const SPAN = BLOCK * TABLE;
/** Entries of a table: the block is below; it is all zeroes; from 2 on it is in slot `entry - 2`. */
const BELOW = 0;
const ZERO = 1;
const FIRST_SLOT = 2;
/** A table of a span that is all zeroes. */
const ALL_ZERO = new Int32Array(TABLE).fill(ZERO);
/** JavaScript's maps end at 2^24 entries. */
const MAX_TABLES = 2 ** 23;
/** Blocks of memory that are made together: 1 MiB. */
const CHUNK = 256;
const DEFAULT_MEMORY = 64 * 1024 * 1024;

/** How an overlay is made. */
export interface SpillOptions {
  /** Bytes kept in memory; what is beyond goes to a file. Default 64 MiB. */
  memory?: number;
  /** Folder of that file; default the folder of temporary files. */
  folder?: string;
}

/**
 * A writable layer over a device that stays untouched: what a read-only drive is written to. Kept in memory, and from
 * some size on in an unnamed temporary file; dropped at close, which also closes the device below.
 *
 * Writing throws ENOSPC, EDQUOT or EIO as the temporary file's host does, naming its folder.
 */
export function spillingOverlay(
  below: BlockDevice,
  name: string,
  options: SpillOptions = {},
): { device: BlockDevice; overlay: Overlay } {
  const overlay = new SpillingOverlay(below, name, options);
  return { device: guard(overlay, name), overlay };
}

/** What an overlay hides of the device below. */
export interface Overlay {
  /** True once anything was written. */
  readonly isChanged: boolean;
  /** The changed parts in order; `data` or `zero`. */
  changes(): Iterable<Extent>;
}

class SpillingOverlay implements BlockDevice, Overlay {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable = true;
  readonly #below: BlockDevice;
  readonly #name: string;
  readonly #tables = new Map<number, Int32Array>();
  readonly #memory: Uint8Array[] = [];
  readonly #slotsInMemory: number;
  readonly #file: SpillFile;
  readonly #free: number[] = [];
  #slots = 0;

  constructor(below: BlockDevice, name: string, options: SpillOptions) {
    this.size = below.size;
    this.sectorSize = below.sectorSize;
    this.#below = below;
    this.#name = name;
    this.#slotsInMemory = Math.floor((options.memory ?? DEFAULT_MEMORY) / BLOCK / CHUNK) * CHUNK;
    this.#file = new SpillFile(options.folder ?? tmpdir(), name);
  }

  readAt(offset: number, into: Uint8Array): void {
    if (this.#tables.size === 0) {
      this.#below.readAt(offset, into);
      return;
    }
    const end = offset + into.length;
    for (let at = offset; at < end;) {
      const { kind, slot, stop } = this.#run(at, end);
      const part = into.subarray(at - offset, stop - offset);
      if (kind === BELOW) this.#below.readAt(at, part);
      else if (kind === ZERO) part.fill(0);
      else this.#transfer(slot * BLOCK + (at % BLOCK), part, false);
      at = stop;
    }
  }

  writeAt(offset: number, from: Uint8Array): void {
    const end = offset + from.length;
    for (let at = offset; at < end;) {
      if (at % BLOCK !== 0 || end - at < BLOCK) {
        const stop = Math.min(end, at - (at % BLOCK) + BLOCK);
        this.#own(Math.floor(at / BLOCK));
        const { slot } = this.#run(at, stop);
        this.#transfer(slot * BLOCK + (at % BLOCK), from.subarray(at - offset, stop - offset), true);
        at = stop;
        continue;
      }
      const stop = end - (end % BLOCK);
      for (let block = at / BLOCK; block < stop / BLOCK; block++) this.#give(block);
      while (at < stop) {
        const run = this.#run(at, stop);
        this.#transfer(run.slot * BLOCK, from.subarray(at - offset, run.stop - offset), true);
        at = run.stop;
      }
    }
  }

  zero(offset: number, length: number): void {
    const end = offset + length;
    for (let at = offset; at < end;) {
      const index = Math.floor(at / SPAN);
      const spanEnd = Math.min((index + 1) * SPAN, this.size);
      if (at === index * SPAN && end >= spanEnd) {
        for (const entry of this.#tables.get(index) ?? []) if (entry >= FIRST_SLOT) this.#free.push(entry);
        this.#setTable(index, ALL_ZERO);
        at = spanEnd;
        continue;
      }
      const stop = Math.min(end, at - (at % BLOCK) + BLOCK);
      if (at % BLOCK === 0 && (stop - at === BLOCK || stop === this.size)) this.#setZero(at / BLOCK);
      else if (this.#entry(Math.floor(at / BLOCK)) !== ZERO) this.writeAt(at, new Uint8Array(stop - at));
      at = stop;
    }
  }

  discard(offset: number, length: number): void {
    this.zero(offset, length);
  }

  *extents(offset: number, length: number): Iterable<Extent> {
    const end = offset + length;
    for (let at = offset; at < end;) {
      const { kind, stop } = this.#run(at, end);
      if (kind === BELOW) yield* this.#below.extents(at, stop - at);
      else {
        const extent: ExtentKind = kind === ZERO ? 'zero' : 'data';
        yield { offset: at, length: stop - at, kind: extent };
      }
      at = stop;
    }
  }

  get isChanged(): boolean {
    return this.#tables.size > 0;
  }

  *changes(): Iterable<Extent> {
    for (const index of [...this.#tables.keys()].toSorted((a, b) => a - b)) {
      const end = Math.min((index + 1) * SPAN, this.size);
      for (let at = index * SPAN; at < end;) {
        const { kind, stop } = this.#run(at, end);
        if (kind !== BELOW) yield { offset: at, length: stop - at, kind: kind === ZERO ? 'zero' : 'data' };
        at = stop;
      }
    }
  }

  flush(): void {}

  close(): void {
    this.#tables.clear();
    this.#memory.length = 0;
    this.#file.close();
    this.#below.close();
  }

  #entry(block: number): number {
    return this.#tables.get(Math.floor(block / TABLE))?.[block % TABLE] ?? BELOW;
  }

  /** The run that begins at `at`: blocks below, zeroes, or slots that follow each other in one place. */
  #run(at: number, end: number): { kind: number; slot: number; stop: number } {
    let block = Math.floor(at / BLOCK);
    const first = this.#entry(block);
    const kind = Math.min(first, FIRST_SLOT);
    let expected = first;
    let reached = block * BLOCK;
    while (reached < end) {
      const table = this.#tables.get(Math.floor(block / TABLE));
      if (table === undefined) {
        if (kind !== BELOW) break;
        block = (Math.floor(block / TABLE) + 1) * TABLE;
        reached = block * BLOCK;
        continue;
      }
      const entry = table[block % TABLE] as number;
      if (kind === FIRST_SLOT ? entry !== expected : entry !== kind) break;
      // Memory ends where the file begins.
      if (kind === FIRST_SLOT && entry !== first && entry - FIRST_SLOT === this.#slotsInMemory) break;
      expected++;
      block++;
      reached += BLOCK;
    }
    return { kind, slot: first - FIRST_SLOT, stop: Math.min(end, reached) };
  }

  #setTable(index: number, table: Int32Array): void {
    if (this.#tables.size >= MAX_TABLES && !this.#tables.has(index)) {
      throw new GuestfsError(
        'ENOSPC',
        `${this.#name}: the temporary overlay of this read-only drive has ${MAX_TABLES} changed regions and takes ` +
          'no more. Open the drive for writing to change so much',
      );
    }
    this.#tables.set(index, table);
  }

  #tableFor(block: number): Int32Array {
    const index = Math.floor(block / TABLE);
    let table = this.#tables.get(index);
    if (table === undefined || table === ALL_ZERO) {
      table = table === undefined ? new Int32Array(TABLE) : ALL_ZERO.slice();
      this.#setTable(index, table);
    }
    return table;
  }

  #setZero(block: number): void {
    const table = this.#tableFor(block);
    const old = table[block % TABLE] as number;
    if (old >= FIRST_SLOT) this.#free.push(old);
    table[block % TABLE] = ZERO;
  }

  /** Give a block a slot whose content does not matter. */
  #give(block: number): void {
    const table = this.#tableFor(block);
    if ((table[block % TABLE] as number) >= FIRST_SLOT) return;
    table[block % TABLE] = this.#free.pop() ?? this.#slots++ + FIRST_SLOT;
  }

  /** Give a block a slot with its present content. */
  #own(block: number): void {
    if (this.#entry(block) >= FIRST_SLOT) return;
    const content = new Uint8Array(BLOCK);
    const start = block * BLOCK;
    this.readAt(start, content.subarray(0, Math.min(BLOCK, this.size - start)));
    this.#give(block);
    this.#transfer((this.#entry(block) - FIRST_SLOT) * BLOCK, content, true);
  }

  /** Copy between the overlay's bytes from `position` and `bytes`; they do not leave the memory or the file. */
  #transfer(position: number, bytes: Uint8Array, write: boolean): void {
    const border = this.#slotsInMemory * BLOCK;
    if (position >= border) {
      this.#file.transfer(position - border, bytes, write);
      return;
    }
    const chunkSize = CHUNK * BLOCK;
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor((position + done) / chunkSize);
      const from = (position + done) % chunkSize;
      const chunk = (this.#memory[index] ??= new Uint8Array(chunkSize));
      const part = Math.min(chunkSize - from, bytes.length - done);
      if (write) chunk.set(bytes.subarray(done, done + part), from);
      else bytes.set(chunk.subarray(from, from + part), done);
      done += part;
    }
  }
}

/** A temporary file without a name, made when it is first written to. */
class SpillFile {
  readonly #folder: string;
  readonly #name: string;
  #fd: number | undefined;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  transfer(position: number, bytes: Uint8Array, write: boolean): void {
    try {
      const fd = (this.#fd ??= this.#create());
      for (let done = 0; done < bytes.length;) {
        const left = bytes.length - done;
        const count = write
          ? writeSync(fd, bytes, done, left, position + done)
          : readSync(fd, bytes, done, left, position + done);
        // A slot that was given and never filled, because that failed.
        if (count === 0) {
          bytes.fill(0, done);
          return;
        }
        done += count;
      }
    } catch (error) {
      throw hostError(
        error,
        `${this.#name}: cannot ${write ? 'write' : 'read'} the temporary overlay of this read-only drive in ${this.#folder}`,
        this.#folder,
      );
    }
  }

  #create(): number {
    const path = join(this.#folder, `guestfs-overlay-${process.pid}-${crypto.randomUUID()}`);
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return fd;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
