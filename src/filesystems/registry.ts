import { ext4Format } from './ext4/index.ts';
import type { FileSystemFormat } from './filesystem.ts';

/** Filesystems that can be read, in the order in which they are tried. */
export const filesystemFormats: readonly FileSystemFormat[] = [ext4Format];
