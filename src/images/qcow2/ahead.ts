import type { BlockDevice } from '../../block/device.ts';
import { startAhead, type Ahead } from '../../compression/ahead.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { QcowImageHeader } from './header.ts';
import { RUN, type ClusterMap } from './map.ts';

/** Guest bytes of one job, where clusters are not larger. */
const JOB = 256 * 1024;
/** Bytes that the slots of a ring hold together, decompressed. */
const RING = 4 * 1024 * 1024;
/** Bytes decompressed in sequence before helpers are started: about 40 ms of work, which is what a start costs. */
const THRESHOLD = 16 * 1024 * 1024;
/** Reads below this are metadata in between: they neither begin nor break a sequence. */
const SMALL = 32 * 1024;
/** How far a read may be from the end of the last one and still go on with it. */
const SLOPPY = 1024 * 1024;
/** Runs without compressed clusters that one look ahead passes. */
const MAX_RUNS = 64;

/**
 * Decompresses in other threads what a sequential reader will want next. It watches reads through {@link note}, and
 * from some point on keeps a ring of jobs filled ahead of the reader; {@link take} gives their results.
 */
export class ReadAhead {
  readonly #file: BlockDevice;
  readonly #map: ClusterMap;
  readonly #size: number;
  readonly #clusterSize: number;
  readonly #jobSize: number;
  readonly #pieces: number;
  readonly #slots: number;
  readonly #zstd: boolean;
  #ahead: Ahead | undefined;
  #given = false;
  /** End of the last large read, and the bytes decompressed in sequence up to it. */
  #lastEnd = -1;
  #sequential = 0;
  /** Tickets of the jobs in the ring, by the number of the job in the guest's bytes. */
  readonly #tickets = new Map<number, number>();
  /** Oldest ticket in the ring, and the one to give next. */
  #oldest = 0;
  #ticket = 0;
  /** Guest offset from which jobs are made next. */
  #scheduled = -1;

  constructor(file: BlockDevice, header: QcowImageHeader, map: ClusterMap, size: number) {
    this.#file = file;
    this.#map = map;
    this.#size = size;
    this.#clusterSize = header.clusterSize;
    this.#jobSize = Math.max(JOB, header.clusterSize);
    this.#pieces = this.#jobSize / header.clusterSize;
    this.#slots = Math.max(4, RING / this.#jobSize);
    this.#zstd = header.compression === 'zstd';
  }

  /** Told of every read, before it is done. */
  note(offset: number, length: number): void {
    if (length < SMALL) return;
    if (Math.abs(offset - this.#lastEnd) > SLOPPY && !this.#onlySkips(offset)) {
      this.#sequential = 0;
      this.forget();
    }
    this.#lastEnd = offset + length;
  }

  /** Whether nothing compressed lies between the last read and this one: a copy that leaves out holes is a sequence. */
  #onlySkips(offset: number): boolean {
    if (this.#sequential === 0 || offset < this.#lastEnd) return false;
    try {
      for (let at = this.#lastEnd, runs = 0; at < offset; at += this.#map.length) {
        if (runs++ === MAX_RUNS) return false;
        this.#map.locate(at, offset);
        if (this.#map.kind === RUN.COMPRESSED) return false;
      }
      return true;
    } catch {
      // Said where the table is read for its own sake.
      return false;
    }
  }

  /** Told of every cluster that the reader decompressed itself. */
  count(): void {
    this.#sequential += this.#clusterSize;
  }

  /** The decompressed cluster that begins at a guest offset, or undefined where the reader must do it. */
  take(cluster: number): Uint8Array | undefined {
    if (this.#sequential < THRESHOLD) return undefined;
    const ahead = this.#start();
    if (ahead === undefined) return undefined;
    const job = Math.floor(cluster / this.#jobSize);
    if (this.#scheduled < 0) this.#scheduled = (job + 1) * this.#jobSize;
    this.#release(job);
    this.#schedule(ahead);
    const ticket = this.#tickets.get(job);
    if (ticket === undefined) return undefined;
    if (!ahead.ring.wait(ticket)) {
      this.#tickets.delete(job);
      return undefined;
    }
    return ahead.ring.result(ticket, (cluster % this.#jobSize) / this.#clusterSize);
  }

  close(): void {
    this.#ahead?.close();
    this.#ahead = undefined;
    this.#given = true;
  }

  #start(): Ahead | undefined {
    if (!this.#given) {
      this.#given = true;
      this.#ahead = startAhead({
        zstd: this.#zstd,
        pieces: this.#pieces,
        pieceSize: this.#clusterSize,
        slots: this.#slots,
        // Streams begin at any byte and their length is known in sectors only.
        inputSize: this.#jobSize + this.#pieces * 512 + 4096,
      });
    }
    return this.#ahead;
  }

  /** Jobs before the one that is read are over. */
  #release(job: number): void {
    for (const [number, ticket] of this.#tickets) {
      if (number >= job) break;
      // One that was jumped over may still be worked on.
      this.#ahead?.ring.wait(ticket);
      this.#tickets.delete(number);
    }
    const first = this.#tickets.values().next();
    this.#oldest = first.done === true ? this.#ticket : first.value;
  }

  /** Drop what was decompressed and not yet taken. */
  forget(): void {
    if (this.#scheduled < 0) return;
    const answered = this.#ahead?.ring.drop(this.#oldest, this.#ticket) ?? true;
    this.#tickets.clear();
    this.#oldest = this.#ticket;
    this.#scheduled = -1;
    if (!answered) this.close();
  }

  #schedule(ahead: Ahead): void {
    if (this.#ticket - this.#oldest >= this.#slots) return;
    ahead.wake();
    try {
      for (let runs = 0; runs < MAX_RUNS && this.#ticket - this.#oldest < this.#slots; runs++) {
        if (this.#scheduled >= this.#size) return;
        this.#map.locate(this.#scheduled, this.#size);
        const { kind, length } = this.#map;
        const start = this.#scheduled - (this.#scheduled % this.#jobSize);
        if (kind !== RUN.COMPRESSED && length >= this.#jobSize) {
          const end = this.#scheduled + length;
          this.#scheduled = end - (end % this.#jobSize);
          if (this.#scheduled <= start) this.#scheduled = start + this.#jobSize;
          continue;
        }
        this.#submit(ahead, start);
        this.#scheduled = start + this.#jobSize;
      }
    } catch (error) {
      // A broken table ahead concerns the reader when it comes there; then it says so.
      if (!(error instanceof GuestfsError)) throw error;
      this.#scheduled = this.#size;
    }
  }

  /** Make a job of the compressed clusters among the guest's bytes from `start`. */
  #submit(ahead: Ahead, start: number): void {
    const { ring } = ahead;
    const ticket = this.#ticket;
    const input = ring.input(ticket);
    const end = Math.min(this.#size, start + this.#jobSize);
    for (let piece = 0; piece < this.#pieces; piece++) ring.describe(ticket, piece, 0, 0);
    // Streams that lie close together in the file are read at once.
    let filled = 0;
    let regionHost = 0;
    let regionStart = 0;
    let regionLength = 0;
    let found = 0;
    const fetch = (): void => {
      if (regionLength > 0) {
        this.#file.readAt(regionHost, input.subarray(regionStart, regionStart + regionLength));
      }
    };
    for (let at = start; at < end;) {
      this.#map.locate(at, end);
      const { kind, length, host, compressedLength } = this.#map;
      if (kind === RUN.COMPRESSED) {
        const gap = host - (regionHost + regionLength);
        const joins = regionLength > 0 && host >= regionHost && gap <= 4096;
        const begin = joins ? regionStart + (host - regionHost) : filled;
        if (begin + compressedLength <= input.length) {
          if (joins) regionLength = Math.max(regionLength, host - regionHost + compressedLength);
          else {
            fetch();
            regionHost = host;
            regionStart = filled;
            regionLength = compressedLength;
          }
          filled = regionStart + regionLength;
          ring.describe(ticket, (at - start) / this.#clusterSize, begin, compressedLength);
          found++;
        }
      }
      at += length;
    }
    if (found === 0) return;
    fetch();
    this.#tickets.set(Math.floor(start / this.#jobSize), ticket);
    this.#ticket++;
    ring.submit(ticket);
  }
}
