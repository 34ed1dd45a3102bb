import assert from 'node:assert/strict';
import { linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { planChecksums } from '../../../test/support/ext4-checksums.ts';
import { needsLoopMount, withMount } from '../../../test/support/ext4-listing.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { openFile } from '../../block/file.ts';
import { memoryDevice } from '../../block/memory.ts';
import type { BlockDevice } from '../../block/device.ts';
import { fold } from './casefold.ts';
import { openExt4, type Ext4FileSystem } from './index.ts';
import { fillMapSource, newMapSource, type Run } from './mapping.ts';

function golden(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(join(import.meta.dirname, 'golden', `${name}.img.gz`))));
}

/** Device offset of a block of an inode. */
function offsetOf(fs: Ext4FileSystem, inode: number, logical = 0): number {
  const run: Run = { block: 0, length: 0, kind: 'hole' };
  fs.mapper.map(fillMapSource(newMapSource(), fs.inodes.aim(inode), fs.geometry), logical, run);
  return run.block * fs.geometry.blockSize;
}

describe('damaged directories', () => {
  const image = golden('ext4');
  const { fixup } = planChecksums(image);
  const sound = openExt4(memoryDevice(image));
  const directory = sound.lookup(2, 'few');
  const place = offsetOf(sound, directory);
  // Two entries of 12 bytes for the dots, then "1".
  const entry = place + 24;

  const damage = (change: (bytes: Buffer) => void): Ext4FileSystem => {
    const copy = Buffer.from(image);
    change(copy);
    fixup(copy);
    return openExt4(memoryDevice(copy));
  };
  const cases: [string, (bytes: Buffer) => void, RegExp][] = [
    ['a length of 0', (bytes) => bytes.writeUInt16LE(0, entry + 4), /rec_len is 0/],
    ['a length that is no multiple of 4', (bytes) => bytes.writeUInt16LE(13, entry + 4), /rec_len is 13/],
    ['a length beyond the block', (bytes) => bytes.writeUInt16LE(0xfffc, entry + 4), /rec_len is 65532/],
    ['a name longer than its entry', (bytes) => (bytes[entry + 6] = 9), /name_len 9/],
    ['an empty name', (bytes) => (bytes[entry + 6] = 0), /empty name/],
    ['a slash in a name', (bytes) => (bytes[entry + 8] = 0x2f), /has the byte 47/],
    ['a NUL in a name', (bytes) => (bytes[entry + 8] = 0), /has the byte 0/],
    ['an inode that is not there', (bytes) => bytes.writeUInt32LE(9999999, entry), /names inode 9999999/],
  ];
  for (const [title, change, message] of cases) {
    test(title, () => {
      const fs = damage(change);
      assert.throws(() => [...fs.readdir(directory)], {
        code: 'EUCLEAN',
        structure: 'ext4_dir_entry_2',
        message,
      });
    });
  }

  test('a wrong checksum, in listing and looking up', () => {
    const copy = Buffer.from(image);
    copy[entry + 8] = 0x41;
    const fs = openExt4(memoryDevice(copy));
    const wrong = { code: 'EBADMSG', structure: 'ext4_dir_entry_tail' };
    assert.throws(() => [...fs.readdir(directory)], wrong);
    assert.throws(() => fs.lookup(directory, '1'), wrong);
  });

  test('an entry that names a reserved or a deleted inode', () => {
    const fs = damage((bytes) => bytes.writeUInt32LE(8, entry));
    assert.throws(() => fs.stat(8), { code: 'EUCLEAN', message: /inode 8 is reserved/ });
    const unchecked = openExt4(memoryDevice(golden('ext2')));
    assert.throws(() => unchecked.stat(unchecked.geometry.inodesCount), { message: /is deleted/ });
    assert.throws(() => fs.stat(sound.geometry.inodesCount + 1), {
      code: 'EUCLEAN',
      message: /there is no inode/,
    });
    for (const number of [0, -1, 1.5, Number.NaN]) assert.throws(() => fs.stat(number), { code: 'EUCLEAN' });
  });

  test('what is no directory', () => {
    const file = sound.lookup(2, 'hello');
    assert.throws(() => sound.readdir(file), { code: 'ENOTDIR' });
    assert.throws(() => sound.lookup(file, 'x'), { code: 'ENOTDIR' });
    assert.throws(() => sound.read(directory, 0, new Uint8Array(1)), { code: 'EISDIR' });
    assert.throws(() => sound.readlink(file), { code: 'EINVAL' });
    assert.throws(() => sound.read(sound.lookup(2, 'fifo'), 0, new Uint8Array(1)), { code: 'EINVAL' });
  });

  test('names that cannot be', () => {
    assert.equal(sound.lookup(directory, ''), 0);
    assert.equal(sound.lookup(directory, 'x'.repeat(256)), 0);
  });
});

/** A device that counts how much is read from it. */
function counting(below: BlockDevice): BlockDevice & { bytesRead: number } {
  return {
    ...below,
    size: below.size,
    sectorSize: below.sectorSize,
    writable: false,
    bytesRead: 0,
    readAt(offset, into) {
      this.bytesRead += into.length;
      below.readAt(offset, into);
    },
    extents: (offset, length) => below.extents(offset, length),
    close: () => below.close(),
  };
}

test(
  'a tree of three levels, listed a piece at a time',
  { skip: needsLoopMount() || needsTool('mke2fs') },
  () => {
    const { path, remove } = temporaryFolder();
    try {
      const image = join(path, 'image');
      const mountpoint = join(path, 'm');
      mkdirSync(mountpoint);
      run('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '1024', '-O', 'large_dir', image, '60M');
      const name = (i: number): string => `${'n'.repeat(220)}${i}`;
      const count = 60_000;
      withMount(image, mountpoint, 'noatime', () => {
        mkdirSync(join(mountpoint, 'd'));
        writeFileSync(join(mountpoint, 'd/file'), '');
        for (let i = 0; i < count; i++) linkSync(join(mountpoint, 'd/file'), join(mountpoint, 'd', name(i)));
      });
      const below = openFile(image);
      const device = counting(below);
      const fs = openExt4(device);
      const directory = fs.lookup(2, 'd');
      const root = Buffer.alloc(1024);
      device.readAt(offsetOf(fs, directory), root);
      assert.equal(root[0x1e], 2, 'two levels below the root');

      device.bytesRead = 0;
      const first = fs.readdir(directory)[Symbol.iterator]().next();
      assert.ok(!first.done);
      assert.ok(device.bytesRead <= 256 * 1024, `${device.bytesRead} bytes for the first entry`);
      let listed = 0;
      for (const _ of fs.readdir(directory)) listed++;
      assert.equal(listed, count + 1);

      const file = fs.lookup(directory, 'file');
      for (let i = 0; i < count; i += 997) {
        device.bytesRead = 0;
        assert.equal(fs.lookup(directory, name(i)), file);
        assert.ok(device.bytesRead <= 16 * 1024, `${device.bytesRead} bytes for a lookup`);
      }
      assert.equal(fs.lookup(directory, name(count)), 0);
      below.close();
    } finally {
      remove();
    }
  },
);

describe('directories that ignore case', () => {
  test('folding', () => {
    const same: [string, string][] = [
      ['README', 'readme'],
      ['Straße', 'STRASSE'],
      ['É', 'e\u0301'],
      ['ΣΑΣ', 'σας'],
      ['ﬁle', 'FILE'],
      ['\u212a', 'k'],
      ['ſ', 'S'],
      ['a\u00adb', 'AB'],
      ['İ', 'i\u0307'],
      ['ᾳ', 'αι'],
    ];
    for (const [one, other] of same) assert.equal(fold(one), fold(other), `${one} ${other}`);
    assert.notEqual(fold('ı'), fold('i'));
    assert.notEqual(fold('a'), fold('á'));
    assert.equal(fold('\udc80'), undefined);
  });

  test('lookups, without and with a hash tree', { skip: needsTool('mke2fs', 'debugfs', 'e2fsck') }, () => {
    const { path, remove } = temporaryFolder();
    try {
      const tree = join(path, 'tree');
      mkdirSync(join(tree, 'any'), { recursive: true });
      mkdirSync(join(tree, 'exact'));
      const names = [
        'README',
        'Straße',
        'ΣΑΣ',
        'e\u0301clair',
        ...Array.from({ length: 300 }, (_, i) => `File Number ${i}`),
      ];
      for (const name of names) {
        writeFileSync(join(tree, 'any', name), name);
        writeFileSync(join(tree, 'exact', name), name);
      }
      const image = join(path, 'image');
      run('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '1024', '-O', 'casefold', '-d', tree, image, '4M');
      run('debugfs', '-w', '-R', 'set_inode_field any flags 0x40080000', image);
      const look = (): void => {
        const fs = openExt4(memoryDevice(readFileSync(image)));
        assert.equal(fs.caseInsensitive, true);
        const any = fs.lookup(2, 'any');
        const exact = fs.lookup(2, 'exact');
        assert.equal(fs.lookup(2, 'ANY'), 0, 'the root is not flagged');
        for (const entry of fs.readdir(any)) {
          assert.equal(fs.lookup(any, entry.name), entry.inode, entry.name);
          assert.equal(fs.lookup(any, entry.name.toUpperCase()), entry.inode, entry.name.toUpperCase());
        }
        assert.notEqual(fs.lookup(any, 'strasse'), 0);
        assert.notEqual(fs.lookup(any, 'ÉCLAIR'), 0);
        assert.equal(fs.lookup(any, 'eclair'), 0);
        assert.equal(fs.lookup(any, 'file number 300'), 0);
        assert.equal(fs.lookup(exact, 'readme'), 0);
        assert.notEqual(fs.lookup(exact, 'README'), 0);
      };
      look();
      // Rebuilds the directories as hash trees, by e2fsprogs' own folding.
      run('sh', '-c', `e2fsck -fyD "${image}" || [ $? -eq 1 ]`);
      look();
      const flags = openExt4(memoryDevice(readFileSync(image)));
      assert.equal(flags.flags(flags.lookup(2, 'any')) & 0x1000, 0x1000, 'it is a hash tree now');
    } finally {
      remove();
    }
  });
});
