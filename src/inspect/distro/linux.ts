import type { GuestFiles } from '../guest-files.ts';
import { type Release, UNKNOWN } from '../types.ts';
import { readLsbRelease, readOsRelease } from './release-data.ts';
import { readCirrosVersion, readReleaseFile } from './release-files.ts';

/** What a Linux says of itself. */
export interface LinuxRelease extends Release {
  /** ID of os-release in lower case, or empty. */
  id: string;
  /** ID_LIKE of os-release. */
  like: readonly string[];
  buildId: string;
}

/**
 * Distribution and version of a Linux, from the file that says it best: os-release(5) where it names a distribution
 * that is known, lsb-release, the distribution's own release file; and only then what os-release says of a
 * distribution that is not known.
 */
export function linuxRelease(files: GuestFiles): LinuxRelease {
  const osRelease = readOsRelease(files);
  const release = choose(files, osRelease);
  return {
    distro: release?.distro ?? UNKNOWN,
    product: release?.product ?? UNKNOWN,
    major: release?.major ?? 0,
    minor: release?.minor ?? 0,
    id: osRelease?.id ?? '',
    like: osRelease?.like ?? [],
    buildId: osRelease?.buildId ?? UNKNOWN,
  };
}

function choose(files: GuestFiles, osRelease: ReturnType<typeof readOsRelease>): Release | undefined {
  const cirros = readCirrosVersion(files);
  if (cirros !== undefined) return cirros;
  if (osRelease !== undefined && !osRelease.weak) return osRelease;
  const lsbRelease = readLsbRelease(files);
  if (lsbRelease !== undefined && !lsbRelease.weak) return lsbRelease;
  const file = readReleaseFile(files);
  const own = file !== undefined && (!file.inherited || file.distro === osRelease?.distro);
  if (own) return file;
  if (osRelease !== undefined && osRelease.distro !== UNKNOWN) return osRelease;
  return lsbRelease ?? file ?? osRelease;
}
