import { GuestfsError } from '../../errors/index.ts';
import { chunksOf, fileContent } from '../content.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { grep } from '../grep.ts';
import { hexdump } from '../hexdump.ts';
import { linesOf } from '../lines.ts';
import { isStringsEncoding, strings } from '../strings.ts';
import { lastLines } from '../tail.ts';
import { TextList } from '../text-list.ts';

const DEFAULT_LINES = 10;

function lines(context: ActionContext, path: string): ReturnType<typeof linesOf> {
  return linesOf(chunksOf(context, fileContent(context, path)), path);
}

/** The first lines; with a negative count all but that many at the end. */
function head(context: ActionContext, count: number, path: string): string[] {
  const found = new TextList(path);
  for (const { bytes, start, end } of lines(context, path)) {
    if (count >= 0 && found.lines.length >= count) break;
    found.add(bytes, start, end);
  }
  return count < 0 ? found.lines.slice(0, count) : found.lines;
}

/** The last lines; with a negative count all from that line on, counting from 1. */
function tail(context: ActionContext, count: number, path: string): string[] {
  if (count >= 0) return lastLines(context, fileContent(context, path), count);
  const found = new TextList(path);
  let skip = -count - 1;
  for (const { bytes, start, end } of lines(context, path)) {
    if (skip-- <= 0) found.add(bytes, start, end);
  }
  return found.lines;
}

function countLines(context: ActionContext, path: string): number {
  let count = 0;
  for (const chunk of chunksOf(context, fileContent(context, path))) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count++;
  }
  return count;
}

/** Words as wc(1) counts them in the C locale: runs of printable bytes between white space; others do not count. */
function countWords(context: ActionContext, path: string): number {
  let count = 0;
  let inWord = false;
  for (const chunk of chunksOf(context, fileContent(context, path))) {
    for (const byte of chunk) {
      if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) {
        inWord = false;
      } else if (!inWord && byte > 0x20 && byte < 0x7f) {
        inWord = true;
        count++;
      }
    }
  }
  return count;
}

/** Text in files. */
export const textActions = {
  head: (context, path) => head(context, DEFAULT_LINES, path),

  head_n: head,

  tail: (context, path) => tail(context, DEFAULT_LINES, path),

  tail_n: tail,

  wc_l: countLines,

  wc_w: countWords,

  wc_c: (context, path) => fileContent(context, path).size,

  hexdump: (context, path) => hexdump(context, fileContent(context, path)),

  strings: (context, path) => strings(context, fileContent(context, path), 's'),

  strings_e(context, encoding, path) {
    if (!isStringsEncoding(encoding)) {
      throw new GuestfsError('EINVAL', `${encoding}: the encoding must be one of s, S, b, l, B, L`, { path });
    }
    return strings(context, fileContent(context, path), encoding);
  },

  grep,

  egrep: (context, regex, path) => grep(context, regex, path, { extended: true }),

  fgrep: (context, pattern, path) => grep(context, pattern, path, { fixed: true }),

  grepi: (context, regex, path) => grep(context, regex, path, { insensitive: true }),

  egrepi: (context, regex, path) => grep(context, regex, path, { extended: true, insensitive: true }),

  fgrepi: (context, pattern, path) => grep(context, pattern, path, { fixed: true, insensitive: true }),

  zgrep: (context, regex, path) => grep(context, regex, path, { compressed: true }),

  zegrep: (context, regex, path) => grep(context, regex, path, { extended: true, compressed: true }),

  zfgrep: (context, pattern, path) => grep(context, pattern, path, { fixed: true, compressed: true }),

  zgrepi: (context, regex, path) => grep(context, regex, path, { insensitive: true, compressed: true }),

  zegrepi: (context, regex, path) =>
    grep(context, regex, path, { extended: true, insensitive: true, compressed: true }),

  zfgrepi: (context, pattern, path) =>
    grep(context, pattern, path, { fixed: true, insensitive: true, compressed: true }),
} satisfies Partial<DaemonActions>;
