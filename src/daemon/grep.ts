import { detectCompression } from '../compression/index.ts';
import { GuestfsError } from '../errors/index.ts';
import { compileRegex, type RegexOptions } from '../formats/posix-regex/index.ts';
import { decompressChunks } from '../vfs/decompress.ts';
import { chunksOf, fileContent, type Content } from './content.ts';
import type { ActionContext } from './context.ts';
import { lineBlocksOf } from './lines.ts';
import { TextList } from './text-list.ts';

const NEWLINE = 0x0a;

/** grep(1) looks for NUL bytes a buffer of this size at a time. */
const GREP_CHUNK = 96 * 1024;

/** What grep is to look for. */
export interface GrepOptions extends RegexOptions {
  /** Decompress the file first, if it is compressed. */
  compressed?: boolean;
}

/**
 * The lines of a file that a regular expression matches, as grep(1) prints them. Like grep it takes a file with
 * NUL bytes for a binary one and gives no lines from the part where the first is.
 */
export function grep(context: ActionContext, pattern: string, path: string, options: GrepOptions): string[] {
  if (options.extended && options.fixed) {
    throw new GuestfsError('EINVAL', 'the options extended and fixed cannot be given together');
  }
  const matcher = compileRegex(pattern, options);
  const content = fileContent(context, path);
  const plain = chunksOf(context, content, {}, GREP_CHUNK);
  const chunks = textUntilNul(options.compressed ? decompressed(content, plain) : plain);
  const found = new TextList(path);
  for (const { bytes, start, end } of lineBlocksOf(chunks, path)) {
    for (let at = matcher.find(bytes, start, end); at >= 0;) {
      const newline = bytes.indexOf(NEWLINE, at);
      const lineEnd = newline < 0 || newline >= end ? end : newline;
      found.add(bytes, at, lineEnd);
      if (lineEnd + 1 >= end) break;
      at = matcher.find(bytes, lineEnd + 1, end);
    }
  }
  return found.lines;
}

/** The chunks before the first that has a NUL byte. */
function* textUntilNul(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, void> {
  for (const chunk of chunks) {
    if (chunk.includes(0)) return;
    yield chunk;
  }
}

/** The content as zcat -f gives it: decompressed if it begins like compressed data, else as it is. */
export function* decompressed(
  content: Content,
  chunks: Iterable<Uint8Array>,
): Generator<Uint8Array, void, void> {
  const magic = new Uint8Array(16);
  const type = detectCompression(magic.subarray(0, content.read(0, magic)));
  // The older LZMA form has no magic that a text could not begin with.
  if (type === undefined || type === 'lzma') {
    yield* chunks;
    return;
  }
  yield* decompressChunks(type, chunks);
}
