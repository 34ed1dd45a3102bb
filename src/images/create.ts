import { createGrowingFile, type GrowingFile } from '../block/file-growing.ts';
import { besideFile, fileExists, removeFile } from '../block/file-path.ts';
import { roundUp } from '../bytes/round.ts';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import { diskFormat, diskVirtualSize } from './info.ts';
import { openQcow2Writer, preallocateMetadata, readHeader, writeEmptyQcow2 } from './qcow2/index.ts';
import { withPath } from './with-path.ts';

/** How much of a new image is set aside: nothing, qcow2's tables, the space by a reservation, or full of zeroes. */
export type Preallocation = 'off' | 'sparse' | 'metadata' | 'falloc' | 'full';

/** How a new disk image is made. All but the first two are of qcow2 only. */
export interface CreateOptions {
  format: 'raw' | 'qcow2';
  /** Default `off`. */
  preallocation?: Preallocation;
  /** Version of qcow2; default `1.1`. */
  compat?: '0.10' | '1.1';
  /** Bytes, a power of two from 512 to 2 MiB; default 65536. */
  clustersize?: number;
  /** Image that shows through; a relative name starts in the new image's folder. */
  backingfile?: string;
  /** Its format; probed now, and written down, if absent. */
  backingformat?: string;
  extended_l2?: boolean;
  lazy_refcounts?: boolean;
  compression_type?: 'zlib' | 'zstd';
  /** Power of two from 1 to 64; default 16. */
  refcount_bits?: number;
  /** File that holds the data; a relative name starts in the new image's folder. */
  data_file?: string;
  /** The data file can be read alone, as a raw image. */
  data_file_raw?: boolean;
}

/**
 * Make a blank disk image of `size` bytes; a file of that name is replaced, a block device is emptied. With a backing
 * file `size` may be -1, which takes its size over. A failure removes what was begun.
 *
 * Throws EINVAL for options that contradict each other, EBUSY where another program holds the file, ENOENT where the
 * backing file or the folder is not there, ENOSPC.
 */
export function createImage(path: string, size: number, options: CreateOptions): void {
  const wanted = checkOptions(path, size, options);
  const existed = fileExists(path);
  const file = createGrowingFile(path);
  try {
    if (options.format === 'raw') fillRaw(file, path, wanted, options);
    else fillQcow2(file, path, wanted, options);
  } catch (error) {
    file.close();
    if (!existed) removeFile(path);
    throw withPath(error, path);
  }
  file.close();
}

/** The size in bytes, once all is found to be in order. */
function checkOptions(path: string, size: number, options: CreateOptions): number {
  const refuse = (message: string): GuestfsError =>
    new GuestfsError('EINVAL', `cannot make ${path}: ${message}`, { path });
  if (options.format !== 'raw' && options.format !== 'qcow2') {
    throw refuse(`images of the format ${String(options.format)} cannot be made, expected raw or qcow2`);
  }
  const { preallocation, compat } = options;
  const kinds = options.format === 'raw' ? RAW_PREALLOCATION : QCOW2_PREALLOCATION;
  if (preallocation !== undefined && !kinds.includes(preallocation)) {
    throw refuse(`preallocation ${preallocation} of a ${options.format} image, expected ${kinds.join(', ')}`);
  }
  if (compat !== undefined && compat !== '0.10' && compat !== '1.1') {
    throw refuse(`compat ${String(compat)}, expected 0.10 or 1.1`);
  }
  if (options.format === 'raw') {
    for (const name of QCOW2_ONLY) {
      if (options[name] !== undefined) throw refuse(`a raw image has no ${name}, only a qcow2 image has`);
    }
  }
  if (options.backingformat !== undefined && options.backingfile === undefined) {
    throw refuse(`backingformat ${options.backingformat} is stated, but no backingfile`);
  }
  if (preallocation !== undefined && preallocation !== 'off' && preallocation !== 'sparse') {
    if (options.backingfile !== undefined) throw refuse('preallocation would hide the backing file');
  }
  if (size === -1 && options.backingfile !== undefined) {
    return diskVirtualSize(besideFile(path, options.backingfile));
  }
  if (!Number.isSafeInteger(size) || size < 0) {
    throw refuse(`size ${size}, expected bytes from 0${options.backingfile === undefined ? '' : ', or -1'}`);
  }
  return size;
}

const RAW_PREALLOCATION: readonly string[] = ['off', 'sparse', 'falloc', 'full'];
const QCOW2_PREALLOCATION: readonly string[] = ['off', 'sparse', 'metadata', 'falloc', 'full'];
const QCOW2_ONLY = [
  'backingfile',
  'backingformat',
  'compat',
  'clustersize',
  'extended_l2',
  'lazy_refcounts',
  'compression_type',
  'refcount_bits',
  'data_file',
  'data_file_raw',
] as const satisfies readonly (keyof CreateOptions)[];

function fillRaw(file: GrowingFile, path: string, size: number, options: CreateOptions): void {
  if (file.limit !== Infinity) {
    if (size > file.limit) {
      throw new GuestfsError(
        'ENOSPC',
        `${path} is a block device of ${file.limit} bytes, ${size} were asked for`,
        {
          path,
        },
      );
    }
    file.discard(0, size);
    file.flush();
    return;
  }
  file.resize(size);
  setAside(file, 0, size, options.preallocation);
  file.flush();
}

function setAside(file: GrowingFile, from: number, to: number, kind: Preallocation | undefined): void {
  if (kind !== 'falloc' && kind !== 'full') return;
  if (to > from) file.reserve(from, to - from, kind === 'full');
}

function fillQcow2(file: GrowingFile, path: string, size: number, options: CreateOptions): void {
  if (file.limit !== Infinity) {
    throw new UnsupportedError(`${path} is a block device, and qcow2 images are made in files only`, {
      path,
    });
  }
  const { backingfile, data_file: dataFile, preallocation } = options;
  const backingFormat =
    backingfile === undefined
      ? undefined
      : (options.backingformat ?? diskFormat(besideFile(path, backingfile)));
  writeEmptyQcow2(file, {
    size: roundUp(size, 512),
    version: options.compat === '0.10' ? 2 : 3,
    clusterSize: options.clustersize ?? 65536,
    refcountBits: options.refcount_bits ?? 16,
    extendedL2: options.extended_l2 ?? false,
    lazyRefcounts: options.lazy_refcounts ?? false,
    compression: options.compression_type ?? 'zlib',
    ...(backingfile === undefined ? {} : { backingFile: backingfile }),
    ...(backingFormat === undefined ? {} : { backingFormat }),
    ...(dataFile === undefined ? {} : { dataFile, dataFileRaw: options.data_file_raw ?? false }),
  });
  const data = dataFile === undefined ? undefined : createGrowingFile(besideFile(path, dataFile));
  try {
    data?.resize(roundUp(size, 512));
    if (preallocation !== undefined && preallocation !== 'off' && preallocation !== 'sparse') {
      const writer = openQcow2Writer({ file, data, backing: undefined }, readHeader(file));
      const places = preallocateMetadata(writer);
      if (data === undefined) {
        for (const [offset, length] of places) setAside(file, offset, offset + length, preallocation);
      } else setAside(data, 0, data.size, preallocation);
    }
    data?.flush();
    file.flush();
  } finally {
    data?.close();
  }
}
