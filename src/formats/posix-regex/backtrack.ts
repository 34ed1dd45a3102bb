import { GuestfsError } from '../../errors/index.ts';
import type { Instruction, Program } from './program.ts';
import { isWordByte, type Assertion } from './syntax.ts';

/** Steps that the search of one line may take: about a second. */
const MAX_STEPS = 50_000_000;
/** Choices that may be open at one time. */
const MAX_OPEN = 1_000_000;

/**
 * Searches one line for a program with back references, trying one way after the other. That can take time
 * exponential in the line, so it gives up with ETIMEDOUT after a fixed number of steps.
 */
export class Backtracker {
  readonly #program: Program;
  readonly #insensitive: boolean;

  constructor(program: Program, insensitive: boolean) {
    this.#program = program;
    this.#insensitive = insensitive;
  }

  /** See {@link LineMatcher.find}. */
  find(bytes: Uint8Array, start: number, end: number): number {
    let line = start;
    do {
      const newline = bytes.subarray(line, end).indexOf(0x0a);
      const lineEnd = newline < 0 ? end : line + newline;
      if (this.#search(bytes, line, lineEnd)) return line;
      line = lineEnd + 1;
    } while (line < end);
    return -1;
  }

  #search(bytes: Uint8Array, start: number, end: number): boolean {
    const budget = { steps: MAX_STEPS };
    for (let at = start; at <= end; at++) if (this.#matchAt(bytes, start, end, at, budget)) return true;
    return false;
  }

  #matchAt(bytes: Uint8Array, start: number, end: number, from: number, budget: { steps: number }): boolean {
    const { code, groups, marks } = this.#program;
    const slots = new Int32Array((groups + 1) * 2 + marks).fill(-1);
    const markBase = (groups + 1) * 2;
    // Choices still open: pairs of instruction and position; a negative instruction is a slot to set back.
    const open: number[] = [];
    let pc = this.#program.start;
    let at = from;
    const keep = (slot: number): void => {
      open.push(-1 - slot, slots[slot] as number);
    };
    for (;;) {
      if (--budget.steps < 0 || open.length > MAX_OPEN) {
        throw new GuestfsError(
          'ETIMEDOUT',
          `searching a line of ${end - start} bytes for a regular expression with back references takes too long`,
        );
      }
      const instruction = code[pc] as Instruction;
      let ok = true;
      switch (instruction.op) {
        case 'match':
          return true;
        case 'set':
          ok = at < end && instruction.set[bytes[at] as number] === 1;
          at++;
          pc = instruction.next;
          break;
        case 'split':
          open.push(instruction.other, at);
          pc = instruction.next;
          break;
        case 'assert':
          ok = holdsAt(instruction.assertion, bytes, start, end, at);
          pc = instruction.next;
          break;
        case 'save':
          keep(instruction.slot);
          slots[instruction.slot] = at;
          pc = instruction.next;
          break;
        case 'mark':
          keep(markBase + instruction.slot);
          slots[markBase + instruction.slot] = at;
          pc = instruction.next;
          break;
        case 'progress':
          pc = slots[markBase + instruction.slot] === at ? instruction.out : instruction.next;
          break;
        case 'reference': {
          const low = slots[instruction.index * 2] as number;
          const high = slots[instruction.index * 2 + 1] as number;
          ok = low >= 0 && high >= low && this.#same(bytes, low, high, at, end);
          budget.steps -= ok ? high - low : 0;
          at += high - low;
          pc = instruction.next;
          break;
        }
      }
      while (!ok) {
        const position = open.pop();
        const target = open.pop();
        if (position === undefined || target === undefined) return false;
        if (target < 0) {
          slots[-1 - target] = position;
        } else {
          pc = target;
          at = position;
          ok = true;
        }
      }
    }
  }

  #same(bytes: Uint8Array, low: number, high: number, at: number, end: number): boolean {
    if (at + high - low > end) return false;
    for (let i = low, j = at; i < high; i++, j++) {
      const a = bytes[i] as number;
      const b = bytes[j] as number;
      if (a !== b && !(this.#insensitive && lower(a) === lower(b))) return false;
    }
    return true;
  }
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

function holdsAt(assertion: Assertion, bytes: Uint8Array, start: number, end: number, at: number): boolean {
  const before = at > start && isWordByte(bytes[at - 1] as number);
  const after = at < end && isWordByte(bytes[at] as number);
  switch (assertion) {
    case 'lineStart':
      return at === start;
    case 'lineEnd':
      return at === end;
    case 'wordStart':
      return !before && after;
    case 'wordEnd':
      return before && !after;
    case 'wordEdge':
      return before !== after;
    case 'notWordEdge':
      return before === after;
  }
}
