import { detectCompression, type CompressionType } from '../compression/index.ts';
import { GuestfsError } from '../errors/index.ts';
import { fileType, Sample, SAMPLE_BYTES } from '../formats/file-type/index.ts';
import { decompressChunks } from '../vfs/decompress.ts';
import { chunksOf, type Content } from './content.ts';
import type { ActionContext } from './context.ts';

/** What file(1) decompresses. */
const LOOKED_INTO: ReadonlySet<CompressionType> = new Set([
  'gzip',
  'bzip2',
  'xz',
  'lzma',
  'zstd',
  'lz4',
  'compress',
]);

/** What `file -zb` says of a content; of compressed data what is inside, then in parentheses what it is in. */
export function describeFile(context: ActionContext, content: Content): string {
  const sample = sampleOf(content);
  const outer = fileType(sample);
  const compression = detectCompression(sample.bytes);
  if (compression === undefined || !LOOKED_INTO.has(compression) || !/compress/.test(outer)) return outer;
  const inner = insideOf(context, content, compression);
  return inner === undefined ? outer : `${inner} (${outer})`;
}

/** The content types of what is compressed, as zfile has it: `meth` is gzip, compress or bzip2. */
export function describeDecompressed(context: ActionContext, meth: string, content: Content): string {
  if (meth !== 'gzip' && meth !== 'compress' && meth !== 'bzip2') {
    throw new GuestfsError('EINVAL', `${meth}: unknown method, expected gzip, compress or bzip2`);
  }
  return insideOf(context, content, meth) ?? 'data';
}

function sampleOf(content: Content): Sample {
  const bytes = new Uint8Array(Math.min(SAMPLE_BYTES, content.size));
  const got = content.read(0, bytes);
  return new Sample(bytes.subarray(0, got), content.size, (offset, into) => content.read(offset, into));
}

/** Type of the beginning of what is compressed; undefined where it cannot be decompressed. */
function insideOf(context: ActionContext, content: Content, type: CompressionType): string | undefined {
  const bytes = new Uint8Array(SAMPLE_BYTES);
  let used = 0;
  try {
    for (const part of decompressChunks(type, chunksOf(context, content))) {
      const taken = part.subarray(0, bytes.length - used);
      bytes.set(taken, used);
      used += taken.length;
      if (used === bytes.length) break;
    }
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code === 'EINTR') throw error;
    if (used === 0) return undefined;
  }
  return fileType(new Sample(bytes.subarray(0, used)));
}
