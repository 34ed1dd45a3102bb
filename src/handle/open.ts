import { GuestfsError } from '../errors/index.ts';
import type { AddDriveExtras } from './arguments.ts';
import type { AddDriveOptions } from './drives.ts';
import type { Guestfs, GuestfsOptions } from './guestfs.ts';

/** An image and how it is added. */
export interface ImageToOpen extends AddDriveExtras {
  path: string;
  format?: string;
  readonly?: boolean;
  label?: string;
  name?: string;
  blocksize?: number;
}

/** How {@link Guestfs.open} opens. */
export interface OpenOptions extends GuestfsOptions, AddDriveExtras {
  /** Find the operating system and mount its filesystems where it has them. */
  inspect?: boolean;
  /** Root filesystem of the operating system to mount, where there are several. */
  root?: string;
  /** Filesystems to mount, by their mount points: `{ '/': '/dev/sda1' }`. */
  mount?: Readonly<Record<string, string>>;
  /** Default true: nothing changes the images. */
  readonly?: boolean;
  /** Format of the images; probed if absent. */
  format?: string;
  /** Logical sector size in bytes: 512 or 4096. */
  blocksize?: number;
  /** Hears what is odd and which filesystems could not be mounted, one sentence a call. */
  onWarning?: (message: string) => void;
}

/** Add images to a new handle, launch it and mount what was asked for; if that fails the handle is closed. */
export async function openGuest(
  guest: Guestfs,
  images: string | ImageToOpen | readonly (string | ImageToOpen)[],
  options: OpenOptions,
): Promise<Guestfs> {
  const { onWarning } = options;
  if (onWarning !== undefined) guest.on('warning', onWarning);
  try {
    for (const image of Array.isArray(images) ? images : [images]) await addImage(guest, image, options);
    await guest.launch();
    const readonly = options.readonly ?? true;
    if (options.inspect === true)
      await mountAll(guest, await guestMounts(guest, options.root), readonly, onWarning ?? (() => undefined));
    if (options.mount !== undefined) {
      await mountAll(guest, options.mount, readonly, undefined);
    }
    return guest;
  } catch (error) {
    await guest.close().catch(() => undefined);
    throw error;
  }
}

async function addImage(guest: Guestfs, image: string | ImageToOpen, options: OpenOptions): Promise<void> {
  const { path, ...own } = typeof image === 'string' ? { path: image } : image;
  const drive: AddDriveOptions = { readonly: options.readonly ?? true };
  for (const key of ['format', 'blocksize', 'backing', 'snapshot'] as const) {
    if (options[key] !== undefined) Object.assign(drive, { [key]: options[key] });
  }
  await guest.addDrive(path, { ...drive, ...own });
}

async function guestMounts(guest: Guestfs, wanted: string | undefined): Promise<Record<string, string>> {
  const roots = await guest.inspectOs();
  if (roots.length === 0) {
    throw new GuestfsError('ENOENT', 'open: no operating system was found in the image');
  }
  const root = wanted ?? roots[0];
  if (root === undefined || !roots.includes(root)) {
    throw new GuestfsError(
      'ENOENT',
      `open: no operating system has its root on ${String(wanted)}, only ${roots.join(', ')}`,
    );
  }
  if (wanted === undefined && roots.length > 1) {
    throw new GuestfsError(
      'EINVAL',
      `open: there are several operating systems, choose a root: ${roots.join(', ')}`,
    );
  }
  return guest.inspectGetMountpoints(root);
}

/** Mount `/` first and what is below later. Without `warn` every failure is one; with it only that of `/`. */
async function mountAll(
  guest: Guestfs,
  mounts: Readonly<Record<string, string>>,
  readonly: boolean,
  warn: ((message: string) => void) | undefined,
): Promise<void> {
  const tolerant = warn !== undefined;
  for (const [mountpoint, device] of Object.entries(mounts).sort(([a], [b]) => a.length - b.length)) {
    try {
      await (readonly ? guest.mountRo(device, mountpoint) : guest.mount(device, mountpoint));
    } catch (error) {
      if (!(error instanceof GuestfsError) || mountpoint === '/' || !tolerant) throw error;
      warn(`${device} could not be mounted on ${mountpoint}: ${error.message}`);
    }
  }
}
