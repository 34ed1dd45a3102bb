import { type OperatingSystem, UNKNOWN } from './types.ts';

type Facts = Pick<OperatingSystem, 'type' | 'distro' | 'product' | 'major' | 'minor'> & {
  /** ID of os-release, lower case. */
  id: string;
};

const twoDigits = (value: number): string => String(value).padStart(2, '0');

/** How libosinfo numbers each distribution; where nothing is said, by name, major and minor version. */
const RULES: Readonly<Record<string, (facts: Facts) => string | undefined>> = {
  altlinux: ({ major, minor }) => (major >= 8 ? `alt${major}.${minor}` : undefined),
  archlinux: () => 'archlinux',
  centos: ({ product, major, minor }) => {
    if (product.startsWith('CentOS Stream')) return `centos-stream${major}`;
    if (major >= 8) return `centos${major}`;
    return major === 7 ? 'centos7.0' : `centos${major}.${minor}`;
  },
  circle: ({ major }) => `circle${major}`,
  debian: ({ major }) => (major >= 4 ? `debian${major}` : undefined),
  fedora: ({ major }) => `fedora${major}`,
  gentoo: () => 'gentoo',
  mageia: ({ major }) => `mageia${major}`,
  nixos: ({ major, minor }) => `nixos-${twoDigits(major)}.${twoDigits(minor)}`,
  opensuse: ({ id }) => (id === 'opensuse-tumbleweed' ? 'opensusetumbleweed' : undefined),
  'redhat-based': ({ id, major }) => (id === 'almalinux' ? `almalinux${major}` : undefined),
  rocky: ({ major }) => `rocky${major}`,
  sles: ({ major, minor }) => (minor === 0 ? `sles${major}` : `sles${major}sp${minor}`),
  ubuntu: ({ major, minor }) => `ubuntu${major}.${twoDigits(minor)}`,
  voidlinux: () => 'voidlinux',
};

/** Distributions without a version in their short ID. */
const UNVERSIONED: ReadonlySet<string> = new Set(['archlinux', 'gentoo', 'voidlinux']);
/** Distributions that libosinfo has no name for. */
const UNLISTED: ReadonlySet<string> = new Set([UNKNOWN, 'amazonlinux', 'coreos', 'flatcar']);

/** A likely short ID of libosinfo, or `unknown`; nothing says that its database has it. */
export function osinfoOf(facts: Facts): string {
  const { type, distro, major, minor } = facts;
  if (type === 'linux' && !UNLISTED.has(distro)) {
    if (major === 0 && minor === 0 && !UNVERSIONED.has(distro)) return UNKNOWN;
    const rule = Object.hasOwn(RULES, distro) ? RULES[distro] : undefined;
    return rule?.(facts) ?? `${distro}${major}.${minor}`;
  }
  if ((type === 'freebsd' || type === 'netbsd' || type === 'openbsd') && major > 0) {
    return `${distro}${major}.${minor}`;
  }
  return UNKNOWN;
}
