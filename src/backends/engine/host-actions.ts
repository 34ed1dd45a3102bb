import { createImage, type CreateOptions } from '../../images/create.ts';
import { diskFormat, diskHasBackingFile, diskVirtualSize } from '../../images/info.ts';

/** Actions on image files of the host: they need no drive and no launch. */
export const hostActions: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
  disk_format: (filename) => diskFormat(filename as string),
  disk_virtual_size: (filename) => diskVirtualSize(filename as string),
  disk_has_backing_file: (filename) => diskHasBackingFile(filename as string),
  disk_create: (filename, format, size, options) =>
    createImage(filename as string, size as number, {
      ...(options as Partial<CreateOptions> | undefined),
      format: format as CreateOptions['format'],
    }),
};
