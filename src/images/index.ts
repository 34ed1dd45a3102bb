import { openChain } from './chain.ts';
import type { ImageOptions, OpenedImage } from './image.ts';

export type { BackingPolicy, ImageOptions, OpenedImage } from './image.ts';
export { compactImage, type Compacted, type CompactOptions } from './compact/compact.ts';
export { convertImage } from './convert/convert.ts';
export type { ConvertOptions, ImageSizes } from './convert/options.ts';
export { createImage, type CreateOptions, type Preallocation } from './create.ts';
export { commitOverlay, type Committed, type CommitOptions } from './overlay/commit.ts';
export { createOverlay, discardOverlay, type OverlayOptions } from './overlay/overlay.ts';
export { resizeImage, type ResizeOptions } from './resize.ts';
export type { StepOptions } from './steps.ts';
export { diskFormat, diskHasBackingFile, diskVirtualSize } from './info.ts';
export type { QcowSnapshot } from './qcow2/index.ts';
export { IMAGE_FORMATS, probeImageFormat, type ImageFormat } from './formats.ts';

/**
 * Open a disk image file or a host block device. Nothing of the content is loaded beyond headers.
 *
 * Throws ENOENT, EACCES, EISDIR for the file itself; EPERM where the policy refuses a backing or data file; ELOOP
 * where a backing chain loops or is too deep; UnsupportedError for a format or feature that cannot be read;
 * CorruptError for a damaged header.
 */
export function openImage(path: string, options: ImageOptions): OpenedImage {
  return openChain(path, options);
}
