import { GuestfsError } from '../errors/index.ts';

/** Bytes of one line: a file without line ends must not fill the memory. */
const MAX_LINE = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Where lines are: in `bytes` from `start` to `end`. */
export interface LineSpan {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/**
 * Whole lines of a content that comes in chunks, many at a time: from the beginning of a line to after a line end,
 * or to the end of the content. The same object is given each time, and its bytes are only good until the next.
 * Throws EFBIG where a line has more than 64 MiB.
 */
export function* lineBlocksOf(chunks: Iterable<Uint8Array>, name: string): Generator<LineSpan, void, void> {
  const span: LineSpan = { bytes: new Uint8Array(0), start: 0, end: 0 };
  let carried = new Uint8Array(4096);
  let kept = 0;
  for (const chunk of chunks) {
    let start = 0;
    if (kept > 0) {
      start = chunk.indexOf(NEWLINE) + 1;
      const part = start === 0 ? chunk : chunk.subarray(0, start);
      carried = append(carried, kept, part, name);
      kept += part.length;
      if (start === 0) continue;
      span.bytes = carried;
      span.start = 0;
      span.end = kept;
      yield span;
    }
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > start) {
      span.bytes = chunk;
      span.start = start;
      span.end = end;
      yield span;
      start = end;
    }
    carried = append(carried, 0, chunk.subarray(start), name);
    kept = chunk.length - start;
  }
  if (kept === 0) return;
  span.bytes = carried;
  span.start = 0;
  span.end = kept;
  yield span;
}

/** The lines of a content one by one, without their line ends; otherwise as {@link lineBlocksOf}. */
export function* linesOf(chunks: Iterable<Uint8Array>, name: string): Generator<LineSpan, void, void> {
  const line: LineSpan = { bytes: new Uint8Array(0), start: 0, end: 0 };
  for (const { bytes, start, end } of lineBlocksOf(chunks, name)) {
    line.bytes = bytes;
    for (let at = start; at < end;) {
      const newline = bytes.indexOf(NEWLINE, at);
      line.start = at;
      line.end = newline < 0 || newline >= end ? end : newline;
      at = line.end + 1;
      yield line;
    }
  }
}

function append(
  buffer: Uint8Array<ArrayBuffer>,
  used: number,
  part: Uint8Array,
  name: string,
): Uint8Array<ArrayBuffer> {
  const needed = used + part.length;
  if (needed > MAX_LINE) {
    throw new GuestfsError('EFBIG', `${name} has a line of more than ${MAX_LINE} bytes`, { path: name });
  }
  let larger = buffer;
  if (needed > buffer.length) {
    larger = new Uint8Array(Math.min(MAX_LINE, Math.max(needed, buffer.length * 2)));
    larger.set(buffer.subarray(0, used));
  }
  larger.set(part, used);
  return larger;
}
