import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { NamesBench } from '../../../../../test/support/ext4-bench.ts';
import { assertClean, dice, makeExt4, withImageFile } from '../../../../../test/support/ext4-image.ts';
import { needsLoopMount, withMount } from '../../../../../test/support/ext4-listing.ts';
import { needsTool, run } from '../../../../../test/support/tools.ts';
import { encodeText, latin1 } from '../../../../bytes/text.ts';
import { memoryDevice } from '../../../../block/memory.ts';
import { exactName } from '../../directory.ts';
import { openExt4 } from '../../index.ts';
import { Inode } from '../../layout.ts';
import { bareParts } from '../parts.ts';
import {
  emptyRun,
  entryLength,
  fillGap,
  findEntry,
  findGap,
  getU32,
  neededBytes,
  removeEntry,
  type EntryRun,
} from './entries.ts';
import { createDirectoryWriter } from './index.ts';

const skip = needsTool('mke2fs', 'e2fsck', 'debugfs');
const FILE = 1;
const DIRECTORY = 2;
const CASEFOLD = 0x40000000;

/** Fours of names of one legacy hash each, of which a leaf of 1 KiB holds only three: ends of 250 times x. */
const SAME_HASH = [
  ['oWJ0', 'oWQ8', 'W.ga', ':=hm'],
  ['BalO', 'BlaW', 'CzQi', 'JAt:'],
  ['oM#y', 'tc2:', 'QT+q', '=w8G'],
  ['C04.', '-@QO', '-:QO', '@Al8'],
].flat();

describe('names of one hash run over into the next leaf', { skip }, () => {
  for (const type of ['ext4', 'ext2']) {
    test(type, () => {
      const image = makeExt4(['-t', type, '-b', '1024'], '16M', (path) => {
        run('tune2fs', '-E', 'hash_alg=legacy', path);
      });
      const bench = new NamesBench(image);
      const names = SAME_HASH.map((end) => 'x'.repeat(250) + end);
      for (let i = 0; i < 60; i++) names.push(`${i}`.padEnd(3 * i, 'y'));
      const roll = dice(5);
      const present = new Set<string>();
      for (let round = 0; round < 6; round++) {
        for (const name of names) {
          if (present.has(name)) continue;
          bench.insert(name);
          present.add(name);
        }
        bench.verifyNames(present, 'inserting');
        for (const name of names) {
          if (roll(2) === 0) continue;
          bench.remove(name);
          present.delete(name);
        }
        bench.verifyNames(present, 'removing');
      }
    });
  }
});

describe('the kernel finds every name', { skip: skip || needsLoopMount() }, () => {
  const trees: [string, string[], string[]?][] = [
    ['half_md4', ['-t', 'ext4', '-b', '1024']],
    ['tea', ['-t', 'ext4', '-b', '4096'], ['-E', 'hash_alg=tea']],
    ['legacy', ['-t', 'ext3', '-b', '1024'], ['-E', 'hash_alg=legacy']],
    ['large_dir', ['-t', 'ext4', '-b', '1024', '-O', 'large_dir']],
    ['inline_data', ['-t', 'ext4', '-O', 'inline_data']],
    ['linear', ['-t', 'ext4', '-O', '^dir_index']],
  ];
  for (const [title, options, tune] of trees) {
    test(title, () => {
      const image = makeExt4(options, '32M', (path) => {
        if (tune !== undefined) run('tune2fs', ...tune, path);
      });
      const bench = new NamesBench(image);
      const roll = dice(3);
      const counts = title === 'inline_data' ? [3, 5, 9, 20] : [4000];
      for (const count of counts) {
        const names = new Set<string>();
        while (names.size < count) names.add(`ä${'k'.repeat(roll(30))}${names.size}`);
        for (const name of names) bench.insert(name);
        bench.verifyNames(names, 'inserting');
        withImageFile(image, (path) => {
          const folder = `${path}-mount`;
          mkdirSync(folder);
          withMount(path, folder, 'ro', (root) => {
            assert.deepEqual(readdirSync(join(root, 'd')).toSorted(), [...names].toSorted());
            for (const name of names) assert.equal(statSync(join(root, 'd', name)).ino, bench.file, name);
          });
        });
        for (const name of names) bench.remove(name);
      }
    });
  }
});

describe('filesystems without a journal, where blocks tear', { skip }, () => {
  test('a tree that is full becomes a linear directory', () => {
    const image = makeExt4(['-t', 'ext3', '-b', '1024'], '16M');
    const bench = new NamesBench(image);
    const names = new Set(Array.from({ length: 2000 }, (_, i) => `a name of some length ${i}`));
    for (const name of names) bench.insert(name);
    bench.verifyNames(names, 'making a tree');
    const bare = withImageFile(image, (path) => {
      run('tune2fs', '-O', '^has_journal', path);
      return new Uint8Array(readFileSync(path));
    });
    const { parts, operation, commit } = bareParts(memoryDevice(bare));
    const directories = createDirectoryWriter(parts);
    const isTree = (): boolean => {
      const { view, base } = parts.inodes.read(bench.directory);
      return (view.getUint32(base + Inode.i_flags, true) & 0x1000) !== 0;
    };
    const move = (from: string, to: string): void => {
      operation(() => {
        directories.remove(bench.directory, from);
        directories.insert(bench.directory, to, bench.file, FILE);
      });
      names.delete(from);
      names.add(to);
    };
    move('a name of some length 7', 's');
    assert.ok(isTree(), 'a name that fits its leaf leaves the tree');
    for (let i = 0; i < 500; i++) move(`a name of some length ${i + 100}`, `b${i}${'c'.repeat(200)}`);
    assert.ok(!isTree());
    commit();
    assertClean(bare, 'leaving the tree');
    const fs = openExt4(memoryDevice(bare));
    assert.deepEqual(
      [...fs.readdir(bench.directory)].map(({ name }) => name).toSorted(),
      [...names].toSorted(),
    );
  });

  test('each change of a block is safe in whichever of its sectors arrive, the last ones first', () => {
    const bytes = new Uint8Array(4096);
    const runOf = (block: Uint8Array): EntryRun => ({
      bytes: block,
      start: 0,
      end: 4096,
      blockSize: 4096,
      directory: 12,
      typed: true,
    });
    const namesOf = (block: Uint8Array): string[] => {
      const names: string[] = [];
      for (let at = 0; at < 4096; at += entryLength(runOf(block), at)) {
        if (getU32(block, at) !== 0) names.push(latin1(block, at + 8, at + 8 + block[at + 6]!));
      }
      return names;
    };
    emptyRun(runOf(bytes));
    const roll = dice(9);
    const present: string[] = [];
    for (let i = 0; i < 3000; i++) {
      const before = bytes.slice();
      const old = new Set(present);
      if (roll(5) < 3) {
        const name = `${i}-${'z'.repeat(roll(i % 9 === 0 ? 240 : 20))}`;
        const gap = findGap(runOf(bytes), neededBytes(name.length));
        if (gap < 0) continue;
        fillGap(runOf(bytes), gap, 5, encodeText(name), FILE);
        present.push(name);
      } else if (present.length > 0) {
        const [name] = present.splice(roll(present.length), 1);
        const place = { at: 0, previous: -1 };
        const { matches } = exactName(encodeText(name!));
        assert.ok(findEntry(runOf(bytes), matches, place));
        removeEntry(runOf(bytes), place);
      }
      assert.deepEqual(namesOf(bytes).toSorted(), present.toSorted());
      for (let cut = 512; cut < 4096; cut += 512) {
        const torn = bytes.slice();
        torn.set(before.subarray(0, cut));
        const found = namesOf(torn);
        const both = new Set([...old, ...present]);
        assert.equal(new Set(found).size, found.length);
        assert.ok(found.every((name) => both.has(name)));
        assert.ok(present.every((name) => !old.has(name) || found.includes(name)));
      }
    }
  });
});

describe('single names', { skip }, () => {
  for (const options of [
    ['-t', 'ext4'],
    ['-t', 'ext4', '-O', 'inline_data'],
  ]) {
    test(`replace and move, ${options.join(' ')}`, () => {
      const image = makeExt4(options, '16M');
      const bench = new NamesBench(image);
      const { directories, directory, file, operation } = bench;
      bench.insert('one');
      assert.equal(directories.parentOf(directory), 2);
      operation(() => directories.replace(directory, 'one', directory, DIRECTORY));
      assert.equal(directories.lookup(directory, 'one'), directory);
      operation(() => directories.replace(directory, 'one', file, FILE));
      operation(() => directories.setParent(directory, file));
      assert.equal(directories.parentOf(directory), file);
      operation(() => directories.setParent(directory, 2));
      assert.throws(() => operation(() => directories.remove(directory, 'two')), { code: 'ENOENT' });
      assert.throws(() => operation(() => directories.replace(directory, 'two', file, FILE)), {
        code: 'ENOENT',
      });
      assert.throws(() => bench.insert('x'.repeat(256)), { code: 'ENAMETOOLONG' });
      assert.throws(() => operation(() => directories.insert(file, 'x', file, FILE)), { code: 'ENOTDIR' });
      bench.insert('x'.repeat(255));
      bench.verifyNames(new Set(['one', 'x'.repeat(255)]), 'replacing');
    });
  }

  test('bytes that are no text', () => {
    const image = makeExt4(['-t', 'ext4'], '16M');
    const bench = new NamesBench(image);
    const names = new Set(['\udc80\udcff', 'caf\udce9', 'ok']);
    for (const name of names) bench.insert(name);
    bench.verifyNames(names, 'names of any bytes');
  });

  test('directories that ignore case', () => {
    const image = makeExt4(
      ['-t', 'ext4', '-O', 'casefold', '-E', 'encoding=utf8,encoding_flags=strict'],
      '16M',
    );
    const bench = new NamesBench(image, CASEFOLD);
    bench.insert('Straße');
    assert.equal(bench.directories.lookup(bench.directory, 'STRASSE'), bench.file);
    assert.throws(() => bench.insert('caf\udce9'), { code: 'EINVAL' });
    bench.remove('strasse');
    bench.insert('ꭰ');
    bench.verifyNames(new Set(['ꭰ']), 'folding');
    // Cherokee folds otherwise than our Unicode says: such names keep the directory linear, and stay out of a tree.
    for (let i = 0; i < 400; i++) bench.insert(`name ${i}`);
    bench.remove('ꭰ');
    const names = new Set(Array.from({ length: 400 }, (_, i) => `name ${i}`));
    bench.verifyNames(names, 'staying linear');
  });

  test('a tree refuses a name whose folding is not sure', () => {
    const image = makeExt4(['-t', 'ext4', '-O', 'casefold', '-E', 'encoding=utf8', '-b', '1024'], '16M');
    const bench = new NamesBench(image, CASEFOLD);
    const names = new Set(Array.from({ length: 400 }, (_, i) => `name ${i}`));
    for (const name of names) bench.insert(name);
    assert.throws(() => bench.insert('ꭰ'), { code: 'ENOTSUP', message: /Unicode 12.1/ });
    bench.verifyNames(names, 'refusing');
  });

  test('encrypted directories give names away but take none', () => {
    const golden = join(import.meta.dirname, '../../golden/ext4-encrypt.img.gz');
    const image = new Uint8Array(gunzipSync(readFileSync(golden)));
    const { parts, operation, commit } = bareParts(memoryDevice(image));
    const directories = createDirectoryWriter(parts);
    const fs = openExt4(memoryDevice(image.slice()));
    const secret = fs.lookup(2, 'secret');
    assert.throws(() => operation(() => directories.insert(secret, 'new', secret, FILE)), { code: 'ENOKEY' });
    for (const { name, inode, type } of fs.readdir(secret)) {
      assert.equal(directories.lookup(secret, name), inode);
      const names = type === 'directory' ? [...fs.readdir(inode)] : [];
      for (const entry of names) operation(() => directories.remove(inode, entry.name));
      if (type === 'directory') assert.ok(directories.isEmpty(inode));
      else operation(() => directories.remove(secret, name));
    }
    commit();
    const after = openExt4(memoryDevice(image));
    assert.deepEqual(
      [...after.readdir(secret)].map(({ type }) => type),
      ['directory', 'directory'],
    );
    // The inodes are left without names, which is all that may be wrong.
    withImageFile(image, (path) => {
      const { stdout } = spawnSync('e2fsck', ['-fn', path], { encoding: 'utf8' });
      const lines = stdout.split('\n').filter((line) => /^(?!Pass)./.test(line));
      const expected =
        /^(Unattached (zero-length )?inode|Connect to|Clear\?|Inode \d+ ref count|Fix\?|Unconnected|$|.*WARNING|.*files)/;
      assert.deepEqual(
        lines.filter((line) => !expected.test(line)),
        [],
      );
    });
  });
});
