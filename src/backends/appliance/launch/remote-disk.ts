/** Disks of servers, in the words of qemu's block layer: qemu-block-drivers(7). */
import { GuestfsError, UnsupportedError } from '../../../errors/index.ts';
import type { RemoteDisk } from './settings.ts';

/** How the text of a secret stands for its bytes. */
export type SecretFormat = 'raw' | 'base64';

/** Keeps a secret out of command lines; returns the id of the object that holds it. */
export type KeepSecret = (secret: string, format: SecretFormat) => string;

const MAX_PORT = 65535;
/** Protocols with users. */
const WITH_USERS = ['ftp', 'ftps', 'http', 'https', 'iscsi', 'rbd', 'ssh'];
/** Protocols by which blocks can be given back to the server. */
const DISCARDING = ['gluster', 'iscsi', 'nbd', 'rbd'];

/** Throws as {@link remoteFile}, and EINVAL for discarding where it must work and cannot. */
export function checkRemote(path: string, remote: RemoteDisk, discard: string | undefined): void {
  remoteFile(path, remote, () => '');
  if (discard === 'enable' && !DISCARDING.includes(remote.protocol)) {
    throw new GuestfsError('EINVAL', `discard is enable, which protocol ${remote.protocol} cannot do`);
  }
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
  const port = match[2];
  if (port !== undefined && (Number(port) < 1 || Number(port) > MAX_PORT)) {
    throw new GuestfsError('EINVAL', `server '${server}': port ${port}, expected 1 to ${MAX_PORT}`);
  }
  return { host: match[1], ...(port === undefined ? {} : { port }) };
}

/**
 * Options below `file.` of a disk on a server. Throws EINVAL for what the protocol cannot have, ENOTSUP for a protocol that qemu does
 * not speak.
 */
export function remoteFile(path: string, remote: RemoteDisk, keepSecret: KeepSecret): Record<string, string> {
  const { protocol, username, secret } = remote;
  if (!WITH_USERS.includes(protocol)) {
    for (const key of ['username', 'secret'] as const) {
      if (remote[key] === undefined) continue;
      throw new GuestfsError('EINVAL', `${key} is given, but protocol ${protocol} knows no users`);
    }
  }
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
      return secret === undefined ? file : { ...file, 'password-secret': keepSecret(secret, 'raw') };
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
        ...(secret === undefined ? {} : { 'password-secret': keepSecret(secret, 'raw') }),
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
      // Keys of Ceph are written in base64, and qemu writes what it has read in base64 itself.
      if (secret !== undefined) file['key-secret'] = keepSecret(base64(secret), 'base64');
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

function base64(secret: string): string {
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(secret) && secret.length % 4 === 0) return secret;
  throw new GuestfsError(
    'EINVAL',
    'the secret of protocol rbd is not in base64, as `ceph auth print-key` prints it',
  );
}
