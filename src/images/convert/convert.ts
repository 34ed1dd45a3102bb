import { openGrowingFile } from '../../block/file-growing.ts';
import { fileUsage } from '../../block/file-path.ts';
import { packer } from '../../compression/pack.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { openWriter } from '../chain.ts';
import { createImage, type CreateOptions } from '../create.ts';
import { runSteps, type Progress } from '../steps.ts';
import { copyDisk } from './copy.ts';
import type { ConvertOptions, ImageSizes } from './options.ts';
import { beginReplacement, type Replacement } from './replacement.ts';
import { PackingSink, Qcow2Sink, RawSink, type Sink } from './sink.ts';
import { openSource, type Source } from './source.ts';

/** Threads that compress where nothing is said; the helper threads find out how many processors there are. */
const THREADS = 4;

/**
 * Copy a disk image into another format or form: raw or qcow2, with or without its backing files, compressed or not. What
 * is a hole or reads as zeroes takes no space in the new image. It is made beside its place under another name and takes
 * its name when it is complete and durable, so that whatever happens `target` is what it was before or the new image; a
 * block device is written to in place. Internal snapshots are not copied.
 *
 * Throws as `openImage` and `createImage`; EINVAL where the target is part of the source, EINTR where `signal` aborts,
 * UnsupportedError where this program cannot compress with zstd.
 */
export async function convertImage(
  source: string,
  target: string,
  options: ConvertOptions,
): Promise<ImageSizes> {
  return runSteps(convertSteps(source, target, options), options);
}

/** {@link convertImage} by steps. */
export function* convertSteps(
  path: string,
  target: string,
  options: ConvertOptions,
): Generator<Progress, ImageSizes, void> {
  checkOptions(target, options);
  const source = openSource(path, target, options);
  let virtualSize: number;
  try {
    virtualSize = source.device.size;
    const replacement = beginReplacement(target, source.files);
    try {
      const sink = openSink(replacement, target, source, options);
      try {
        yield* copyDisk(source, sink);
        sink.finish();
      } finally {
        sink.close();
      }
      replacement.done();
    } catch (error) {
      throw renamed(error, replacement.path, target);
    } finally {
      replacement.end();
    }
  } finally {
    source.close();
  }
  const { size: fileSize, allocated } = fileUsage(target);
  return { virtualSize, fileSize, allocated };
}

function checkOptions(target: string, options: ConvertOptions): void {
  const refuse = (message: string): GuestfsError =>
    new GuestfsError('EINVAL', `cannot make ${target}: ${message}`, { path: target });
  const { format, compress, threads, preallocation } = options;
  if (format === 'raw') {
    if (compress !== undefined) throw refuse('raw images cannot be compressed, only qcow2 images can');
    if (options.keepBacking === true) throw refuse('a raw image has no backing file that could be kept');
  }
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) {
    throw refuse(`${threads} threads, expected 1 or more`);
  }
  if (compress !== undefined) {
    if (compress !== 'zlib' && compress !== 'zstd') {
      throw refuse(`compression ${String(compress)}, expected zlib or zstd`);
    }
    if (preallocation !== undefined && preallocation !== 'off' && preallocation !== 'sparse') {
      throw refuse(`preallocation ${preallocation} and compression, which allocates less`);
    }
    packer(compress === 'zstd');
  }
}

function openSink(
  { path, device }: Replacement,
  target: string,
  { device: disk, keep }: Source,
  options: ConvertOptions,
): Sink {
  if (device !== undefined) {
    if (options.format !== 'raw') {
      throw new UnsupportedError(`${target} is a block device, and qcow2 images are made in files only`, {
        path: target,
      });
    }
    if (disk.size > device.limit) {
      throw new GuestfsError(
        'ENOSPC',
        `${target} is a block device of ${device.limit} bytes, the disk has ${disk.size}`,
        { path: target },
      );
    }
    device.zero(0, disk.size);
    return new RawSink(device);
  }
  createImage(path, disk.size, createOptions(options, keep));
  if (options.format === 'raw') return new RawSink(openGrowingFile(path));
  const writer = openWriter(path, 'any');
  const shows = keep !== undefined;
  if (options.compress === undefined) return new Qcow2Sink(writer, shows);
  return new PackingSink(writer, shows, options.threads ?? THREADS);
}

function createOptions(options: ConvertOptions, keep: Source['keep']): CreateOptions {
  const { format, preallocation } = options;
  // What a raw image has not is refused where it is made.
  return {
    format,
    ...(preallocation === undefined ? {} : { preallocation }),
    ...(options.compat === undefined ? {} : { compat: options.compat }),
    ...(options.clusterSize === undefined ? {} : { clustersize: options.clusterSize }),
    ...(options.extendedL2 === undefined ? {} : { extended_l2: options.extendedL2 }),
    ...(options.lazyRefcounts === undefined ? {} : { lazy_refcounts: options.lazyRefcounts }),
    ...(options.refcountBits === undefined ? {} : { refcount_bits: options.refcountBits }),
    ...(options.compress === undefined ? {} : { compression_type: options.compress }),
    ...(keep === undefined ? {} : { backingfile: keep.file, backingformat: keep.format }),
  };
}

/** The temporary name says nothing to a reader of messages. */
function renamed(error: unknown, from: string, to: string): unknown {
  if (!(error instanceof GuestfsError) || from === to) return error;
  error.message = error.message.replaceAll(from, to);
  if (error.path === from) error.path = to;
  return error;
}
