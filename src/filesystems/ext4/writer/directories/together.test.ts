import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertClean, dice, makeExt4, withImageFile } from '../../../../../test/support/ext4-image.ts';
import { needsLoopMount, withMount } from '../../../../../test/support/ext4-listing.ts';
import { needsTool, run } from '../../../../../test/support/tools.ts';
import { memoryDevice } from '../../../../block/memory.ts';
import { GuestfsError } from '../../../../errors/index.ts';
import type { FileSystemWriter } from '../../../writer.ts';
import { openExt4, type Ext4FileSystem } from '../../index.ts';

/** Names, attributes and contents through the whole writer, on what every feature of mke2fs(8) makes of them. */
const skip = needsTool('mke2fs', 'e2fsck', 'debugfs');
const FILE_MODE = 0o100644;
const DIRECTORY_MODE = 0o040755;
const CASEFOLD = 0x40000000;
const ROOT = 2;

/** What a directory must hold: files with attributes and content, and directories. */
interface Folder {
  inode: number;
  entries: Map<string, Folder | File>;
}
interface File {
  inode: number;
  content: string;
  attributes: Map<string, string>;
}

function isFolder(entry: Folder | File): entry is Folder {
  return 'entries' in entry;
}

interface Case {
  title: string;
  options: string[];
  size?: string;
  /** True if this kernel may not know it. */
  unmountable?: boolean;
  prepare?: (image: string) => void;
}

const cases: Case[] = [
  { title: 'ext4', options: ['-t', 'ext4'] },
  { title: 'ext3', options: ['-t', 'ext3'] },
  { title: 'ext2', options: ['-t', 'ext2'] },
  { title: 'blocks of 1 KiB', options: ['-t', 'ext4', '-b', '1024'] },
  { title: 'metadata_csum', options: ['-t', 'ext4', '-O', 'metadata_csum,metadata_csum_seed'] },
  { title: 'inodes of 128', options: ['-t', 'ext4', '-I', '128'] },
  { title: 'inodes of 1024', options: ['-t', 'ext4', '-I', '1024'] },
  { title: 'inline_data', options: ['-t', 'ext4', '-O', 'inline_data'] },
  {
    title: 'inline_data, inodes of 512',
    options: ['-t', 'ext4', '-O', 'inline_data', '-I', '512', '-b', '1024'],
  },
  { title: 'ea_inode', options: ['-t', 'ext4', '-O', 'ea_inode'] },
  { title: 'large_dir', options: ['-t', 'ext4', '-O', 'large_dir', '-b', '1024'] },
  { title: 'no dir_index', options: ['-t', 'ext4', '-O', '^dir_index'] },
  { title: 'no filetype', options: ['-t', 'ext4', '-O', '^filetype'] },
  { title: 'no extents', options: ['-t', 'ext4', '-O', '^extents,^64bit'] },
  { title: 'bigalloc', options: ['-t', 'ext4', '-O', 'bigalloc'], size: '64M' },
  {
    title: 'casefold',
    options: ['-t', 'ext4', '-O', 'casefold', '-E', 'encoding=utf8', '-b', '1024'],
    unmountable: true,
    prepare: (image) =>
      run('debugfs', '-w', '-R', `set_inode_field / flags 0x${(0x80000 + CASEFOLD).toString(16)}`, image),
  },
];

/** Applies random changes to a filesystem and to what is known of it. */
class Actor {
  readonly #writer: FileSystemWriter;
  readonly #roll: (bound: number) => number;
  readonly #large: boolean;
  readonly root: Folder = { inode: ROOT, entries: new Map() };
  readonly #folders: Folder[] = [this.root];

  constructor(writer: FileSystemWriter, roll: (bound: number) => number, large: boolean) {
    this.#writer = writer;
    this.#roll = roll;
    this.#large = large;
  }

  #folder(): Folder {
    return this.#folders[this.#roll(this.#folders.length)]!;
  }

  #name(folder: Folder): string {
    const name = `${['name', 'Ünïcødé', 'x'.repeat(this.#roll(40))][this.#roll(3)]}-${this.#roll(200)}`;
    return folder.entries.has(name) ? `${name}.${folder.entries.size}.${this.#roll(1e6)}` : name;
  }

  #existing(folder: Folder): [string, Folder | File] | undefined {
    const at = this.#roll(Math.max(1, folder.entries.size));
    return [...folder.entries][at];
  }

  step(): void {
    const folder = this.#folder();
    const kind = this.#roll(12);
    if (kind < 5) this.#createFile(folder);
    else if (kind === 5) this.#createFolder(folder);
    else if (kind < 8) this.#remove(folder);
    else if (kind < 10) this.#rename(folder);
    else this.#setAttribute(folder);
  }

  #createFile(folder: Folder): void {
    const name = this.#name(folder);
    const inode = this.#writer.create(folder.inode, name, { mode: FILE_MODE, uid: 0, gid: 0 });
    const content = `${name} `.repeat(this.#roll(this.#roll(8) === 0 ? 400 : 8));
    if (content !== '') this.#writer.write(inode, 0, Buffer.from(content));
    folder.entries.set(name, { inode, content, attributes: new Map() });
  }

  #createFolder(folder: Folder): void {
    const name = this.#name(folder);
    const inode = this.#writer.create(folder.inode, name, { mode: DIRECTORY_MODE, uid: 0, gid: 0 });
    const made: Folder = { inode, entries: new Map() };
    folder.entries.set(name, made);
    if (this.#folders.length < 12) this.#folders.push(made);
  }

  #remove(folder: Folder): void {
    const found = this.#existing(folder);
    if (found === undefined) return;
    const [name, entry] = found;
    if (!isFolder(entry)) {
      this.#writer.unlink(folder.inode, name);
    } else if (entry.entries.size > 0) {
      assert.throws(() => this.#writer.rmdir(folder.inode, name), { code: 'ENOTEMPTY' });
      return;
    } else {
      this.#writer.rmdir(folder.inode, name);
      const at = this.#folders.indexOf(entry);
      if (at >= 0) this.#folders.splice(at, 1);
    }
    folder.entries.delete(name);
  }

  #rename(from: Folder): void {
    const found = this.#existing(from);
    if (found === undefined) return;
    const [name, entry] = found;
    const to = this.#folder();
    if (isFolder(entry) && contains(entry, to)) return;
    const other = this.#existing(to);
    const over = other !== undefined && other[1] !== entry && !isFolder(other[1]) && !isFolder(entry);
    const target = over ? other[0] : this.#name(to);
    this.#writer.rename(from.inode, name, to.inode, target);
    from.entries.delete(name);
    to.entries.set(target, entry);
  }

  #setAttribute(folder: Folder): void {
    const found = this.#existing(folder);
    if (found === undefined || isFolder(found[1])) return;
    const { inode, attributes } = found[1];
    const name = `${['user', 'security', 'trusted'][this.#roll(3)]}.attribute-${this.#roll(4)}`;
    if (attributes.has(name) && this.#roll(3) === 0) {
      this.#writer.removeXattr!(inode, name);
      attributes.delete(name);
      return;
    }
    const length = this.#roll(this.#roll(6) > 0 ? 50 : this.#large ? 9000 : 300);
    const value = Buffer.alloc(length, 0x61 + this.#roll(3));
    try {
      this.#writer.setXattr!(inode, name, value);
      attributes.set(name, value.toString('hex'));
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code !== 'ENOSPC') throw error;
    }
  }
}

function contains(folder: Folder, other: Folder): boolean {
  if (folder === other) return true;
  for (const entry of folder.entries.values()) if (isFolder(entry) && contains(entry, other)) return true;
  return false;
}

function compare(fs: Ext4FileSystem, folder: Folder, path: string): void {
  const names = [...fs.readdir(folder.inode)].map(({ name }) => name).filter((name) => name !== 'lost+found');
  assert.deepEqual(names.toSorted(), [...folder.entries.keys()].toSorted(), path);
  for (const [name, entry] of folder.entries) {
    assert.equal(fs.lookup(folder.inode, name), entry.inode, `${path}/${name}`);
    if (isFolder(entry)) {
      compare(fs, entry, `${path}/${name}`);
      continue;
    }
    const content = new Uint8Array(fs.stat(entry.inode).size);
    fs.read(entry.inode, 0, content);
    assert.equal(Buffer.from(content).toString(), entry.content, `content of ${path}/${name}`);
    const attributes = new Map(
      fs.xattrs(entry.inode).map((x) => [x.name, Buffer.from(x.value).toString('hex')]),
    );
    assert.deepEqual(
      [...attributes].toSorted(),
      [...entry.attributes].toSorted(),
      `attributes of ${path}/${name}`,
    );
  }
}

/** The same through the kernel's mount. */
function compareMounted(root: string, folder: Folder): void {
  const names = readdirSync(root).filter((name) => name !== 'lost+found');
  assert.deepEqual(names.toSorted(), [...folder.entries.keys()].toSorted(), root);
  for (const [name, entry] of folder.entries) {
    const path = join(root, name);
    if (isFolder(entry)) compareMounted(path, entry);
    else assert.equal(readFileSync(path, 'utf8'), entry.content, path);
  }
}

/** Attributes of all files below a mount point, as getfattr(1) prints them. */
function mountedAttributes(root: string): Map<string, string[]> {
  const text = execFileSync('getfattr', ['-R', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return new Map(
    text
      .split('\n\n')
      .filter((part) => part !== '')
      .map((part) => {
        const [, ...lines] = part.split('\n').filter((line) => line !== '');
        const file = /^# file: (.*)$/m.exec(part)![1]!;
        return [
          unescape(file),
          lines.map((line) => line.replace('=0x', '=').replace(/^([^=]*)$/, '$1=')).toSorted(),
        ];
      }),
  );
}

function expectedAttributes(folder: Folder, path: string, into: Map<string, string[]>): void {
  for (const [name, entry] of folder.entries) {
    const at = path === '' ? name : `${path}/${name}`;
    if (isFolder(entry)) expectedAttributes(entry, at, into);
    else if (entry.attributes.size > 0)
      into.set(at, [...entry.attributes].map(([a, v]) => `${a}=${v}`).toSorted());
  }
}

/** A path as getfattr(1) prints it: some versions write bytes beyond ASCII in octal. */
function unescape(path: string): string {
  const bytes = Buffer.from(path).toString('latin1');
  const plain = bytes.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(plain, 'latin1').toString();
}

describe('random changes through the whole writer', { skip }, () => {
  cases.forEach(({ title, options, size = '32M', unmountable, prepare }, i) => {
    test(title, () => {
      const image = makeExt4([...options, '-N', '2048'], size, prepare);
      const writer = openExt4(memoryDevice(image)).openWriter();
      const actor = new Actor(writer, dice(i + 1), title === 'ea_inode');
      for (let round = 0; round < 3; round++) {
        for (let step = 0; step < 500; step++) actor.step();
        writer.sync();
      }
      writer.close();
      assertClean(image, title);
      compare(openExt4(memoryDevice(image)), actor.root, '');
      if (unmountable || needsLoopMount() !== false) return;
      withImageFile(image, (path) => {
        const folder = `${path}-mount`;
        mkdirSync(folder);
        withMount(path, folder, 'ro', (root) => {
          compareMounted(root, actor.root);
          if (needsTool('getfattr') !== false) return;
          const expected = new Map<string, string[]>();
          expectedAttributes(actor.root, '', expected);
          assert.deepEqual([...mountedAttributes(root)].toSorted(), [...expected].toSorted());
        });
      });
    });
  });
});

describe('20,000 names in one directory, in random order', { skip }, () => {
  for (const options of [
    ['-t', 'ext4'],
    ['-t', 'ext4', '-b', '1024', '-O', 'large_dir'],
    ['-t', 'ext4', '-O', 'inline_data'],
  ]) {
    test(options.join(' '), () => {
      const image = makeExt4([...options, '-N', '22000'], '64M');
      const writer = openExt4(memoryDevice(image)).openWriter();
      const roll = dice(77);
      const inode = writer.create(ROOT, 'many', { mode: DIRECTORY_MODE, uid: 0, gid: 0 });
      const many: Folder = { inode, entries: new Map() };
      const root: Folder = { inode: ROOT, entries: new Map([['many', many]]) };
      const names = shuffled(
        Array.from({ length: 20000 }, (_, i) => `file number ${i}${'.'.repeat(i % 23)}`),
        roll,
      );
      for (const name of names) {
        const file = writer.create(inode, name, { mode: FILE_MODE, uid: 0, gid: 0 });
        many.entries.set(name, { inode: file, content: '', attributes: new Map() });
      }
      writer.sync();
      assert.throws(() => writer.create(inode, names[7]!, { mode: FILE_MODE, uid: 0, gid: 0 }), {
        code: 'EEXIST',
      });
      for (const name of shuffled(names.slice(0, 15000), roll)) {
        writer.unlink(inode, name);
        many.entries.delete(name);
      }
      writer.close();
      assertClean(image, 'removing most names');
      compare(openExt4(memoryDevice(image)), root, '');
      const again = openExt4(memoryDevice(image)).openWriter();
      for (const name of many.entries.keys()) again.unlink(inode, name);
      again.rmdir(ROOT, 'many');
      again.close();
      assertClean(image, 'removing the directory');
      root.entries.clear();
      compare(openExt4(memoryDevice(image)), root, '');
    });
  }
});

function shuffled(names: readonly string[], roll: (bound: number) => number): string[] {
  const order = [...names];
  for (let i = order.length - 1; i > 0; i--) {
    const j = roll(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
