import { ext4Format } from './ext4/index.ts';
import { fatFormat } from './fat/index.ts';
import { iso9660Format } from './iso9660/index.ts';
import type { FileSystemFormat } from './filesystem.ts';

/**
 * Filesystems that can be read, in the order in which they are tried. Where the type of a device is known only that
 * one is tried; the order counts for devices on which identification found nothing or several things.
 */
export const filesystemFormats: readonly FileSystemFormat[] = [
  // First, because most guests are made of it, and its magic is seldom met by chance.
  ext4Format,
  // Before FAT: a hybrid disc image may have a boot sector that looks like one.
  iso9660Format,
  // Its signature is weak (a jump instruction and a plausible parameter block): after what has a real one.
  fatFormat,
];
