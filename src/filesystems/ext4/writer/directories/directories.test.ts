import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  askDebugfs,
  assertClean,
  dice,
  makeExt4,
  withImageFile,
} from '../../../../../test/support/ext4-image.ts';
import { needsLoopMount, withMount } from '../../../../../test/support/ext4-listing.ts';
import { needsTool, run } from '../../../../../test/support/tools.ts';
import { encodeText, latin1 } from '../../../../bytes/text.ts';
import { memoryDevice } from '../../../../block/memory.ts';
import { exactName } from '../../directory.ts';
import { openExt4 } from '../../index.ts';
import { Inode } from '../../layout.ts';
import { bareParts } from '../parts.ts';
import { createAttributeWriter } from '../attributes/index.ts';
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
const FILE_MODE = 0o100644;
const DIRECTORY_MODE = 0o040755;

/** A filesystem with one directory and one file, which every name of the directory is a link to. */
function openBench(image: Uint8Array, directoryFlags = 0) {
  const { parts, operation, commit } = bareParts(memoryDevice(image));
  const directories = createDirectoryWriter(parts);
  const attributes = createAttributeWriter(parts);
  const addLinks = (inode: number, by: number): void => {
    const { view, base } = parts.inodes.change(inode);
    const at = base + Inode.i_links_count;
    view.setUint16(at, view.getUint16(at, true) + by, true);
  };
  const [directory, file] = operation(() => {
    const made = parts.inodes.allocate(2, DIRECTORY_MODE, 0, 0);
    addLinks(made, 2);
    addLinks(2, 1);
    directories.initialise(made, 2);
    const { view, base } = parts.inodes.change(made);
    const flags = base + Inode.i_flags;
    view.setUint32(flags, (view.getUint32(flags, true) | directoryFlags) >>> 0, true);
    directories.insert(2, 'd', made, DIRECTORY);
    const file = parts.inodes.allocate(2, FILE_MODE, 0, 0);
    addLinks(file, 1);
    directories.insert(2, 'f', file, FILE);
    return [made, file];
  });
  return {
    parts,
    operation,
    directories,
    attributes,
    directory,
    file,
    insert(name: string) {
      operation(() => {
        directories.insert(directory, name, file, FILE);
        addLinks(file, 1);
      });
    },
    remove(name: string) {
      operation(() => {
        directories.remove(directory, name);
        addLinks(file, -1);
      });
    },
    /** Write everything, have it checked, and compare the names with those that must be there. */
    verify(present: ReadonlySet<string>, what: string) {
      commit();
      assertClean(image, what);
      const fs = openExt4(memoryDevice(image));
      const names = [...fs.readdir(directory)].map((entry) => entry.name);
      assert.deepEqual(names.toSorted(), [...present].toSorted(), what);
      for (const name of present) assert.equal(fs.lookup(directory, name), file, `${what}: ${name}`);
      assert.equal(directories.isEmpty(directory), present.size === 0);
    },
  };
}

interface Case {
  title: string;
  options: string[];
  names?: number;
  size?: string;
  flags?: number;
  prepare?: (image: string) => void;
  /** Levels of index nodes below the root that debugfs must see in the end. */
  levels?: number;
  name?: (i: number, roll: (bound: number) => number) => string;
}

const CASEFOLD = 0x40000000;
const plain = (i: number, roll: (bound: number) => number): string =>
  `${'n'.repeat(roll(i % 50 === 0 ? 230 : 20))}-${i}`;
const accented = (i: number): string => (i % 7 === 0 ? `Ünïcødé-${i}-日本` : `Name-${i}`);

const cases: Case[] = [
  { title: 'blocks of 4 KiB with checksums', options: ['-t', 'ext4', '-b', '4096'], names: 20000, levels: 0 },
  { title: 'blocks of 1 KiB', options: ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum'], levels: 1 },
  { title: 'blocks of 1 KiB with checksums', options: ['-t', 'ext4', '-b', '1024'], levels: 1 },
  { title: 'ext3', options: ['-t', 'ext3', '-b', '1024'], levels: 1 },
  { title: 'ext2, which gets no trees', options: ['-t', 'ext2', '-b', '1024'] },
  { title: 'no dir_index', options: ['-t', 'ext4', '-b', '4096', '-O', '^dir_index'] },
  { title: 'no filetype', options: ['-t', 'ext4', '-b', '1024', '-O', '^filetype'] },
  { title: 'revision 0', options: ['-t', 'ext2', '-r', '0', '-b', '1024'], names: 1500 },
  { title: 'bigalloc', options: ['-t', 'ext4', '-O', 'bigalloc', '-C', '16384'], size: '64M' },
  { title: 'inline_data', options: ['-t', 'ext4', '-b', '4096', '-O', 'inline_data'], names: 1500 },
  {
    title: 'inline_data in inodes of 512',
    options: ['-t', 'ext4', '-O', 'inline_data', '-I', '512'],
    names: 300,
  },
  { title: 'large_dir', options: ['-t', 'ext4', '-b', '1024', '-O', 'large_dir'], levels: 1 },
  { title: 'blocks of 64 KiB', options: ['-t', 'ext4', '-b', '65536'], size: '128M', names: 4000, levels: 0 },
  {
    title: 'casefold',
    options: ['-t', 'ext4', '-b', '1024', '-O', 'casefold', '-E', 'encoding=utf8'],
    flags: CASEFOLD,
    name: accented,
    levels: 0,
    names: 1500,
  },
];
for (const algorithm of ['legacy', 'half_md4', 'tea']) {
  for (const [sign, bit] of Object.entries({ signed: 1, unsigned: 2 })) {
    cases.push({
      title: `${algorithm} of ${sign} characters`,
      options: ['-t', 'ext4', '-b', '1024'],
      names: 600,
      name: accented,
      levels: 0,
      prepare: (image) => {
        run('tune2fs', '-E', `hash_alg=${algorithm}`, image);
        run('debugfs', '-w', '-R', `ssv flags ${bit}`, image);
      },
    });
  }
}

describe('names come and go in random order', { skip }, () => {
  for (const {
    title,
    options,
    names: count = 5000,
    size = '32M',
    flags,
    prepare,
    levels,
    name = plain,
  } of cases) {
    test(title, () => {
      const image = makeExt4(options, size, prepare);
      const bench = openBench(image, flags);
      const roll = dice(count);
      const names = Array.from({ length: count }, (_, i) => name(i, roll));
      for (let i = names.length - 1; i > 0; i--) {
        const j = roll(i + 1);
        [names[i], names[j]] = [names[j]!, names[i]!];
      }
      const present = new Set<string>();
      names.forEach((one, i) => {
        bench.insert(one);
        present.add(one);
        if (i % 3 === 2) {
          const other = names[roll(i)]!;
          if (present.delete(other)) bench.remove(other);
          assert.equal(bench.directories.lookup(bench.directory, other), 0);
        }
      });
      bench.verify(present, 'inserting and removing');
      if (levels !== undefined) {
        const tree = withImageFile(image, (path) => askDebugfs(path, 'htree d'));
        assert.match(tree, new RegExp(`Indirect levels: ${levels}\n`));
      }
      const leaving = [...present];
      leaving.forEach((one) => bench.remove(one));
      present.clear();
      bench.verify(present, 'emptying');
      for (const one of names.slice(0, 200)) {
        bench.insert(one);
        present.add(one);
      }
      bench.verify(present, 'filling again');
    });
  }
});

describe('full trees', { skip }, () => {
  const fill = (
    options: string[],
  ): { count: number; image: Uint8Array; error: unknown; bench: ReturnType<typeof openBench> } => {
    const image = makeExt4(options, '64M');
    const bench = openBench(image);
    let count = 0;
    let error: unknown;
    try {
      for (; count < 60000; count++) bench.insert('L'.repeat(249) + String(count).padStart(6, '0'));
    } catch (caught) {
      error = caught;
    }
    return { count, image, error, bench };
  };

  test('a third level needs large_dir', () => {
    const { image, bench, count, error } = fill(['-t', 'ext4', '-b', '1024', '-O', 'large_dir']);
    assert.equal(error, undefined);
    assert.equal(count, 60000);
    const names = new Set(
      Array.from({ length: count }, (_, i) => 'L'.repeat(249) + String(i).padStart(6, '0')),
    );
    bench.verify(names, 'growing to three levels');
    assert.match(
      withImageFile(image, (path) => askDebugfs(path, 'htree d')),
      /Indirect levels: 2\n/,
    );
  });

  test('without it there is no space', () => {
    const { image, count, error, bench } = fill(['-t', 'ext4', '-b', '1024']);
    assert.equal((error as { code?: string }).code, 'ENOSPC');
    assert.match(String(error), /is full: its root has 123 entries above 1 levels/);
    const names = new Set(
      Array.from({ length: count }, (_, i) => 'L'.repeat(249) + String(i).padStart(6, '0')),
    );
    bench.verify(names, 'filling the tree');
    assert.match(
      withImageFile(image, (path) => askDebugfs(path, 'htree d')),
      /Indirect levels: 1\n/,
    );
  });
});

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
      const bench = openBench(image);
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
        bench.verify(present, 'inserting');
        for (const name of names) {
          if (roll(2) === 0) continue;
          bench.remove(name);
          present.delete(name);
        }
        bench.verify(present, 'removing');
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
      const bench = openBench(image);
      const roll = dice(3);
      const counts = title === 'inline_data' ? [3, 5, 9, 20] : [4000];
      for (const count of counts) {
        const names = new Set<string>();
        while (names.size < count) names.add(`ä${'k'.repeat(roll(30))}${names.size}`);
        for (const name of names) bench.insert(name);
        bench.verify(names, 'inserting');
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
    const bench = openBench(image);
    const names = new Set(Array.from({ length: 2000 }, (_, i) => `a name of some length ${i}`));
    for (const name of names) bench.insert(name);
    bench.verify(names, 'making a tree');
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
      const bench = openBench(image);
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
      bench.verify(new Set(['one', 'x'.repeat(255)]), 'replacing');
    });
  }

  test('bytes that are no text', () => {
    const image = makeExt4(['-t', 'ext4'], '16M');
    const bench = openBench(image);
    const names = new Set(['\udc80\udcff', 'caf\udce9', 'ok']);
    for (const name of names) bench.insert(name);
    bench.verify(names, 'names of any bytes');
  });

  test('directories that ignore case', () => {
    const image = makeExt4(
      ['-t', 'ext4', '-O', 'casefold', '-E', 'encoding=utf8,encoding_flags=strict'],
      '16M',
    );
    const bench = openBench(image, CASEFOLD);
    bench.insert('Straße');
    assert.equal(bench.directories.lookup(bench.directory, 'STRASSE'), bench.file);
    assert.throws(() => bench.insert('caf\udce9'), { code: 'EINVAL' });
    bench.remove('strasse');
    bench.insert('ꭰ');
    bench.verify(new Set(['ꭰ']), 'folding');
    // Cherokee folds otherwise than our Unicode says: such names keep the directory linear, and stay out of a tree.
    for (let i = 0; i < 400; i++) bench.insert(`name ${i}`);
    bench.remove('ꭰ');
    const names = new Set(Array.from({ length: 400 }, (_, i) => `name ${i}`));
    bench.verify(names, 'staying linear');
  });

  test('a tree refuses a name whose folding is not sure', () => {
    const image = makeExt4(['-t', 'ext4', '-O', 'casefold', '-E', 'encoding=utf8', '-b', '1024'], '16M');
    const bench = openBench(image, CASEFOLD);
    const names = new Set(Array.from({ length: 400 }, (_, i) => `name ${i}`));
    for (const name of names) bench.insert(name);
    assert.throws(() => bench.insert('ꭰ'), { code: 'ENOTSUP', message: /Unicode 12.1/ });
    bench.verify(names, 'refusing');
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
