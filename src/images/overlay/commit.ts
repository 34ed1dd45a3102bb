import type { BlockDevice } from '../../block/device.ts';
import { openGrowingFile } from '../../block/file-growing.ts';
import { removeFile } from '../../block/file-path.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { backingOf, openChain } from '../chain.ts';
import { copyDisk } from '../convert/copy.ts';
import { beginReplacement } from '../convert/replacement.ts';
import { createImage } from '../create.ts';
import { probeImageFormat } from '../formats.ts';
import type { BackingPolicy } from '../image.ts';
import { readHeader, type QcowImageHeader } from '../qcow2/index.ts';
import { openLayer } from '../layer.ts';
import { resizeImage } from '../resize.ts';
import { sameForm } from '../same-form.ts';
import { withPath } from '../with-path.ts';
import { runSteps, type Progress, type StepOptions } from '../steps.ts';

/** How an overlay is committed. */
export interface CommitOptions extends StepOptions {
  /** Which files the overlay and its base may bring in; default `folder`. */
  backing?: BackingPolicy;
  /**
   * What becomes of the overlay: `empty` (the default) leaves one over the same base with nothing in it, `remove` removes
   * it, `keep` leaves it as it is.
   */
  overlay?: 'empty' | 'remove' | 'keep';
  /** Told what is odd about the images. */
  warn?: (message: string) => void;
}

/** What was committed. */
export interface Committed {
  /** The image that was written to. */
  base: string;
  /** Bytes of the disk that were written into it, zeroes among them. */
  bytes: number;
}

/**
 * Write what is in an overlay into its base. Both are locked. The overlay stays valid until all is durable in the base, so
 * that after a cut it can be committed again and shows the same disk meanwhile. A base that is smaller grows. **Any other
 * overlay over the same base becomes worthless.**
 *
 * Throws EINVAL for an image without a backing file, EPERM where the policy does not let the base in, ENOTSUP for a base that
 * cannot be written to and for an overlay with internal snapshots that would be lost, EBUSY, ENOSPC, EINTR.
 */
export async function commitOverlay(path: string, options: CommitOptions = {}): Promise<Committed> {
  return runSteps(commitSteps(path, options), options);
}

function* commitSteps(path: string, options: CommitOptions): Generator<Progress, Committed, void> {
  const after = options.overlay ?? 'empty';
  const policy = options.backing ?? 'folder';
  // The lock on the overlay.
  const file = openGrowingFile(path);
  try {
    const header = overlayHeader(path, file);
    const base = backingOf(path, header, policy);
    if (base === undefined) throw notAnOverlay(path, 'has no backing file');
    if (header.snapshotCount > 0 && after !== 'keep') {
      throw new UnsupportedError(
        `${path}: the overlay has internal snapshots, which would be lost; keep the overlay (--keep, option overlay: 'keep')`,
        { path },
      );
    }
    if (base.format !== 'raw' && base.format !== 'qcow2') {
      throw new UnsupportedError(
        `${path}: its base ${base.path} has the format ${base.format}, which cannot be written to, only raw and qcow2`,
        { path },
      );
    }
    const bytes = yield* copyInto(path, header, base, policy, options.warn);
    if (after === 'remove') removeFile(path);
    if (after === 'empty') emptyOverlay(path, header);
    return { base: base.path, bytes };
  } finally {
    file.close();
  }
}

function overlayHeader(path: string, file: BlockDevice): QcowImageHeader {
  const { name } = probeImageFormat(file);
  if (name !== 'qcow2') throw notAnOverlay(path, `has the format ${name}`);
  const header = headerOf(path, file);
  if (header.externalData) {
    throw new UnsupportedError(`${path}: an overlay with an external data file cannot be committed`, {
      path,
    });
  }
  if (header.corrupt) {
    throw new GuestfsError(
      'EUCLEAN',
      `${path}: the overlay is marked as corrupt; repair it first, for example with "qemu-img check -r all"`,
      { path },
    );
  }
  return header;
}

function headerOf(path: string, file: BlockDevice): QcowImageHeader {
  try {
    return readHeader(file);
  } catch (error) {
    throw withPath(error, path);
  }
}

function notAnOverlay(path: string, why: string): GuestfsError {
  return new GuestfsError('EINVAL', `${path} is not an overlay: it ${why}`, { path });
}

function* copyInto(
  path: string,
  header: QcowImageHeader,
  base: { path: string; format: string },
  policy: BackingPolicy,
  warn: ((message: string) => void) | undefined,
): Generator<Progress, number, void> {
  const common = { format: base.format, backing: policy, ...(warn === undefined ? {} : { warn }) };
  // The overlay alone: what is not stored in it is in the base already. It is opened first: where it cannot be, the base
  // stays as it is.
  const layer = openLayer(path, { header });
  try {
    let target = openChain(base.path, { ...common, readonly: false }).device;
    try {
      if (target.size < header.size) {
        target.close();
        resizeImage(base.path, header.size, common);
        target = openChain(base.path, { ...common, readonly: false }).device;
      }
      return yield* copyLayer(layer, target);
    } finally {
      target.close();
    }
  } finally {
    layer.close();
  }
}

function* copyLayer(layer: BlockDevice, target: BlockDevice): Generator<Progress, number, void> {
  let bytes = 0;
  yield* copyDisk(
    { device: layer, zeroes: true, extents: () => layer.extents(0, layer.size) },
    {
      unit: 1,
      data(offset, part) {
        target.writeAt(offset, part);
        bytes += part.length;
      },
      zero(offset, length) {
        target.zero(offset, length);
        bytes += length;
      },
    },
  );
  target.flush();
  return bytes;
}

/** An overlay of the same form with nothing in it takes the place of the old one. */
function emptyOverlay(path: string, header: QcowImageHeader): void {
  const replacement = beginReplacement(path);
  try {
    createImage(replacement.path, header.size, sameForm(header));
    replacement.done();
  } finally {
    replacement.end();
  }
}
