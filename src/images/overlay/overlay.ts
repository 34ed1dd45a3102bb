import { openGrowingFile } from '../../block/file-growing.ts';
import { fileExists, folderOf, realPath, removeFile } from '../../block/file-path.ts';
import { GuestfsError } from '../../errors/index.ts';
import { createImage, type CreateOptions } from '../create.ts';
import { probeImageFormat } from '../formats.ts';
import { diskFormat } from '../info.ts';
import { readHeader } from '../qcow2/index.ts';
import { withPath } from '../with-path.ts';

/** How an overlay is made. */
export interface OverlayOptions {
  /** Format of the base; probed now, and written down, if absent. */
  baseFormat?: string;
  /** Bytes; default the size of the base. */
  size?: number;
  /** Bytes, a power of two from 512 to 2 MiB; default 65536. */
  clusterSize?: number;
}

/**
 * Make an overlay: a qcow2 image that shows another image and takes all that is written, so that the base stays as it is.
 * The base is named in it relative to its folder where both are in one, else with its whole path.
 *
 * Throws EEXIST where there is a file of that name, ENOENT where there is no base, else as `createImage`.
 */
export function createOverlay(path: string, base: string, options: OverlayOptions = {}): void {
  if (fileExists(path)) {
    throw new GuestfsError('EEXIST', `${path} is there already; an overlay is made under a new name`, {
      path,
    });
  }
  const target = realPath(base);
  const together = realPath(folderOf(path)) === folderOf(target);
  const plan: CreateOptions = {
    format: 'qcow2',
    backingfile: together ? nameInFolder(target) : target,
    backingformat: options.baseFormat ?? diskFormat(target),
    ...(options.clusterSize === undefined ? {} : { clustersize: options.clusterSize }),
  };
  createImage(path, options.size ?? -1, plan);
}

/** The last part of a path, so that it is not taken for a protocol: QEMU does that with what stands before a colon. */
function nameInFolder(path: string): string {
  const name = path.slice(folderOf(path).length).replace(/^[/\\]/, '');
  return name.includes(':') ? `./${name}` : name;
}

/**
 * Remove an overlay, and with it all that was written to it. Throws EINVAL for an image that has no backing file, which
 * stays; EBUSY where another program holds it.
 */
export function discardOverlay(path: string): void {
  const file = openGrowingFile(path);
  try {
    const { name } = probeImageFormat(file);
    const backing = name === 'qcow2' ? readHeader(file).backingFile : undefined;
    if (backing === undefined) {
      throw new GuestfsError(
        'EINVAL',
        `${path} is ${name === 'qcow2' ? 'a qcow2 image without a backing file' : `a ${name} image`}, not an overlay: it is ` +
          'not removed',
        { path },
      );
    }
    removeFile(path);
  } catch (error) {
    throw withPath(error, path);
  } finally {
    file.close();
  }
}
