import { CHUNK_BYTES, chunksOf, type Content } from './content.ts';
import type { ActionContext } from './context.ts';
import { linesOf } from './lines.ts';
import { TextList } from './text-list.ts';

const NEWLINE = 0x0a;

/** The last `count` lines of a content; it is read from its end, so that the size of the rest does not matter. */
export function lastLines(context: ActionContext, content: Content, count: number): string[] {
  const found = new TextList(content.name);
  if (count === 0) return found.lines;
  const offset = startOfLastLines(context, content, count);
  for (const { bytes, start, end } of linesOf(chunksOf(context, content, { offset }), content.name)) {
    found.add(bytes, start, end);
  }
  return found.lines;
}

/** Where the last `count` lines begin. */
export function startOfLastLines(context: ActionContext, content: Content, count: number): number {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, content.size));
  let missing = count;
  for (let end = content.size; end > 0;) {
    context.checkCancelled();
    const begin = Math.max(0, end - buffer.length);
    const chunk = buffer.subarray(0, content.read(begin, buffer.subarray(0, end - begin)));
    // The newline that ends the last line begins none.
    let at = end === content.size ? chunk.length - 1 : chunk.length;
    for (at = at > 0 ? chunk.lastIndexOf(NEWLINE, at - 1) : -1; at >= 0;) {
      if (--missing === 0) return begin + at + 1;
      at = at > 0 ? chunk.lastIndexOf(NEWLINE, at - 1) : -1;
    }
    end = begin;
  }
  return 0;
}
