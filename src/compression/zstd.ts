import { directZstd } from './zstd/direct.ts';
import { ZstdStream } from './zstd/decoder.ts';

let shared: ZstdStream | undefined;
/** Node's own decoder where it has one, three times as fast; null where it has none. */
let direct: ((stream: Uint8Array, into: Uint8Array) => number) | null | undefined;

/** Largest window that a single buffer may ask for: what RFC 8878 recommends every decoder to support. */
const SINGLE_WINDOW = 8 * 1024 * 1024;

/**
 * Decompress zstd frames (RFC 8878) into `into` until it is full. Bytes that follow are ignored. Returns how many
 * bytes were filled, -1 where the data are damaged, want a window of more than 8 MiB, or have a frame that holds
 * more than there is room for.
 */
export function zstdInto(stream: Uint8Array, into: Uint8Array): number {
  if (zstdWindow(stream) > SINGLE_WINDOW) return -1;
  if (direct === undefined) direct = directZstd() ?? null;
  if (direct !== null && direct(stream, into) === into.length) return into.length;
  // Several frames, an early end or damage: rare, and told apart step by step.
  return zstdSteps(stream, into);
}

/** {@link zstdInto} by the WebAssembly decoder. */
export function zstdSteps(stream: Uint8Array, into: Uint8Array): number {
  shared ??= new ZstdStream();
  let taken = 0;
  let given = 0;
  while (given < into.length && taken < stream.length) {
    if (zstdWindow(stream, taken) > SINGLE_WINDOW) return -1;
    const step = shared.step(stream.subarray(taken), into.subarray(given));
    taken += step.taken;
    given += step.given;
    if (step.result !== 0) {
      shared.reset();
      return step.result < 0 || given === into.length ? -1 : given;
    }
  }
  return given;
}

/** Bytes of window that the frame at `at` asks for; 0 where there is no whole frame header (RFC 8878, 3.1.1.1). */
export function zstdWindow(stream: Uint8Array, at = 0): number {
  const header = stream[at + 4];
  const next = stream[at + 5];
  if (header === undefined || next === undefined) return 0;
  const magic = new DataView(stream.buffer, stream.byteOffset + at, 4).getUint32(0, true);
  if (magic !== 0xfd2fb528) return 0;
  const singleSegment = (header & 0x20) !== 0;
  if (!singleSegment) {
    const base = 2 ** (10 + (next >> 3));
    return base + (base / 8) * (next & 7);
  }
  const dictionaryBytes = [0, 1, 2, 4][header & 3] as number;
  const sizeBytes = [1, 2, 4, 8][header >> 6] as number;
  let size = sizeBytes === 2 ? 256 : 0;
  for (let i = 0; i < sizeBytes; i++) size += (stream[at + 5 + dictionaryBytes + i] ?? 0) * 256 ** i;
  return size;
}
