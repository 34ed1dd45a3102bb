import assert from 'node:assert/strict';
import { memoryDevice } from '../../src/block/memory.ts';
import { createAttributeWriter } from '../../src/filesystems/ext4/writer/attributes/index.ts';
import { createDirectoryWriter } from '../../src/filesystems/ext4/writer/directories/index.ts';
import { bareParts } from '../../src/filesystems/ext4/writer/parts.ts';
import { openExt4, type Ext4FileSystem } from '../../src/filesystems/ext4/index.ts';
import { Inode } from '../../src/filesystems/ext4/layout.ts';
import { assertClean } from './ext4-image.ts';

/** Types of directory entries by the top bits of the mode. */
const TYPES: Record<number, number> = { 1: 5, 4: 2, 8: 1, 10: 7 };
const ROOT = 2;
const FILE = 1;
const DIRECTORY = 2;

/** Names and attributes of a filesystem changed by the parts of the writer, without a journal. */
export class Ext4Bench {
  readonly image: Uint8Array;
  readonly #bare: ReturnType<typeof bareParts>;
  readonly directories: ReturnType<typeof createDirectoryWriter>;
  readonly attributes: ReturnType<typeof createAttributeWriter>;

  constructor(image: Uint8Array) {
    this.image = image;
    this.#bare = bareParts(memoryDevice(image));
    const { parts } = this;
    this.directories = createDirectoryWriter(parts);
    this.attributes = createAttributeWriter(parts);
    parts.inodes.empty = (inode) => {
      this.attributes.release(inode);
      parts.files.shrink(inode, 0);
    };
  }

  get parts() {
    return this.#bare.parts;
  }

  /** Do something as one operation. A property, so that tests may take it out of the object. */
  readonly operation = <T>(action: () => T): T => this.#bare.operation(action);

  addLinks(inode: number, by: number): void {
    const { view, base } = this.parts.inodes.change(inode);
    const at = base + Inode.i_links_count;
    view.setUint16(at, view.getUint16(at, true) + by, true);
  }

  /** Make a file, directory or other thing in the root directory; returns its inode. */
  make(name: string, mode = 0o100644): number {
    return this.operation(() => {
      const inode = this.parts.inodes.allocate(ROOT, mode, 0, 0);
      const type = TYPES[mode >> 12] ?? 0;
      if (type === DIRECTORY) {
        this.directories.initialise(inode, ROOT);
        this.addLinks(ROOT, 1);
      }
      this.addLinks(inode, type === DIRECTORY ? 2 : 1);
      this.directories.insert(ROOT, name, inode, type);
      return inode;
    });
  }

  /** Remove a file of the root directory. */
  unlink(name: string): void {
    this.operation(() => {
      const inode = this.directories.lookup(ROOT, name);
      this.directories.remove(ROOT, name);
      this.addLinks(inode, -1);
      this.parts.inodes.free(inode);
    });
  }

  /** Write everything, have it checked, and open it to be read. */
  verify(what: string): Ext4FileSystem {
    this.#bare.commit();
    assertClean(this.image, what);
    return openExt4(memoryDevice(this.image));
  }
}

/** A directory `d` of the root, all whose names are links to the one file `f`. */
export class NamesBench extends Ext4Bench {
  readonly directory: number;
  readonly file: number;

  constructor(image: Uint8Array, directoryFlags = 0) {
    super(image);
    this.directory = this.make('d', 0o040755);
    this.file = this.make('f');
    this.operation(() => {
      const { view, base } = this.parts.inodes.change(this.directory);
      const at = base + Inode.i_flags;
      view.setUint32(at, (view.getUint32(at, true) | directoryFlags) >>> 0, true);
    });
  }

  insert(name: string): void {
    this.operation(() => {
      this.directories.insert(this.directory, name, this.file, FILE);
      this.addLinks(this.file, 1);
    });
  }

  remove(name: string): void {
    this.operation(() => {
      this.directories.remove(this.directory, name);
      this.addLinks(this.file, -1);
    });
  }

  /** Write everything, have it checked, and compare the names with those that must be there. */
  verifyNames(present: ReadonlySet<string>, what: string): void {
    const fs = this.verify(what);
    const names = [...fs.readdir(this.directory)].map((entry) => entry.name);
    assert.deepEqual(names.toSorted(), [...present].toSorted(), what);
    for (const name of present) assert.equal(fs.lookup(this.directory, name), this.file, `${what}: ${name}`);
    assert.equal(this.directories.isEmpty(this.directory), present.size === 0);
  }
}
