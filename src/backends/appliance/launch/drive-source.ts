/** Where a drive's bytes are, in the words of qemu's block layer: qemu-block-drivers(7). */
import { GuestfsError, UnsupportedError } from '../../../errors/index.ts';
import { openImage } from '../../../images/index.ts';
import type { MachineDrive, RemoteDisk } from './settings.ts';

/** Options below `file.` and the format of the image; no format where qemu is to find it out. */
export interface DriveSource {
  file: Record<string, string>;
  format?: string;
}

/** Keeps a secret out of command lines; returns the id of the object that holds it. */
export type KeepSecret = (secret: string) => string;

/** Formats of images that the engine can look into itself. */
const KNOWN = ['raw', 'qcow2'];

/**
 * The source of a drive. Files of the host are looked at first, so that a format that was not stated is found and backing files are
 * refused in the same way as by the engine. Throws what openImage throws, EINVAL for a server that makes no sense.
 */
export function driveSource(drive: MachineDrive, keepSecret: KeepSecret): DriveSource {
  const { path, format, remote, snapshot } = drive;
  if (snapshot !== undefined) {
    throw new UnsupportedError(
      `${path}: internal snapshots (${snapshot}) can be opened by the backend engine only`,
      { path },
    );
  }
  if (remote !== undefined) {
    return { file: remoteFile(path, remote, keepSecret), format: format ?? 'raw' };
  }
  const file = { driver: path.startsWith('/dev/') ? 'host_device' : 'file', filename: path };
  if (format !== undefined && !KNOWN.includes(format)) return { file, format };
  const image = openImage(path, {
    readonly: true,
    ...(format === undefined ? {} : { format }),
    ...(drive.backing === undefined ? {} : { backing: drive.backing }),
  });
  image.device.close();
  // qemu guards the first sector of an image that was probed as raw only if it probed it itself.
  const probedRaw = image.probed && image.format === 'raw' && !drive.readonly;
  return probedRaw ? { file } : { file, format: image.format };
}

interface Address {
  host?: string;
  port?: string;
  socket?: string;
}

function parseServer(server: string): Address {
  if (server.startsWith('unix:')) return { socket: server.slice(5) };
  const rest = server.startsWith('tcp:') ? server.slice(4) : server;
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(rest);
  if (match?.[1] === undefined) {
    throw new GuestfsError(
      'EINVAL',
      `server '${server}': expected HOST, HOST:PORT, tcp:HOST:PORT or unix:PATH`,
    );
  }
  return { host: match[1], ...(match[2] === undefined ? {} : { port: match[2] }) };
}

function remoteFile(path: string, remote: RemoteDisk, keepSecret: KeepSecret): Record<string, string> {
  const { protocol, username, secret } = remote;
  const servers = remote.server.map(parseServer);
  const [first] = servers;
  const one = (): Address => {
    if (first === undefined || servers.length > 1) {
      throw new GuestfsError('EINVAL', `protocol ${protocol} takes one server, ${servers.length} are given`);
    }
    return first;
  };
  const tcpHost = (): { host: string; port?: string | undefined } => {
    const { host, port } = one();
    if (host === undefined) throw new GuestfsError('EINVAL', `protocol ${protocol} takes no Unix socket`);
    return { host, port };
  };
  const tcp = (defaultPort: string): { host: string; port: string } => {
    const { host, port = defaultPort } = tcpHost();
    return { host, port };
  };
  const unbracketed = (host: string): string => host.replace(/^\[|\]$/g, '');
  const user: Record<string, string> = username === undefined ? {} : { username };
  switch (protocol) {
    case 'http':
    case 'https':
    case 'ftp':
    case 'ftps': {
      const { host, port } = tcpHost();
      const place = `${host}${port === undefined ? '' : `:${port}`}`;
      const file = { driver: protocol, url: `${protocol}://${place}/${path.replace(/^\//, '')}`, ...user };
      return secret === undefined ? file : { ...file, 'password-secret': keepSecret(secret) };
    }
    case 'nbd': {
      const { socket } = one();
      const name: Record<string, string> = path === '' ? {} : { export: path.replace(/^\//, '') };
      if (socket !== undefined)
        return { driver: 'nbd', 'server.type': 'unix', 'server.path': socket, ...name };
      const { host, port } = tcp('10809');
      return {
        driver: 'nbd',
        'server.type': 'inet',
        'server.host': unbracketed(host),
        'server.port': port,
        ...name,
      };
    }
    case 'ssh': {
      if (secret !== undefined) {
        throw new UnsupportedError('protocol ssh takes no secret: qemu uses the keys of the ssh agent');
      }
      const { host, port } = tcp('22');
      const file = { driver: 'ssh', 'server.host': unbracketed(host), 'server.port': port, path };
      return username === undefined ? file : { ...file, user: username };
    }
    case 'iscsi': {
      const { host, port } = tcp('3260');
      const [target = '', lun = '0'] = path.replace(/^\//, '').split('/');
      const file = { driver: 'iscsi', transport: 'tcp', portal: `${host}:${port}`, target, lun };
      return {
        ...file,
        ...(username === undefined ? {} : { user: username }),
        ...(secret === undefined ? {} : { 'password-secret': keepSecret(secret) }),
      };
    }
    case 'rbd': {
      const [pool = '', ...image] = path.replace(/^\//, '').split('/');
      const file: Record<string, string> = { driver: 'rbd', pool, image: image.join('/') };
      for (const [index, { host, port = '6789' }] of servers.entries()) {
        if (host === undefined) throw new GuestfsError('EINVAL', 'protocol rbd takes no Unix socket');
        file[`server.${index}.host`] = unbracketed(host);
        file[`server.${index}.port`] = port;
      }
      if (username !== undefined) file['user'] = username;
      if (secret !== undefined) file['key-secret'] = keepSecret(secret);
      return file;
    }
    case 'gluster': {
      const [volume = '', ...rest] = path.replace(/^\//, '').split('/');
      const { socket } = one();
      const file = { driver: 'gluster', volume, path: rest.join('/') };
      if (socket !== undefined) return { ...file, 'server.0.type': 'unix', 'server.0.path': socket };
      const { host, port } = tcp('24007');
      return { ...file, 'server.0.type': 'inet', 'server.0.host': unbracketed(host), 'server.0.port': port };
    }
    default:
      throw new UnsupportedError(`protocol ${protocol} is not known to qemu any more`);
  }
}
