import type { BlockDevice } from '../../block/device.ts';
import { spillingOverlay, type Overlay } from '../../block/file-overlay.ts';
import { GuestfsError } from '../../errors/index.ts';
import { openImage } from '../../images/index.ts';
import type { DriveConfig, EngineConfig } from './config.ts';
import { driveDeviceName } from './device-names.ts';

/** A drive that is open. */
export interface OpenDrive {
  /** `/dev/sda`, ... */
  readonly name: string;
  readonly config: DriveConfig;
  readonly device: BlockDevice;
  /** Image format: `raw`, `qcow2`. */
  readonly format: string;
  /** What takes the writes of a read-only drive. */
  readonly overlay?: Overlay;
}

/**
 * Open all drives of a configuration; if one fails the others are closed again. Read-only drives take writes in an
 * overlay that is dropped at close, unless they refuse them; the others are locked and written to.
 */
export function openDrives(config: EngineConfig): OpenDrive[] {
  const open: OpenDrive[] = [];
  try {
    for (const [index, drive] of config.drives.entries()) {
      open.push(openDrive(drive, driveDeviceName(index), config));
    }
  } catch (error) {
    for (const drive of open) drive.device.close();
    throw error;
  }
  return open;
}

function openDrive(config: DriveConfig, name: string, { warn, tmpdir }: EngineConfig): OpenDrive {
  const image = openImage(config.path, {
    readonly: config.readonly,
    warn,
    ...(config.format === undefined ? {} : { format: config.format }),
    ...(config.backing === undefined ? {} : { backing: config.backing }),
    ...(config.snapshot === undefined ? {} : { snapshot: config.snapshot }),
  });
  // A guest that is mounted read-write, or whose journal is replayed, changes a read-only drive for this session only.
  const overlaid = config.readonly && config.refuseWrites !== true;
  const { device, overlay } = overlaid
    ? spillingOverlay(image.device, config.path, tmpdir === undefined ? {} : { folder: tmpdir })
    : { device: image.device, overlay: undefined };
  try {
    return {
      name,
      config,
      format: image.format,
      device: withSectorSize(device, config.blockSize, config.path),
      ...(overlay === undefined ? {} : { overlay }),
    };
  } catch (error) {
    device.close();
    throw error;
  }
}

/** The device with the sector size that the drive's `blocksize` states. */
function withSectorSize(device: BlockDevice, sectorSize: number | undefined, path: string): BlockDevice {
  if (sectorSize === undefined || sectorSize === device.sectorSize) return device;
  if (sectorSize !== 512 && sectorSize !== 4096) {
    throw new GuestfsError('EINVAL', `${path}: block size ${sectorSize}, expected 512 or 4096`, { path });
  }
  return {
    size: device.size,
    sectorSize,
    writable: device.writable,
    readAt: (offset, into) => device.readAt(offset, into),
    writeAt: (offset, from) => device.writeAt(offset, from),
    zero: (offset, length) => device.zero(offset, length),
    discard: (offset, length) => device.discard(offset, length),
    extents: (offset, length) => device.extents(offset, length),
    flush: () => device.flush(),
    close: () => device.close(),
  };
}
