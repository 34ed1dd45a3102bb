import type { GrowingFile } from '../../block/file-growing.ts';
import { blankRuns } from '../../block/file-blank.ts';
import { startAhead, startAlone, type Ahead } from '../../compression/ahead.ts';
import type { QcowWriter } from '../qcow2/index.ts';

/** What takes the content of a disk, in order and each byte once. */
export interface Sink {
  /** Bytes that it stores together; what it gets begins and, but at the end of the disk, ends at multiples of it. */
  readonly unit: number;
  /** Content that may be zeroes in part. */
  data(offset: number, bytes: Uint8Array): void;
  /** Zeroes that must be said to be there, as something else would show through. */
  zero(offset: number, length: number): void;
  /** Make all durable. */
  finish(): void;
  /** Close, without making anything durable. */
  close(): void;
}

/** Bytes that a hole of a raw image has at least. */
const HOLE = 4096;

/** A raw image that is blank already: it gets no zeroes. */
export class RawSink implements Sink {
  readonly unit = HOLE;
  readonly #file: GrowingFile;

  constructor(file: GrowingFile) {
    this.#file = file;
  }

  data(offset: number, bytes: Uint8Array): void {
    for (const { at, end, blank } of blankRuns(bytes, HOLE)) {
      if (!blank) this.#file.writeAt(offset + at, bytes.subarray(at, end));
    }
  }

  zero(): void {}

  finish(): void {
    this.#file.flush();
  }

  close(): void {
    this.#file.close();
  }
}

/** A new qcow2 image. With `shows` something is below it, so that zeroes are stored too. */
export class Qcow2Sink implements Sink {
  readonly unit: number;
  protected readonly writer: QcowWriter;
  readonly #shows: boolean;

  constructor(writer: QcowWriter, shows: boolean) {
    this.writer = writer;
    this.unit = writer.header.clusterSize;
    this.#shows = shows;
  }

  data(offset: number, bytes: Uint8Array): void {
    for (const { at, end, blank } of blankRuns(bytes, this.unit)) {
      if (!blank) this.store(offset + at, bytes.subarray(at, end));
      else if (this.#shows) this.zero(offset + at, end - at);
    }
  }

  /** Clusters of which none is blank. */
  protected store(offset: number, bytes: Uint8Array): void {
    this.writer.writeAt(offset, bytes);
  }

  zero(offset: number, length: number): void {
    this.writer.zero(offset, length);
  }

  finish(): void {
    this.writer.commit();
  }

  close(): void {
    this.writer.abandon();
  }
}

/** Bytes of one job for a compressing thread, where clusters are not larger, and of all jobs together. */
const JOB = 256 * 1024;
const RING = 4 * 1024 * 1024;

/** A new qcow2 image whose clusters are compressed, by several threads; the result is the same for any number of them. */
export class PackingSink extends Qcow2Sink {
  readonly #ahead: Ahead;
  readonly #pieces: number;
  readonly #slots: number;
  /** Guest offsets of the pieces of each slot. */
  readonly #offsets: Float64Array;
  /** Oldest job whose result was not taken, and the one that is being filled. */
  #oldest = 0;
  #ticket = 0;
  #filled = 0;

  constructor(writer: QcowWriter, shows: boolean, threads: number) {
    super(writer, shows);
    const { unit } = this;
    const job = Math.max(JOB, unit);
    this.#pieces = job / unit;
    this.#slots = Math.max(4, RING / job);
    this.#offsets = new Float64Array(this.#slots * this.#pieces);
    const plan = {
      zstd: writer.header.compression === 'zstd',
      pack: true,
      pieces: this.#pieces,
      pieceSize: unit,
      slots: this.#slots,
      inputSize: job,
    };
    this.#ahead = startAhead(plan, threads - 1) ?? startAlone(plan);
  }

  protected override store(offset: number, bytes: Uint8Array): void {
    const { unit } = this;
    const { ring } = this.#ahead;
    for (let at = 0; at < bytes.length; at += unit) {
      const ticket = this.#ticket;
      const piece = bytes.subarray(at, at + unit);
      const start = this.#filled * unit;
      const input = ring.input(ticket);
      input.set(piece, start);
      // The last cluster of a disk may be cut short by its end.
      if (piece.length < unit) input.fill(0, start + piece.length, start + unit);
      ring.describe(ticket, this.#filled, start, unit);
      this.#offsets[(ticket % this.#slots) * this.#pieces + this.#filled] = offset + at;
      if (++this.#filled === this.#pieces) this.#submit();
    }
  }

  #submit(): void {
    const { ring } = this.#ahead;
    for (let piece = this.#filled; piece < this.#pieces; piece++) ring.describe(this.#ticket, piece, 0, 0);
    ring.submit(this.#ticket++);
    this.#ahead.wake();
    this.#filled = 0;
    if (this.#ticket - this.#oldest === this.#slots) this.#take();
  }

  /** Store what the oldest job made of its clusters. */
  #take(): void {
    const { unit, writer } = this;
    const { ring } = this.#ahead;
    const ticket = this.#oldest++;
    const first = (ticket % this.#slots) * this.#pieces;
    // Of a thread that does not answer the clusters are stored as they are.
    const done = ring.wait(ticket);
    const pieces = ticket === this.#ticket - 1 && this.#last > 0 ? this.#last : this.#pieces;
    for (let piece = 0; piece < pieces; piece++) {
      const offset = this.#offsets[first + piece] as number;
      const packed = done ? ring.packed(ticket, piece) : undefined;
      if (packed !== undefined) writer.writeCompressed(offset, packed);
      else {
        const length = Math.min(unit, writer.size - offset);
        writer.writeAt(offset, ring.input(ticket).subarray(piece * unit, piece * unit + length));
      }
    }
  }

  /** Pieces of the last job, if it is not a full one. */
  #last = 0;

  override finish(): void {
    if (this.#filled > 0) {
      this.#last = this.#filled;
      this.#submit();
    }
    while (this.#oldest < this.#ticket) this.#take();
    super.finish();
  }

  override close(): void {
    this.#ahead.close();
    super.close();
  }
}
