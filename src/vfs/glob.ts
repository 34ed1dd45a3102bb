import { GuestfsError } from '../errors/index.ts';
import { expandBraces } from './braces.ts';
import { S_IFDIR, S_IFMT } from '../filesystems/mode.ts';
import { sortBytes } from './order.ts';
import { hasWildcards, ShellPattern, unescapePattern } from './pattern.ts';
import type { FileRef, FileTree } from './tree.ts';

/** How {@link glob} answers. */
export interface GlobOptions {
  /** Put a slash after directories, and after links to them. Default true. */
  markDirectories?: boolean;
}

/**
 * Paths that match a shell pattern, as glob(3) with braces: `*`, `?`, `[...]`, `{a,b}`, backslash quotes. The
 * results of each brace alternative are sorted by bytes, alternatives stay in their order. Nothing that matches is
 * an empty list. Throws EINVAL where the pattern is not absolute, E2BIG where its braces explode.
 */
export function glob(tree: FileTree, pattern: string, options: GlobOptions = {}): string[] {
  if (!pattern.startsWith('/')) {
    throw new GuestfsError('EINVAL', `${pattern}: the pattern must be absolute, beginning with /`, {
      path: pattern,
    });
  }
  const mark = options.markDirectories ?? true;
  return expandBraces(pattern).flatMap((one) =>
    one.startsWith('/') ? sortBytes(globOne(tree, one, mark)) : [],
  );
}

function globOne(tree: FileTree, pattern: string, mark: boolean): string[] {
  const parts = pattern.split('/').slice(1);
  const onlyDirectories = parts.at(-1) === '';
  if (onlyDirectories) parts.pop();
  let found: string[] = [''];
  // Whether the last step made names up instead of finding them in a directory.
  let made = false;
  for (const part of parts) {
    if (hasWildcards(part)) {
      const wanted = new ShellPattern(part, { period: true });
      found = found.flatMap((prefix) => matchesIn(tree, prefix, part, wanted));
      made = false;
    } else {
      const name = unescapePattern(part);
      found = found.map((prefix) => `${prefix}/${name}`);
      made = true;
    }
    if (found.length === 0) return [];
  }
  const results: string[] = [];
  for (const path of found) {
    if (made && lookup(tree, path || '/', false) === undefined) continue;
    const directory = (mark || onlyDirectories) && isDirectory(tree, path || '/');
    if (onlyDirectories && !directory) continue;
    results.push(directory ? `${path}/` : path);
  }
  return results;
}

function matchesIn(tree: FileTree, prefix: string, part: string, wanted: ShellPattern): string[] {
  const directory = lookup(tree, prefix === '' ? '/' : prefix, true);
  if (directory === undefined || (tree.stat(directory).mode & S_IFMT) !== S_IFDIR) return [];
  const found: string[] = [];
  if (part.startsWith('.')) {
    for (const name of ['.', '..']) if (wanted.matches(name)) found.push(`${prefix}/${name}`);
  }
  for (const { name } of tree.readdir(directory)) if (wanted.matches(name)) found.push(`${prefix}/${name}`);
  return found;
}

function isDirectory(tree: FileTree, path: string): boolean {
  const file = lookup(tree, path, true);
  return file !== undefined && (tree.stat(file).mode & S_IFMT) === S_IFDIR;
}

/** The file, or undefined where there is none of that name; damage still throws. */
function lookup(tree: FileTree, path: string, followLast: boolean): FileRef | undefined {
  try {
    return tree.resolve(path, { followLast });
  } catch (error) {
    if (error instanceof GuestfsError && ABSENT.has(error.code)) return undefined;
    throw error;
  }
}

const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL']);
