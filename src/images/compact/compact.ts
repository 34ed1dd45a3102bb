import { openGrowingFile } from '../../block/file-growing.ts';
import { fileUsage } from '../../block/file-path.ts';
import { nativeCalls } from '../../block/file-native.ts';
import { UnsupportedError } from '../../errors/index.ts';
import { openWriter } from '../chain.ts';
import type { ImageSizes } from '../convert/options.ts';
import type { BackingPolicy } from '../image.ts';
import { diskFormat } from '../info.ts';
import type { QcowWriter } from '../qcow2/index.ts';
import { runSteps, type Progress, type StepOptions } from '../steps.ts';
import { compactQcow2InPlace } from './in-place.ts';
import { compactRawInPlace, rewriteRaw } from './raw.ts';
import { rewriteQcow2 } from './rewrite.ts';

/** How an image is compacted. */
export interface CompactOptions extends StepOptions {
  /** Probed if absent. */
  format?: string;
  /**
   * Give space back where it is, without a second file: the file of a qcow2 image gets holes and is hardly shorter. Always
   * so for images with internal snapshots.
   */
  inPlace?: boolean;
  /** Which backing files the image may bring in; default `folder`. */
  backing?: BackingPolicy;
  /** Told what is odd about the image. */
  warn?: (message: string) => void;
}

/** What compacting an image has come to. */
export interface Compacted {
  before: ImageSizes;
  after: ImageSizes;
  /** Bytes of the disk that were stored and hold zeroes only. */
  zeroBytes: number;
  /** Bytes of the file that nothing referred to. */
  lostBytes: number;
  /** A new file has taken the image's place. */
  rewritten: boolean;
}

/** What one way of compacting found. */
export type Found = Pick<Compacted, 'zeroBytes' | 'lostBytes' | 'rewritten'>;

/**
 * Make the file of an image as small as its content allows: what is stored and reads as zeroes, and clusters that nothing
 * refers to, are given back. Compressed clusters stay compressed, the backing file and internal snapshots stay. What a guest
 * reads does not change, and after a cut the image is as it was or as it will be.
 *
 * Throws EBUSY where another program holds the image, ENOTSUP for formats other than raw and qcow2, CorruptError for an
 * image that must be repaired first, EINTR where `signal` aborts.
 */
export async function compactImage(path: string, options: CompactOptions = {}): Promise<Compacted> {
  return runSteps(compactSteps(path, options), options);
}

function* compactSteps(path: string, options: CompactOptions): Generator<Progress, Compacted, void> {
  const before = fileUsage(path);
  const format = options.format ?? diskFormat(path);
  let virtualSize: number;
  let found: Found;
  if (format === 'raw') {
    const file = openGrowingFile(path);
    try {
      virtualSize = file.size;
      const inPlace = options.inPlace === true || file.limit !== Infinity || nativeCalls() !== undefined;
      found = inPlace ? yield* compactRawInPlace(file) : yield* rewriteRaw(path, file);
    } finally {
      file.close();
    }
  } else if (format === 'qcow2') {
    const writer = openWriter(path, options.backing ?? 'folder', options.warn);
    try {
      virtualSize = writer.header.size;
      found = yield* mustStay(writer, options)
        ? compactQcow2InPlace(path, writer)
        : rewriteQcow2(path, writer);
    } finally {
      writer.close();
    }
  } else {
    throw new UnsupportedError(
      `${path}: ${format} images cannot be compacted here, only raw and qcow2; convert it first`,
      { path },
    );
  }
  const after = fileUsage(path);
  return {
    ...found,
    before: { virtualSize, fileSize: before.size, allocated: before.allocated },
    after: { virtualSize, fileSize: after.size, allocated: after.allocated },
  };
}

/** What a new image would not have: internal snapshots, another data file, bitmaps. */
function mustStay({ header, file }: QcowWriter, options: CompactOptions): boolean {
  return (
    options.inPlace === true ||
    header.snapshotCount > 0 ||
    header.externalData ||
    header.extensions.bitmaps ||
    file.limit !== Infinity
  );
}
