import type { BlockDevice } from '../../block/device.ts';
import { openFile } from '../../block/file.ts';
import { besideFile, fileIdentity, folderOf, realPath } from '../../block/file-path.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { openChain } from '../chain.ts';
import { openLayer } from '../layer.ts';
import { readHeader } from '../qcow2/index.ts';
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
    const keep = backingOf(path, target, format);
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

function backingOf(path: string, target: string, format: string): { file: string; format: string } {
  const refuse = (why: string): GuestfsError =>
    new GuestfsError('EINVAL', `${path}: its backing file cannot be kept: ${why}`, { path });
  if (format !== 'qcow2') throw refuse(`images of the format ${format} have none`);
  const file = openFile(path);
  try {
    const { backingFile, extensions, externalData } = readHeader(file);
    if (backingFile === undefined) throw refuse('the image has none');
    if (externalData) {
      throw new UnsupportedError(
        `${path}: the backing file of an image with an external data file cannot be kept`,
        { path },
      );
    }
    const sameFolder = realPath(folderOf(path)) === realPath(folderOf(target));
    return {
      file: sameFolder ? backingFile : realPath(besideFile(path, backingFile.replace(/^file:/, ''))),
      format: extensions.backingFormat as string,
    };
  } finally {
    file.close();
  }
}
