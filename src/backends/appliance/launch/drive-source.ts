/** Where a drive's bytes are, in the words of qemu's block layer: qemu-block-drivers(7). */
import { UnsupportedError } from '../../../errors/index.ts';
import { openImage } from '../../../images/index.ts';
import { refuseOtherFiles } from './foreign-format.ts';
import { type KeepSecret, remoteFile } from './remote-disk.ts';
import type { MachineDrive } from './settings.ts';

/** Options below `file.` and the format of the image. */
export interface DriveSource {
  file: Record<string, string>;
  format: string;
}

/** Formats of images that the engine can look into itself. */
const KNOWN = ['raw', 'qcow2'];

/**
 * The source of a drive. Files of the host are looked at first, so that a format that was not stated is found and backing files are
 * refused in the same way as by the engine. Throws what openImage throws, EINVAL for a server that makes no sense.
 */
export function driveSource(drive: MachineDrive, keepSecret: KeepSecret): DriveSource {
  const { path, format, remote, snapshot } = drive;
  if (snapshot !== undefined) {
    throw new UnsupportedError(
      `${path}: internal snapshots (${snapshot}) can be opened by the backend engine only`,
      { path },
    );
  }
  if (remote !== undefined) {
    return { file: remoteFile(path, remote, keepSecret), format: format ?? 'raw' };
  }
  const file = { driver: path.startsWith('/dev/') ? 'host_device' : 'file', filename: path };
  if (format !== undefined && !KNOWN.includes(format)) {
    refuseOtherFiles(path, format, drive.backing);
    return { file, format };
  }
  const image = openImage(path, {
    readonly: true,
    ...(format === undefined ? {} : { format }),
    ...(drive.backing === undefined ? {} : { backing: drive.backing }),
  });
  image.device.close();
  // qemu never probes: it takes more for an image than the engine does, a text that names other files among it.
  return { file, format: image.format };
}
