/** The disks of a domain as libvirt describes them. Source: https://libvirt.org/formatdomain.html. */
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { child, parseXml, type XmlElement } from './xml.ts';

/** A disk of a domain. */
export interface DomainDisk {
  /** Its name in the guest, as in `vda`. */
  target: string;
  source:
    | { kind: 'file'; path: string }
    | { kind: 'volume'; pool: string; volume: string }
    | { kind: 'network'; protocol: string; name: string; servers: string[] };
  /** Never to be found out by looking: libvirt takes an image without a stated format for raw. */
  format: string;
  readonly: boolean;
  blocksize?: number;
  username?: string;
  /** UUID or usage of the secret that libvirt keeps. */
  secret?: { uuid: string } | { usage: string };
}

/** What is used of a domain. */
export interface Domain {
  name: string;
  uuid: string;
  /** It runs, or is paused. */
  active: boolean;
  disks: DomainDisk[];
  /** The channel to a daemon in the guest, where there is one. */
  channel?: DomainChannel;
  /** What of it cannot be opened or will look different from what the guest sees, one sentence each. */
  warnings: string[];
}

/** A virtio-serial channel whose end on the host is a Unix socket. */
export interface DomainChannel {
  path: string;
  /** False where libvirt knows that no program of the guest has it open. */
  connected: boolean;
}

/** Name of the port by which a daemon in the guest can be reached. */
export const CHANNEL = 'org.libguestfs.channel.0';
/** Kinds of disks that are no files, devices or images of servers: libguestfs passes them over as well. */
const NO_IMAGES = ['dir', 'nvme', 'vhostuser', 'vhostvdpa'];
const LOCAL: Readonly<Record<string, string>> = { file: 'file', block: 'dev' };

/** A domain out of its XML. Throws CorruptError for what is no XML, EINVAL for what is no domain, ENOTSUP for disks that cannot be opened. */
export function parseDomain(xml: string): Domain {
  const root = parseXml(xml);
  const name = child(root, 'name')?.text ?? '';
  const warnings: string[] = [];
  if (root.name !== 'domain' || name === '') {
    throw new GuestfsError('EINVAL', `the XML describes <${root.name}>, expected a domain with a name`);
  }
  const devices = child(root, 'devices')?.children ?? [];
  const disks = devices
    .filter((device) => device.name === 'disk')
    .map((disk) => parseDisk(disk, name, (warning) => warnings.push(warning)));
  const channel = parseChannel(devices);
  return {
    name,
    uuid: child(root, 'uuid')?.text.trim() ?? '',
    active: root.attributes.has('id'),
    disks: disks.filter((disk) => disk !== undefined),
    ...(channel === undefined ? {} : { channel }),
    warnings,
  };
}

function parseChannel(devices: readonly XmlElement[]): DomainChannel | undefined {
  for (const device of devices) {
    const target = child(device, 'target')?.attributes;
    if (device.name !== 'channel' || target?.get('type') !== 'virtio' || target.get('name') !== CHANNEL)
      continue;
    const path = child(device, 'source')?.attributes.get('path');
    if (device.attributes.get('type') === 'unix' && path !== undefined && path !== '') {
      return { path, connected: target.get('state') !== 'disconnected' };
    }
  }
  return undefined;
}

/** A disk; undefined for a drive without a medium and for what is no image, which `warn` is told. */
function parseDisk(
  disk: XmlElement,
  domain: string,
  warn: (message: string) => void,
): DomainDisk | undefined {
  const source = child(disk, 'source');
  if (source === undefined) return undefined;
  const type = disk.attributes.get('type') ?? 'file';
  const target = child(disk, 'target')?.attributes.get('dev') ?? '?';
  if (NO_IMAGES.includes(type)) {
    warn(`the disk ${target} of ${domain} is of the type ${type}, which cannot be opened: it is left out`);
    return undefined;
  }
  const place = parseSource(type, source);
  if (place === 'empty') return undefined;
  if (place === undefined) {
    throw new UnsupportedError(
      `the disk ${target} of ${domain} is of the type ${type}, which cannot be opened`,
    );
  }
  if (child(source, 'slices') !== undefined) {
    throw new UnsupportedError(`the disk ${target} of ${domain} is a part of a file, which cannot be opened`);
  }
  const format = child(disk, 'driver')?.attributes.get('type') ?? 'raw';
  const encryption = child(source, 'encryption') ?? child(disk, 'encryption');
  if (encryption !== undefined) {
    if (format !== 'raw' || encryption.attributes.get('format') !== 'luks') {
      throw new UnsupportedError(
        `the disk ${target} of ${domain} is encrypted by libvirt within the format ${format}, which cannot be opened`,
      );
    }
    const key = child(encryption, 'secret')?.attributes;
    warn(
      `the disk ${target} of ${domain} is encrypted by libvirt: it is a LUKS device here, whose passphrase is libvirt's ` +
        `secret ${key?.get('uuid') ?? key?.get('usage') ?? 'of an unknown name'}`,
    );
  }
  const size = Number(child(disk, 'blockio')?.attributes.get('logical_block_size') ?? 512);
  const auth = child(disk, 'auth') ?? child(source, 'auth');
  const username = auth?.attributes.get('username');
  const secret = child(auth, 'secret')?.attributes;
  const uuid = secret?.get('uuid');
  const usage = secret?.get('usage');
  return {
    target,
    source: place,
    format,
    readonly: child(disk, 'readonly') !== undefined,
    ...(size === 512 ? {} : { blocksize: size }),
    ...(username === undefined ? {} : { username }),
    ...(uuid !== undefined ? { secret: { uuid } } : usage !== undefined ? { secret: { usage } } : {}),
  };
}

function parseSource(type: string, source: XmlElement): DomainDisk['source'] | 'empty' | undefined {
  const { attributes } = source;
  const local = Object.hasOwn(LOCAL, type) ? LOCAL[type] : undefined;
  if (local !== undefined) {
    const path = attributes.get(local);
    return path === undefined ? 'empty' : { kind: 'file', path };
  }
  if (type === 'volume') {
    const { pool, volume } = { pool: attributes.get('pool'), volume: attributes.get('volume') };
    return pool === undefined || volume === undefined ? 'empty' : { kind: 'volume', pool, volume };
  }
  const protocol = attributes.get('protocol');
  if (type !== 'network' || protocol === undefined) return undefined;
  const hosts = source.children.filter(({ name }) => name === 'host');
  const query = attributes.get('query');
  const name = `${attributes.get('name') ?? ''}${query === undefined ? '' : `?${query}`}`;
  return { kind: 'network', protocol, name, servers: hosts.map((host) => server(host.attributes)) };
}

/** A server as add_drive has them. */
function server(host: ReadonlyMap<string, string>): string {
  if (host.get('transport') === 'unix') return `unix:${host.get('socket') ?? ''}`;
  const name = host.get('name') ?? '';
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
  const port = host.get('port');
  return port === undefined ? bracketed : `${bracketed}:${port}`;
}
