import { CorruptError } from '../errors/index.ts';
import { need, transformOf, want, type Transform } from './transform.ts';

/*
 * The ".Z" form of compress(1): LZW codes of 9 to 16 bits, the lowest bit first, in groups of eight codes; what is
 * left of a group when the width changes is padding.
 */

const FIRST_WIDTH = 9;
const MAX_WIDTH = 16;
const CLEAR = 256;
const BLOCK_MODE = 0x80;
const WHAT = 'compress (.Z) data';

/** Decompress what compress(1) wrote. */
export function lzwDecompressor(): Transform {
  return transformOf(function* (queue) {
    yield* need(queue, 3, WHAT);
    const head = queue.take(3);
    if (head[0] !== 0x1f || head[1] !== 0x9d) throw new CorruptError(WHAT, 'the magic is missing');
    const maxWidth = (head[2] as number) & 0x1f;
    if (maxWidth < FIRST_WIDTH || maxWidth > MAX_WIDTH) {
      throw new CorruptError(WHAT, `codes have up to ${maxWidth} bits, expected 9 to 16`);
    }
    const blockMode = ((head[2] as number) & BLOCK_MODE) !== 0;
    const firstFree = blockMode ? 257 : 256;
    const prefix = new Uint16Array(2 ** maxWidth);
    const suffix = new Uint8Array(2 ** maxWidth);
    for (let i = 0; i < 256; i++) suffix[i] = i;
    const stack = new Uint8Array(2 ** maxWidth + 1);
    let width = FIRST_WIDTH;
    let free = firstFree;
    let previous = -1;
    let firstByte = 0;
    for (;;) {
      // One group: eight codes in `width` bytes, fewer at the end.
      yield* want(queue, width);
      if (queue.length === 0) return;
      const group = queue.take(Math.min(width, queue.length)).slice();
      const codes = Math.floor((group.length * 8) / width);
      const out: number[] = [];
      const groupWidth = width;
      for (let i = 0; i < codes && width === groupWidth; i++) {
        const code = codeAt(group, i * groupWidth, groupWidth);
        if (code === CLEAR && blockMode) {
          free = firstFree;
          previous = -1;
          width = FIRST_WIDTH;
          // The rest of the group is padding also when the width stays.
          break;
        }
        if (previous < 0) {
          if (code > 255) throw new CorruptError(WHAT, `the first code is ${code}, expected below 256`);
          out.push(code);
          firstByte = code;
          previous = code;
          continue;
        }
        if (code > free || (code === free && free >= 2 ** maxWidth)) {
          throw new CorruptError(WHAT, `code ${code} is not defined yet, ${free} are`);
        }
        let depth = 0;
        let at = code;
        if (code === free) {
          stack[depth++] = firstByte;
          at = previous;
        }
        while (at > 255) {
          stack[depth++] = suffix[at] as number;
          at = prefix[at] as number;
        }
        firstByte = at;
        out.push(firstByte);
        while (depth > 0) out.push(stack[--depth] as number);
        if (free < 2 ** maxWidth) {
          prefix[free] = previous;
          suffix[free] = firstByte;
          free++;
          if (free >= 2 ** width && width < maxWidth) width++;
        }
        previous = code;
      }
      if (out.length > 0) yield Uint8Array.from(out);
    }
  });
}

function codeAt(group: Uint8Array, bit: number, width: number): number {
  const at = bit >> 3;
  const bits = (group[at] as number) | ((group[at + 1] ?? 0) << 8) | ((group[at + 2] ?? 0) << 16);
  return (bits >> (bit & 7)) & (2 ** width - 1);
}

/** Input bytes between two looks at how well a full table still serves. */
const CHECK_EVERY = 10_000;

/** Compress as compress(1) does, with codes of up to 16 bits. */
export function lzwCompressor(): Transform {
  return transformOf(function* (queue) {
    yield Uint8Array.of(0x1f, 0x9d, BLOCK_MODE | MAX_WIDTH);
    // Known strings: the code of the prefix and the next byte give the longer code.
    const known = new Map<number, number>();
    let free = 257;
    let width = FIRST_WIDTH;
    let current = -1;
    const writer = new GroupWriter();
    /** Input and output since the table was full, and the best ratio seen. */
    let taken = 0;
    let given = 0;
    let best = 0;
    while (yield* want(queue, 1)) {
      for (const byte of queue.take(queue.length)) {
        taken++;
        if (current < 0) {
          current = byte;
          continue;
        }
        const key = current * 256 + byte;
        const longer = known.get(key);
        if (longer !== undefined) {
          current = longer;
          continue;
        }
        writer.put(current, width);
        given += width;
        current = byte;
        if (free < 2 ** MAX_WIDTH) {
          known.set(key, free++);
          // The reader learns a string one code later.
          if (free > 2 ** width && width < MAX_WIDTH) {
            writer.pad(width);
            width++;
          }
          if (free === 2 ** MAX_WIDTH) taken = given = best = 0;
        } else if (taken >= CHECK_EVERY) {
          const ratio = taken / given;
          taken = given = 0;
          if (ratio >= best) {
            best = ratio;
            continue;
          }
          // What was learnt no longer helps: begin again.
          writer.put(CLEAR, width);
          writer.pad(width);
          known.clear();
          free = 257;
          width = FIRST_WIDTH;
        }
      }
      yield writer.drain();
    }
    if (current >= 0) writer.put(current, width);
    writer.finish();
    yield writer.drain();
  });
}

/** Packs codes, the lowest bit first. */
class GroupWriter {
  #bytes: number[] = [];
  #buffer = 0;
  #bits = 0;
  /** Codes since the width changed, modulo eight. */
  #inGroup = 0;

  put(code: number, width: number): void {
    this.#buffer |= code << this.#bits;
    this.#bits += width;
    while (this.#bits >= 8) {
      this.#bytes.push(this.#buffer & 0xff);
      this.#buffer >>>= 8;
      this.#bits -= 8;
    }
    this.#inGroup = (this.#inGroup + 1) % 8;
  }

  /** Fill the group before the width changes. */
  pad(width: number): void {
    while (this.#inGroup !== 0) this.put(0, width);
  }

  finish(): void {
    if (this.#bits > 0) this.#bytes.push(this.#buffer & 0xff);
    this.#bits = 0;
  }

  drain(): Uint8Array {
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    return bytes;
  }
}
