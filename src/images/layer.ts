import type { BlockDevice } from '../block/device.ts';
import { openFile } from '../block/file.ts';
import { openQcow2, readHeader, type QcowImageHeader } from './qcow2/index.ts';
import { withPath } from './with-path.ts';

/** What is known of an image already. */
export interface LayerParts {
  header?: QcowImageHeader;
  /** Name or ID of an internal snapshot. */
  snapshot?: string;
}

/**
 * Open a qcow2 image without what is below it: its extents say what is stored in it. Throws as `openQcow2`, and leaves
 * nothing open then.
 */
export function openLayer(path: string, { header, ...parts }: LayerParts = {}): BlockDevice {
  const file = openFile(path);
  try {
    return openQcow2(file, header ?? readHeader(file), { name: path, ...parts });
  } catch (error) {
    file.close();
    throw withPath(error, path);
  }
}
