import type { BlockDevice } from '../block/device.ts';
import { openFile } from '../block/file.ts';
import { roundUp } from '../bytes/round.ts';
import { UnsupportedError } from '../errors/index.ts';
import { probeImageFormat } from './formats.ts';
import { readHeader } from './qcow2/index.ts';
import { withPath } from './with-path.ts';

/**
 * Name of the format of a disk image, as `qemu-img` spells it; `raw` where no format is recognised. Looks at the
 * first kilobyte only. Throws as {@link openFile}.
 */
export function diskFormat(path: string): string {
  return withFile(path, (file) => probeImageFormat(file).name);
}

/**
 * Size in bytes of the disk that a guest sees. Throws as {@link openFile}; UnsupportedError for a format other
 * than raw and qcow2; CorruptError for a damaged header.
 */
export function diskVirtualSize(path: string): number {
  return withFile(path, (file) => {
    const { name } = probeImageFormat(file);
    if (name === 'raw') return roundUp(file.size, 512);
    if (name === 'qcow2') return readHeader(file).size;
    throw unreadable(path, name);
  });
}

/** True if the image names a backing file; the file is not looked for. Throws as {@link diskVirtualSize}. */
export function diskHasBackingFile(path: string): boolean {
  return withFile(path, (file) => {
    const { name } = probeImageFormat(file);
    if (name === 'raw') return false;
    if (name === 'qcow2') return readHeader(file).backingFile !== undefined;
    throw unreadable(path, name);
  });
}

function unreadable(path: string, format: string): UnsupportedError {
  return new UnsupportedError(`${path}: headers of ${format} images cannot be read, only raw and qcow2`, {
    path,
  });
}

function withFile<T>(path: string, use: (file: BlockDevice) => T): T {
  const file = openFile(path);
  try {
    return use(file);
  } catch (error) {
    throw withPath(error, path);
  } finally {
    file.close();
  }
}
