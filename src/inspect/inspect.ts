import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import type { GuestDevice, Platform } from '../platform/contract.ts';
import type { PrivateTree, TreeOpener } from '../platform/inspect-capability.ts';
import { architectureOf } from './architecture.ts';
import { GuestDevices } from './devices.ts';
import { freebsdRelease, linuxRelease, minixRelease, netbsdRelease, openbsdRelease } from './distro/index.ts';
import { GuestFiles } from './guest-files.ts';
import { hostnameOf } from './hostname.ts';
import { readMountTable } from './mount-table.ts';
import { osinfoOf } from './osinfo.ts';
import { packagingOf } from './packaging.ts';
import { roleOf } from './roots.ts';
import { type OperatingSystem, type Release, type SystemType, UNKNOWN } from './types.ts';

/** What inspection needs from the session. */
export interface InspectionHost {
  readonly platform: Platform & Partial<TreeOpener>;
  /** Tell of something that was passed over. */
  warn(message: string): void;
  /** Throws where the user cancelled. */
  checkCancelled(): void;
}

/** A device that something lies on which could not be looked at. */
interface Unread {
  device: string;
  /** Type as blkid names it; undefined where not even that could be read. */
  type: string | undefined;
  error: GuestfsError;
}

/** A filesystem that was opened, and what it is to a system. */
interface Opened {
  mountable: string;
  opened: PrivateTree;
  role: ReturnType<typeof roleOf>;
}

/** Filesystems that are worth mounting to look at a system; others only cost time. */
const WORTH_MOUNTING = /^\/(?:usr|var|etc|lib|bin|sbin|nix)(?:\/|$)/;

/**
 * Look at every filesystem of the guest and find the operating systems. The user's mounts are not touched.
 *
 * Throws UnsupportedError naming devices and types where no system was found and something lies there that is known
 * but cannot be read here; the error of the filesystem where no system was found and one was damaged. Where a system
 * was found the same things are warned of.
 */
export function inspectOs(host: InspectionHost): OperatingSystem[] {
  const { platform } = host;
  if (platform.openTree === undefined) {
    throw new UnsupportedError(`inspection: the ${platform.name} backend cannot open filesystems privately`);
  }
  const unread: Unread[] = [];
  const opened: Opened[] = [];
  try {
    for (const device of candidates(platform)) {
      host.checkCancelled();
      for (const mountable of mountables(host, device)) {
        const found = open(host, device, mountable, unread);
        if (found !== undefined) opened.push(found);
      }
    }
    const systems = opened.flatMap(({ role, mountable }) =>
      role.kind === 'root' ? [describe(host, mountable, role, opened)] : [],
    );
    report(host, systems.length > 0, unread);
    return systems;
  } finally {
    for (const { opened: tree } of opened) tree.close();
  }
}

/** Everything that may hold a filesystem: disks without partitions, partitions, arrays, logical volumes. */
function candidates({ devices }: Platform): GuestDevice[] {
  const partitions = devices.partitions();
  const partitioned = new Set(partitions.map(({ parent }) => parent));
  return [
    ...devices.disks().filter(({ name }) => !partitioned.has(name)),
    ...partitions.filter(({ extended }) => extended !== true),
    ...(devices.mdDevices?.() ?? []),
    ...devices.logicalVolumes(),
    ...(devices.mappedDevices?.() ?? []),
  ];
}

/** What can be mounted of a device: itself, and the subvolumes of a btrfs where the platform can list them. */
function mountables({ platform, warn }: InspectionHost, { name }: GuestDevice): string[] {
  if (platform.subvolumes === undefined) return [name];
  try {
    return platform.identify.type(name) === 'btrfs' ? [name, ...platform.subvolumes(name)] : [name];
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    warn(`${name}: ${error.message}`);
    return [name];
  }
}

/** Types that hold no files and hide nothing: their content is found elsewhere, or there is none. */
const NOTHING_TO_READ: ReadonlySet<string> = new Set(['swap', 'swsuspend', 'LVM2_member', 'jbd']);

function open(
  { platform, warn }: InspectionHost,
  device: GuestDevice,
  mountable: string,
  unread: Unread[],
): Opened | undefined {
  const { name } = device;
  let type: string | undefined;
  try {
    type = platform.identify.type(name);
    if (type === undefined || type === '' || NOTHING_TO_READ.has(type)) return undefined;
    if (type === 'linux_raid_member' && platform.devices.mdDevices !== undefined) return undefined;
    if (platform.devices.mappedDevices?.().some(({ parent }) => parent === name)) return undefined;
    if (type.endsWith('_member') || type === 'crypto_LUKS' || type === 'BitLocker') {
      const why = type.endsWith('_member')
        ? 'which is not assembled'
        : 'which is not opened: it needs its key';
      throw new UnsupportedError(`${name} holds ${type}, ${why}`, { device: name });
    }
    const opened = platform.openTree!(mountable);
    const files = new GuestFiles(opened.tree, (message) => warn(`${mountable}: ${message}`));
    return { mountable, opened, role: roleOf(files) };
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    if (error.code !== 'EINVAL') unread.push({ device: name, type, error });
    return undefined;
  }
}

/** Say what could not be looked at: as an error where nothing else was found. */
function report(host: InspectionHost, found: boolean, unread: readonly Unread[]): void {
  if (found) {
    for (const { device, error } of unread) host.warn(`inspection passed over ${device}: ${error.message}`);
    return;
  }
  const unsupported = unread.filter(({ error }) => error.code === 'ENOTSUP');
  const [first] = unsupported;
  if (first !== undefined) {
    const list = unsupported.map(({ device, type = UNKNOWN }) => `${device} (${type})`).join(', ');
    throw new UnsupportedError(
      `no operating system was found in what can be read here, and this could not be read: ${list}. ${first.error.message}`,
      { device: first.device, cause: first.error },
    );
  }
  if (unread[0] !== undefined) throw unread[0].error;
}

function describe(
  host: InspectionHost,
  root: string,
  role: { type: SystemType; distro?: string },
  all: readonly Opened[],
): OperatingSystem {
  const { platform } = host;
  const warn = (message: string): void => host.warn(`${root}: ${message}`);
  const alone = all.find(({ mountable }) => mountable === root)!.opened;
  const rootFiles = new GuestFiles(alone.tree, warn);
  const table = readMountTable(rootFiles, root, new GuestDevices(platform));
  if (role.distro === 'coreos' && !table.mountpoints.has('/usr')) {
    const usr = all.find(({ role: other }) => other.kind === 'coreos-usr')?.mountable;
    if (usr !== undefined) {
      table.mountpoints.set('/usr', usr);
      table.filesystems.push(usr);
    }
  }
  const below = [...table.mountpoints]
    .filter(([mountpoint]) => WORTH_MOUNTING.test(mountpoint))
    .map(([mountpoint, mountable]) => ({ mountpoint, mountable }));
  const whole = below.length === 0 ? undefined : platform.openTree!(root, below);
  try {
    const files = whole === undefined ? rootFiles : new GuestFiles(whole.tree, warn);
    return { root, ...facts(files, role), ...table };
  } finally {
    whole?.close();
  }
}

type Facts = Omit<OperatingSystem, 'root' | 'mountpoints' | 'filesystems'>;

function facts(files: GuestFiles, { type, distro }: { type: SystemType; distro?: string }): Facts {
  const linux = type === 'linux' || type === 'hurd' ? linuxRelease(files) : undefined;
  const said = linux ?? otherRelease(files, type);
  const release: Release = {
    distro: said.distro === UNKNOWN ? (distro ?? UNKNOWN) : said.distro,
    product: said.product,
    major: said.major,
    minor: said.minor,
  };
  const packaging =
    linux === undefined ? { format: UNKNOWN, management: UNKNOWN } : packagingOf(files, release);
  return {
    type,
    ...release,
    variant: UNKNOWN,
    // DOS runs on nothing else, and its programs do not say so.
    arch: type === 'dos' ? 'i386' : architectureOf(files),
    hostname: hostnameOf(files, type),
    packageFormat: packaging.format,
    packageManagement: packaging.management,
    buildId: linux?.buildId ?? UNKNOWN,
    osinfo: osinfoOf({ type, ...release, id: linux?.id ?? '' }),
  };
}

function otherRelease(files: GuestFiles, type: SystemType): Release {
  switch (type) {
    case 'freebsd':
      return freebsdRelease(files);
    case 'netbsd':
      return netbsdRelease(files);
    case 'openbsd':
      return openbsdRelease(files);
    case 'minix':
      return minixRelease(files);
    default:
      return { distro: UNKNOWN, product: UNKNOWN, major: 0, minor: 0 };
  }
}
