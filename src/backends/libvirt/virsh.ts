/** Asks libvirt by its program virsh: this package is not linked with libvirt. */
import { execFile } from 'node:child_process';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { type Domain, type DomainDisk, parseDomain } from './domain.ts';

const MAX_OUTPUT = 16 * 1024 * 1024;
/** Milliseconds that libvirt may take. */
const LIMIT = 60_000;

/** One connection of libvirt: its default one, or that of a URI. */
export class Virsh {
  readonly #uri: string | undefined;

  constructor(uri: string | undefined) {
    this.#uri = uri;
  }

  /**
   * A domain by its name or, where allowed, its UUID. Rejects with ENOTSUP without virsh, ENOENT where there is no such domain, EIO for
   * other failures of libvirt.
   */
  async domain(wanted: string, allowUuid: boolean): Promise<Domain> {
    const xml = await this.#run(true, 'dumpxml', `--domain=${wanted}`);
    const domain = parseDomain(xml);
    // virsh takes numbers of running domains, and UUIDs, as well.
    const isUuid = allowUuid && domain.uuid.toLowerCase() === wanted.toLowerCase();
    if (domain.name === wanted || isUuid) return domain;
    throw new GuestfsError('ENOENT', `libvirt has no domain with the name ${wanted}`);
  }

  /** Path of a volume in a storage pool. */
  async volumePath(pool: string, volume: string): Promise<string> {
    return (await this.#run(true, 'vol-path', `--pool=${pool}`, `--vol=${volume}`)).replace(/\n+$/, '');
  }

  /** A secret that libvirt keeps, in base64. */
  async secret(wanted: NonNullable<DomainDisk['secret']>): Promise<string> {
    const uuid = 'uuid' in wanted ? wanted.uuid : await this.#secretOf(wanted.usage);
    return (await this.#run(false, 'secret-get-value', `--secret=${uuid}`)).trim();
  }

  /** UUID of the secret with a usage, of which virsh prints a table. */
  async #secretOf(usage: string): Promise<string> {
    const table = await this.#run(false, 'secret-list');
    for (const line of table.split('\n')) {
      const [, uuid, found] = /^\s*([0-9a-f-]{36})\s+\S+\s+(.*?)\s*$/.exec(line) ?? [];
      if (uuid !== undefined && found === usage) return uuid;
    }
    throw new GuestfsError('ENOENT', `libvirt has no secret for ${usage}`);
  }

  #run(readonly: boolean, ...command: readonly string[]): Promise<string> {
    const connection = this.#uri === undefined ? [] : ['--connect', this.#uri];
    const args = ['--quiet', ...(readonly ? ['--readonly'] : []), ...connection, ...command];
    const options = {
      encoding: 'utf8' as const,
      maxBuffer: MAX_OUTPUT,
      timeout: LIMIT,
      env: { ...process.env, LC_ALL: 'C' },
    };
    return new Promise((resolve, reject) => {
      const child = execFile('virsh', args, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(failure(error, stderr, command));
      });
      child.stdin?.end();
    });
  }
}

function failure(
  error: Error & { code?: unknown; killed?: boolean },
  stderr: string,
  [command]: readonly string[],
): GuestfsError {
  if (error.code === 'ENOENT') {
    return new UnsupportedError('libvirt is asked by its program virsh, which is not installed');
  }
  if (error.killed === true) {
    return new GuestfsError('ETIMEDOUT', `virsh ${command}: no answer within ${LIMIT / 1000} s`);
  }
  const words = stderr
    .replaceAll(/^error: /gm, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ');
  const code = /no domain with matching|failed to get domain/i.test(words) ? 'ENOENT' : 'EIO';
  return new GuestfsError(code, `virsh ${command}: ${words === '' ? error.message : words}`);
}
