import type { FatEntry } from './directory.ts';
import { ENTRY } from './layout.ts';
import { folded } from './names.ts';

/** Names kept over all directories; at roughly 100 bytes each. */
const MAX_NAMES = 200_000;
/** Directories kept. */
const MAX_DIRECTORIES = 64;

/** Inodes of a directory by folded name, long and short. */
type Names = Map<string, number>;

/** The names of the directories looked into last: FAT has no index, every lookup would read all of a directory. */
export class NameIndex {
  readonly #directories = new Map<number, Names>();
  #names = 0;

  /**
   * Inode of a name in a directory, 0 where there is none. Trailing dots of what is looked for do not count, as on
   * Linux. `list` gives the directory's entries.
   */
  find(directory: number, name: string, list: () => Iterable<FatEntry>): number {
    const names = this.#directories.get(directory) ?? this.#read(directory, list);
    const wanted = folded(name);
    return names.get(wanted) ?? names.get(wanted.replace(/\.+$/, '')) ?? 0;
  }

  clear(): void {
    this.#directories.clear();
    this.#names = 0;
  }

  #read(directory: number, list: () => Iterable<FatEntry>): Names {
    const names: Names = new Map();
    for (const { name, alias, offset } of list()) {
      // Of two files of one name the first is found.
      for (const known of [folded(name), folded(alias)]) {
        if (known !== '' && !names.has(known)) names.set(known, offset / ENTRY);
      }
    }
    this.#keep(directory, names);
    return names;
  }

  #keep(directory: number, names: Names): void {
    for (const [old, { size }] of this.#directories) {
      if (this.#names + names.size <= MAX_NAMES && this.#directories.size < MAX_DIRECTORIES) break;
      this.#directories.delete(old);
      this.#names -= size;
    }
    this.#directories.set(directory, names);
    this.#names += names.size;
  }
}
