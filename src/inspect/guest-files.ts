import { decodeText } from '../bytes/text.ts';
import { GuestfsError } from '../errors/index.ts';
import { type FileContent, readAll } from '../formats/content.ts';
import type { FileRef, FileTree } from '../vfs/tree.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../filesystems/mode.ts';

/** Bytes that are read of a configuration file; a larger one is cut. */
const LARGEST_TEXT = 1024 * 1024;

/** Errors that say that there is nothing to read at a path, as opposed to something that cannot be read. */
const ABSENT: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'EISDIR',
  'ENAMETOOLONG',
  'EINVAL',
]);

/**
 * The files of a guest as inspection asks for them: a question about what is missing answers no, and damage is told
 * once to `warn` and then counts as missing, since one bad file must not hide a whole system.
 */
export class GuestFiles {
  readonly tree: FileTree;
  readonly #warn: (message: string) => void;

  constructor(tree: FileTree, warn: (message: string) => void) {
    this.tree = tree;
    this.#warn = warn;
  }

  /** True where the path leads to a regular file. */
  isFile(path: string): boolean {
    return this.#type(path) === S_IFREG;
  }

  isDirectory(path: string): boolean {
    return this.#type(path) === S_IFDIR;
  }

  /** True where the path leads to anything, links followed. */
  exists(path: string): boolean {
    return this.#type(path) !== 0;
  }

  /** Target of a symbolic link; undefined where the path is none. */
  linkTarget(path: string): string | undefined {
    return this.#try(path, () => this.tree.readlink(this.tree.resolve(path, { followLast: false })));
  }

  /** The content of a regular file; undefined where there is none. */
  content(path: string): FileContent | undefined {
    return this.#try(path, () => {
      const file = this.tree.resolve(path);
      const { mode, size } = this.tree.stat(file);
      if ((mode & S_IFMT) !== S_IFREG) return undefined;
      return new TreeContent(this.tree, file, size);
    });
  }

  /** The first `length` bytes of a regular file, fewer where it is shorter. */
  head(path: string, length: number): Uint8Array | undefined {
    return this.#try(path, () => {
      const content = this.content(path);
      if (content === undefined) return undefined;
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, content.read(0, bytes));
    });
  }

  /** A whole file of at most `cap` bytes; undefined where there is none or it is larger. */
  bytes(path: string, cap: number): Uint8Array | undefined {
    return this.#try(path, () => {
      const content = this.content(path);
      return content === undefined || content.size > cap ? undefined : readAll(content, path, cap);
    });
  }

  /** Text of a regular file, at most the first MiB. */
  text(path: string): string | undefined {
    const size = this.content(path)?.size;
    if (size === undefined) return undefined;
    const bytes = this.head(path, Math.min(size, LARGEST_TEXT));
    return bytes === undefined ? undefined : decodeText(bytes);
  }

  /** First line of a text file without the blanks around it; undefined where the file is missing or the line empty. */
  firstLine(path: string): string | undefined {
    const text = this.text(path);
    if (text === undefined) return undefined;
    const end = text.indexOf('\n');
    const line = (end < 0 ? text : text.slice(0, end)).trim();
    return line === '' ? undefined : line;
  }

  /** Names in a directory in stored order, at most `most` of them; none where there is no directory. */
  names(path: string, most = 100_000): string[] {
    const names: string[] = [];
    this.#try(path, () => {
      for (const { name } of this.tree.readdir(this.tree.resolve(path))) {
        names.push(name);
        if (names.length >= most) break;
      }
    });
    return names;
  }

  #type(path: string): number {
    return this.#try(path, () => this.tree.stat(this.tree.resolve(path)).mode & S_IFMT) ?? 0;
  }

  #try<T>(path: string, look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      if (!ABSENT.has(error.code)) this.#warn(`inspection cannot read ${path}: ${error.message}`);
      return undefined;
    }
  }
}

class TreeContent implements FileContent {
  readonly size: number;
  readonly #tree: FileTree;
  readonly #file: FileRef;

  constructor(tree: FileTree, file: FileRef, size: number) {
    this.#tree = tree;
    this.#file = file;
    this.size = size;
  }

  read(offset: number, into: Uint8Array): number {
    return this.#tree.read(this.#file, offset, into);
  }
}
