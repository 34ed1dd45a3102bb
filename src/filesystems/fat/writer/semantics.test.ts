import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import type { BlockDevice } from '../../../block/device.ts';
import { memoryDevice } from '../../../block/memory.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import {
  makeFat,
  openFat,
  setFatLabel,
  setFatVolumeId,
  fatFormat,
  type FatFileSystem,
  type MakeFatOptions,
} from '../index.ts';
import { checkFat } from '../check/index.ts';
import { fatSeconds, fatTime } from '../times.ts';

const FILE = { mode: 0o100644, uid: 0, gid: 0 };
const DIRECTORY = { mode: 0o040755, uid: 0, gid: 0 };
const code = (expected: string) => (error: unknown) =>
  error instanceof GuestfsError && error.code === expected;

function volume(kibibytes: number, options: MakeFatOptions = {}): Uint8Array {
  const bytes = new Uint8Array(kibibytes * 1024);
  makeFat(memoryDevice(bytes), { volumeId: 1, ...options });
  return bytes;
}

function sound(bytes: Uint8Array): void {
  assert.deepEqual(checkFat(memoryDevice(bytes, { writable: false })).problems, []);
}

/** The 11 bytes of the short name of a file, and its DIR_NTRes. */
function short(bytes: Uint8Array, inode: number): string {
  const at = inode * 32;
  return `${Buffer.from(bytes.subarray(at, at + 11)).toString('latin1')} ${bytes[at + 12]}`;
}

function names(fs: FatFileSystem, directory = fs.root): string[] {
  return [...fs.readdir(directory)].map(({ name }) => name);
}

describe('names on FAT', () => {
  test('get the short names that Linux gives them', () => {
    const bytes = volume(2048);
    const fs = openFat(memoryDevice(bytes));
    const writer = fs.openWriter();
    const made: (readonly [string, string])[] = [
      ['README.TXT', 'README  TXT 0'],
      ['lower.txt', 'LOWER   TXT 0'],
      ['Long file name.text', 'LONGFI~1TEX 0'],
      ['long file name 2.text', 'LONGFI~2TEX 0'],
      ['.bashrc', 'BASHRC~1    0'],
      ['a+b.c', 'A_B~1   C   0'],
      ['archive.tar.gz', 'ARCHIV~1GZ  0'],
      ['日本.txt', '__~1    TXT 0'],
      ['NOEXT', 'NOEXT       0'],
      ['trailing dots...', 'TRAILI~1    0'],
      ['12345678.123', '12345678123 0'],
    ];
    for (const [name, expected] of made) {
      const inode = writer.create(fs.root, name, FILE);
      writer.sync();
      assert.equal(short(bytes, inode), expected, name);
    }
    assert.deepEqual(
      names(fs),
      made.map(([name]) => name.replace(/\.+$/, '')),
    );
    fs.close();
    sound(bytes);
  });

  test('in small letters have flags with shortname=winnt', () => {
    const bytes = volume(2048);
    const fs = openFat(memoryDevice(bytes), { mountOptions: ['shortname=winnt'] });
    const writer = fs.openWriter();
    const inodes = ['lower.txt', 'MIX.txt', 'mIxed.txt'].map((name) => writer.create(fs.root, name, FILE));
    fs.close();
    assert.deepEqual(
      inodes.map((inode) => short(bytes, inode)),
      ['LOWER   TXT 24', 'MIX     TXT 16', 'MIXED   TXT 0'],
    );
    assert.deepEqual(names(openFat(memoryDevice(bytes))), ['lower.txt', 'MIX.txt', 'mIxed.txt']);
  });

  test('are unique among thousands of alike ones', { skip: needsTool('fsck.fat', 'mdir') }, () => {
    const bytes = volume(40_000, { fatBits: 32, sectorsPerCluster: 1 });
    const fs = openFat(memoryDevice(bytes));
    const writer = fs.openWriter();
    const directory = writer.create(fs.root, 'directory', DIRECTORY);
    for (let i = 0; i < 3000; i++) writer.create(directory, `alike name ${i}`, FILE);
    for (let i = 0; i < 3000; i += 3) writer.unlink(directory, `alike name ${i}`);
    fs.close();
    const folder = temporaryFolder();
    try {
      const path = join(folder.path, 'image');
      writeFileSync(path, bytes);
      run('fsck.fat', '-n', path);
      assert.match(run('mdir', '-i', path, '::/directory'), / 2002 files/);
    } finally {
      folder.remove();
    }
  });

  test('that FAT cannot hold are refused', () => {
    const fs = openFat(memoryDevice(volume(2048)));
    const writer = fs.openWriter();
    for (const name of ['a*b', 'a?', 'a:b', 'a"b', 'a<b', 'a|b', 'a\\b', 'a\u0001', 'space ', '\udc80']) {
      assert.throws(() => writer.create(fs.root, name, FILE), code('EINVAL'), name);
    }
    assert.throws(() => writer.create(fs.root, '...', FILE), code('ENOENT'));
    assert.throws(() => writer.create(fs.root, 'n'.repeat(256), FILE), code('ENAMETOOLONG'));
    writer.create(fs.root, 'n'.repeat(255), FILE);
    writer.create(fs.root, 'Some Name', FILE);
    assert.throws(() => writer.create(fs.root, 'sOME nAME', FILE), code('EEXIST'));
    assert.throws(() => writer.create(fs.root, 'SOMENA~1', FILE), code('EEXIST'));
    for (const type of [0o120000, 0o010000, 0o020000, 0o060000, 0o140000]) {
      assert.throws(() => writer.create(fs.root, 'x', { ...FILE, mode: type | 0o644 }), code('EPERM'));
    }
    assert.throws(() => writer.link(fs.root, 'x', 1), code('EPERM'));
    assert.throws(() => writer.unlink(fs.root, 'nothing'), code('ENOENT'));
  });

  test('can be spelled in other letters', () => {
    const bytes = volume(2048);
    const fs = openFat(memoryDevice(bytes));
    const writer = fs.openWriter();
    writer.create(fs.root, 'name', FILE);
    writer.create(fs.root, 'Other Name', FILE);
    writer.rename(fs.root, 'NAME', fs.root, 'NAME');
    writer.rename(fs.root, 'other name', fs.root, 'OTHER name');
    assert.deepEqual(names(fs).toSorted(), ['NAME', 'OTHER name']);
    writer.rename(fs.root, 'NAME', fs.root, 'Name');
    fs.close();
    assert.deepEqual(names(openFat(memoryDevice(bytes))).toSorted(), ['Name', 'OTHER name']);
    sound(bytes);
  });
});

describe('directories that move between two commits', () => {
  // Two clusters of 512 bytes in a directory: a rename within it goes from one sector to another.
  function twoSectors(): { bytes: Uint8Array; fs: FatFileSystem; directory: () => number } {
    const bytes = volume(2048, { sectorsPerCluster: 1 });
    const fs = openFat(memoryDevice(bytes));
    const writer = fs.openWriter();
    const directory = writer.create(fs.root, 'd', DIRECTORY);
    for (let i = 0; i < 20; i++) writer.create(directory, `F${i}`, FILE);
    writer.sync();
    writer.rename(directory, 'F1', directory, 'MOVED');
    return { bytes, fs, directory: () => fs.lookup(fs.root, 'e') };
  }

  test('have their old entries free again, whoever had them in mind', () => {
    const { bytes, fs, directory } = twoSectors();
    const writer = fs.openWriter();
    // What fails makes the writer forget which entries are free.
    assert.throws(() => writer.rmdir(fs.root, 'd'), code('ENOTEMPTY'));
    writer.rename(fs.root, 'd', fs.root, 'e');
    writer.sync();
    const before = fs.stat(directory()).size;
    for (let i = 0; i < 10; i++) writer.create(directory(), `G${i}`, FILE);
    assert.equal(fs.stat(directory()).size, before, 'room that was freed is used');
    fs.close();
    sound(bytes);
  });

  test('may be removed before the commit', () => {
    const { bytes, fs, directory } = twoSectors();
    const writer = fs.openWriter();
    assert.throws(() => writer.rmdir(fs.root, 'd'), code('ENOTEMPTY'));
    writer.rename(fs.root, 'd', fs.root, 'e');
    for (const name of names(fs, directory())) writer.unlink(directory(), name);
    writer.rmdir(fs.root, 'e');
    writer.create(fs.root, 'e', DIRECTORY);
    fs.close();
    sound(bytes);
  });
});

describe('limits of FAT', () => {
  test('a full root directory, a full volume', () => {
    const bytes = volume(300);
    const fs = openFat(memoryDevice(bytes));
    const writer = fs.openWriter();
    let made = 0;
    assert.throws(() => {
      for (; ; made++) writer.create(fs.root, `F${made}`, FILE);
    }, code('ENOSPC'));
    assert.equal(made, 512);
    const file = fs.lookup(fs.root, 'F0');
    const { bfree, bsize } = fs.statfs();
    assert.throws(() => writer.write(file, 0, new Uint8Array(bfree * bsize + 1)), code('ENOSPC'));
    assert.equal(fs.statfs().bfree, bfree);
    writer.write(file, 0, new Uint8Array(bfree * bsize));
    assert.equal(fs.statfs().bfree, 0);
    assert.throws(() => writer.write(fs.lookup(fs.root, 'F1'), 0, new Uint8Array(1)), code('ENOSPC'));
    writer.unlink(fs.root, 'F0');
    // Space that was freed a moment ago can be used: it is made durable first.
    writer.write(fs.lookup(fs.root, 'F1'), 0, new Uint8Array(bfree * bsize));
    fs.close();
    sound(bytes);
  });

  test('the largest file', () => {
    const fs = openFat(memoryDevice(volume(2048)));
    const writer = fs.openWriter();
    const file = writer.create(fs.root, 'F', FILE);
    assert.throws(() => writer.write(file, 0xffffffff, new Uint8Array(1)), code('EFBIG'));
    assert.throws(() => writer.truncate(file, 2 ** 32), code('EFBIG'));
    assert.throws(() => writer.allocate(file, 2 ** 32, 1), code('EFBIG'));
    assert.throws(() => writer.truncate(file, 0xffffffff), code('ENOSPC'));
    assert.throws(() => writer.replace(file).writeZeroes(2 ** 32), code('EFBIG'));
    writer.allocate(file, 1000, 9000);
    assert.equal(fs.stat(file).size, 10_000);
    assert.throws(() => writer.allocate(file, 0, 20_000, true), code('ENOTSUP'));
  });

  test('an error of the device ends the writing', () => {
    const bytes = volume(2048);
    let broken = false;
    const below = memoryDevice(bytes);
    const device: BlockDevice = {
      size: below.size,
      sectorSize: 512,
      writable: true,
      readAt: (at, into) => below.readAt(at, into),
      writeAt(at, from) {
        if (broken) throw new GuestfsError('EIO', 'the device is broken');
        below.writeAt(at, from);
      },
      zero: (at, length) => below.zero(at, length),
      discard() {},
      extents: (at, length) => below.extents(at, length),
      flush() {},
      close() {},
    };
    const fs = openFat(device);
    const writer = fs.openWriter();
    const file = writer.create(fs.root, 'F', FILE);
    writer.write(file, 0, Buffer.from('before'));
    writer.sync();
    broken = true;
    assert.throws(() => writer.write(file, 0, Buffer.from('after!')), code('EIO'));
    assert.throws(() => writer.create(fs.root, 'G', FILE), code('EROFS'));
    assert.throws(() => writer.sync(), code('EROFS'));
    assert.throws(() => fs.close(), code('EROFS'), 'who closes it hears that something is missing');
    fs.close();
    assert.equal(openFat(memoryDevice(volume(2048), { writable: false })).type, 'vfat');
    assert.throws(() => openFat(memoryDevice(bytes, { writable: false })).openWriter(), code('EROFS'));
  });

  test('nothing is written where nothing changes', () => {
    const bytes = volume(2048);
    const before = bytes.slice();
    const fs = openFat(memoryDevice(bytes));
    fs.openWriter().sync();
    fs.close();
    assert.deepEqual(bytes, before);
  });
});

describe('attributes on FAT', () => {
  test('are those that FAT keeps', () => {
    const bytes = volume(2048);
    const fs = openFat(memoryDevice(bytes), { mountOptions: ['uid=5', 'gid=6'] });
    const writer = fs.openWriter();
    const file = writer.create(fs.root, 'F', FILE);
    writer.setAttributes(file, { uid: 5, gid: 6 });
    assert.throws(() => writer.setAttributes(file, { uid: 0 }), code('EPERM'));
    assert.throws(() => writer.setAttributes(file, { mode: 0o4755 }), code('EPERM'));
    writer.setAttributes(file, { mode: 0o555 });
    assert.equal(fs.stat(file).mode, 0o100555);
    writer.setAttributes(file, { mode: 0o600 });
    assert.equal(fs.stat(file).mode, 0o100555, 'what FAT cannot say is ignored');
    writer.setAttributes(file, { mode: 0o755 });
    assert.equal(fs.stat(file).mode, 0o100755);
    const seconds = Date.UTC(2001, 1, 28, 13, 14, 17) / 1000;
    const time = { seconds, nanoseconds: 5 };
    writer.setAttributes(file, { atime: time, mtime: time });
    assert.equal(fs.stat(file).mtime, seconds - 1);
    assert.equal(fs.stat(file).atime, Date.UTC(2001, 1, 28) / 1000);
    writer.setAttributes(file, { mtime: { seconds: 0, nanoseconds: 0 } });
    assert.equal(fs.stat(file).mtime, Date.UTC(1980, 0, 1) / 1000);
    fs.close();
    const quiet = openFat(memoryDevice(bytes), { mountOptions: ['quiet'] });
    quiet.openWriter().setAttributes(file, { uid: 7 });
  });

  test('times are the same there and back', () => {
    for (let seconds = 315_532_800; seconds < 4_354_819_200; seconds += 86_400 * 13 + 7202) {
      const { date, time, hundredths } = fatTime(seconds, 0, 60);
      assert.equal(fatSeconds(date, time, 60) + Math.floor(hundredths / 100), seconds);
    }
  });
});

describe('labels of FAT', { skip: needsTool('fatlabel', 'fsck.fat') }, () => {
  for (const [name, kibibytes, options] of [
    ['FAT12', 2048, {}],
    ['FAT16', 20_000, {}],
    ['FAT32', 40_000, { fatBits: 32, sectorsPerCluster: 1 }],
  ] as const) {
    test(name, () => {
      const folder = temporaryFolder();
      try {
        const path = join(folder.path, 'image');
        const bytes = volume(kibibytes, options);
        for (const label of ['FIRST', '', 'SECOND', 'THIRD ONE', '']) {
          setFatLabel(memoryDevice(bytes), label);
          setFatVolumeId(memoryDevice(bytes), 0xdeadbeef);
          assert.equal(fatFormat.probe(memoryDevice(bytes))?.label ?? '', label);
          assert.equal(fatFormat.probe(memoryDevice(bytes))?.uuid, 'DEAD-BEEF');
          writeFileSync(path, bytes);
          assert.equal(spawnSync('fatlabel', [path], { encoding: 'utf8' }).stdout.trim(), label);
          run('fsck.fat', '-n', path);
        }
        assert.throws(() => setFatLabel(memoryDevice(bytes), 'a/b'), code('EINVAL'));
      } finally {
        folder.remove();
      }
    });
  }
});

describe('free space of FAT', () => {
  test('is trimmed and zeroed, and nothing else is', () => {
    const bytes = volume(2048);
    bytes.fill(0xaa, 1_000_000);
    const fs = openFat(memoryDevice(bytes));
    const writer = fs.openWriter();
    const file = writer.create(fs.root, 'F', FILE);
    writer.write(file, 0, Buffer.alloc(50_000, 'f'));
    const { bfree, bsize } = fs.statfs();
    let last = 0;
    writer.zeroFreeSpace((done, total) => {
      assert.ok(done >= last && done <= total);
      last = done;
    });
    const { dataOffset, clusterCount } = fs.geometry;
    const area = bytes.subarray(dataOffset, dataOffset + clusterCount * bsize);
    const content = 'f'.charCodeAt(0);
    assert.equal(
      area.reduce((sum, byte) => sum + (byte === content ? 1 : 0), 0),
      50_000,
    );
    assert.ok(area.every((byte) => byte === 0 || byte === content || byte === 0xaa));
    assert.ok(area.reduce((sum, byte) => sum + (byte === 0xaa ? 1 : 0), 0) < bsize);
    assert.equal(writer.trim(0, bytes.length, 0), bfree * bsize);
    assert.equal(writer.trim(0, bytes.length, bytes.length), 0);
    fs.close();
    sound(bytes);
  });
});
