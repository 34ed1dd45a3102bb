import { inflateRawInto } from './deflate.ts';
import { packer } from './pack.ts';
import { zstdInto } from './zstd.ts';

/*
 * A ring of jobs in shared memory, all to decompress or all to compress. The thread that reads or writes an image fills
 * slots and takes results in order; helper threads, and that thread itself while it waits, take jobs by an atomic cursor.
 * Nothing but this memory is shared.
 */

/** What all threads know of a ring. */
export interface RingPlan {
  memory: SharedArrayBuffer;
  zstd: boolean;
  /** The jobs are to compress; each piece becomes one stream. */
  pack?: boolean;
  slots: number;
  /** Pieces in one job, each with its own output: of one compressed stream, or for one. */
  pieces: number;
  /** Bytes of output of one piece. */
  pieceSize: number;
  /** Bytes of input that a slot has room for. */
  inputSize: number;
}

/** Words at the start of the memory. */
const SUBMITTED = 0;
const NEXT = 1;
const STOP = 2;
const ALIVE = 3;
const CONTROL_WORDS = 16;
/** Words of a slot: its state, then two per piece: where its input begins and how long it is; then the results. */
const STATE = 0;
const SLOT_HEAD = 2;

const OPEN = 0;
const TAKEN = 1;
const DONE = 2;
const DROPPED = 3;

/** Milliseconds after which a helper without work ends. */
const IDLE = 3000;

const slotWords = (plan: Pick<RingPlan, 'pieces'>): number => SLOT_HEAD + 3 * plan.pieces;

/** Bytes of shared memory for a ring. */
export function ringBytes(plan: Omit<RingPlan, 'memory'>): number {
  const words = CONTROL_WORDS + plan.slots * slotWords(plan);
  return words * 4 + plan.slots * (plan.inputSize + plan.pieces * plan.pieceSize);
}

/** A thread's view of the ring. */
export class Ring {
  readonly plan: RingPlan;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #slotWords: number;
  readonly #firstByte: number;

  constructor(plan: RingPlan) {
    this.plan = plan;
    this.#slotWords = slotWords(plan);
    const words = CONTROL_WORDS + plan.slots * this.#slotWords;
    this.#words = new Int32Array(plan.memory, 0, words);
    this.#bytes = new Uint8Array(plan.memory);
    this.#firstByte = words * 4;
  }

  #word(ticket: number, word: number): number {
    return CONTROL_WORDS + (ticket % this.plan.slots) * this.#slotWords + word;
  }

  /** Memory for the input of a ticket. */
  input(ticket: number): Uint8Array {
    const { slots, inputSize } = this.plan;
    const start = this.#firstByte + (ticket % slots) * inputSize;
    return this.#bytes.subarray(start, start + inputSize);
  }

  #output(ticket: number, piece: number): Uint8Array {
    const { slots, inputSize, pieces, pieceSize } = this.plan;
    const start = this.#firstByte + slots * inputSize + ((ticket % slots) * pieces + piece) * pieceSize;
    return this.#bytes.subarray(start, start + pieceSize);
  }

  /** Say where in the input a piece is; length 0 for one that is not there. */
  describe(ticket: number, piece: number, start: number, length: number): void {
    const at = this.#word(ticket, SLOT_HEAD + 3 * piece);
    this.#words[at] = start;
    this.#words[at + 1] = length;
    this.#words[at + 2] = 0;
  }

  /** The decompressed piece of a finished job, or undefined where it had none or its stream is damaged. */
  result(ticket: number, piece: number): Uint8Array | undefined {
    const filled = this.#words[this.#word(ticket, SLOT_HEAD + 3 * piece) + 2];
    return filled === this.plan.pieceSize ? this.#output(ticket, piece) : undefined;
  }

  /** The compressed piece of a finished job, or undefined where it is not smaller than the piece itself. */
  packed(ticket: number, piece: number): Uint8Array | undefined {
    const filled = this.#words[this.#word(ticket, SLOT_HEAD + 3 * piece) + 2] as number;
    return filled > 0 ? this.#output(ticket, piece).subarray(0, filled) : undefined;
  }

  /** Hand a filled slot out; tickets are given in order, from 0. */
  submit(ticket: number): void {
    Atomics.store(this.#words, this.#word(ticket, STATE), OPEN);
    Atomics.store(this.#words, SUBMITTED, ticket + 1);
    Atomics.notify(this.#words, SUBMITTED);
  }

  /** Do the next job that nobody has taken; false if there is none. */
  help(): boolean {
    for (;;) {
      const next = Atomics.load(this.#words, NEXT);
      if (next >= Atomics.load(this.#words, SUBMITTED)) return false;
      if (Atomics.compareExchange(this.#words, NEXT, next, next + 1) !== next) continue;
      const state = this.#word(next, STATE);
      if (Atomics.compareExchange(this.#words, state, OPEN, TAKEN) !== OPEN) continue;
      this.#work(next);
      Atomics.store(this.#words, state, DONE);
      Atomics.notify(this.#words, state);
      return true;
    }
  }

  #work(ticket: number): void {
    const { pieces, pieceSize, zstd, pack } = this.plan;
    const input = this.input(ticket);
    const into = pack === true ? packer(zstd) : zstd ? zstdInto : inflateRawInto;
    // What takes as much room as the piece itself is of no use.
    const room = pack === true ? pieceSize - 1 : pieceSize;
    for (let piece = 0; piece < pieces; piece++) {
      const at = this.#word(ticket, SLOT_HEAD + 3 * piece);
      const start = this.#words[at] as number;
      const length = this.#words[at + 1] as number;
      if (length === 0) continue;
      let filled = -1;
      try {
        filled = into(input.subarray(start, start + length), this.#output(ticket, piece).subarray(0, room));
      } catch {
        // The reader decompresses the piece again and says what is wrong with it; one to be packed stays as it is.
      }
      this.#words[at + 2] = filled;
    }
  }

  /**
   * Wait until a submitted job is finished, helping meanwhile. False if it was given up: a helper that took it
   * does not answer.
   */
  wait(ticket: number): boolean {
    const state = this.#word(ticket, STATE);
    for (let tries = 0; tries < 4;) {
      const now = Atomics.load(this.#words, state);
      if (now === DONE) return true;
      if (now === DROPPED) return false;
      // Older jobs than this one are helped with first: the cursor hands them out in order.
      if (this.help()) continue;
      if (Atomics.wait(this.#words, state, TAKEN, 2500) === 'timed-out') tries++;
    }
    return false;
  }

  /** Take back all jobs that nobody has taken yet, and wait for the others. */
  drop(from: number, to: number): boolean {
    for (let ticket = from; ticket < to; ticket++) {
      Atomics.compareExchange(this.#words, this.#word(ticket, STATE), OPEN, DROPPED);
    }
    Atomics.store(this.#words, NEXT, to);
    let answered = true;
    for (let ticket = from; ticket < to; ticket++) {
      const state = this.#word(ticket, STATE);
      if (Atomics.load(this.#words, state) !== TAKEN) continue;
      if (Atomics.wait(this.#words, state, TAKEN, 10_000) === 'timed-out') answered = false;
    }
    return answered;
  }

  /** Helpers that run or are about to. */
  get alive(): number {
    return Atomics.load(this.#words, ALIVE);
  }

  /** Count a helper that is being started. */
  enter(): void {
    Atomics.add(this.#words, ALIVE, 1);
  }

  /** Make the helpers end. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    Atomics.notify(this.#words, SUBMITTED);
  }

  /** What a helper does until it is stopped or has had nothing to do for a while. */
  serve(): void {
    while (Atomics.load(this.#words, STOP) === 0) {
      if (this.help()) continue;
      const submitted = Atomics.load(this.#words, SUBMITTED);
      if (Atomics.load(this.#words, NEXT) < submitted) continue;
      if (Atomics.wait(this.#words, SUBMITTED, submitted, IDLE) === 'timed-out') break;
    }
    Atomics.sub(this.#words, ALIVE, 1);
  }
}
