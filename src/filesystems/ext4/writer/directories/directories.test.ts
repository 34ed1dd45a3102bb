import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NamesBench } from '../../../../../test/support/ext4-bench.ts';
import { askDebugfs, dice, makeExt4, withImageFile } from '../../../../../test/support/ext4-image.ts';
import { needsTool, run } from '../../../../../test/support/tools.ts';

const skip = needsTool('mke2fs', 'e2fsck', 'debugfs');

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
      const bench = new NamesBench(image, flags);
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
      bench.verifyNames(present, 'inserting and removing');
      if (levels !== undefined) {
        const tree = withImageFile(image, (path) => askDebugfs(path, 'htree d'));
        assert.match(tree, new RegExp(`Indirect levels: ${levels}\n`));
      }
      const leaving = [...present];
      leaving.forEach((one) => bench.remove(one));
      present.clear();
      bench.verifyNames(present, 'emptying');
      for (const one of names.slice(0, 200)) {
        bench.insert(one);
        present.add(one);
      }
      bench.verifyNames(present, 'filling again');
    });
  }
});

describe('full trees', { skip }, () => {
  const fill = (
    options: string[],
  ): { count: number; image: Uint8Array; error: unknown; bench: NamesBench } => {
    const image = makeExt4(options, '64M');
    const bench = new NamesBench(image);
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
    bench.verifyNames(names, 'growing to three levels');
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
    bench.verifyNames(names, 'filling the tree');
    assert.match(
      withImageFile(image, (path) => askDebugfs(path, 'htree d')),
      /Indirect levels: 1\n/,
    );
  });
});
