/**
 * Guest strings are bytes. They decode as UTF-8, and each byte that is not part of valid UTF-8 becomes one code
 * unit U+DC80..U+DCFF (as PEP 383 has it), which encodes back to that byte. So every byte string survives a
 * round trip, and names that differ on disk differ as strings.
 */

const fatalDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

interface LatinSlice {
  latin1Slice(start: number, end: number): string;
}
const nodeBuffer = (globalThis as { Buffer?: { prototype: LatinSlice } }).Buffer;
const latin1Slice = nodeBuffer?.prototype.latin1Slice;

/** Bytes `start` to `end` as a string of the code points 0 to 255. */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (latin1Slice !== undefined) return latin1Slice.call(bytes as unknown as LatinSlice, start, end);
  let text = '';
  for (let i = start; i < end; i += 0x2000) {
    text += String.fromCharCode(...bytes.subarray(i, Math.min(end, i + 0x2000)));
  }
  return text;
}

/** Decode guest bytes; see the head of this file. */
export function decodeText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let ascii = true;
  for (let i = start; i < end; i++) {
    if ((bytes[i] as number) >= 0x80) {
      ascii = false;
      break;
    }
  }
  if (ascii) return latin1(bytes, start, end);
  const part = bytes.subarray(start, end);
  try {
    return fatalDecoder.decode(part);
  } catch {
    return decodeEscaping(part);
  }
}

function decodeEscaping(bytes: Uint8Array): string {
  let text = '';
  let i = 0;
  let plainFrom = 0;
  while (i < bytes.length) {
    const length = sequenceLength(bytes, i);
    if (length > 0) {
      i += length;
      continue;
    }
    if (i > plainFrom) text += fatalDecoder.decode(bytes.subarray(plainFrom, i));
    text += String.fromCharCode(0xdc00 + (bytes[i] as number));
    plainFrom = ++i;
  }
  if (i > plainFrom) text += fatalDecoder.decode(bytes.subarray(plainFrom, i));
  return text;
}

/** Length of the valid UTF-8 sequence at `i`, or 0 if there is none (RFC 3629, table 3-7 of Unicode). */
function sequenceLength(bytes: Uint8Array, i: number): number {
  const first = bytes[i] as number;
  if (first < 0x80) return 1;
  const second = bytes[i + 1] ?? 0;
  if (first >= 0xc2 && first <= 0xdf) return isContinuation(second) ? 2 : 0;
  const third = bytes[i + 2] ?? 0;
  if (first >= 0xe0 && first <= 0xef) {
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && isContinuation(third) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const low = first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xf4 ? 0x8f : 0xbf;
    const fourth = bytes[i + 3] ?? 0;
    return second >= low && second <= high && isContinuation(third) && isContinuation(fourth) ? 4 : 0;
  }
  return 0;
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}

const ESCAPED = /[\uDC80-\uDCFF]/;

/** Characters of a text that is short enough to be looked at one by one, as names mostly are. */
const SHORT = 64;

/** The bytes of a short text of ASCII alone: several times as fast as the encoder. */
function encodeShort(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return undefined;
    bytes[i] = unit;
  }
  return bytes;
}

/** Encode a guest string; escaped bytes become themselves again, other lone surrogates become U+FFFD. */
export function encodeText(text: string): Uint8Array {
  const short = text.length <= SHORT ? encodeShort(text) : undefined;
  if (short !== undefined) return short;
  if (!ESCAPED.test(text)) return encoder.encode(text);
  const parts: number[] = [];
  let plainFrom = 0;
  const flush = (to: number): void => {
    if (to > plainFrom) for (const byte of encoder.encode(text.slice(plainFrom, to))) parts.push(byte);
  };
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next <= 0xdfff) i++;
      continue;
    }
    if (unit < 0xdc80 || unit > 0xdcff) continue;
    flush(i);
    parts.push(unit - 0xdc00);
    plainFrom = i + 1;
  }
  flush(text.length);
  return Uint8Array.from(parts);
}
