/** Asks libvirt by its program virsh: this package is not linked with libvirt. */
import { execFile } from 'node:child_process';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { type Domain, type DomainDisk, parseDomain } from './domain.ts';
import { MAX_XML } from './xml.ts';

/** Bytes of output: a character has up to four. */
const MAX_OUTPUT = 4 * MAX_XML;
/** Milliseconds that libvirt may take. */
const LIMIT = 60_000;
/** Characters of what virsh says that a message quotes. */
const QUOTED = 2000;

/** One connection of libvirt: its default one, or that of a URI. */
export class Virsh {
  readonly #uri: string | undefined;
  readonly #limit: number;

  /** `limit` is the time in milliseconds that each question may take. */
  constructor(uri: string | undefined, limit = LIMIT) {
    this.#uri = uri;
    this.#limit = limit;
  }

  /**
   * A domain by its name or, where allowed, its UUID, which comes first. Rejects with ENOTSUP without virsh, ENOENT where there is no such
   * domain, ETIMEDOUT where libvirt does not answer, EIO for its other failures.
   */
  async domain(wanted: string, allowUuid: boolean): Promise<Domain> {
    if (wanted === '') throw new GuestfsError('EINVAL', 'the name of the domain is empty');
    const domain = await this.#dump(allowUuid ? withHyphens(wanted) : wanted);
    if (domain.name === wanted || (allowUuid && isUuidOf(domain, wanted))) return domain;
    // virsh looks for the number of a running domain and for a UUID before it looks for a name.
    const uuid = await this.#uuidOf(wanted);
    const named = uuid === undefined ? undefined : await this.#dump(uuid);
    if (named?.name === wanted) return named;
    throw new GuestfsError('ENOENT', `libvirt has no domain with the name ${wanted}`);
  }

  async #dump(wanted: string): Promise<Domain> {
    return parseDomain(await this.#run(true, 'dumpxml', `--domain=${wanted}`));
  }

  /** UUID of the domain with a name, from a list of all. */
  async #uuidOf(name: string): Promise<string | undefined> {
    const list = await this.#run(true, 'list', '--all', '--uuid', '--name');
    for (const line of list.split('\n')) {
      const [, uuid, found] = /^([0-9a-f-]{36}) (.*?) *$/.exec(line) ?? [];
      if (found === name) return uuid;
    }
    return undefined;
  }

  /** Path of a volume in a storage pool. */
  async volumePath(pool: string, volume: string): Promise<string> {
    const path = (await this.#run(true, 'vol-path', `--pool=${pool}`, `--vol=${volume}`)).replace(/\n+$/, '');
    if (!path.startsWith('/')) {
      throw new GuestfsError(
        'EIO',
        `virsh vol-path: found '${path}' for ${volume} in ${pool}, expected a path`,
      );
    }
    return path;
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
    const connection = this.#uri === undefined ? [] : [`--connect=${this.#uri}`];
    const args = ['--quiet', ...(readonly ? ['--readonly'] : []), ...connection, ...command];
    const options = {
      encoding: 'utf8' as const,
      maxBuffer: MAX_OUTPUT,
      timeout: this.#limit,
      killSignal: 'SIGKILL' as const,
      env: { ...process.env, LC_ALL: 'C' },
    };
    return new Promise((resolve, reject) => {
      const child = execFile('virsh', args, options, (error, stdout, stderr) => {
        if (error !== null) reject(this.#failure(error, stderr, command));
        else if (stdout.trim() === '') {
          reject(new GuestfsError('EIO', `virsh ${command[0]}: it ended well, but printed nothing`));
        } else resolve(stdout);
      });
      child.stdin?.end();
    });
  }

  #failure(
    error: Error & { code?: unknown; killed?: boolean },
    stderr: string,
    [command]: readonly string[],
  ): GuestfsError {
    if (error.code === 'ENOENT') {
      return new UnsupportedError('libvirt is asked by its program virsh, which is not installed');
    }
    if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
      return new GuestfsError('EFBIG', `virsh ${command}: it printed more than ${MAX_OUTPUT} bytes`);
    }
    if (error.killed === true) {
      return new GuestfsError('ETIMEDOUT', `virsh ${command}: no answer within ${this.#limit / 1000} s`);
    }
    const words = stderr
      .replaceAll(/^error: /gm, '')
      .trim()
      .replaceAll(/\s*\n\s*/g, '; ')
      .slice(0, QUOTED);
    const code = /no domain with matching|failed to get domain/i.test(words) ? 'ENOENT' : 'EIO';
    return new GuestfsError(code, `virsh ${command}: ${words === '' ? error.message : words}`);
  }
}

/** What may be a UUID as virsh knows them. */
function withHyphens(text: string): string {
  const parts = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i.exec(text);
  return parts === null ? text : parts.slice(1).join('-');
}

/** UUIDs are written with hyphens or without. */
function isUuidOf({ uuid }: Domain, wanted: string): boolean {
  const plain = (text: string): string => text.toLowerCase().replaceAll('-', '');
  return uuid !== '' && plain(uuid) === plain(wanted);
}
