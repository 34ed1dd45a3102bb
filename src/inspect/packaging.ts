import type { GuestFiles } from './guest-files.ts';
import { type Release, UNKNOWN } from './types.ts';

/** Package format and the tool that manages packages, as the API spells them. */
export interface Packaging {
  format: string;
  management: string;
}

const APT: Packaging = { format: 'deb', management: 'apt' };

/** Where each format keeps what is installed; found there, a system uses it, whatever it is called. */
export const DATABASES: Readonly<Record<string, readonly string[]>> = {
  deb: ['/var/lib/dpkg/status'],
  rpm: [
    '/var/lib/rpm/rpmdb.sqlite',
    '/var/lib/rpm/Packages.db',
    '/var/lib/rpm/Packages',
    '/usr/lib/sysimage/rpm/rpmdb.sqlite',
    '/usr/lib/sysimage/rpm/Packages.db',
    '/usr/lib/sysimage/rpm/Packages',
    '/usr/share/rpm/rpmdb.sqlite',
    '/usr/share/rpm/Packages.db',
    '/usr/share/rpm/Packages',
  ],
  apk: ['/lib/apk/db/installed', '/usr/lib/apk/db/installed'],
  pacman: ['/var/lib/pacman/local'],
};

/** Distributions that are told by their name alone. */
const BY_DISTRO: Readonly<Record<string, (release: Release) => Packaging>> = {
  alpinelinux: () => ({ format: 'apk', management: 'apk' }),
  altlinux: () => ({ format: 'rpm', management: 'apt' }),
  amazonlinux: ({ major }) => ({ format: 'rpm', management: major >= 2022 ? 'dnf' : 'yum' }),
  anolis: rpmByAge,
  archlinux: () => ({ format: 'pacman', management: 'pacman' }),
  centos: rpmByAge,
  circle: rpmByAge,
  debian: () => APT,
  fedora: ({ major }) => ({ format: 'rpm', management: major >= 22 ? 'dnf' : 'yum' }),
  gentoo: () => ({ format: 'ebuild', management: 'portage' }),
  kalilinux: () => APT,
  kylin: () => APT,
  linuxmint: () => APT,
  mageia: () => ({ format: 'rpm', management: 'urpmi' }),
  mandriva: () => ({ format: 'rpm', management: 'urpmi' }),
  meego: () => ({ format: 'rpm', management: 'yum' }),
  neokylin: () => ({ format: 'rpm', management: 'dnf' }),
  opencloudos: rpmByAge,
  openeuler: () => ({ format: 'rpm', management: 'dnf' }),
  openmandriva: () => ({ format: 'rpm', management: 'dnf' }),
  opensuse: () => ({ format: 'rpm', management: 'zypper' }),
  oraclelinux: rpmByAge,
  pardus: () => ({ format: 'pisi', management: 'pisi' }),
  'redhat-based': rpmByAge,
  rhel: rpmByAge,
  rocky: rpmByAge,
  scientificlinux: rpmByAge,
  sles: () => ({ format: 'rpm', management: 'zypper' }),
  'suse-based': () => ({ format: 'rpm', management: 'zypper' }),
  tencentos: () => ({ format: 'rpm', management: 'dnf' }),
  ubuntu: () => APT,
  voidlinux: () => ({ format: 'xbps', management: 'xbps' }),
};

/** Red Hat's line: up2date until 4, yum until 7, then dnf. */
function rpmByAge({ major }: Release): Packaging {
  return { format: 'rpm', management: major >= 8 ? 'dnf' : major >= 5 ? 'yum' : 'up2date' };
}

/** How the packages of a Linux or a Hurd are managed. */
export function packagingOf(files: GuestFiles, release: Release): Packaging {
  const named = Object.hasOwn(BY_DISTRO, release.distro) ? BY_DISTRO[release.distro]?.(release) : undefined;
  // Pardus and Kylin changed sides; what lies on the disk decides there, as it does where the name says nothing.
  const found = release.distro === 'pardus' || release.distro === 'kylin' || named === undefined;
  return (found ? byDatabase(files) : undefined) ?? named ?? { format: UNKNOWN, management: UNKNOWN };
}

const RPM_TOOLS = ['dnf', 'dnf5', 'microdnf', 'tdnf', 'zypper', 'urpmi', 'yum'];

function byDatabase(files: GuestFiles): Packaging | undefined {
  const format = Object.keys(DATABASES).find((name) => DATABASES[name]?.some((path) => files.exists(path)));
  if (format === undefined) return undefined;
  if (format !== 'rpm') return format === 'deb' ? APT : { format, management: format };
  const tool = RPM_TOOLS.find(
    (name) => files.exists(`/usr/bin/${name}`) || files.exists(`/usr/sbin/${name}`),
  );
  return { format, management: tool === undefined ? UNKNOWN : tool.includes('dnf') ? 'dnf' : tool };
}
