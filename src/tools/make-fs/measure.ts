import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { TarReader } from '../../backends/io/tar-reader.ts';
import { decompressor, detectCompression, type CompressionType } from '../../compression/index.ts';
import { ToolError } from '../common/usage-error.ts';

/** What is to go into a filesystem. */
export interface InputSize {
  /** Files, directories and links. */
  files: number;
  /** Sizes of the regular files in bytes, in units of 1 KiB and of 4 KiB rounded up. */
  kib: number;
  kib4: number;
  /** Compression of an archive. */
  compress: CompressionType | undefined;
}

const PIECE = 1024 * 1024;

class Counter {
  readonly size: InputSize = { files: 0, kib: 0, kib4: 0, compress: undefined };

  add(bytes: number): void {
    this.size.files++;
    this.size.kib += Math.ceil(bytes / 1024);
    this.size.kib4 += Math.ceil(bytes / 4096) * 4;
  }
}

/** Measure a folder of the host. Files with several names count once a name. */
function measureFolder(path: string, counter: Counter): void {
  for (const name of readdirSync(path)) {
    const child = join(path, name);
    const stat = lstatSync(child);
    // A directory takes a block, and more with many names; about 40 bytes a name.
    counter.add(stat.isFile() ? stat.size : stat.isDirectory() ? readdirSync(child).length * 40 + 1 : 0);
    if (stat.isDirectory()) measureFolder(child, counter);
  }
}

/** Measure a tar archive by reading through it. */
function measureArchive(path: string, counter: Counter): void {
  const reader = new TarReader({
    entry: ({ type, size }) => counter.add(type === 'file' ? size : type === 'directory' ? 1 : 0),
    data: () => undefined,
    entryEnd: () => undefined,
  });
  const fd = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(PIECE);
    let got = readSync(fd, buffer, 0, PIECE, null);
    const compress = detectCompression(buffer.subarray(0, got));
    counter.size.compress = compress;
    const transform = compress === undefined ? undefined : decompressor(compress);
    for (; got > 0; got = readSync(fd, buffer, 0, PIECE, null)) {
      const piece = buffer.subarray(0, got);
      if (transform === undefined) reader.write(piece);
      else for (const chunk of transform.push(piece)) reader.write(chunk);
    }
    if (transform !== undefined) for (const chunk of transform.end()) reader.write(chunk);
    reader.end();
  } finally {
    closeSync(fd);
  }
}

/** How much a folder or an archive of the host holds. Throws ToolError where it is neither. */
export function measureInput(path: string): InputSize & { kind: 'folder' | 'archive' } {
  const counter = new Counter();
  let isFolder: boolean;
  try {
    isFolder = lstatSync(path).isDirectory() || (lstatSync(path).isSymbolicLink() && isDirectoryTarget(path));
    if (isFolder) measureFolder(path, counter);
  } catch (error) {
    throw new ToolError(`cannot read ${path}: ${(error as Error).message}`);
  }
  if (!isFolder) {
    try {
      measureArchive(path, counter);
    } catch (error) {
      throw new ToolError(`${path} is neither a folder nor a tar archive: ${(error as Error).message}`);
    }
  }
  return { ...counter.size, kind: isFolder ? 'folder' : 'archive' };
}

function isDirectoryTarget(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch {
    return false;
  }
}
