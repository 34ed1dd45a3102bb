import { compressor, type CompressionType } from '../../compression/index.ts';
import { GuestfsError } from '../../errors/index.ts';
import { S_IFDIR, S_IFMT } from '../../filesystems/mode.ts';
import { writeCpio } from '../../vfs/cpio/writer.ts';
import { decompressChunks } from '../../vfs/decompress.ts';
import { extractTar } from '../../vfs/tar/extract.ts';
import { writeTar, type TarOptions } from '../../vfs/tar/writer.ts';
import type { FileRef } from '../../vfs/tree.ts';
import { chunksOf, deviceContent, fileContent, type Content } from '../content.ts';
import type { ActionContext, ByteSink, ByteSource } from '../context.ts';
import { writerOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { guestIds, guestNames } from '../owners.ts';
import { piecesOf } from '../pieces.ts';
import { TransformSink } from '../transform-sink.ts';

const COMPRESSIONS: readonly CompressionType[] = ['compress', 'gzip', 'bzip2', 'xz', 'lzma', 'lzop', 'zstd'];

function compressionType(name: string): CompressionType {
  const known = COMPRESSIONS.find((type) => type === name);
  if (known !== undefined) return known;
  throw new GuestfsError(
    'EINVAL',
    `${name}: unknown compression type, expected one of ${COMPRESSIONS.join(', ')}`,
  );
}

/** Run `write` on a sink that compresses. */
function compressing(
  out: ByteSink,
  type: string | undefined,
  level: number | undefined,
  write: (sink: ByteSink) => void,
): void {
  if (type === undefined) {
    write(out);
    return;
  }
  const sink = new TransformSink(compressor(compressionType(type), level), out);
  try {
    write(sink);
    sink.end();
  } finally {
    sink.close();
  }
}

/** A directory, links followed. Throws ENOTDIR. */
function directoryAt({ platform }: ActionContext, path: string): FileRef {
  const ref = platform.files.resolve(path);
  if ((platform.files.stat(ref).mode & S_IFMT) !== S_IFDIR) {
    throw new GuestfsError('ENOTDIR', `${path}: not a directory`, { path });
  }
  return ref;
}

/** Options of tar_out. */
export interface TarOutOptions {
  compress?: string;
  numericowner?: boolean;
  excludes?: readonly string[];
  xattrs?: boolean;
  selinux?: boolean;
  acls?: boolean;
}

function tarOut(context: ActionContext, directory: string, out: ByteSink, options: TarOutOptions): void {
  const { files } = context.platform;
  const start = directoryAt(context, directory);
  const { compress, numericowner, ...rest } = options;
  const tarOptions: TarOptions = {
    ...rest,
    warn: (message) => context.warn(message),
    tick: () => context.checkCancelled(),
  };
  if (!numericowner) {
    tarOptions.userName = guestNames(files, '/etc/passwd');
    tarOptions.groupName = guestNames(files, '/etc/group');
  }
  compressing(out, compress, undefined, (sink) => writeTar(files, start, sink, tarOptions));
}

function compressOut(
  context: ActionContext,
  type: string,
  content: Content,
  out: ByteSink,
  level: number | undefined,
): void {
  compressing(out, type, level, (sink) => {
    for (const chunk of chunksOf(context, content)) sink.write(chunk);
  });
}

/** Bytes of a line of base64(1): 76 characters. */
const BASE64_LINE = 57;

function base64Out(context: ActionContext, path: string, out: ByteSink): void {
  // A multiple of a line, so that only the last chunk ends in a short one.
  const chunkBytes = BASE64_LINE * 4096;
  for (const chunk of chunksOf(context, fileContent(context, path), {}, chunkBytes)) {
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('base64');
    out.write(Buffer.from(text.replace(/.{76}|.+$/g, '$&\n'), 'latin1'));
  }
}

/** Options of tar_in. */
export interface TarInOptions {
  compress?: string;
  xattrs?: boolean;
  selinux?: boolean;
  acls?: boolean;
  keepdirlink?: boolean;
}

function tarIn(context: ActionContext, source: ByteSource, directory: string, options: TarInOptions): void {
  const { files } = context.platform;
  const target = directoryAt(context, directory);
  const { compress = 'none', keepdirlink = false, ...rest } = options;
  const type = compress === 'none' ? undefined : compressionType(compress);
  const pieces = piecesOf(context, source);
  extractTar(files, writerOf(context), target, type === undefined ? pieces : decompressChunks(type, pieces), {
    ...rest,
    keepDirectoryLinks: keepdirlink,
    names: { user: guestIds(files, '/etc/passwd'), group: guestIds(files, '/etc/group') },
    warn: (message) => context.warn(message),
    tick: () => context.checkCancelled(),
  });
}

/** Archives of directories, and files in other forms. */
export const archiveActions = {
  tar_out: tarOut,

  tar_in: tarIn,

  tgz_in: (context, tarball, directory) => tarIn(context, tarball, directory, { compress: 'gzip' }),

  txz_in: (context, tarball, directory) => tarIn(context, tarball, directory, { compress: 'xz' }),

  tgz_out: (context, directory, tarball) => tarOut(context, directory, tarball, { compress: 'gzip' }),

  txz_out: (context, directory, tarball) => tarOut(context, directory, tarball, { compress: 'xz' }),

  cpio_out(context, directory, out, options) {
    const { format = 'newc' } = options;
    if (format !== 'newc' && format !== 'crc') {
      throw new GuestfsError('EINVAL', `${format}: the format must be "newc" or "crc"`);
    }
    writeCpio(context.platform.files, directoryAt(context, directory), out, format, () =>
      context.checkCancelled(),
    );
  },

  base64_out: base64Out,

  compress_out: (context, ctype, file, out, options) =>
    compressOut(context, ctype, fileContent(context, file), out, options.level),

  compress_device_out: (context, ctype, device, out, options) =>
    compressOut(context, ctype, deviceContent(context, device), out, options.level),
} satisfies Partial<DaemonActions>;
