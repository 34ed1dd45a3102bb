import { CHANNEL, type Domain, type DomainDisk } from '../backends/libvirt/domain.ts';
import { Virsh } from '../backends/libvirt/virsh.ts';
import { GuestfsError } from '../errors/index.ts';
import type { HandleCore } from './core.ts';
import type { AddDriveOptions } from './drives.ts';

/** Options of add_domain. */
interface AddDomainOptions {
  libvirturi?: string;
  readonly?: boolean;
  iface?: string;
  live?: boolean;
  allowuuid?: boolean;
  readonlydisk?: string;
  cachemode?: string;
  discard?: string;
  copyonread?: boolean;
}

const READONLY_DISK = ['error', 'read', 'write', 'ignore'];

/**
 * Add the disks of a domain that libvirt knows; returns how many. Formats are those that libvirt has, never found out by
 * looking; a backing chain is opened as libvirt opens it for the domain.
 */
export async function addDomain(
  core: HandleCore,
  wanted: string,
  options: AddDomainOptions,
  virsh: Virsh = new Virsh(options.libvirturi),
): Promise<number> {
  const { readonlydisk = 'write', readonly = false } = options;
  if (!READONLY_DISK.includes(readonlydisk)) {
    throw new GuestfsError(
      'EINVAL',
      `readonlydisk is '${readonlydisk}', it must be one of ${READONLY_DISK.join(', ')}`,
    );
  }
  if (options.live === true) {
    if (readonly) {
      throw new GuestfsError(
        'EINVAL',
        'live and readonly are given: a guest that is attached to cannot be read-only',
      );
    }
    if (core.drives.length > 0 || core.settings.backend.startsWith('unix:')) {
      throw new GuestfsError(
        'EINVAL',
        `live is given for ${wanted}, but the handle has drives or a daemon to attach to already: it can have one guest that runs, and nothing beside it`,
      );
    }
  }
  const domain = await virsh.domain(wanted, options.allowuuid ?? false);
  if (domain.active && options.live === true) return attach(core, domain);
  if (domain.active && !readonly) {
    throw new GuestfsError(
      'EBUSY',
      `the domain ${domain.name} is running: its disks can only be added read-only (readonly: true, --ro)`,
    );
  }
  for (const warning of domain.warnings) core.warn(warning);
  const drives: [string, AddDriveOptions][] = [];
  for (const disk of domain.disks) {
    if (disk.readonly && readonlydisk === 'ignore') continue;
    if (disk.readonly && readonlydisk === 'error' && !readonly) {
      throw new GuestfsError('EROFS', `the disk ${disk.target} of ${domain.name} is read-only`);
    }
    drives.push(await driveOf(disk, virsh, options, readonly || (disk.readonly && readonlydisk === 'read')));
  }
  if (drives.length === 0) {
    throw new GuestfsError('EINVAL', `the domain ${domain.name} has no disk that can be added`);
  }
  core.drives.addAll(drives, core.settings.hasMachine);
  return drives.length;
}

/** As {@link addDomain}, of a domain that is an object with its `uuid` or `name`, and the `uri` of its connection. Throws EINVAL for any other. */
export async function addLibvirtDomain(
  core: HandleCore,
  domain: unknown,
  options: Omit<AddDomainOptions, 'libvirturi' | 'allowuuid'>,
): Promise<number> {
  const { uuid, name, uri } = (domain ?? {}) as Record<string, unknown>;
  const wanted = uuid ?? name;
  if (typeof wanted !== 'string' || (uri !== undefined && typeof uri !== 'string')) {
    throw new GuestfsError(
      'EINVAL',
      'dom: expected an object with the uuid or the name of a domain, and perhaps a uri',
    );
  }
  const connection = uri === undefined ? {} : { libvirturi: uri };
  return addDomain(core, wanted, { ...options, ...connection, allowuuid: uuid !== undefined });
}

/** Have launch attach to the daemon in a running guest, which has its disks already. */
function attach(core: HandleCore, { name, channel }: Domain): number {
  if (channel === undefined) {
    throw new GuestfsError(
      'ENOTCONN',
      `the domain ${name} has no Unix socket for the channel ${CHANNEL}, by which a daemon in it could be reached`,
    );
  }
  if (!channel.connected) {
    throw new GuestfsError(
      'ENOTCONN',
      `the domain ${name} has the channel ${CHANNEL}, but no program in the guest has it open: start 'guestfsd -r' there`,
    );
  }
  core.settings.setBackend(`unix:${channel.path}`);
  return 0;
}

async function driveOf(
  { source, format, blocksize, username, secret }: DomainDisk,
  virsh: Virsh,
  { iface, cachemode, discard, copyonread, readonly: wholeReadonly = false }: AddDomainOptions,
  readonly: boolean,
): Promise<[string, AddDriveOptions]> {
  const given = Object.entries({ blocksize, iface, cachemode, discard, copyonread });
  const drive: AddDriveOptions = {
    readonly,
    format,
    // libvirt opens it for the guest: whoever defined the domain trusts the chain.
    ...(format === 'raw' ? {} : { backing: 'any' }),
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  };
  // Asked for all disks it is for those that can: of a disk that is only read nothing can be discarded.
  if (readonly && !wholeReadonly && drive.discard === 'enable') delete drive.discard;
  if (source.kind === 'file') return [source.path, drive];
  if (source.kind === 'volume') return [await virsh.volumePath(source.pool, source.volume), drive];
  const { protocol, name, servers } = source;
  Object.assign(drive, { protocol, server: servers });
  if (username !== undefined) drive.username = username;
  if (secret !== undefined) {
    const value = await virsh.secret(secret);
    // Ceph's keys are written in base64 everywhere.
    drive.secret = protocol === 'rbd' ? value : Buffer.from(value, 'base64').toString('utf8');
  }
  return [name, drive];
}
