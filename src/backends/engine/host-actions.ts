import { diskFormat, diskHasBackingFile, diskVirtualSize } from '../../images/info.ts';

/** Actions on image files of the host: they need no drive and no launch. */
export const hostActions: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
  disk_format: (filename) => diskFormat(filename as string),
  disk_virtual_size: (filename) => diskVirtualSize(filename as string),
  disk_has_backing_file: (filename) => diskHasBackingFile(filename as string),
};
