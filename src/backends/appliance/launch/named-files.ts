/** What qemu has opened for images that could not be looked at beforehand: those of servers. */
import { GuestfsError } from '../../../errors/index.ts';
import type { MachineFacts } from './arguments.ts';
import type { Monitor } from './monitor.ts';

/** An image. Source: the QEMU QMP reference, ImageInfo. */
interface ImageInfo {
  filename: string;
  'backing-filename'?: string;
  'backing-image'?: ImageInfo;
  'format-specific'?: { data?: { 'data-file'?: string; extents?: { filename: string }[] } };
}

/** What query-block tells of a drive. Source: the same, BlockInfo. */
interface BlockInfo {
  device: string;
  inserted?: { image: ImageInfo };
}

type Drives = MachineFacts['drives'];

/** Whether an image of a server may name files of this host, which only an image that is not raw can. */
export function mayNameFiles(drives: Drives): boolean {
  return drives.some(({ drive, source }) => isDoubtful(drive, source.format));
}

function isDoubtful({ remote, backing }: Drives[number]['drive'], format: string): boolean {
  return remote !== undefined && format !== 'raw' && backing !== 'any';
}

/** Throws EPERM where an image of a server names another file. Nothing of it was shown to anybody yet. */
export async function refuseNamedFiles(qemu: Monitor, drives: Drives): Promise<void> {
  const blocks = (await qemu.run('query-block')) as BlockInfo[];
  for (const [index, { drive, source }] of drives.entries()) {
    if (!isDoubtful(drive, source.format)) continue;
    const top = blocks.find(({ device }) => device === `drive${index}`)?.inserted?.image;
    // What is written to a read-only drive goes into an overlay over its image.
    const image = drive.readonly ? top?.['backing-image'] : top;
    const data = image?.['format-specific']?.data;
    const extent = data?.extents?.find(({ filename }) => filename !== image?.filename);
    const name = image?.['backing-filename'] ?? data?.['data-file'] ?? extent?.filename;
    if (image !== undefined && name === undefined) continue;
    throw new GuestfsError(
      'EPERM',
      `${drive.path}: ${name === undefined ? 'qemu says nothing of it' : `it names the file ${name}`}, and what an image of a ` +
        `server names is not opened; allow it with --allow-backing=any (option backing: 'any')`,
      { path: drive.path },
    );
  }
}
