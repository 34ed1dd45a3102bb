import { GuestfsError } from '../errors/index.ts';

/** Bytes of one line: a file without line ends must not fill the memory. */
const MAX_LINE = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Where a line is: in `bytes`, from `start` to `end`, which is its line end or the end of the content. */
export interface LineSpan {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/**
 * The lines of a content that comes in chunks. The same object is given for every line, and its bytes are only
 * good until the next. Throws EFBIG where a line has more than 64 MiB.
 */
export function* linesOf(chunks: Iterable<Uint8Array>, name: string): Generator<LineSpan, void, void> {
  const span: LineSpan = { bytes: new Uint8Array(0), start: 0, end: 0 };
  let carried = new Uint8Array(4096);
  let kept = 0;
  for (const chunk of chunks) {
    let start = 0;
    let end = chunk.indexOf(NEWLINE);
    if (kept > 0) {
      const part = chunk.subarray(0, end < 0 ? chunk.length : end);
      carried = append(carried, kept, part, name);
      kept += part.length;
      if (end < 0) continue;
      span.bytes = carried;
      span.start = 0;
      span.end = kept;
      kept = 0;
      yield span;
      start = end + 1;
      end = chunk.indexOf(NEWLINE, start);
    }
    span.bytes = chunk;
    while (end >= 0) {
      span.start = start;
      span.end = end;
      yield span;
      start = end + 1;
      end = chunk.indexOf(NEWLINE, start);
    }
    const rest = chunk.subarray(start);
    carried = append(carried, 0, rest, name);
    kept = rest.length;
  }
  if (kept === 0) return;
  span.bytes = carried;
  span.start = 0;
  span.end = kept;
  yield span;
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
