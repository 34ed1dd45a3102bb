import type { GuestFiles } from '../guest-files.ts';
import { type Release, UNKNOWN } from '../types.ts';
import { parseReleaseVersion, parseVersion, type Version } from './version.ts';

/** A file that is there on one family of distributions only, and how its first line is read. */
interface ReleaseFile {
  path: string;
  /** Name of the distribution, or how to tell it from the line. */
  distro: string | ((line: string) => string);
  version?: (line: string) => Version;
  /** True where derived distributions carry the file too: what they say themselves comes first. */
  inherited?: boolean;
  /** True where the file may be empty and still says which distribution it is. */
  mayBeEmpty?: boolean;
}

/** How a line of /etc/redhat-release begins, or what it has in it; the order matters. */
const RED_HAT_FAMILY: readonly (readonly [RegExp, string])[] = [
  [/^Fedora .*release/, 'fedora'],
  [/Red Hat.*release/, 'rhel'],
  [/CentOS.*release/, 'centos'],
  [/Rocky Linux.*release/, 'rocky'],
  [/Circle Linux.*release/, 'circle'],
  [/Scientific Linux.*release/, 'scientificlinux'],
  [/Oracle Linux.*release/, 'oraclelinux'],
  [/openEuler.*release/, 'openeuler'],
  [/TencentOS.*release/, 'tencentos'],
  [/OpenCloudOS.*release/, 'opencloudos'],
  [/Anolis OS.*release/, 'anolis'],
  [/^ALT /, 'altlinux'],
];

function redHatFamily(line: string): string {
  return RED_HAT_FAMILY.find(([pattern]) => pattern.test(line))?.[1] ?? 'redhat-based';
}

const RELEASE_FILES: readonly ReleaseFile[] = [
  { path: '/etc/oracle-release', distro: 'oraclelinux', version: parseReleaseVersion },
  { path: '/etc/centos-release', distro: 'centos', version: parseReleaseVersion },
  { path: '/etc/altlinux-release', distro: 'altlinux' },
  { path: '/etc/openEuler-release', distro: 'openeuler', version: parseReleaseVersion },
  { path: '/etc/neokylin-release', distro: 'neokylin', version: parseReleaseVersion },
  { path: '/etc/kylin-release', distro: 'kylin', version: parseReleaseVersion },
  { path: '/etc/fedora-release', distro: redHatFamily, version: parseReleaseVersion },
  { path: '/etc/redhat-release', distro: redHatFamily, version: parseReleaseVersion },
  { path: '/etc/mageia-release', distro: 'mageia', version: parseReleaseVersion },
  { path: '/etc/mandriva-release', distro: 'mandriva', version: parseReleaseVersion },
  { path: '/etc/meego-release', distro: 'meego', version: parseReleaseVersion },
  { path: '/etc/pardus-release', distro: 'pardus' },
  { path: '/etc/gentoo-release', distro: 'gentoo', version: parseReleaseVersion },
  { path: '/etc/slackware-version', distro: 'slackware' },
  { path: '/etc/ttylinux-target', distro: 'ttylinux' },
  { path: '/etc/frugalware-release', distro: 'frugalware' },
  { path: '/etc/pld-release', distro: 'pldlinux' },
  { path: '/etc/alpine-release', distro: 'alpinelinux' },
  { path: '/etc/br-version', distro: 'buildroot' },
  { path: '/etc/debian_version', distro: 'debian', inherited: true },
  { path: '/etc/arch-release', distro: 'archlinux', inherited: true, mayBeEmpty: true },
];

/** A release with where it comes from. */
export interface FileRelease extends Release {
  inherited: boolean;
}

/** What the first release file that is there says; undefined where there is none. */
export function readReleaseFile(files: GuestFiles): FileRelease | undefined {
  const suse = readSuseRelease(files);
  if (suse !== undefined) return suse;
  for (const { path, distro, version = parseVersion, inherited = false, mayBeEmpty } of RELEASE_FILES) {
    const line = files.firstLine(path);
    if (line === undefined) {
      if (mayBeEmpty !== true || !files.isFile(path)) continue;
      return { distro: String(distro), product: UNKNOWN, major: 0, minor: 0, inherited };
    }
    return {
      distro: typeof distro === 'string' ? distro : distro(line),
      product: line,
      ...version(line),
      inherited,
    };
  }
  return undefined;
}

/** /etc/SuSE-release: the product, then `VERSION = 11` and, for the enterprise products, `PATCHLEVEL = 4`. */
function readSuseRelease(files: GuestFiles): FileRelease | undefined {
  const text = files.text('/etc/SuSE-release');
  const product = files.firstLine('/etc/SuSE-release');
  if (text === undefined || product === undefined) return undefined;
  const { major, minor } = parseVersion(/^VERSION = (.*)$/m.exec(text)?.[1] ?? '');
  const patchLevel = parseVersion(/^PATCHLEVEL = (.*)$/m.exec(text)?.[1] ?? '').major;
  const enterprise = /^SUSE L(inux|INUX) Enterprise/i.test(product);
  const distro = enterprise ? 'sles' : /^(open)?SUSE/i.test(product) ? 'opensuse' : 'suse-based';
  return { distro, product, major, minor: enterprise ? patchLevel : minor, inherited: false };
}

/** /etc/cirros/version, which is more to the point than the os-release of the Buildroot below. */
export function readCirrosVersion(files: GuestFiles): Release | undefined {
  const line = files.firstLine('/etc/cirros/version');
  return line === undefined ? undefined : { distro: 'cirros', product: line, ...parseVersion(line) };
}
