import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import type { ByteQueue } from '../queue.ts';
import { need, transformOf, want, type Transform } from '../transform.ts';
import { X86Branches } from './branch-x86.ts';
import { checkFor } from './check.ts';
import { crc32 } from './check.ts';
import { lzma2, lzma2DictionarySize } from './lzma2.ts';

/*
 * The .xz container. Source: "The .xz File Format" 1.2.1 (Tukaani, public domain).
 */

const HEADER_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const LZMA2 = 0x21;
const BRANCH_X86 = 0x04;
const FILTERS: Record<number, string> = {
  0x03: 'delta',
  0x05: 'BCJ PowerPC',
  0x06: 'BCJ IA-64',
  0x07: 'BCJ ARM',
  0x08: 'BCJ ARM-Thumb',
  0x09: 'BCJ SPARC',
  0x0a: 'BCJ ARM64',
  0x0b: 'BCJ RISC-V',
};

type Steps<T = void> = Generator<Uint8Array | undefined, T, void>;

/** Decompress .xz: streams one after another, with their checks verified. */
export function xzDecompressor(): Transform {
  return transformOf(function* (queue) {
    yield* stream(queue);
    // Streams may be padded with zeroes, four at a time.
    while (yield* want(queue, 4)) {
      if (queue.peek(4).every((byte) => byte === 0)) queue.take(4);
      else yield* stream(queue);
    }
    if (queue.length > 0) throw new CorruptError('xz stream', `${queue.length} odd bytes follow the data`);
  });
}

function* stream(queue: ByteQueue): Steps {
  yield* need(queue, 12, 'xz stream header');
  const head = queue.take(12);
  if (!HEADER_MAGIC.every((byte, i) => head[i] === byte)) {
    throw new CorruptError('xz stream header', 'the magic is missing');
  }
  verify('xz stream header', head.subarray(6, 8), head, 8);
  if (head[6] !== 0 || (head[7] as number) > 15) {
    throw new UnsupportedError(`xz stream flags ${head[6]} ${head[7]} are not known`, {
      structure: 'xz stream header',
    });
  }
  const checkType = head[7] as number;
  let blocks = 0;
  for (;;) {
    yield* need(queue, 1, 'xz block');
    if (queue.peek(1)[0] === 0) break;
    yield* block(queue, checkType);
    blocks++;
  }
  yield* index(queue, blocks);
  yield* need(queue, 12, 'xz stream footer');
  const foot = queue.take(12);
  if (foot[10] !== 0x59 || foot[11] !== 0x5a)
    throw new CorruptError('xz stream footer', 'the magic is missing');
  verify('xz stream footer', foot.subarray(4, 10), foot, 0);
}

function* block(queue: ByteQueue, checkType: number): Steps {
  const length = ((queue.peek(1)[0] as number) + 1) * 4;
  yield* need(queue, length, 'xz block header');
  const header = queue.take(length).slice();
  verify('xz block header', header.subarray(0, length - 4), header, length - 4);
  const { dictionarySize, branches } = readFilters(header);
  const check = checkFor(checkType);
  // Padding makes the compressed data a multiple of four: count what LZMA2 takes from the queue.
  let taken = 0;
  let before = queue.length;
  const steps = lzma2(queue, dictionarySize);
  for (;;) {
    const step = steps.next();
    taken += before - queue.length;
    if (step.done === true) break;
    const plain = step.value === undefined ? undefined : (branches?.push(step.value) ?? step.value);
    if (plain !== undefined) check.update(plain);
    yield plain;
    before = queue.length;
  }
  if (branches !== undefined) {
    const rest = branches.end();
    check.update(rest);
    yield rest;
  }
  const padding = (4 - (taken % 4)) % 4;
  yield* need(queue, padding + check.size, 'xz block');
  queue.take(padding);
  check.verify(queue.take(check.size));
}

/** What the data went through. */
interface Filters {
  dictionarySize: number;
  branches: X86Branches | undefined;
}

/** LZMA2, and before it the branch filter for x86 or nothing; throws for other filters. */
function readFilters(header: Uint8Array): Filters {
  const flags = header[1] as number;
  const end = header.length - 4;
  let at = 2;
  const integer = (): number => {
    const [value, next] = readInteger(header, at, end);
    at = next;
    return value;
  };
  if ((flags & 0x40) !== 0) integer();
  if ((flags & 0x80) !== 0) integer();
  const count = (flags & 3) + 1;
  let branches: X86Branches | undefined;
  for (let i = 0; i < count; i++) {
    const id = integer();
    const size = integer();
    if (id === BRANCH_X86 && i === 0) {
      if ((size !== 0 && size !== 4) || at + size > end) {
        throw new CorruptError('xz block header', `the BCJ x86 filter has ${size} bytes of properties`);
      }
      const start =
        size === 0 ? 0 : new DataView(header.buffer, header.byteOffset + at, 4).getUint32(0, true);
      branches = new X86Branches(start);
      at += size;
      continue;
    }
    if (id !== LZMA2) {
      throw new UnsupportedError(
        `xz data use the filter ${FILTERS[id] ?? id}, known are LZMA2 and BCJ x86 before it`,
        { structure: 'xz block header' },
      );
    }
    if (i !== count - 1 || size !== 1 || at >= end) {
      throw new CorruptError('xz block header', 'the LZMA2 filter is not the last or has wrong properties');
    }
    return { dictionarySize: lzma2DictionarySize(header[at] as number), branches };
  }
  throw new CorruptError('xz block header', 'there is no LZMA2 filter');
}

/** A variable-length integer: seven bits a byte, at most nine bytes. */
function readInteger(bytes: Uint8Array, from: number, end: number): [value: number, next: number] {
  let value = 0;
  for (let i = 0; i < 9 && from + i < end; i++) {
    const byte = bytes[from + i] as number;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, from + i + 1];
  }
  throw new CorruptError('xz integer', `the number at ${from} does not end within the structure`);
}

/** The index lists the blocks; only its count and checksum matter to a reader that goes straight through. */
function* index(queue: ByteQueue, blocks: number): Steps {
  const numbers: number[] = [];
  let length = 1;
  let wanted = 1;
  while (numbers.length < wanted) {
    let value = 0;
    for (let i = 0; ; i++) {
      yield* need(queue, length + 1, 'xz index');
      const byte = queue.peek(length + 1)[length] as number;
      length++;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) break;
      if (i === 8) throw new CorruptError('xz index', 'a number is longer than nine bytes');
    }
    numbers.push(value);
    if (numbers.length === 1) {
      if (value !== blocks) {
        throw new CorruptError('xz index', `lists ${value} blocks, the stream has ${blocks}`);
      }
      wanted = 1 + 2 * blocks;
    }
  }
  const padded = length + ((4 - (length % 4)) % 4);
  yield* need(queue, padded + 4, 'xz index');
  const bytes = queue.take(padded + 4);
  verify('xz index', bytes.subarray(0, padded), bytes, padded);
}

function verify(what: string, bytes: Uint8Array, from: Uint8Array, at: number): void {
  const stored = new DataView(from.buffer, from.byteOffset + at, 4).getUint32(0, true);
  const computed = crc32(bytes);
  if (stored !== computed) {
    throw new CorruptError(
      what,
      `CRC-32 is 0x${computed.toString(16)}, the data say 0x${stored.toString(16)}`,
      { checksum: true },
    );
  }
}
