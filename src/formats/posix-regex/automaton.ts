import type { Instruction, Program } from './program.ts';
import { isWordByte, type Assertion } from './syntax.ts';

/** What stands beside a position: the edge of the line, a byte of a word, another byte. */
const EDGE = 0;
const WORD = 1;
const OTHER = 2;

const NEWLINE = 0x0a;

/** Values of a transition that are no state. */
const UNKNOWN = -1;
const MATCHED = -2;

/** States kept before the automaton starts anew; each has a row of one number for each class of bytes. */
const MAX_STATES = 2_000;
const MAX_CELLS = 1 << 20;

interface State {
  /** Instructions that wait here, before assertions are known to hold. */
  waiting: Int32Array;
  previous: number;
}

/**
 * Searches lines for a program without back references. It simulates the program as a deterministic automaton
 * whose states are made as they are met, so that time is proportional to the bytes searched whatever the
 * expression; memory is bounded, states are forgotten when there are too many.
 */
export class Automaton {
  readonly #code: readonly Instruction[];
  readonly #start: number;
  readonly #classOf: Uint8Array;
  readonly #sample: number[];
  readonly #edges: boolean;
  readonly #columns: number;
  #states: State[] = [];
  #index = new Map<string, number>();
  #rows: Int32Array;
  readonly #maxStates: number;
  /** For each instruction, the last round of a closure that reached it. */
  readonly #seen: Int32Array;
  #round = 0;

  constructor(program: Program) {
    this.#code = program.code;
    this.#start = program.start;
    this.#edges = program.code.some(({ op }) => op === 'assert');
    const { classOf, sample } = byteClasses(program.code, this.#edges);
    this.#classOf = classOf;
    this.#sample = sample;
    // The last column is the end of the line.
    this.#columns = sample.length + 1;
    this.#maxStates = Math.max(16, Math.min(MAX_STATES, Math.floor(MAX_CELLS / this.#columns)));
    this.#rows = new Int32Array(64 * this.#columns);
    this.#seen = new Int32Array(program.code.length);
    this.#reset();
  }

  /** See {@link LineMatcher.find}. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const classOf = this.#classOf;
    const columns = this.#columns;
    const atEnd = columns - 1;
    let rows = this.#rows;
    let state = 0;
    let line = start;
    for (let i = start; i <= end; i++) {
      const byte = i < end ? (bytes[i] as number) : NEWLINE;
      const column = byte === NEWLINE ? atEnd : (classOf[byte] as number);
      let next = rows[state * columns + column] as number;
      if (next < 0) {
        if (next === UNKNOWN) {
          next = this.#step(state, column);
          rows = this.#rows;
        }
        if (next === MATCHED) return line;
      }
      if (byte === NEWLINE) {
        next = 0;
        line = i + 1;
        if (line >= end) return -1;
      }
      state = next;
    }
    return -1;
  }

  #reset(): void {
    this.#states = [];
    this.#index.clear();
    this.#intern(Int32Array.of(this.#start), EDGE);
  }

  #step(from: number, column: number): number {
    const { waiting, previous } = this.#states[from] as State;
    const isEnd = column === this.#columns - 1;
    const sample = isEnd ? 0 : (this.#sample[column] as number);
    const next = isEnd ? EDGE : isWordByte(sample) ? WORD : OTHER;
    const found: number[] = [];
    const matched = this.#close(waiting, previous, next, isEnd ? -1 : sample, found);
    let to: number;
    if (matched) {
      to = MATCHED;
    } else if (isEnd) {
      // Nothing follows: any value that is no match.
      to = 0;
    } else {
      // A match may begin at every byte.
      if (!found.includes(this.#start)) found.push(this.#start);
      const before = this.#states.length;
      to = this.#intern(Int32Array.from(found).sort(), this.#edges ? next : EDGE);
      // The states were forgotten on the way: `from` has no row any more.
      if (this.#states.length < before) return to;
    }
    this.#rows[from * this.#columns + column] = to;
    return to;
  }

  /** Follow what takes no byte, then the byte; true where a match is complete before it. */
  #close(waiting: Int32Array, previous: number, next: number, byte: number, found: number[]): boolean {
    const seen = this.#seen;
    const round = ++this.#round;
    const todo = [...waiting];
    const targets = new Set<number>();
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      if (seen[at] === round) continue;
      seen[at] = round;
      const instruction = this.#code[at] as Instruction;
      switch (instruction.op) {
        case 'match':
          return true;
        case 'set':
          if (byte >= 0 && instruction.set[byte]) targets.add(instruction.next);
          break;
        case 'split':
          todo.push(instruction.next, instruction.other);
          break;
        case 'assert':
          if (holds(instruction.assertion, previous, next)) todo.push(instruction.next);
          break;
        case 'progress':
          todo.push(instruction.next, instruction.out);
          break;
        case 'save':
        case 'mark':
        case 'reference':
          todo.push(instruction.next);
          break;
      }
    }
    found.push(...targets);
    return false;
  }

  #intern(waiting: Int32Array, previous: number): number {
    const key = `${previous}:${waiting.join()}`;
    const known = this.#index.get(key);
    if (known !== undefined) return known;
    if (this.#states.length >= this.#maxStates) {
      this.#reset();
      return this.#intern(waiting, previous);
    }
    const state = this.#states.push({ waiting, previous }) - 1;
    this.#index.set(key, state);
    const needed = (state + 1) * this.#columns;
    if (needed > this.#rows.length) {
      const larger = new Int32Array(Math.max(needed, this.#rows.length * 2));
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows.fill(UNKNOWN, state * this.#columns, needed);
    return state;
  }
}

/** Whether an assertion holds between what is before and what is after a position. */
function holds(assertion: Assertion, previous: number, next: number): boolean {
  switch (assertion) {
    case 'lineStart':
      return previous === EDGE;
    case 'lineEnd':
      return next === EDGE;
    case 'wordStart':
      return previous !== WORD && next === WORD;
    case 'wordEnd':
      return previous === WORD && next !== WORD;
    case 'wordEdge':
      return (previous === WORD) !== (next === WORD);
    case 'notWordEdge':
      return (previous === WORD) === (next === WORD);
  }
}

/** Bytes that no set of the program tells apart are one class; `sample` has one byte of each. */
function byteClasses(
  code: readonly Instruction[],
  edges: boolean,
): { classOf: Uint8Array; sample: number[] } {
  const sets = code.flatMap((instruction) => (instruction.op === 'set' ? [instruction.set] : []));
  let classOf: Uint8Array = new Uint8Array(256);
  if (edges) for (let byte = 0; byte < 256; byte++) classOf[byte] = isWordByte(byte) ? 1 : 0;
  for (const set of new Set(sets)) {
    const merged = new Map<number, number>();
    const refined = new Uint8Array(256);
    for (let byte = 0; byte < 256; byte++) {
      const key = (classOf[byte] as number) * 2 + (set[byte] as number);
      let found = merged.get(key);
      if (found === undefined) merged.set(key, (found = merged.size));
      refined[byte] = found;
    }
    classOf = refined;
  }
  const sample: number[] = [];
  for (let byte = 255; byte >= 0; byte--) sample[classOf[byte] as number] = byte;
  return { classOf, sample };
}
