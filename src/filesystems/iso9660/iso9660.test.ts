import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { differences } from '../../../test/support/compare-listing.ts';
import { fuzz } from '../../../test/support/fuzz.ts';
import { imageBytes, imageDevice, loadImage } from '../../../test/support/sparse-image.ts';
import type { Listing } from '../../../test/support/stock-listing.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { openFile } from '../../block/file.ts';
import { memoryDevice } from '../../block/memory.ts';
import { rangeDevice } from '../../block/range.ts';
import { CorruptError, GuestfsError, UnsupportedError } from '../../errors/index.ts';
import type { FileSystem } from '../filesystem.ts';
import { recordDate, volumeDate } from './dates.ts';
import { iso9660Format, openIso9660, readIsoInfo } from './index.ts';
import { rockRidgeAttributes } from './rock-ridge.ts';
import { signature } from './susp.ts';

const folder = join(import.meta.dirname, 'golden');
const golden = (name: string): ReturnType<typeof loadImage> => loadImage(join(folder, `${name}.img.gz`));
const listings = JSON.parse(gunzipSync(readFileSync(join(folder, 'listings.json.gz'))).toString()) as Record<
  string,
  Listing[]
>;
const split = (options: string): string[] => options.split(',').filter((option) => option !== '');

/** Where something else is shown than Linux shows; see the tests of these files. */
const OTHERWISE: Record<string, string[]> = {
  // Linux 6.1 reads the first extent as if the file were not interleaved, and keeps dates in 32 bits.
  crafted: ['./interleaved', './east', './none'],
};

describe('ISO 9660 as the kernel shows it', () => {
  for (const [name, all] of Object.entries(listings)) {
    for (const listing of all) {
      test(`${name} ${listing.options}`, () => {
        const fs = openIso9660(imageDevice(golden(name)), { mountOptions: split(listing.options) });
        assert.deepEqual(differences(fs, listing, { paths: OTHERWISE[name] ?? [] }), []);
      });
    }
  }
});

function content(fs: FileSystem, inode: number): Buffer {
  const bytes = Buffer.alloc(fs.stat(inode).size);
  assert.equal(fs.read(inode, 0, bytes), bytes.length);
  return bytes;
}

const find = (fs: FileSystem, path: string): number =>
  path.split('/').reduce((inode, name) => (name === '' ? inode : fs.lookup(inode, name)), fs.root);

describe('ISO 9660', () => {
  test('is probed and named', () => {
    assert.deepEqual(iso9660Format.probe(imageDevice(golden('plain')))?.label, 'PLAIN');
    assert.equal(iso9660Format.probe(memoryDevice(new Uint8Array(65536))), null);
  });

  test('which tree is shown', () => {
    const extension = (name: string, ...mountOptions: string[]): string =>
      openIso9660(imageDevice(golden(name)), { mountOptions }).extension;
    assert.equal(extension('rock'), 'rock-ridge');
    assert.equal(extension('rock', 'norock'), 'joliet');
    assert.equal(extension('rock', 'norock', 'nojoliet'), 'none');
    assert.equal(extension('joliet'), 'joliet');
    assert.equal(extension('plain'), 'none');
  });

  test('names of Joliet are found without regard to case, others with', () => {
    const joliet = openIso9660(imageDevice(golden('joliet')));
    assert.equal(find(joliet, 'readme.txt'), find(joliet, 'README.TXT'));
    assert.notEqual(find(joliet, 'LOWER.txt'), 0);
    const rock = openIso9660(imageDevice(golden('rock')));
    assert.notEqual(find(rock, 'README.TXT'), 0);
    assert.equal(find(rock, 'readme.txt'), 0);
  });

  test('any part of a file, of one in several extents, and of a compressed one', () => {
    for (const [name, path] of [
      ['plain', 'numbers.txt'],
      ['crafted', 'three extents'],
      ['zisofs', 'numbers.txt'],
      ['zisofs-xorriso', 'numbers.txt'],
    ] as const) {
      const fs = openIso9660(imageDevice(golden(name)));
      const inode = find(fs, path);
      const whole = content(fs, inode);
      let seed = 1;
      for (let i = 0; i < 100; i++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        const offset = seed % (whole.length + 100);
        const into = Buffer.alloc((seed >>> 8) % 70_000);
        const count = fs.read(inode, offset, into);
        assert.deepEqual(into.subarray(0, count), whole.subarray(offset, offset + into.length));
      }
    }
  });

  test('numbers of files lead to them without a listing', () => {
    const image = golden('rock');
    const listed = openIso9660(imageDevice(image));
    const inodes: number[] = [];
    const collect = (inode: number): void => {
      inodes.push(inode);
      if ((listed.stat(inode).mode & 0o170000) === 0o040000) {
        for (const entry of listed.readdir(inode)) collect(entry.inode);
      }
    };
    collect(listed.root);
    const fresh = openIso9660(imageDevice(image));
    for (const inode of inodes) assert.deepEqual(fresh.stat(inode), listed.stat(inode));
  });

  test('an interleaved file is refused, not misread', () => {
    const fs = openIso9660(imageDevice(golden('crafted')));
    const inode = find(fs, 'interleaved');
    assert.equal(fs.stat(inode).size, 12);
    assert.throws(() => content(fs, inode), UnsupportedError);
  });

  test('dates beyond 32 bits', () => {
    const fs = openIso9660(imageDevice(golden('crafted')));
    assert.equal(fs.stat(find(fs, 'east')).mtime, Date.UTC(2100, 11, 31, 23, 59, 59) / 1000 - 13 * 3600);
    assert.equal(fs.stat(find(fs, 'none')).mtime, Date.UTC(1899, 10, 30) / 1000);
  });

  test('refuses what is asked of the wrong kind of file', () => {
    const fs = openIso9660(imageDevice(golden('rock')));
    const code = (expected: string) => (error: unknown) =>
      error instanceof GuestfsError && error.code === expected;
    assert.throws(() => fs.readlink(find(fs, 'README.TXT')), code('EINVAL'));
    assert.throws(() => fs.read(fs.root, 0, new Uint8Array(1)), code('EISDIR'));
    assert.throws(() => fs.read(find(fs, 'fifo'), 0, new Uint8Array(1)), code('EINVAL'));
    assert.throws(() => fs.readdir(find(fs, 'README.TXT')), code('ENOTDIR'));
    assert.throws(() => fs.lookup(find(fs, 'README.TXT'), 'x'), code('ENOTDIR'));
    assert.throws(() => fs.stat(1), code('ENOENT'));
    assert.throws(() => fs.stat(1e14), code('ENOENT'));
    assert.deepEqual(fs.xattrs(fs.root), []);
    const open =
      (...mountOptions: string[]) =>
      () =>
        openIso9660(imageDevice(golden('rock')), { mountOptions });
    assert.throws(open('bogus'), code('EINVAL'));
    assert.throws(open('sbsector=100000'), code('EINVAL'));
    assert.throws(() => openIso9660(memoryDevice(new Uint8Array(100_000))), code('EINVAL'));
  });

  test('an earlier session', () => {
    const image = golden('sessions');
    const now = openIso9660(imageDevice(image));
    assert.notEqual(find(now, 'added.txt'), 0);
    assert.equal(find(now, 'README.TXT'), 0);
    const before = openIso9660(imageDevice(image), { mountOptions: ['sbsector=32'] });
    assert.equal(find(before, 'added.txt'), 0);
    assert.equal(content(before, find(before, 'README.TXT')).toString(), 'readme\n');
  });

  test('logical blocks of 512 and 1024 bytes', () => {
    for (const size of [512, 1024]) {
      const bytes = imageBytes(golden('crafted'));
      const view = new DataView(bytes.buffer);
      const scale = (at: number): void => view.setUint32(at, (view.getUint32(at, true) * 2048) / size, true);
      view.setUint16(16 * 2048 + 128, size, true);
      scale(16 * 2048 + 80);
      scale(16 * 2048 + 156 + 2);
      for (const block of [20, 22]) {
        for (let at = block * 2048; bytes[at] !== 0; at += bytes[at]!) {
          scale(at + 2);
          const use = Buffer.from(bytes.subarray(at, at + bytes[at]!)).indexOf('CE\x1c\x01', 0, 'latin1');
          if (use > 0) scale(at + use + 4);
        }
      }
      const fs = openIso9660(memoryDevice(bytes));
      const wanted = openIso9660(imageDevice(golden('crafted')));
      assert.deepEqual([...fs.readdir(fs.root)], [...wanted.readdir(wanted.root)]);
      for (const path of ['three extents', 'sub/sub file', 'plain.txt']) {
        assert.deepEqual(content(fs, find(fs, path)), content(wanted, find(wanted, path)));
      }
      assert.deepEqual(fs.statfs(), wanted.statfs());
    }
  });

  test('High Sierra is named and refused', () => {
    const bytes = imageBytes(golden('plain'));
    bytes.fill(0, 16 * 2048, 20 * 2048);
    bytes.set(Buffer.from('CDROM'), 16 * 2048 + 9);
    assert.throws(() => openIso9660(memoryDevice(bytes)), UnsupportedError);
  });

  test('dates', () => {
    assert.equal(recordDate(Uint8Array.of(70, 1, 1, 0, 0, 0, 0), 0), 0);
    assert.equal(recordDate(Uint8Array.of(121, 3, 4, 5, 6, 7, 4), 0), 1614834367 - 3600);
    assert.equal(recordDate(Uint8Array.of(121, 3, 4, 5, 6, 7, 0xfc), 0), 1614834367 + 3600);
    const date = (digits: string, zone: number): ReturnType<typeof volumeDate> =>
      volumeDate(Uint8Array.from([...Buffer.from(digits), zone]));
    assert.deepEqual(date('2021030405060725', 4), { seconds: 1614834367 - 3600, nanoseconds: 250_000_000 });
    assert.equal(date('0000000000000000', 0), null);
    assert.equal(date('2021990405060725', 0), null);
    assert.equal(date('                ', 0), null);
  });

  test('the long form of times', () => {
    const bytes = Buffer.concat([
      Buffer.from([0x54, 0x46, 5 + 17 * 2, 1, 0x86]),
      Buffer.from('2021030405060725'),
      Buffer.from([0]),
      Buffer.from('2001020304050600'),
      Buffer.from([4]),
    ]);
    const { mtime, atime } = rockRidgeAttributes([{ signature: signature('TF'), bytes }]);
    assert.deepEqual(mtime, { seconds: 1614834367, nanoseconds: 250_000_000 });
    assert.deepEqual(atime, { seconds: 981173106 - 3600, nanoseconds: 0 });
  });
});

test('the volume descriptor', () => {
  const info = readIsoInfo(imageDevice(golden('rock')));
  const { isoVolumeCreationT, isoVolumeModificationT, isoVolumeEffectiveT, ...rest } = info;
  assert.deepEqual(rest, {
    isoSystemId: 'SYS',
    isoVolumeId: 'ROCK',
    isoVolumeSpaceSize: 308,
    isoVolumeSetSize: 1,
    isoVolumeSequenceNumber: 1,
    isoLogicalBlockSize: 2048,
    isoVolumeSetId: 'VOLSET',
    isoPublisherId: 'The Publisher',
    isoDataPreparerId: 'The Preparer',
    isoApplicationId: 'The Application',
    isoCopyrightFileId: 'README.TXT',
    isoAbstractFileId: 'LOWER.TXT',
    isoBibliographicFileId: 'NOEXT',
    isoVolumeExpirationT: -1,
  });
  assert.ok(isoVolumeCreationT > 1.7e9);
  assert.equal(isoVolumeModificationT, isoVolumeCreationT);
  assert.equal(isoVolumeEffectiveT, isoVolumeCreationT);
  assert.throws(() => readIsoInfo(memoryDevice(new Uint8Array(100_000))), CorruptError);
  assert.throws(() => readIsoInfo(memoryDevice(new Uint8Array(33_000))), CorruptError);
});

/** Read all that there is; fails where the walk does not end. */
function readEverything(image: Uint8Array): void {
  const fs = openIso9660(memoryDevice(image));
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
    assert.ok(++steps < 20_000, 'the walk does not end');
    attempt(() => {
      const stat = fs.stat(inode);
      const kind = stat.mode & 0o170000;
      if (kind === 0o100000) {
        for (let offset = 0; offset < Math.min(stat.size, 2 * image.length); offset += buffer.length) {
          fs.read(inode, offset, buffer);
        }
      } else if (kind === 0o120000) {
        fs.readlink(inode);
      } else if (kind === 0o040000) {
        for (const entry of fs.readdir(inode)) {
          assert.ok(
            entry.name !== '' && entry.name !== '.' && entry.name !== '..' && !/[/\0]/.test(entry.name),
          );
          down(entry.inode);
        }
        fs.lookup(inode, 'x');
      }
    });
  };
  attempt(() => fs.statfs());
  down(fs.root);
  if (failure !== undefined) throw failure;
}

describe('a damaged disc', () => {
  const corrupt = (pattern: RegExp) => (error: unknown) =>
    error instanceof CorruptError && pattern.test(error.message);

  /** Byte offset of the record with this stored name in the directory of a block. */
  function recordOf(bytes: Uint8Array, block: number, name: string): number {
    for (let at = block * 2048; bytes[at] !== 0; at += bytes[at]!) {
      if (Buffer.from(bytes.subarray(at + 33, at + 33 + bytes[at + 32]!)).toString('latin1') === name)
        return at;
    }
    throw new Error(`no record ${name}`);
  }

  function setBlock(bytes: Uint8Array, at: number, block: number): void {
    new DataView(bytes.buffer).setUint32(at + 2, block, true);
  }

  test('a directory that is below itself, or within another', () => {
    for (const block of [20, 22]) {
      const bytes = imageBytes(golden('crafted'));
      const at = recordOf(bytes, 22, 'SUB.TXT;1');
      setBlock(bytes, at, block);
      bytes[at + 25] = 2;
      // Without Rock Ridge, whose mode says otherwise.
      const fs = openIso9660(memoryDevice(bytes), { mountOptions: ['norock'] });
      const inner = fs.lookup(fs.lookup(fs.root, 'sub'), 'sub.txt');
      assert.throws(() => [...fs.readdir(inner)], corrupt(/part of two directories/));
    }
  });

  test('an extent that is not on the device, a record that is too short, a directory that is none', () => {
    const outside = imageBytes(golden('crafted'));
    setBlock(outside, recordOf(outside, 20, 'PLAIN.TXT;1'), 1_000_000);
    const fs = openIso9660(memoryDevice(outside));
    assert.throws(() => content(fs, fs.lookup(fs.root, 'plain.txt')), corrupt(/the device has/));

    const short = imageBytes(golden('crafted'));
    short[recordOf(short, 20, 'PLAIN.TXT;1')] = 34;
    const broken = openIso9660(memoryDevice(short));
    assert.throws(() => [...broken.readdir(broken.root)], corrupt(/needs at least/));

    const none = imageBytes(golden('crafted'));
    setBlock(none, recordOf(none, 20, 'SUB'), 30);
    const lost = openIso9660(memoryDevice(none));
    assert.throws(
      () => lost.stat(lost.lookup(lost.root, 'sub')),
      corrupt(/does not begin with the record of itself|needs at least/),
    );
  });

  test('a file that goes on without end', () => {
    const bytes = imageBytes(golden('crafted'));
    for (let at = 20 * 2048; bytes[at] !== 0; at += bytes[at]!) bytes[at + 25] = bytes[at + 25]! | 0x80;
    const fs = openIso9660(memoryDevice(bytes));
    assert.deepEqual([...fs.readdir(fs.root)], []);
    assert.throws(
      () => fs.stat(Math.floor(recordOf(bytes, 20, 'PLAIN.TXT;1') / 32)),
      corrupt(/does not go on/),
    );
  });

  test('compressed files whose blocks are wrong', () => {
    const image = imageBytes(golden('zisofs'));
    const fs = openIso9660(memoryDevice(image));
    const inode = find(fs, 'numbers.txt');
    const stored = openIso9660(memoryDevice(image), { mountOptions: ['nocompress'] });
    const start = Buffer.from(image).indexOf(content(stored, inode));
    for (const [at, value] of [
      [16, 0xff],
      [19, 0x7f],
      [60, 0xff],
      [100, 0x55],
    ] as const) {
      const copy = image.slice();
      copy[start + at] = value;
      const damaged = openIso9660(memoryDevice(copy));
      assert.throws(() => content(damaged, inode), corrupt(/zisofs/));
    }
  });

  test('a device that is cut off', () => {
    const whole = imageDevice(golden('rock'));
    for (const size of [32_768, 34_816, 40_000, 60_000, 100_000, 200_000]) {
      const bytes = new Uint8Array(size);
      rangeDevice(whole, 0, size, 'cut').readAt(0, bytes);
      assert.throws(() => readEverything(bytes), GuestfsError);
    }
  });

  test('mutations end in a result or a GuestfsError', () => {
    for (const [name, rounds] of [
      ['crafted', 300],
      ['rock', 80],
      ['joliet', 60],
      ['zisofs', 60],
      ['aaip', 60],
    ] as const) {
      const image = imageBytes(golden(name));
      const end = Math.min(image.length, 90 * 2048);
      const refused = fuzz({
        seed: 11,
        rounds,
        image,
        regions: [
          [16 * 2048, 18 * 2048],
          [20 * 2048, end],
          [20 * 2048, end],
        ],
        mutations: 12,
        read: readEverything,
      });
      assert.ok(refused < rounds);
    }
  });
});

test('a disc as makefs writes it', { skip: needsTool('makefs') }, () => {
  const temporary = temporaryFolder();
  try {
    const image = join(temporary.path, 'image');
    run('sh', '-c', `mkdir -p ${temporary.path}/tree/sub; seq 5000 >${temporary.path}/tree/sub/numbers`);
    run('makefs', '-t', 'cd9660', '-o', 'rockridge', image, join(temporary.path, 'tree'));
    const fs = openIso9660(openFile(image));
    assert.deepEqual(
      content(fs, find(fs, 'sub/numbers')),
      readFileSync(`${temporary.path}/tree/sub/numbers`),
    );
  } finally {
    temporary.remove();
  }
});
