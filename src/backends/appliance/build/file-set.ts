/** Files of the host and made up ones, on their way into the initrd or the root of the appliance. */
import { lstatSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { encodeText } from '../../../bytes/text.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { hostError } from '../../io/host-error.ts';

/** One entry; owner is always root. */
export type FileSetEntry =
  | { kind: 'directory'; mode: number }
  | { kind: 'link'; target: string }
  /** The first `size` bytes of a file; `mtime` in milliseconds tells a changed one apart. */
  | { kind: 'file'; mode: number; source: string; size: number; mtime: number }
  | { kind: 'content'; mode: number; bytes: Uint8Array };

const MAX_LINKS = 40;

/** A tree by absolute paths. Parents are made on the way. */
export class FileSet {
  readonly #entries = new Map<string, FileSetEntry>();

  /** Entries with their paths, parents first. */
  entries(): [path: string, entry: FileSetEntry][] {
    return [...this.#entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  has(path: string): boolean {
    return this.#entries.has(path);
  }

  /** Bytes of all contents. */
  get size(): number {
    let total = 0;
    for (const entry of this.#entries.values()) {
      if (entry.kind === 'file') total += entry.size;
      else if (entry.kind === 'content') total += entry.bytes.length;
    }
    return total;
  }

  directory(path: string, mode = 0o755): void {
    this.#parents(path);
    this.#entries.set(path, { kind: 'directory', mode });
  }

  link(path: string, target: string): void {
    this.#parents(path);
    this.#entries.set(path, { kind: 'link', target });
  }

  content(path: string, content: string | Uint8Array, mode = 0o644): void {
    this.#parents(path);
    const bytes = typeof content === 'string' ? encodeText(content) : content;
    this.#entries.set(path, { kind: 'content', mode, bytes });
  }

  /** A file of the host, or its first bytes, under a path of its own choice. Throws where it cannot be read. */
  file(path: string, source: string, length?: number): void {
    const { size, mode, mtimeMs } = this.#stat(source);
    this.#parents(path);
    const entry = { mode: mode & 0o755, source, size: length ?? size, mtime: mtimeMs };
    this.#entries.set(path, { kind: 'file', ...entry });
  }

  /**
   * A file or folder name of the host under the same path, with every link that leads there. Only the name itself of a folder, not what
   * is in it. Throws where it is not there.
   */
  host(path: string): void {
    let links = 0;
    let done = '';
    let left = normalize(path)
      .split('/')
      .filter((part) => part !== '');
    while (left.length > 0) {
      const current = `${done}/${left[0]}`;
      left = left.slice(1);
      const stat = lstat(current);
      if (stat.isSymbolicLink()) {
        if (++links > MAX_LINKS) throw new GuestfsError('ELOOP', `${path}: too many links`, { path });
        const target = readlinkSync(current);
        this.link(current, target);
        const next = isAbsolute(target) ? normalize(target) : join(dirname(current), target);
        left = [...next.split('/').filter((part) => part !== ''), ...left];
        done = '';
      } else {
        if (stat.isDirectory()) {
          if (!this.has(current)) this.directory(current);
        } else this.file(current, current);
        done = current;
      }
    }
  }

  #stat(source: string): Stats {
    try {
      return statSync(source);
    } catch (error) {
      throw hostError(error, 'cannot be put into the appliance', source);
    }
  }

  #parents(path: string): void {
    const parent = dirname(path);
    if (parent !== '/' && !this.#entries.has(parent)) this.directory(parent);
  }
}

function lstat(path: string): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    throw hostError(error, 'cannot be put into the appliance', path);
  }
}

/** Content of an entry that has some. */
export function contentOf(entry: FileSetEntry): Uint8Array {
  if (entry.kind === 'content') return entry.bytes;
  return entry.kind === 'file' ? readFileSync(entry.source).subarray(0, entry.size) : new Uint8Array(0);
}
