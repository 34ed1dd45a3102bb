/** Names kept over all directories; at roughly 100 bytes each. */
const MAX_NAMES = 200_000;
/** Directories kept. */
const MAX_DIRECTORIES = 64;

/** Inodes of a directory by the form in which its names are compared. */
type Names = Map<string, number>;

/**
 * The names of the directories looked into last, for formats whose directories have no index: without it every
 * lookup would read all of the directory.
 */
export class NameIndex {
  readonly #directories = new Map<number, Names>();
  #names = 0;

  /**
   * The inodes by name of a directory. `list` gives its names in stored order, in the form in which they are
   * compared; of two files of one name the first is found.
   */
  of(directory: number, list: () => Iterable<{ name: string; inode: number }>): ReadonlyMap<string, number> {
    const known = this.#directories.get(directory);
    if (known !== undefined) return known;
    const names: Names = new Map();
    for (const { name, inode } of list()) if (!names.has(name)) names.set(name, inode);
    this.#keep(directory, names);
    return names;
  }

  /** Add a name to a directory, if that is kept; the first of two of one name stays. */
  add(directory: number, name: string, inode: number): void {
    const names = this.#directories.get(directory);
    if (names === undefined || names.has(name)) return;
    names.set(name, inode);
    this.#names++;
  }

  /** Remove a name of an inode from a directory, if that is kept. */
  remove(directory: number, name: string, inode: number): void {
    const names = this.#directories.get(directory);
    if (names === undefined || names.get(name) !== inode) return;
    names.delete(name);
    this.#names--;
  }

  /** Forget a directory. */
  forget(directory: number): void {
    this.#names -= this.#directories.get(directory)?.size ?? 0;
    this.#directories.delete(directory);
  }

  /** Forget everything. */
  clear(): void {
    this.#directories.clear();
    this.#names = 0;
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
