import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { planChecksums } from '../../../test/support/ext4-checksums.ts';
import { fuzz } from '../../../test/support/fuzz.ts';
import { memoryDevice } from '../../block/memory.ts';
import { GuestfsError } from '../../errors/index.ts';
import { ext4Format, listSuperBlock, openExt4 } from './index.ts';

const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 60);
const INTO = new Uint8Array(16 * 1024);

function golden(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(join(import.meta.dirname, 'golden', `${name}.img.gz`))));
}

/** Let GuestfsErrors of one call pass, so that the calls after it are reached too. */
function attempt(body: () => void): void {
  try {
    body();
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
  }
}

/** Read as much of an image as a walk would, but never more than a sound image of this size holds. */
function readEverything(image: Uint8Array): void {
  const device = memoryDevice(image, { writable: false });
  ext4Format.probe(device);
  attempt(() => listSuperBlock(device));
  const fs = openExt4(device);
  attempt(() => fs.statfs());
  attempt(() => fs.minimumSize());
  const seen = new Set<number>();
  const visit = (number: number): void => {
    if (seen.has(number) || seen.size > 400) return;
    seen.add(number);
    attempt(() => fs.xattrs(number));
    attempt(() => fs.flags(number));
    attempt(() => {
      const { mode, size } = fs.stat(number);
      const type = mode & 0xf000;
      if (type === 0xa000) fs.readlink(number);
      if (type === 0x8000) {
        attempt(() => fs.read(number, 0, INTO));
        attempt(() => fs.read(number, Math.floor(size / 2), INTO));
        let runs = 0;
        attempt(() => {
          for (const _ of fs.extents(number, 0, size)) if (runs++ > 1000) break;
        });
      }
      if (type !== 0x4000) return;
      let entries = 0;
      for (const { name, inode } of fs.readdir(number)) {
        if (entries++ < 40) attempt(() => fs.lookup(number, name));
        visit(inode);
        if (entries > 1000) break;
      }
    });
  };
  visit(fs.root);
  fs.close();
}

describe('mutated metadata, checksums put right', () => {
  const names = ['ext2', 'ext3', 'ext4', 'ext4-tea', 'ext4-inline', 'ext4-bigalloc', 'ext4-ea-inode'];
  for (const name of [...names, 'ext4-uninit', 'ext4-meta-bg', 'ext4-encrypt', 'ext4-i128']) {
    test(name, () => {
      const image = golden(name);
      const { regions, fixup } = planChecksums(image);
      const check = image.slice();
      fixup(check);
      assert.ok(Buffer.from(check).equals(image), 'putting sound checksums right changes nothing');
      fuzz({ seed: 1, rounds: ROUNDS, image, regions, fixup, read: readEverything, mutations: 6 });
    });
  }
});

describe('mutated journals', () => {
  for (const name of ['dirty-ext4', 'dirty-ext3', 'dirty-v1', 'dirty-fast', 'dirty-escape']) {
    test(name, () => {
      const image = golden(name);
      const fs = openExt4(memoryDevice(image), { mountOptions: ['noload'] });
      const regions: [number, number][] = [];
      const { blockSize } = fs.geometry;
      for (let at = 0; at + blockSize <= image.length; at += blockSize) {
        if (Buffer.from(image.buffer, at, 4).readUInt32BE() === 0xc03b3998) regions.push([at, at + 300]);
      }
      fuzz({ seed: 2, rounds: ROUNDS / 2, image, regions, read: readEverything });
    });
  }
});

test('a truncated image', () => {
  const image = golden('ext4');
  for (let size = 0; size < image.length; size = Math.floor(size * 1.7) + 500) {
    const part = image.slice(0, size);
    attempt(() => readEverything(part));
    if (size < 2048) assert.equal(ext4Format.probe(memoryDevice(part)), null);
    else
      assert.throws(() => openExt4(memoryDevice(part)), { code: 'EUCLEAN', structure: 'ext4_super_block' });
  }
});
