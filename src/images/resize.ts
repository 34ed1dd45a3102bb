import { openGrowingFile } from '../block/file-growing.ts';
import { fileUsage } from '../block/file-path.ts';
import { roundUp } from '../bytes/round.ts';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import { openWriter } from './chain.ts';
import type { ImageSizes } from './convert/options.ts';
import type { BackingPolicy } from './image.ts';
import { diskFormat } from './info.ts';
import { clearAutoclear, cutTail, moveL1, QcowWriter, writeSizeAndL1 } from './qcow2/index.ts';

/** How an image is resized. */
export interface ResizeOptions {
  /** Probed if absent. */
  format?: string;
  /** Allow a smaller size: what lies behind it is lost. */
  shrink?: boolean;
  /** Which backing files the image may bring in; default `folder`. */
  backing?: BackingPolicy;
  /** Told what is odd about the image. */
  warn?: (message: string) => void;
}

/**
 * Give a disk image another size in bytes, rounded up to whole sectors, in place. What is new reads as zeroes. Internal
 * snapshots keep their own size. A cut leaves the old size or the new one; when it is made smaller, the disk ends at the
 * new size before anything behind it is given back.
 *
 * Throws EINVAL for a smaller size without `shrink` and for a block device, ENOTSUP for formats that cannot be written
 * and for qcow2 images of version 2 with snapshots, which have no place for a size of their own; EBUSY, ENOSPC.
 */
export function resizeImage(path: string, size: number, options: ResizeOptions = {}): ImageSizes {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new GuestfsError('EINVAL', `${path}: size ${size}, expected bytes from 0`, { path });
  }
  const wanted = roundUp(size, 512);
  const format = options.format ?? diskFormat(path);
  if (format === 'raw') resizeRaw(path, wanted, options);
  else if (format === 'qcow2') resizeQcow2(path, wanted, options);
  else {
    throw new UnsupportedError(
      `${path}: ${format} images cannot be resized here, only raw and qcow2; convert it first`,
      { path },
    );
  }
  const { size: fileSize, allocated } = fileUsage(path);
  return { virtualSize: wanted, fileSize, allocated };
}

function refuseShrinking(path: string, present: number, wanted: number, options: ResizeOptions): void {
  if (wanted >= present || options.shrink === true) return;
  throw new GuestfsError(
    'EINVAL',
    `${path} has ${present} bytes, ${wanted} were asked for: what lies behind them would be lost. Make filesystems and ` +
      'partitions smaller first, then allow it with --shrink (option shrink: true)',
    { path },
  );
}

function resizeRaw(path: string, size: number, options: ResizeOptions): void {
  const file = openGrowingFile(path);
  try {
    refuseShrinking(path, roundUp(file.size, 512), size, options);
    // Throws for a block device.
    file.resize(size);
    file.flush();
  } finally {
    file.close();
  }
}

function resizeQcow2(path: string, size: number, options: ResizeOptions): void {
  const writer = openWriter(path, options.backing ?? 'folder', options.warn);
  try {
    const { header, file } = writer;
    const old = header.size;
    refuseShrinking(path, old, size, options);
    if (size === old) return;
    if (header.version === 2 && header.snapshotCount > 0) {
      throw new UnsupportedError(
        `${path}: the image has version 2 and internal snapshots, which would not know their size; make a copy with ` +
          'compat 1.1, or delete the snapshots with "qemu-img snapshot -d"',
        { path },
      );
    }
    clearAutoclear(file, header);
    if (size > old) growDisk(writer, size);
    else shrink(writer, old, size);
  } finally {
    writer.close();
  }
}

/** Make the disk of an opened qcow2 image longer; the writer, which knows the old size, is of no use afterwards. */
export function growDisk(writer: QcowWriter, size: number): void {
  const { header, file, data, backing } = writer;
  const old = header.size;
  moveL1(writer, size);
  if (data !== file) data.resize(Math.max(data.size, size));
  // What an earlier, larger size or a larger backing file has there must not come back. The disk is longer only then.
  const longer = new QcowWriter(
    { file, data: data === file ? undefined : data, backing },
    { ...header, size },
  );
  longer.zero(old, size - old);
  longer.settle();
  writeSizeAndL1(file, header, { size, l1Offset: header.l1Offset, l1Size: header.l1Size });
  file.flush();
}

function shrink(writer: QcowWriter, old: number, size: number): void {
  const { header, file, data, entries } = writer;
  const { l1Offset, l1Size, clusterSize, externalData } = header;
  writeSizeAndL1(file, header, { size, l1Offset, l1Size });
  file.flush();
  const end = roundUp(size, clusterSize);
  // The writer still knows the old size.
  if (end < old) writer.discard(end, old - end);
  writer.commit();
  const span = entries.perTable * clusterSize;
  for (let index = Math.ceil(size / span); index < l1Size; index++) {
    if (entries.isEmpty(index)) entries.dropTable(index);
  }
  // Dropping alone does not say that there is something to flush.
  writer.commit();
  writer.settle();
  if (!externalData) cutTail(writer);
  else if (header.rawExternalData && data.limit === Infinity) data.resize(Math.min(data.size, size));
  file.flush();
}
