import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, test } from 'node:test';
import { memoryDevice } from '../../block/memory.ts';
import { rangeDevice } from '../../block/range.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import { differences } from '../../../test/support/compare-listing.ts';
import { fuzz } from '../../../test/support/fuzz.ts';
import { imageBytes, imageDevice, loadImage } from '../../../test/support/sparse-image.ts';
import type { Listing } from '../../../test/support/stock-listing.ts';
import { hasTool, needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { openFile } from '../../block/file.ts';
import type { FileSystem } from '../filesystem.ts';
import { fatFormat, openFat } from './index.ts';
import { fatSeconds } from './times.ts';

const folder = join(import.meta.dirname, 'golden');
const golden = (name: string): ReturnType<typeof loadImage> => loadImage(join(folder, `${name}.img.gz`));
const listings = JSON.parse(gunzipSync(readFileSync(join(folder, 'listings.json.gz'))).toString()) as Record<
  string,
  Listing[]
>;

/** Where more is read than Linux reads; see the tests of these files. */
const MORE = {
  odd: [
    // Linux lists it but does not find it: it drops the dots of what it looks for.
    './trailing dots...',
    // Linux refuses a directory without clusters.
    './EMPTYDIR',
    './emptydir',
    // The second of two files of one name cannot be reached by name.
    './DUP.TXT',
    './dup.txt',
  ],
};

const split = (options: string): string[] => options.split(',').filter((option) => option !== '');

describe('FAT as the kernel shows it', () => {
  for (const [name, all] of Object.entries(listings)) {
    for (const listing of all) {
      test(`${name} ${listing.options}`, () => {
        const fs = openFat(imageDevice(golden(name)), { mountOptions: split(listing.options) });
        const paths = name === 'odd' ? MORE.odd : [];
        assert.deepEqual(differences(fs, listing, { inodes: true, paths }), []);
      });
    }
  }
});

function content(fs: FileSystem, inode: number): Uint8Array {
  const bytes = new Uint8Array(fs.stat(inode).size);
  assert.equal(fs.read(inode, 0, bytes), bytes.length);
  return bytes;
}

function walk(fs: FileSystem, visit: (path: string, inode: number) => void): void {
  const down = (inode: number, path: string): void => {
    visit(path, inode);
    if ((fs.stat(inode).mode & 0o170000) !== 0o040000) return;
    for (const entry of fs.readdir(inode)) down(entry.inode, `${path}/${entry.name}`);
  };
  down(fs.root, '');
}

describe('FAT', () => {
  test('is probed and named', () => {
    assert.deepEqual(fatFormat.probe(imageDevice(golden('fat32'))), {
      type: 'vfat',
      version: 'FAT32',
      label: 'VOL32',
      uuid: '1234-5678',
    });
    assert.equal(fatFormat.probe(memoryDevice(new Uint8Array(65536))), null);
  });

  test('reads any part of a fragmented file', () => {
    const fs = openFat(imageDevice(golden('fat12')));
    const inode = fs.lookup(fs.root, 'big.bin');
    const whole = content(fs, inode);
    let seed = 1;
    for (let i = 0; i < 200; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const offset = seed % (whole.length + 100);
      const into = new Uint8Array((seed >>> 8) % 20_000);
      const count = fs.read(inode, offset, into);
      assert.deepEqual(into.subarray(0, count), whole.subarray(offset, offset + into.length));
    }
  });

  test('finds names without regard to case, by long and by short name', () => {
    const fs = openFat(imageDevice(golden('fat16')));
    const inode = fs.lookup(fs.root, 'a long file name with spaces.text');
    assert.notEqual(inode, 0);
    assert.equal(fs.lookup(fs.root, 'A LONG FILE name with spaces.TEXT'), inode);
    assert.equal(fs.lookup(fs.root, 'ALONGF~1.TEX'), inode);
    assert.equal(fs.lookup(fs.root, 'readme.txt.'), fs.lookup(fs.root, 'README.TXT'));
    assert.equal(fs.lookup(fs.root, 'no such file'), 0);
    assert.equal(fs.lookup(fs.lookup(fs.root, 'sub'), 'üNïcödé – 日本語 \uf600.TXT') !== 0, true);
    assert.equal(fs.lookup(fs.lookup(fs.root, 'sub'), 'ÜNÏCÖDÉ – 日本語 \uf600.txt'), 0);
  });

  test('shows names that Linux lists but cannot open, and a directory without clusters', () => {
    const fs = openFat(imageDevice(golden('odd')));
    const dots = fs.lookup(fs.root, 'trailing dots...');
    assert.equal(Buffer.from(content(fs, dots)).toString(), 'dots\n');
    const empty = fs.lookup(fs.root, 'EMPTYDIR');
    assert.deepEqual([...fs.readdir(empty)], []);
    const doubles = [...fs.readdir(fs.root)].filter(({ name }) => name === 'DUP.TXT');
    assert.deepEqual(
      doubles.map(({ inode }) => Buffer.from(content(fs, inode)).toString()),
      ['dup one\n', 'dup two\n'],
    );
  });

  test('refuses what the format has not', () => {
    const fs = openFat(imageDevice(golden('fat12')));
    const file = fs.lookup(fs.root, 'README.TXT');
    const code = (expected: string) => (error: unknown) =>
      error instanceof GuestfsError && error.code === expected;
    assert.throws(() => fs.readlink(file), code('EINVAL'));
    assert.throws(() => fs.read(fs.root, 0, new Uint8Array(1)), code('EISDIR'));
    assert.throws(() => fs.read(fs.lookup(fs.root, 'sub'), 0, new Uint8Array(1)), code('EISDIR'));
    assert.throws(() => [...fs.readdir(file)], code('ENOTDIR'));
    assert.throws(() => fs.lookup(file, 'x'), code('ENOTDIR'));
    assert.throws(() => fs.stat(2), code('ENOENT'));
    assert.throws(() => fs.stat(1e15), code('ENOENT'));
    assert.deepEqual(fs.xattrs(file), []);
    assert.throws(() => openFat(imageDevice(golden('fat12')), { mountOptions: ['bogus'] }), code('EINVAL'));
    assert.throws(
      () => openFat(imageDevice(golden('fat12')), { mountOptions: ['codepage=932'] }),
      code('ENOTSUP'),
    );
  });

  test('shows short names in the code page that is asked for', () => {
    const names = (codepage: string): string[] => {
      const fs = openFat(imageDevice(golden('odd')), { mountOptions: [`codepage=${codepage}`] });
      return [...fs.readdir(fs.root)].map(({ name }) => name);
    };
    assert.ok(names('437').includes('ÇÜÄß░\u00a0÷.TäT'));
    assert.ok(names('850').includes('ÇÜÄß░\u00a0÷.TäT'));
    assert.ok(names('866').includes('АЪОс░\u00a0Ў.TДT'));
  });

  test('reads the active table where mirroring is off', () => {
    const bytes = imageBytes(golden('fat32'));
    const view = new DataView(bytes.buffer);
    const reserved = view.getUint16(14, true) * 512;
    const length = view.getUint32(36, true) * 512;
    const wanted = content(openFat(memoryDevice(bytes)), lookupPath(openFat(memoryDevice(bytes)), 'big.bin'));
    bytes.fill(0, reserved + 8, reserved + length);
    assert.throws(() =>
      content(openFat(memoryDevice(bytes)), lookupPath(openFat(memoryDevice(bytes)), 'big.bin')),
    );
    view.setUint16(40, 0x81, true);
    const fs = openFat(memoryDevice(bytes));
    assert.deepEqual(content(fs, lookupPath(fs, 'big.bin')), wanted);
    view.setUint16(40, 0x82, true);
    assert.throws(() => openFat(memoryDevice(bytes)), CorruptError);
  });

  test('warns of a volume that was not unmounted', () => {
    const bytes = imageBytes(golden('fat16'));
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    openFat(memoryDevice(bytes), { warn });
    assert.deepEqual(warnings, []);
    bytes[37] = 1;
    openFat(memoryDevice(bytes), { warn });
    bytes[37] = 0;
    bytes[new DataView(bytes.buffer).getUint16(14, true) * 512 + 3] = 0x7f;
    openFat(memoryDevice(bytes), { warn });
    assert.equal(warnings.length, 2);
  });

  test('times', () => {
    assert.equal(fatSeconds(0, 0, 0), 315532800);
    const leapDay = (20 << 9) | (2 << 5) | 29;
    assert.equal(fatSeconds(leapDay, (23 << 11) | (59 << 5) | 29, 0), 951868798);
    assert.equal(fatSeconds(leapDay, 0, 60), 951778800);
  });
});

function lookupPath(fs: FileSystem, path: string): number {
  return path.split('/').reduce((inode, name) => fs.lookup(inode, name), fs.root);
}

describe('a damaged FAT', () => {
  /** FAT16 with its first table and root directory at hand. */
  function fat16(): { bytes: Uint8Array; view: DataView; table: number; root: number } {
    const bytes = imageBytes(golden('fat16'));
    const view = new DataView(bytes.buffer);
    const table = view.getUint16(14, true) * 512;
    return { bytes, view, table, root: table + bytes[16]! * view.getUint16(22, true) * 512 };
  }

  /** Byte offset of a short entry of the root directory. */
  function entryAt(bytes: Uint8Array, root: number, name: string): number {
    for (let at = root; ; at += 32) {
      if (Buffer.from(bytes.subarray(at, at + 11)).toString('latin1') === name) return at;
    }
  }

  const corrupt = (pattern: RegExp) => (error: unknown) =>
    error instanceof CorruptError && pattern.test(error.message);

  test('a chain that comes back to itself', () => {
    const { bytes, view, table, root } = fat16();
    const first = view.getUint16(entryAt(bytes, root, 'BIG     BIN') + 26, true);
    const second = view.getUint16(table + first * 2, true);
    view.setUint16(table + second * 2, first, true);
    const fs = openFat(memoryDevice(bytes));
    assert.throws(() => content(fs, fs.lookup(fs.root, 'big.bin')), corrupt(/comes back to cluster/));
  });

  test('a chain that ends early, at a bad or a free cluster, or outside', () => {
    for (const [value, message] of [
      [0xffff, /its chain ends after 1 clusters/],
      [0xfff7, /is marked bad/],
      [0, /is free/],
      [1, /names cluster 1/],
      [0xff00, /names cluster 65280/],
    ] as const) {
      const { bytes, view, table, root } = fat16();
      const first = view.getUint16(entryAt(bytes, root, 'BIG     BIN') + 26, true);
      view.setUint16(table + first * 2, value, true);
      const fs = openFat(memoryDevice(bytes));
      assert.throws(() => content(fs, fs.lookup(fs.root, 'big.bin')), corrupt(message));
    }
  });

  test('a directory that is below itself', () => {
    const { bytes, view, root } = fat16();
    const sub = entryAt(bytes, root, 'SUB        ');
    const empty = entryAt(bytes, root, 'EMPTY      ');
    view.setUint16(empty + 26, view.getUint16(sub + 26, true), true);
    const fs = openFat(memoryDevice(bytes));
    assert.throws(() => walk(fs, () => {}), corrupt(/part of two directories/));
  });

  test('a directory that begins within another', () => {
    const { bytes, view, table, root } = fat16();
    const many = view.getUint16(entryAt(bytes, root, 'MANY       ') + 26, true);
    view.setUint16(entryAt(bytes, root, 'EMPTY      ') + 26, view.getUint16(table + many * 2, true), true);
    const fs = openFat(memoryDevice(bytes));
    assert.throws(() => walk(fs, () => {}), corrupt(/part of two directories/));
  });

  test('names that no path can hold are left out or shown by their short name', () => {
    const { bytes, root } = fat16();
    const long = entryAt(bytes, root, 'ALONGF~1TEX');
    bytes[long - 32 + 3] = 0x2f;
    const short = entryAt(bytes, root, 'README  TXT');
    bytes[short] = 0x2f;
    const warnings: string[] = [];
    const fs = openFat(memoryDevice(bytes), { warn: (message) => void warnings.push(message) });
    const names = [...fs.readdir(fs.root)].map(({ name }) => name);
    assert.ok(names.includes('ALONGF~1.TEX'));
    assert.ok(!names.some((name) => name.includes('/')));
    assert.equal(warnings.length, 1);
  });

  test('boot sectors that are none', () => {
    for (const [at, value, message] of [
      [11, 3, /BPB_BytsPerSec/],
      [13, 3, /BPB_SecPerClus is 3/],
      [13, 0, /BPB_SecPerClus is 0/],
      [14, 0, /BPB_RsvdSecCnt/],
      [16, 0, /BPB_NumFATs/],
      [17, 5, /BPB_RootEntCnt/],
      [21, 0, /BPB_Media/],
      [16, 255, /its data begins at sector/],
    ] as const) {
      const { bytes } = fat16();
      bytes[at] = value;
      assert.throws(() => openFat(memoryDevice(bytes)), corrupt(message));
    }
    assert.throws(() => openFat(memoryDevice(new Uint8Array(100))), corrupt(/expected at least 512/));
    assert.throws(() => openFat(memoryDevice(new Uint8Array(1000))), corrupt(/FAT boot sector/));
  });

  test('a device that is cut off', () => {
    const { bytes } = fat16();
    const whole = memoryDevice(bytes);
    for (const size of [512, 1024, 5000, 20_000, 40_000, 60_000, 100_000, 200_000]) {
      assert.throws(() => {
        const fs = openFat(rangeDevice(whole, 0, size, 'cut'));
        walk(fs, (_, inode) => {
          if ((fs.stat(inode).mode & 0o170000) === 0o100000) content(fs, inode);
        });
      }, GuestfsError);
    }
  });

  test('mutations end in a result or a GuestfsError', () => {
    for (const [name, rounds] of [
      ['fat12', 60],
      ['fat16', 60],
      ['odd', 150],
    ] as const) {
      const image = imageBytes(golden(name)).slice(0, 1024 * 1024);
      const metadata = name === 'fat12' ? 17_000 : 40_000;
      const refused = fuzz({
        seed: 7,
        rounds,
        image,
        regions: [
          [0, 64],
          [512, metadata],
          [metadata, metadata + 100_000],
        ],
        mutations: 12,
        read: readEverything,
      });
      assert.ok(refused < rounds);
    }
  });
});

/** Read all that there is, but no more than a sound image of this size could hold. */
function readEverything(image: Uint8Array): void {
  const fs = openFat(memoryDevice(image));
  const buffer = new Uint8Array(65536);
  let steps = 0;
  let failure: unknown;
  const attempt = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      failure = error;
    }
  };
  const down = (inode: number): void => {
    assert.ok(++steps < 40_000, 'the walk does not end');
    attempt(() => {
      const stat = fs.stat(inode);
      if ((stat.mode & 0o170000) === 0o100000) {
        for (let offset = 0; offset < Math.min(stat.size, 4 * image.length); offset += buffer.length) {
          fs.read(inode, offset, buffer);
        }
        return;
      }
      for (const entry of fs.readdir(inode)) {
        assert.ok(entry.name !== '' && !/[/\0]/.test(entry.name));
        down(entry.inode);
      }
      fs.lookup(inode, 'x');
    });
  };
  attempt(() => fs.statfs());
  down(fs.root);
  if (failure !== undefined) throw failure;
}

test('a large fragmented file of FAT32 as mtools wrote it', { skip: needsTool('mkfs.fat', 'mcopy') }, () => {
  assert.ok(hasTool('mcopy'));
  const temporary = temporaryFolder();
  try {
    const image = join(temporary.path, 'large.img');
    run('truncate', '-s', '200M', image);
    run('mkfs.fat', '-F', '32', '-s', '1', image);
    const source = join(temporary.path, 'source');
    run('sh', '-c', `seq 3000000 >${source}`);
    const size = readFileSync(source).length;
    run('mcopy', '-i', image, source, '::first');
    run('mcopy', '-i', image, source, '::second');
    run('mdel', '-i', image, '::first');
    const half = join(temporary.path, 'half');
    run('sh', '-c', `head -c 12000000 ${source} >${half}; cat ${source} ${source} >${source}2`);
    run('mcopy', '-i', image, half, '::third');
    run('mcopy', '-i', image, `${source}2`, '::fourth');
    const fs = openFat(openFile(image));
    assert.deepEqual(Buffer.from(content(fs, fs.lookup(fs.root, 'fourth'))), readFileSync(`${source}2`));
    const into = new Uint8Array(100);
    assert.equal(fs.read(fs.lookup(fs.root, 'fourth'), size, into), 100);
    assert.deepEqual(Buffer.from(into), readFileSync(source).subarray(0, 100));
  } finally {
    temporary.remove();
  }
});
