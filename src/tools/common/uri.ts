import { fileURLToPath } from 'node:url';
import { UnsupportedError } from '../../errors/index.ts';
import { UsageError } from './usage-error.ts';

/** Protocols that libguestfs knows in `-a` and that need a network client, which is not built. */
const REMOTE = new Set([
  'ftp',
  'ftps',
  'gluster',
  'http',
  'https',
  'iscsi',
  'nbd',
  'nbds',
  'rbd',
  'sheepdog',
  'ssh',
  'tftp',
]);

/**
 * The host file that the value of `-a` names: a path, or a `file:` URI.
 *
 * @throws UnsupportedError for a remote disk, UsageError for an address that is neither.
 */
export function diskPath(value: string): string {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(value);
  if (match === null) return value;
  const protocol = (match[1] as string).toLowerCase();
  if (protocol === 'file') {
    try {
      return fileURLToPath(value);
    } catch (error) {
      throw new UsageError(`'${value}' is not a usable file address: ${(error as Error).message}`);
    }
  }
  if (REMOTE.has(protocol.split('+')[0] as string)) {
    throw new UnsupportedError(
      `cannot add '${value}': disks reached by ${protocol} are not supported; copy the disk to a file first`,
    );
  }
  throw new UsageError(`'${value}': unknown protocol '${protocol}'; expected a path or file:///path`);
}
