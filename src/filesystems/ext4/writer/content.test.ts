import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readFileSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertClean, makeExt4, withImageFile } from '../../../../test/support/ext4-image.ts';
import {
  listFileSystem,
  listingDifferences,
  listMount,
  needsLoopMount,
  withMount,
} from '../../../../test/support/ext4-listing.ts';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { memoryDevice } from '../../../block/memory.ts';
import type { FileSystemWriter } from '../../writer.ts';
import { openFile } from '../../../block/file.ts';
import { openExt4, type Ext4FileSystem } from '../index.ts';

/** Contents of files on what every feature of mke2fs(8) makes of a filesystem, judged by e2fsck and by Linux. */
const skip = needsTool('mke2fs', 'e2fsck', 'debugfs');
const FILE = { mode: 0o100644, uid: 0, gid: 0 };
const ROOT = 2;

interface Case {
  title: string;
  options: string[];
  blockSize?: number;
  size?: string;
  /** False where space cannot be reserved. */
  extents?: boolean;
  /** True where this kernel may not mount it. */
  unmountable?: boolean;
}

const cases: Case[] = [
  { title: 'ext4', options: ['-t', 'ext4'], blockSize: 4096 },
  { title: 'blocks of 1 KiB', options: ['-t', 'ext4', '-b', '1024'] },
  { title: 'blocks of 2 KiB', options: ['-t', 'ext4', '-b', '2048'], blockSize: 2048 },
  { title: 'ext2', options: ['-t', 'ext2', '-b', '1024'], extents: false },
  { title: 'ext2, blocks of 4 KiB', options: ['-t', 'ext2', '-b', '4096'], blockSize: 4096, extents: false },
  { title: 'ext3', options: ['-t', 'ext3', '-b', '1024'], extents: false },
  { title: 'no journal', options: ['-t', 'ext4', '-b', '1024', '-O', '^has_journal'] },
  { title: 'no checksums', options: ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,^64bit'] },
  { title: 'uninit_bg', options: ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,uninit_bg,^64bit'] },
  { title: 'not 64bit', options: ['-t', 'ext4', '-b', '1024', '-O', '^64bit,metadata_csum'] },
  { title: 'no flex_bg', options: ['-t', 'ext4', '-b', '1024', '-O', '^flex_bg'] },
  { title: 'meta_bg', options: ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode'] },
  { title: 'sparse_super2', options: ['-t', 'ext4', '-b', '1024', '-O', 'sparse_super2,^resize_inode'] },
  { title: 'inline_data', options: ['-t', 'ext4', '-b', '1024', '-O', 'inline_data'] },
  {
    title: 'inline_data, inodes of 1024',
    options: ['-t', 'ext4', '-I', '1024', '-O', 'inline_data'],
    blockSize: 4096,
  },
  { title: 'bigalloc', options: ['-t', 'ext4', '-b', '1024', '-O', 'bigalloc', '-C', '16384'], size: '32M' },
  { title: 'quota', options: ['-t', 'ext4', '-b', '1024', '-O', 'quota,project'] },
  { title: 'no huge_file', options: ['-t', 'ext4', '-b', '1024', '-O', '^huge_file,^large_file'] },
  { title: 'orphan file', options: ['-t', 'ext4', '-b', '1024', '-O', 'orphan_file'], unmountable: true },
];

/** Files as they must be, changed together with the filesystem. */
class Files {
  readonly writer: FileSystemWriter;
  readonly known = new Map<string, { inode: number; bytes: Buffer }>();

  constructor(writer: FileSystemWriter) {
    this.writer = writer;
  }

  make(name: string): number {
    const inode = this.writer.create(ROOT, name, FILE);
    this.known.set(name, { inode, bytes: Buffer.alloc(0) });
    return inode;
  }

  #resize(name: string, size: number): Buffer {
    const file = this.known.get(name)!;
    const bytes = Buffer.alloc(size);
    file.bytes.copy(bytes, 0, 0, Math.min(size, file.bytes.length));
    file.bytes = bytes;
    return bytes;
  }

  write(name: string, offset: number, from: Uint8Array): void {
    const file = this.known.get(name)!;
    this.writer.write(file.inode, offset, from);
    if (from.length === 0) return;
    const bytes = this.#resize(name, Math.max(file.bytes.length, offset + from.length));
    bytes.set(from, offset);
  }

  truncate(name: string, size: number): void {
    this.writer.truncate(this.known.get(name)!.inode, size);
    this.#resize(name, size);
  }

  allocate(name: string, offset: number, length: number, keepSize: boolean): void {
    const file = this.known.get(name)!;
    this.writer.allocate!(file.inode, offset, length, keepSize);
    if (!keepSize) this.#resize(name, Math.max(file.bytes.length, offset + length));
  }

  punch(name: string, offset: number, length: number): void {
    const file = this.known.get(name)!;
    this.writer.punch!(file.inode, offset, length);
    file.bytes.fill(0, offset, Math.min(file.bytes.length, offset + length));
  }

  remove(name: string): void {
    this.writer.unlink(ROOT, name);
    this.known.delete(name);
  }
}

/** Bytes that tell where they are. */
function pattern(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (seed * 7 + i + (i >>> 8) * 3) | 1;
  return bytes;
}

/** Every way in which the content of a file changes, at the edges of blocks. */
function exercise(files: Files, blockSize: number, extents: boolean): void {
  const edges = [
    0,
    1,
    blockSize - 1,
    blockSize,
    blockSize + 1,
    12 * blockSize,
    12 * blockSize + 1,
    17 * blockSize,
  ];
  for (const [i, size] of edges.entries()) {
    const name = `edge-${size}`;
    files.make(name);
    files.write(name, 0, pattern(i, size));
    files.truncate(name, Math.max(0, size - 1));
    files.truncate(name, size + blockSize + 1);
    files.write(name, size + blockSize + 1, pattern(i, 5));
  }
  // Two files that grow by turns: many short runs each.
  files.make('left');
  files.make('right');
  for (let i = 0; i < 400; i++) {
    files.write(i % 2 === 0 ? 'left' : 'right', (i >> 1) * 3 * blockSize, pattern(i, 3 * blockSize));
  }
  files.writer.sync();
  files.write('left', 100 * blockSize - 7, pattern(9, 20 * blockSize));
  files.truncate('right', 150 * blockSize + 5);
  files.truncate('right', 160 * blockSize);
  files.write('right', files.known.get('right')!.bytes.length, pattern(10, 700));
  // Holes, and what fills them.
  files.make('holes');
  for (const at of [5, 3, 9, 7, 1, 300, 298, 299])
    files.write('holes', at * blockSize + 3, pattern(at, blockSize - 3));
  files.write('holes', 2 * blockSize - 1, pattern(55, 2));
  for (let i = 0; i < 60; i++) files.punch('left', i * 4 * blockSize, blockSize);
  files.punch('left', 10, 5);
  files.punch('left', 250 * blockSize + 11, 20 * blockSize);
  files.punch('left', 500 * blockSize, 1000 * blockSize);
  files.punch('right', 0, 100 * blockSize + 1);
  // A whole file goes and comes back.
  files.make('gone');
  files.write('gone', 0, pattern(77, 600 * blockSize));
  files.truncate('gone', 0);
  files.write('gone', 3, pattern(78, 90));
  files.make('removed');
  files.write('removed', 300 * blockSize, pattern(79, 300 * blockSize));
  files.remove('removed');
  const replacement = files.writer.replace(files.known.get('holes')!.inode);
  replacement.write(pattern(1, 3 * blockSize));
  replacement.abandon();
  const other = files.writer.replace(files.known.get('edge-0')!.inode);
  other.write(pattern(2, 70 * blockSize));
  other.writeZeroes(30 * blockSize);
  other.write(pattern(3, 1));
  other.finish();
  files.known.get('edge-0')!.bytes = Buffer.concat([
    pattern(2, 70 * blockSize),
    Buffer.alloc(30 * blockSize),
    pattern(3, 1),
  ]);
  const odd = files.make('reserved');
  if (!extents) {
    assert.throws(() => files.writer.allocate!(odd, 0, 5000), { code: 'ENOTSUP' });
    return;
  }
  files.allocate('reserved', 100, 200 * blockSize, false);
  files.write('reserved', 50 * blockSize + 1, pattern(4, 2 * blockSize));
  files.write('reserved', 199 * blockSize, pattern(5, 3 * blockSize));
  for (let i = 60; i < 150; i += 2) files.write('reserved', i * blockSize, pattern(i, blockSize));
  for (let i = 61; i < 150; i += 2) files.write('reserved', i * blockSize, pattern(i, blockSize));
  files.allocate('reserved', 300 * blockSize, 50 * blockSize, true);
  files.punch('reserved', 10 * blockSize, 5 * blockSize);
  files.make('kept');
  files.allocate('kept', 0, 40 * blockSize, true);
  files.write('kept', 0, pattern(8, 10 * blockSize + 10));
  files.allocate('left', 0, 700 * blockSize, true);
}

function compare(image: Uint8Array, files: Files, what: string): void {
  const fs = openExt4(memoryDevice(image));
  for (const [name, { inode, bytes }] of files.known) {
    assert.equal(fs.lookup(ROOT, name), inode, `${what}: ${name}`);
    assert.equal(fs.stat(inode).size, bytes.length, `${what}: size of ${name}`);
    const into = Buffer.alloc(bytes.length);
    fs.read(inode, 0, into);
    assert.ok(into.equals(bytes), `${what}: content of ${name}`);
  }
}

/** The image as Linux shows it is the same as we show it, contents and free space included. */
function compareMounted(image: Uint8Array, files: Files, what: string): void {
  if (needsLoopMount() !== false) return;
  const fs = openExt4(memoryDevice(image));
  withImageFile(image, (path) => {
    const folder = `${path}-mount`;
    mkdirSync(folder);
    withMount(path, folder, 'ro', (root) => {
      for (const [name, { bytes }] of files.known) {
        assert.ok(readFileSync(join(root, name)).equals(bytes), `${what}: content of ${name} in Linux`);
      }
      assert.deepEqual(listingDifferences(listFileSystem(fs), listMount(root)), [], what);
    });
  });
}

describe('contents of files', { skip }, () => {
  for (const { title, options, blockSize = 1024, size = '12M', extents = true, unmountable } of cases) {
    test(title, () => {
      const image = makeExt4([...options, '-N', '512'], size);
      const before = freeBlocks(image);
      const files = new Files(openExt4(memoryDevice(image)).openWriter());
      exercise(files, blockSize, extents);
      files.writer.close();
      assertClean(image, title);
      compare(image, files, title);
      if (!unmountable) compareMounted(image, files, title);
      const again = openExt4(memoryDevice(image)).openWriter();
      for (const name of files.known.keys()) again.unlink(ROOT, name);
      again.close();
      assertClean(image, `${title}, all removed`);
      assert.equal(freeBlocks(image), before, `${title}: all blocks are back`);
    });
  }
});

function freeBlocks(image: Uint8Array): bigint | number {
  return openExt4(memoryDevice(image)).statfs().bfree;
}

/** A file of holes of `size` bytes with a filesystem, which is removed afterwards. */
function withSparse(size: number, options: readonly string[], use: (path: string) => void): void {
  const { path, remove } = temporaryFolder();
  try {
    const image = join(path, 'image');
    writeFileSync(image, '');
    truncateSync(image, size);
    run(
      'mke2fs',
      '-q',
      '-F',
      '-E',
      'lazy_itable_init=1,lazy_journal_init=1',
      '-N',
      '1000',
      ...options,
      image,
    );
    use(image);
    run('e2fsck', '-fn', image);
  } finally {
    remove();
  }
}

function withWriter(path: string, use: (writer: FileSystemWriter, fs: Ext4FileSystem) => void): void {
  const device = openFile(path, { writable: true });
  const fs = openExt4(device);
  const writer = fs.openWriter();
  use(writer, fs);
  writer.close();
  device.close();
}

describe('as large as files can be', { skip }, () => {
  const TIB = 2 ** 40;
  // Linux shows nothing behind these sizes.
  for (const [title, options, most] of [
    ['extents of 1 KiB', ['-t', 'ext4', '-b', '1024'], (2 ** 32 - 1) * 1024],
    ['extents of 4 KiB', ['-t', 'ext4', '-b', '4096'], (2 ** 32 - 1) * 4096],
    ['without huge_file', ['-t', 'ext4', '-b', '4096', '-O', '^huge_file'], (2 ** 29 - 1) * 4096],
    ['indirect blocks of 1 KiB', ['-t', 'ext3', '-b', '1024'], (12 + 256 + 256 ** 2 + 256 ** 3) * 1024],
    [
      'indirect blocks of 4 KiB',
      ['-t', 'ext2', '-b', '4096'],
      (2 ** 29 - 1 - (3 + 2 * 1024 + 1024 ** 2)) * 4096,
    ],
  ] as const) {
    test(title, () => {
      withSparse(64 * 2 ** 20, options, (path) => {
        const places = [most - 1, most - 9000, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 33, 2 ** 41 - 1].filter(
          (at) => at < most,
        );
        withWriter(path, (writer, fs) => {
          const inode = writer.create(ROOT, 'far', FILE);
          for (const at of places) writer.write(inode, at, Buffer.from([(at % 251) | 1]));
          assert.throws(() => writer.write(inode, most, Buffer.from('x')), { code: 'EFBIG' });
          assert.throws(() => writer.truncate(inode, most + 1), { code: 'EFBIG' });
          if (options[1] === 'ext4') {
            assert.throws(() => writer.allocate!(inode, most - 1, 2), { code: 'EFBIG' });
            writer.allocate!(inode, most - 9000, 9000);
          }
          writer.truncate(inode, most);
          assert.equal(fs.stat(inode).size, most);
          const one = Buffer.alloc(1);
          for (const at of places) {
            fs.read(inode, at, one);
            assert.equal(one[0], (at % 251) | 1, `byte ${at}`);
          }
        });
        if (needsLoopMount() === false) {
          const folder = `${path}-mount`;
          mkdirSync(folder);
          withMount(path, folder, 'ro', (root) => {
            const file = openSync(join(root, 'far'), 'r');
            const one = Buffer.alloc(1);
            for (const at of places) {
              assert.equal(readSync(file, one, 0, 1, at), 1, `byte ${at} in Linux`);
              assert.equal(one[0], (at % 251) | 1, `byte ${at} in Linux`);
            }
            closeSync(file);
          });
        }
        run('e2fsck', '-fn', path);
        withWriter(path, (writer) => writer.unlink(ROOT, 'far'));
      });
    });
  }

  test('a filesystem of 10 TiB', () => {
    withSparse(
      10 * TIB,
      ['-t', 'ext4', '-O', 'bigalloc,^resize_inode', '-C', '1048576', '-m', '0'],
      (path) => {
        withWriter(path, (writer) => {
          const inode = writer.create(ROOT, 'reserved', FILE);
          writer.allocate!(inode, 0, 3 * TIB);
          writer.write(inode, 2 * TIB + 12345, Buffer.from('in the middle'));
        });
        const shown = run('debugfs', '-R', 'stat reserved', path);
        assert.match(shown, /Size: 3298534883328/);
      },
    );
  });
});

describe('limits', { skip }, () => {
  test('inodes that were just freed are used again without a journal', () => {
    const image = makeExt4(['-t', 'ext2', '-N', '32'], '4M');
    const writer = openExt4(memoryDevice(image)).openWriter();
    for (let i = 0; i < 21; i++) writer.create(ROOT, `file-${i}`, FILE);
    assert.throws(() => writer.create(ROOT, 'one more', FILE), { code: 'ENOSPC' });
    writer.sync();
    for (let i = 0; i < 5; i++) writer.unlink(ROOT, `file-${i}`);
    for (let i = 0; i < 5; i++) writer.create(ROOT, `new-${i}`, FILE);
    writer.close();
    assertClean(image, 'inodes used again');
  });

  test('extents stay extents', () => {
    const image = makeExt4(['-t', 'ext4'], '8M');
    const fs = openExt4(memoryDevice(image));
    const writer = fs.openWriter();
    const inode = writer.create(ROOT, 'file', FILE);
    writer.write(inode, 0, Buffer.alloc(9000, 7));
    const flags = fs.flags(inode);
    assert.throws(() => writer.setFlags!(inode, flags & ~0x80000), { code: 'ENOTSUP', message: /chattr -e/ });
    writer.setFlags!(inode, flags | 0x40);
    writer.close();
    assertClean(image, 'setting flags');
  });

  test('a filesystem whose free blocks all stand alone', () => {
    const image = makeExt4(['-t', 'ext4', '-b', '1024', '-N', '64'], '16M');
    const fs = openExt4(memoryDevice(image));
    const writer = fs.openWriter();
    const full = { code: 'ENOSPC' };
    const first = writer.create(ROOT, 'first', FILE);
    const piece = Buffer.alloc(65536, 1);
    let size = 0;
    assert.throws(() => {
      for (; ; size += piece.length) writer.write(first, size, piece);
    }, full);
    const blocks = fs.stat(first).size / 1024;
    for (let i = 0; i < blocks - 1; i += 2) writer.punch!(first, i * 1024, 1024);
    const second = writer.create(ROOT, 'second', FILE);
    size = 0;
    assert.throws(() => {
      for (; ; size += 1024) writer.write(second, size, piece.subarray(0, 1024));
    }, full);
    assert.ok(size > (blocks / 2 - 400) * 1024, `${size} bytes of ${blocks / 2} blocks`);
    writer.close();
    assertClean(image, 'filling it');
    const again = openExt4(memoryDevice(image)).openWriter();
    again.unlink(ROOT, 'second');
    again.unlink(ROOT, 'first');
    again.close();
    assertClean(image, 'emptying it');
  });

  test('more than 65000 links of a directory', () => {
    const image = makeExt4(['-t', 'ext4', '-b', '1024', '-N', '256'], '8M', (path) =>
      run('debugfs', '-w', '-R', 'set_inode_field / links_count 64998', path),
    );
    const fs = openExt4(memoryDevice(image));
    const writer = fs.openWriter();
    assert.throws(
      () => {
        for (let i = 0; i < 4; i++) writer.create(ROOT, `d${i}`, { ...FILE, mode: 0o40755 });
      },
      { code: 'EMLINK' },
      'a directory without an index',
    );
    for (let i = 0; i < 60; i++) writer.create(ROOT, `${'long'.repeat(10)}${i}`, FILE);
    writer.create(ROOT, 'another', { ...FILE, mode: 0o40755 });
    assert.equal(fs.stat(ROOT).nlink, 1);
    writer.rmdir(ROOT, 'another');
    assert.equal(fs.stat(ROOT).nlink, 1);
    writer.close();
  });
});
