import type { Statns } from '../../actions/generated/structs.ts';
import { sortBytes } from '../../vfs/order.ts';
import type { Handle } from './handle.ts';
import type { WalkedFile } from './walk.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../filesystems/mode.ts';

/** How many names one call asks for. */
const BATCH = 1000;

/**
 * The same files in the same order as `walk` gives them, directory by directory: other calls can be made between
 * two files, and no more than one directory a level is held.
 */
export async function* walkByDirectory(handle: Handle, top: string): AsyncGenerator<WalkedFile> {
  const stat = await handle.lstatns(top);
  const link = (stat.stMode & S_IFMT) === S_IFLNK ? await handle.readlink(top) : undefined;
  yield { path: top, stat, link };
  if ((stat.stMode & S_IFMT) === S_IFDIR) yield* below(handle, top);
}

async function* below(handle: Handle, directory: string): AsyncGenerator<WalkedFile> {
  const names = sortBytes(await handle.ls(directory));
  const prefix = directory.endsWith('/') ? directory : `${directory}/`;
  for (let from = 0; from < names.length; from += BATCH) {
    const batch = names.slice(from, from + BATCH);
    const stats = await handle.lstatnslist(directory, batch);
    const linkNames = batch.filter((_name, at) => ((stats[at] as Statns).stMode & S_IFMT) === S_IFLNK);
    const targets = linkNames.length === 0 ? [] : await handle.readlinklist(directory, linkNames);
    let nextLink = 0;
    for (const [at, name] of batch.entries()) {
      const stat = stats[at] as Statns;
      const kind = stat.stMode & S_IFMT;
      yield { path: prefix + name, stat, link: kind === S_IFLNK ? targets[nextLink++] : undefined };
      if (kind === S_IFDIR) yield* below(handle, prefix + name);
    }
  }
}
