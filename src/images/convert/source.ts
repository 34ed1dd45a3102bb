import type { BlockDevice } from '../../block/device.ts';
import { openFile } from '../../block/file.ts';
import { fileIdentity, folderOf, realPath } from '../../block/file-path.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { backingOf, openChain } from '../chain.ts';
import type { BackingPolicy } from '../image.ts';
import { openLayer } from '../layer.ts';
import { readHeader, type QcowImageHeader } from '../qcow2/index.ts';
import type { CopySource } from './copy.ts';
import type { ConvertOptions } from './options.ts';

/** An image that is converted. */
export interface Source extends CopySource {
  /** Identities of all host files of its chain. */
  files: ReadonlySet<string>;
  /** The backing file that the new image shall have, named as seen from its folder. */
  keep: { file: string; format: string } | undefined;
  close(): void;
}

/** Open what is converted. Throws as `openImage`; EINVAL where a backing file shall be kept and there is none. */
export function openSource(path: string, target: string, options: ConvertOptions): Source {
  const files = new Set<string>();
  const { device, format } = openChain(path, {
    readonly: true,
    ...(options.sourceFormat === undefined ? {} : { format: options.sourceFormat }),
    ...(options.backing === undefined ? {} : { backing: options.backing }),
    ...(options.snapshot === undefined ? {} : { snapshot: options.snapshot }),
    ...(options.warn === undefined ? {} : { warn: options.warn }),
    opened: (file) => files.add(fileIdentity(file)),
  });
  const whole = { device, files, keep: undefined, zeroes: false };
  if (options.keepBacking !== true) {
    return { ...whole, extents: () => device.extents(0, device.size), close: () => device.close() };
  }
  let layer: BlockDevice | undefined;
  try {
    const keep = keptBacking(path, target, format, options.backing ?? 'folder');
    layer = openLayer(path, options.snapshot === undefined ? {} : { snapshot: options.snapshot });
    const top = layer;
    return {
      ...whole,
      keep,
      zeroes: true,
      extents: () => top.extents(0, top.size),
      close() {
        top.close();
        device.close();
      },
    };
  } catch (error) {
    layer?.close();
    device.close();
    throw error;
  }
}

/** How the new image is to name the backing file of the one that is read. */
function keptBacking(
  path: string,
  target: string,
  format: string,
  policy: BackingPolicy,
): { file: string; format: string } {
  const refuse = (why: string): GuestfsError =>
    new GuestfsError('EINVAL', `${path}: its backing file cannot be kept: ${why}`, { path });
  if (format !== 'qcow2') throw refuse(`images of the format ${format} have none`);
  const header = headerOf(path);
  const base = backingOf(path, header, policy);
  if (base === undefined) throw refuse('the image has none');
  if (header.externalData) {
    throw new UnsupportedError(
      `${path}: the backing file of an image with an external data file cannot be kept`,
      { path },
    );
  }
  const sameFolder = realPath(folderOf(path)) === realPath(folderOf(target));
  return { file: sameFolder ? (header.backingFile as string) : realPath(base.path), format: base.format };
}

function headerOf(path: string): QcowImageHeader {
  const file = openFile(path);
  try {
    return readHeader(file);
  } finally {
    file.close();
  }
}
