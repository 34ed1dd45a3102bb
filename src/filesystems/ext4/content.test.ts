import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { planChecksums } from '../../../test/support/ext4-checksums.ts';
import { random } from '../../../test/support/fuzz.ts';
import { memoryDevice } from '../../block/memory.ts';
import { openExt4, type Ext4FileSystem } from './index.ts';
import { Inode } from './layout.ts';
import { SuperBlock } from './layout.ts';

function golden(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(join(import.meta.dirname, 'golden', `${name}.img.gz`))));
}

function whole(fs: Ext4FileSystem, inode: number): Buffer {
  const bytes = Buffer.alloc(fs.stat(inode).size);
  assert.equal(fs.read(inode, 0, bytes), bytes.length);
  return bytes;
}

describe('parts of files', () => {
  for (const name of ['ext2', 'ext4', 'ext4-4k', 'ext4-inline', 'ext4-bigalloc']) {
    test(name, () => {
      const fs = openExt4(memoryDevice(golden(name)));
      const next = random(1);
      for (const file of ['size-59', 'size-150', 'size-20000', 'sparse', 'unwritten', 'empty', 'hello']) {
        const inode = fs.lookup(2, file);
        const all = whole(fs, inode);
        for (let i = 0; i < 40; i++) {
          const offset = Math.floor(next() * (all.length + 10));
          const into = Buffer.alloc(Math.floor(next() * 9000), 0xaa);
          const wanted = all.subarray(offset, offset + into.length);
          assert.equal(fs.read(inode, offset, into), wanted.length);
          assert.ok(into.subarray(0, wanted.length).equals(wanted));
          assert.ok(
            into.subarray(wanted.length).every((byte) => byte === 0xaa),
            'nothing behind the end',
          );
        }
      }
    });
  }
});

describe('runs of files', () => {
  const runs = (name: string, file: string): string => {
    const fs = openExt4(memoryDevice(golden(name)));
    const inode = fs.lookup(2, file);
    const all = whole(fs, inode);
    let at = 0;
    let text = '';
    for (const { offset, length, kind } of fs.extents(inode, 0, Number.MAX_SAFE_INTEGER)) {
      assert.equal(offset, at);
      assert.ok(length > 0);
      at += length;
      text += ` ${kind} ${length}`;
      if (kind !== 'data') assert.ok(all.subarray(offset, at).every((byte) => byte === 0));
    }
    assert.equal(at, all.length);
    return text.trim();
  };

  test('data, holes, and blocks that were never written', () => {
    assert.equal(runs('ext4', 'size-20000'), 'data 20000');
    assert.equal(runs('ext4', 'unwritten'), 'zero 14336 data 1024 zero 14640');
    assert.match(runs('ext4', 'sparse'), /^data 1024 hole 28672 data 1024 hole /);
    assert.match(runs('ext2', 'triple'), /^hole 67999744 data 262$/);
    assert.equal(runs('ext4-inline', 'size-100'), 'data 100');
    assert.equal(runs('ext4', 'empty'), '');
  });

  test('a part is clipped to what was asked', () => {
    const fs = openExt4(memoryDevice(golden('ext4')));
    const inode = fs.lookup(2, 'unwritten');
    assert.deepEqual(
      [...fs.extents(inode, 14000, 500)],
      [
        { offset: 14000, length: 336, kind: 'zero' },
        { offset: 14336, length: 164, kind: 'data' },
      ],
    );
    assert.deepEqual([...fs.extents(inode, 40000, 500)], []);
  });
});

test('attributes come in the order they are stored', () => {
  const fs = openExt4(memoryDevice(golden('ext4')));
  const names = fs.xattrs(fs.lookup(2, 'hello')).map(({ name }) => name);
  // The first ones found room in the inode, the block sorts the rest by kind, length and name.
  assert.equal(names.length, 5);
  assert.deepEqual(names.slice(0, 2), ['user.one', 'user.empty']);
});

test('ACLs are shown as Linux shows them', () => {
  const fs = openExt4(memoryDevice(golden('ext4')));
  const acl = fs.xattrs(fs.lookup(2, 'acl')).find(({ name }) => name === 'system.posix_acl_access');
  assert.equal(
    Buffer.from(acl!.value).toString('hex'),
    '02000000' +
      '01000600ffffffff' +
      '02000700e8030000' +
      '0200040070110100' +
      '04000400ffffffff' +
      '08000500d0070000' +
      '10000700ffffffff' +
      '20000400ffffffff',
  );
});

test('files that were being truncated lose the blocks past their end', () => {
  const image = golden('ext4');
  const { fixup } = planChecksums(image);
  const sound = openExt4(memoryDevice(image));
  const file = sound.lookup(2, 'size-20000');
  const { blocks } = sound.stat(file);
  const { bfree } = sound.statfs();
  sound.inodes.aim(file);
  const copy = image.slice();
  new DataView(copy.buffer).setUint32(sound.inodes.offset + Inode.i_size_lo, 5000, true);
  SuperBlock.view(copy, 1024).s_last_orphan = file;
  fixup(copy);
  const fs = openExt4(memoryDevice(copy));
  assert.equal(fs.stat(file).blocks, 10);
  assert.equal(fs.statfs().bfree, bfree + (blocks - 10) / 2);
  const untouched = openExt4(memoryDevice(copy), { mountOptions: ['noload'] });
  assert.equal(untouched.stat(file).blocks, blocks);
  assert.equal(untouched.statfs().bfree, bfree);
});

test('a list of orphans that runs in a circle is reported', () => {
  const image = golden('ext4');
  const { fixup } = planChecksums(image);
  const sound = openExt4(memoryDevice(image));
  const file = sound.lookup(2, 'size-20000');
  sound.inodes.aim(file);
  new DataView(image.buffer).setUint32(sound.inodes.offset + Inode.i_dtime, file, true);
  SuperBlock.view(image, 1024).s_last_orphan = file;
  fixup(image);
  const warnings: string[] = [];
  openExt4(memoryDevice(image), { warn: (message) => warnings.push(message) }).statfs();
  assert.match(warnings.join(), /list of orphan files is damaged/);
});

describe('lying maps', () => {
  const image = golden('ext4');
  const { fixup } = planChecksums(image);
  const sound = openExt4(memoryDevice(image));
  const file = sound.lookup(2, 'size-20000');
  sound.inodes.aim(file);
  const at = sound.inodes.offset;
  const damage = (change: (view: DataView) => void): (() => void) => {
    const copy = image.slice();
    change(new DataView(copy.buffer));
    fixup(copy);
    const fs = openExt4(memoryDevice(copy));
    return () => void fs.read(file, 0, new Uint8Array(20000));
  };
  const root = at + Inode.i_block;
  const cases: [string, (view: DataView) => void, RegExp][] = [
    ['magic', (view) => view.setUint16(root, 1, true), /eh_magic is 0x1/],
    ['more entries than fit', (view) => view.setUint16(root + 2, 5, true), /eh_entries is 5/],
    ['depth', (view) => view.setUint16(root + 6, 6, true), /eh_depth is 6, expected at most 5/],
    [
      'an interior node that points at data',
      (view) => view.setUint16(root + 6, 1, true),
      /points to block|eh_magic/,
    ],
    ['an extent of nothing', (view) => view.setUint16(root + 16, 0, true), /has length 0/],
    ['an extent outside', (view) => view.setUint32(root + 20, 1_000_000, true), /starts at block 1000000/],
    [
      'a size beyond the format',
      (view) => view.setUint32(at + Inode.i_size_high, 0x100000, true),
      /size of inode/,
    ],
    [
      'a size beyond numbers',
      (view) => view.setUint32(at + Inode.i_size_high, 0x200000, true),
      /i_size_high/,
    ],
  ];
  for (const [title, change, message] of cases) {
    test(title, () => assert.throws(damage(change), { name: 'CorruptError', message }));
  }
});
