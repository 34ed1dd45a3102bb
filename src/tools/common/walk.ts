import type { Statns } from '../../actions/generated/structs.ts';
import type { Handle } from './handle.ts';

/** One file of a walk. */
export interface WalkedFile {
  /** Full guest path. */
  path: string;
  stat: Statns;
  /** Target of a symbolic link. */
  link: string | undefined;
}

const MASK = 0o170000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;

/** How many names one call asks for, so that no message gets too large. */
const BATCH = 1000;

/** Order of names by their bytes, which for valid text is the order of code points. */
export function byCodePoint(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    return byteRank(x) - byteRank(y);
  }
  return a.length - b.length;
}

/**
 * Rank of a code unit so that strings sort as their bytes do: a high surrogate begins a character above U+FFFF
 * (bytes F0 and up), and U+DC80 to U+DCFF are single bytes 80 to FF.
 */
function byteRank(unit: number): number {
  if (unit < 0x80) return unit << 8;
  if (unit >= 0xdc80 && unit <= 0xdcff) return (unit - 0xdc00) << 8;
  if (unit >= 0xd800 && unit <= 0xdbff) return (0xf0 << 8) + ((unit - 0xd800) >> 2);
  if (unit < 0x800) return ((0xc0 | (unit >> 6)) << 8) + (unit & 0x3f);
  return ((0xe0 | (unit >> 12)) << 8) + ((unit >> 4) & 0xff);
}

/** A directory and all that is below it, names in order of their bytes, a directory before what is in it. */
export async function* walk(handle: Handle, top: string): AsyncGenerator<WalkedFile> {
  const stat = await handle.lstatns(top);
  const link = (stat.stMode & MASK) === SYMLINK ? await handle.readlink(top) : undefined;
  yield { path: top, stat, link };
  if ((stat.stMode & MASK) === DIRECTORY) yield* walkBelow(handle, top);
}

async function* walkBelow(handle: Handle, directory: string): AsyncGenerator<WalkedFile> {
  const names = (await handle.ls(directory)).toSorted(byCodePoint);
  const prefix = directory.endsWith('/') ? directory : `${directory}/`;
  for (let from = 0; from < names.length; from += BATCH) {
    const batch = names.slice(from, from + BATCH);
    const stats = await handle.lstatnslist(directory, batch);
    const links = stats.filter(({ stMode }) => (stMode & MASK) === SYMLINK);
    const linkNames = batch.filter((_name, at) => ((stats[at] as Statns).stMode & MASK) === SYMLINK);
    const targets = links.length === 0 ? [] : await handle.readlinklist(directory, linkNames);
    let nextLink = 0;
    for (const [at, name] of batch.entries()) {
      const stat = stats[at] as Statns;
      const kind = stat.stMode & MASK;
      yield { path: prefix + name, stat, link: kind === SYMLINK ? targets[nextLink++] : undefined };
      if (kind === DIRECTORY) yield* walkBelow(handle, prefix + name);
    }
  }
}
