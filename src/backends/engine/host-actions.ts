import { openFile } from '../../block/file.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { openImage, probeImageFormat } from '../../images/index.ts';
import { readHeader } from '../../images/qcow2/index.ts';

/** Actions on image files of the host: they need no drive and no launch. */
export const hostActions: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
  disk_format: (filename) => diskFormat(filename as string),
  disk_virtual_size: (filename) => diskVirtualSize(filename as string),
  disk_has_backing_file: (filename) => diskHasBackingFile(filename as string),
};

function diskFormat(path: string): string {
  const file = openFile(path);
  try {
    return probeImageFormat(file).name;
  } finally {
    file.close();
  }
}

function diskVirtualSize(path: string): number {
  const format = diskFormat(path);
  if (format === 'qcow2') return withHeader(path, (header) => header.size);
  const image = openImage(path, { readonly: true });
  try {
    return image.device.size;
  } finally {
    image.device.close();
  }
}

function diskHasBackingFile(path: string): boolean {
  const format = diskFormat(path);
  if (format === 'raw') return false;
  if (format === 'qcow2') return withHeader(path, (header) => header.backingFile !== undefined);
  throw new UnsupportedError(
    `${path}: whether an image of format ${format} has a backing file cannot be read`,
    {
      path,
    },
  );
}

function withHeader<T>(path: string, look: (header: ReturnType<typeof readHeader>) => T): T {
  const file = openFile(path);
  try {
    return look(readHeader(file));
  } catch (error) {
    if (error instanceof GuestfsError) error.path ??= path;
    throw error;
  } finally {
    file.close();
  }
}
