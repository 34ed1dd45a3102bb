import type { GuestFiles } from './guest-files.ts';
import type { OperatingSystem } from './types.ts';

/** Bytes that an icon may have: 4 MiB. */
const LARGEST_ICON = 4 * 1024 * 1024;
/** Bytes of the signature and the IHDR chunk (PNG specification, sections 5.2 and 11.2.2). */
const PNG_HEAD = 33;
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** An icon that a distribution's own logo package installs. */
interface IconPlace {
  path: string;
  /** Large, and with an alpha channel. */
  highQuality?: boolean;
}

const FEDORA: readonly IconPlace[] = [
  { path: '/usr/share/icons/hicolor/96x96/apps/system-logo-icon.png', highQuality: true },
];
const RHEL_6: readonly IconPlace[] = [{ path: '/usr/share/pixmaps/redhat/shadowman-transparent.png' }];
const RHEL_7: readonly IconPlace[] = [
  { path: '/usr/share/icons/hicolor/256x256/apps/fedora-logo-icon.png', highQuality: true },
  { path: '/usr/share/icons/hicolor/96x96/apps/system-logo-icon.png', highQuality: true },
];

const PLACES: Readonly<Record<string, (system: OperatingSystem) => readonly IconPlace[]>> = {
  altlinux: () => [{ path: '/usr/share/icons/hicolor/48x48/apps/altlinux.png' }],
  cirros: () => [{ path: '/usr/share/cirros/logo' }],
  debian: () => [{ path: '/usr/share/pixmaps/debian-logo.png' }],
  fedora: () => FEDORA,
  mageia: () => [{ path: '/usr/share/icons/mageia.png' }],
  opensuse: () => [{ path: '/usr/share/icons/hicolor/24x24/apps/distributor.png' }],
  rhel: redHat,
  centos: redHat,
  scientificlinux: redHat,
  'redhat-based': redHat,
  sles: () => [{ path: '/usr/share/icons/hicolor/24x24/apps/distributor.png' }],
  ubuntu: () => [{ path: '/usr/share/icons/gnome/24x24/places/ubuntu-logo.png' }],
  voidlinux: () => [{ path: '/usr/share/void-artwork/void-logo.png' }],
};

function redHat({ major }: OperatingSystem): readonly IconPlace[] {
  return major >= 7 ? RHEL_7 : RHEL_6;
}

/** True for bytes that begin as a PNG image of a size that is not zero. */
export function isPng(bytes: Uint8Array): boolean {
  if (bytes.length < PNG_HEAD || PNG_SIGNATURE.some((byte, i) => bytes[i] !== byte)) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isHeader = view.getUint32(8) === 13 && view.getUint32(12) === 0x49484452;
  return isHeader && view.getUint32(16) > 0 && view.getUint32(20) > 0;
}

/** Which icons are wanted. */
export interface IconOptions {
  /** Look at /etc/favicon.png first; true unless it is false. */
  favicon?: boolean;
  /** Only a large one with an alpha channel. */
  highquality?: boolean;
}

/** The icon of a system as PNG; empty where none is found. The bytes come from the guest and are not checked further. */
export function iconOf(files: GuestFiles, system: OperatingSystem, options: IconOptions): Uint8Array {
  const places = Object.hasOwn(PLACES, system.distro) ? PLACES[system.distro]?.(system) : undefined;
  const paths = (places ?? [])
    .filter(({ highQuality = false }) => highQuality || options.highquality !== true)
    .map(({ path }) => path);
  if (options.favicon !== false) paths.unshift('/etc/favicon.png');
  for (const path of paths) {
    const bytes = files.bytes(path, LARGEST_ICON);
    if (bytes !== undefined && isPng(bytes)) return bytes;
  }
  return new Uint8Array(0);
}
