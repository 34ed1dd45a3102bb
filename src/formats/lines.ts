import { decodeText } from '../bytes/text.ts';
import { GuestfsError } from '../errors/index.ts';
import type { FileContent } from './content.ts';

const CHUNK = 256 * 1024;
/** Bytes a line may have; a longer one is cut into several. */
export const LONGEST_LINE = 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * The lines of a file, one after the other, without their newline, decoded as guest text. Throws EFBIG naming
 * `what` where the file is larger than `cap` bytes.
 */
export function* linesOf(content: FileContent, what: string, cap: number): Generator<string, void> {
  if (content.size > cap) {
    throw new GuestfsError('EFBIG', `${what} has ${content.size} bytes, at most ${cap} are read`);
  }
  let buffer = new Uint8Array(Math.min(CHUNK, content.size + 1));
  let filled = 0;
  let offset = 0;
  for (;;) {
    const got = content.read(offset, buffer.subarray(filled));
    if (got === 0) break;
    const searchFrom = filled;
    offset += got;
    filled += got;
    if (offset > cap) throw new GuestfsError('EFBIG', `${what} has more than ${cap} bytes`);
    let end = buffer.lastIndexOf(NEWLINE, filled - 1);
    if (end < searchFrom && filled === buffer.length) {
      if (buffer.length < LONGEST_LINE) {
        const larger = new Uint8Array(Math.min(LONGEST_LINE, buffer.length * 4));
        larger.set(buffer);
        buffer = larger;
        continue;
      }
      end = filled - 1;
      yield decodeText(buffer, 0, filled);
    } else if (end >= searchFrom) {
      const text = decodeText(buffer, 0, end);
      let from = 0;
      for (let to = text.indexOf('\n'); to >= 0; to = text.indexOf('\n', from)) {
        yield text.slice(from, to);
        from = to + 1;
      }
      yield text.slice(from);
    } else {
      continue;
    }
    buffer.copyWithin(0, end + 1, filled);
    filled -= end + 1;
  }
  if (filled > 0) yield decodeText(buffer, 0, filled);
}
