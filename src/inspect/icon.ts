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

const SYSTEM_LOGO = '/usr/share/icons/hicolor/96x96/apps/system-logo-icon.png';
const DISTRIBUTOR = '/usr/share/icons/hicolor/48x48/apps/distributor.png';
const SUSE: readonly IconPlace[] = [
  { path: DISTRIBUTOR, highQuality: true },
  { path: '/usr/share/icons/hicolor/24x24/apps/distributor.png' },
];

function one(path: string, highQuality = true): () => readonly IconPlace[] {
  return () => [{ path, highQuality }];
}

function redHat({ major }: OperatingSystem): readonly IconPlace[] {
  const path = major >= 7 ? SYSTEM_LOGO : '/usr/share/pixmaps/redhat/shadowman-transparent.png';
  return [{ path, highQuality: true }];
}

const PLACES: Readonly<Record<string, (system: OperatingSystem) => readonly IconPlace[]>> = {
  altlinux: one('/usr/share/icons/hicolor/48x48/apps/altlinux.png'),
  archlinux: one('/usr/share/pixmaps/archlinux-logo.png'),
  centos: redHat,
  circle: redHat,
  debian: one('/usr/share/pixmaps/debian-logo.png'),
  fedora: () => [
    { path: '/usr/share/icons/hicolor/96x96/apps/fedora-logo-icon.png', highQuality: true },
    { path: SYSTEM_LOGO, highQuality: true },
  ],
  mageia: one('/usr/share/icons/mageia.png'),
  mandriva: one('/usr/share/icons/large/mandriva.png'),
  openmandriva: one('/usr/share/icons/large/mandriva.png'),
  opensuse: () => SUSE,
  oraclelinux: redHat,
  'redhat-based': redHat,
  rhel: redHat,
  rocky: redHat,
  scientificlinux: redHat,
  sles: () => SUSE,
  'suse-based': () => SUSE,
  ubuntu: one('/usr/share/icons/gnome/24x24/places/ubuntu-logo.png', false),
  voidlinux: one('/usr/share/void-artwork/void-logo.png'),
};

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
