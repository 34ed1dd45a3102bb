import { parseKeyValues } from '../../formats/key-values.ts';
import type { GuestFiles } from '../guest-files.ts';
import { type Release, UNKNOWN } from '../types.ts';
import { parseVersion } from './version.ts';

/** ID of os-release(5), lower case, to the name of the distribution. */
const OS_RELEASE_IDS: Readonly<Record<string, string>> = {
  alpine: 'alpinelinux',
  altlinux: 'altlinux',
  amzn: 'amazonlinux',
  anolis: 'anolis',
  arch: 'archlinux',
  buildroot: 'buildroot',
  centos: 'centos',
  circle: 'circle',
  coreos: 'coreos',
  debian: 'debian',
  fedora: 'fedora',
  flatcar: 'flatcar',
  freebsd: 'freebsd',
  frugalware: 'frugalware',
  gentoo: 'gentoo',
  kali: 'kalilinux',
  kylin: 'kylin',
  linuxmint: 'linuxmint',
  mageia: 'mageia',
  neokylin: 'neokylin',
  nixos: 'nixos',
  ol: 'oraclelinux',
  opencloudos: 'opencloudos',
  openeuler: 'openeuler',
  openmandriva: 'openmandriva',
  opensuse: 'opensuse',
  'opensuse-leap': 'opensuse',
  'opensuse-tumbleweed': 'opensuse',
  pardus: 'pardus',
  pld: 'pldlinux',
  rhel: 'rhel',
  rocky: 'rocky',
  scientific: 'scientificlinux',
  slackware: 'slackware',
  sled: 'sles',
  sles: 'sles',
  tencentos: 'tencentos',
  ubuntu: 'ubuntu',
  void: 'voidlinux',
};

/** Distributions whose own release file says more than their os-release: a minor version, the product's name. */
const PREFERS_RELEASE_FILE: ReadonlySet<string> = new Set([
  'centos',
  'debian',
  'linuxmint',
  'oraclelinux',
  'scientificlinux',
  'slackware',
]);

/** DISTRIB_ID of lsb-release, lower case, to the name of the distribution. */
const LSB_IDS: Readonly<Record<string, string>> = {
  coreos: 'coreos',
  linuxmint: 'linuxmint',
  mageia: 'mageia',
  mandrivalinux: 'mandriva',
  ubuntu: 'ubuntu',
};

/** What a file of key=value pairs says. */
export interface ReleaseData extends Release {
  /** The distribution's own identifier, lower case. */
  id: string;
  /** Identifiers of those it derives from. */
  like: readonly string[];
  buildId: string;
  /** True where another file, if it is there, is to be believed instead. */
  weak: boolean;
}

/** os-release(5) of a system; undefined where it has none. */
export function readOsRelease(files: GuestFiles): ReleaseData | undefined {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    const text = files.text(path);
    if (text === undefined) continue;
    const values = parseKeyValues(text);
    const id = (values.get('ID') ?? '').toLowerCase();
    const distro = Object.hasOwn(OS_RELEASE_IDS, id) ? (OS_RELEASE_IDS[id] as string) : UNKNOWN;
    return {
      id,
      distro,
      product: orUnknown(values.get('PRETTY_NAME')),
      ...parseVersion(values.get('VERSION_ID') ?? ''),
      like: (values.get('ID_LIKE') ?? '').toLowerCase().split(/\s+/).slice(0, 16),
      buildId: orUnknown(values.get('BUILD_ID')),
      weak: distro === UNKNOWN || PREFERS_RELEASE_FILE.has(distro),
    };
  }
  return undefined;
}

/** /etc/lsb-release; undefined where it is missing or names no distribution. */
export function readLsbRelease(files: GuestFiles): ReleaseData | undefined {
  const text = files.text('/etc/lsb-release');
  if (text === undefined) return undefined;
  const values = parseKeyValues(text);
  const id = (values.get('DISTRIB_ID') ?? '').toLowerCase();
  const description = values.get('DISTRIB_DESCRIPTION') ?? '';
  if (id === '' && description === '') return undefined;
  const distro = Object.hasOwn(LSB_IDS, id) ? (LSB_IDS[id] as string) : UNKNOWN;
  return {
    id,
    distro,
    product: orUnknown(description),
    ...parseVersion(values.get('DISTRIB_RELEASE') ?? ''),
    like: [],
    buildId: UNKNOWN,
    weak: distro === UNKNOWN,
  };
}

function orUnknown(text: string | undefined): string {
  return text === undefined || text === '' ? UNKNOWN : text;
}
