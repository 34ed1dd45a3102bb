import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  listFileSystem,
  listingDifferences,
  listMount,
  needsLoopMount,
  withMount,
} from '../../../test/support/ext4-listing.ts';
import { hasTool, needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { memoryDevice } from '../../block/memory.ts';
import { openExt4 } from './index.ts';

const folder = join(import.meta.dirname, 'golden');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.img.gz'))
  .map((name) => name.slice(0, -'.img.gz'.length));

function listing(name: string): string[] {
  return gunzipSync(readFileSync(join(folder, `${name}.list.gz`)))
    .toString()
    .trimEnd()
    .split('\n');
}

describe('every golden image reads as the kernel shows it', () => {
  for (const name of names) {
    test(name, () => {
      const image = gunzipSync(readFileSync(join(folder, `${name}.img.gz`)));
      const before = Buffer.from(image);
      const fs = openExt4(memoryDevice(image, { writable: false }));
      const lines = listFileSystem(fs, { withoutDirectoryTimes: name === 'dirty-fast' });
      fs.close();
      assert.deepEqual(listingDifferences(lines, listing(name)), []);
      assert.ok(before.equals(image), 'the image is as it was');
    });
  }
});

/** A dirty image may be read without its log, as Linux does with noload. */
describe('without the log', () => {
  for (const name of names.filter((name) => name.startsWith('dirty'))) {
    test(name, { skip: needsLoopMount() }, () => {
      const image = gunzipSync(readFileSync(join(folder, `${name}.img.gz`)));
      const { path, remove } = temporaryFolder();
      try {
        mkdirSync(join(path, 'm'));
        writeFileSync(join(path, 'image'), image);
        let kernel: string[] | undefined;
        try {
          kernel = withMount(join(path, 'image'), join(path, 'm'), 'ro,noload', listMount);
        } catch {
          // A filesystem that needs its log may be too torn to list without it.
        }
        let ours: string[] | undefined;
        try {
          ours = listFileSystem(openExt4(memoryDevice(image), { mountOptions: ['noload'] }));
        } catch {
          // As above.
        }
        assert.equal(ours === undefined, kernel === undefined);
        assert.deepEqual(listingDifferences(ours ?? [], kernel ?? []), []);
      } finally {
        remove();
      }
    });
  }
});

describe('what mke2fs makes of a folder', () => {
  const options: Record<string, string[]> = {
    'blocks of 64 KiB': ['-t', 'ext4', '-b', '65536', '-O', '^metadata_csum'],
    'blocks of 64 KiB with checksums': ['-t', 'ext4', '-b', '65536'],
    'quota and project': ['-t', 'ext4', '-O', 'quota,project', '-E', 'quotatype=usrquota:grpquota:prjquota'],
    verity: ['-t', 'ext4', '-O', 'verity'],
    stable: ['-t', 'ext4', '-O', 'stable_inodes,mmp'],
  };
  const tools = ['mke2fs', 'debugfs', 'sha256sum'];
  for (const [title, args] of Object.entries(options)) {
    test(title, { skip: needsTool(...tools) }, () => {
      const { path, remove } = temporaryFolder();
      try {
        const tree = join(path, 'tree');
        mkdirSync(join(tree, 'dir/deep'), { recursive: true });
        writeFileSync(join(tree, 'small'), 'small');
        writeFileSync(join(tree, 'dir/large'), 'large '.repeat(100_000));
        for (let i = 0; i < 200; i++) writeFileSync(join(tree, 'dir/deep', `file ${i}`), `${i}`);
        const image = join(path, 'image');
        run('mke2fs', '-q', '-F', ...args, '-d', tree, image, '40M');
        const fs = openExt4(memoryDevice(readFileSync(image)));
        const strip = (lines: string[]): string[] =>
          lines
            .filter((line) => !line.startsWith('statfs') && !line.includes('lost+found'))
            .map((line) => {
              const fields = line.split(' ');
              return [fields[0], fields[2], fields[4], fields.at(-1)].join(' ');
            });
        const source = hasTool('lsattr') ? strip(listFileSystem(fs)) : [];
        for (let i = 0; i < 200; i++) {
          assert.equal(fs.lookup(fs.lookup(fs.lookup(2, 'dir'), 'deep'), `file ${i}`) > 0, true);
        }
        assert.equal(source.length, 205);
        const large = fs.lookup(fs.lookup(2, 'dir'), 'large');
        const into = Buffer.alloc(600_000);
        assert.equal(fs.read(large, 0, into), 600_000);
        assert.ok(into.equals(readFileSync(join(tree, 'dir/large'))));
      } finally {
        remove();
      }
    });
  }
});
