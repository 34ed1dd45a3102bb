import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TreeStat } from '../vfs/tree.ts';
import { WalkReader, WalkWriter, type WalkedEntry } from './walk-stream.ts';

function stat(seed: number): TreeStat {
  return {
    mode: 0o100644,
    nlink: seed,
    uid: 4_000_000_000,
    gid: 5,
    atimeNsec: 1,
    mtimeNsec: 999_999_999,
    ctimeNsec: 3,
    blockSize: 4096,
    inode: 2 ** 40 + seed,
    size: 2 ** 52,
    blocks: 8,
    dev: 2049,
    rdev: 0,
    atime: -1,
    mtime: 2 ** 33,
    ctime: 0,
  };
}

test('what is written is read again, wherever the chunks end', () => {
  const entries: WalkedEntry[] = [
    { path: '/', stat: stat(1), link: undefined },
    { path: '/plain', stat: stat(2), link: '' },
    { path: '/uni-é-日本', stat: stat(3), link: '../\udcff' },
    { path: `/${'long'.repeat(40_000)}`, stat: stat(4), link: undefined },
    ...Array.from({ length: 1000 }, (_, i) => ({ path: `/n${i}`, stat: stat(i), link: undefined })),
  ];
  const chunks: Uint8Array[] = [];
  const writer = new WalkWriter({ write: (chunk) => void chunks.push(new Uint8Array(chunk)) });
  for (const { path, stat: s, link } of entries) writer.add(path, s, link);
  writer.flush();
  const all = Buffer.concat(chunks);
  for (const step of [7, 1000, all.length]) {
    const reader = new WalkReader();
    const found: WalkedEntry[] = [];
    for (let at = 0; at < all.length; at += step) found.push(...reader.push(all.subarray(at, at + step)));
    assert.deepEqual(found, entries, `chunks of ${step}`);
  }
});

test('what is no walk is told', () => {
  assert.throws(() => [...new WalkReader().push(new Uint8Array(200).fill(1))], { code: 'EUCLEAN' });
});
