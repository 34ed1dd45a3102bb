import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { planChecksums } from '../../../test/support/ext4-checksums.ts';
import { fuzz } from '../../../test/support/fuzz.ts';
import { memoryDevice } from '../../block/memory.ts';
import { GuestfsError } from '../../errors/index.ts';
import { crc32cRaw } from '../../bytes/crc32c.ts';
import { ext4Format, listSuperBlock, openExt4 } from './index.ts';
import { fillMapSource, newMapSource, type Run } from './mapping.ts';
import { minimumSizeOf } from './resize/index.ts';
import { inodeSize } from './stat.ts';

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
  attempt(() => minimumSizeOf(device));
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

/** Where the blocks of the journal are, by their number in it. */
function journalBlocks(image: Uint8Array): { blockSize: number; at: number[] } {
  const fs = openExt4(memoryDevice(image), { mountOptions: ['noload'] });
  const source = fillMapSource(newMapSource(), fs.inodes.aim(8), fs.geometry);
  const run: Run = { block: 0, length: 0, kind: 'hole' };
  const { blockSize } = fs.geometry;
  const count = inodeSize(fs.inodes.aim(8), fs.geometry) / blockSize;
  const at = Array.from({ length: count }, (_, logical) => {
    fs.mapper.map(source, logical, run);
    return run.block * blockSize;
  });
  return { blockSize, at };
}

/** Put the checksums of version 3 and of fast commits right; what a block is, the sound image says. */
function journalFixup(sound: Uint8Array): (image: Uint8Array) => void {
  const { blockSize, at } = journalBlocks(sound);
  const from = (image: Uint8Array, place: number): Buffer => Buffer.from(image.buffer, place, blockSize);
  const types = at.map((place) => {
    const block = from(sound, place);
    return block.readUInt32BE(0) === 0xc03b3998 ? block.readUInt32BE(4) : 0;
  });
  const superBlock = from(sound, at[0]!);
  const seed = crc32cRaw(0xffffffff, superBlock.subarray(0x30, 0x40));
  const first = superBlock.readUInt32BE(0x10) - superBlock.readUInt32BE(0x54) + 1;
  return (image) => {
    types.forEach((type, i) => {
      const block = from(image, at[i]!);
      const end = type === 4 ? 0xfc : type === 2 ? 0x10 : blockSize - 4;
      if (type === 0) return;
      const covered = type === 4 ? block.subarray(0, 1024) : block;
      block.writeUInt32BE(0, end);
      block.writeUInt32BE(crc32cRaw(type === 4 ? 0xffffffff : seed, covered), end);
    });
    if (superBlock.readUInt32BE(0x54) === 0) return;
    let crc = 0;
    for (const place of at.slice(first)) {
      const block = from(image, place);
      for (let offset = 0; offset + 12 <= blockSize;) {
        const tag = block.readUInt16LE(offset);
        const end = offset + 4 + block.readUInt16LE(offset + 2);
        if (tag === 0 || end > blockSize) return;
        if (tag === 8) {
          block.writeUInt32LE(crc32cRaw(crc, block, offset, offset + 8), offset + 8);
          crc = 0;
        } else {
          crc = crc32cRaw(crc, block, offset, end);
        }
        offset = end;
      }
    }
  };
}

describe('mutated journals', () => {
  for (const name of ['dirty-ext4', 'dirty-ext3', 'dirty-v1', 'dirty-fast', 'dirty-escape']) {
    test(name, () => {
      const image = golden(name);
      const { blockSize, at } = journalBlocks(image);
      const fast = name === 'dirty-fast';
      const start = (place: number): number => Buffer.from(image.buffer, place, 4).readUInt32BE();
      const regions = at
        .filter((place) => start(place) === 0xc03b3998 || (fast && start(place) !== 0))
        .map((place) => [place, place + Math.min(300, blockSize)] as const);
      const summed = !['dirty-ext3', 'dirty-v1'].includes(name);
      const fixup = summed ? journalFixup(image) : undefined;
      const check = image.slice();
      fixup?.(check);
      assert.ok(Buffer.from(check).equals(image), 'putting sound checksums right changes nothing');
      const plan = { seed: 2, rounds: ROUNDS / 2, image, regions, read: readEverything };
      fuzz(fixup === undefined ? plan : { ...plan, fixup });
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
