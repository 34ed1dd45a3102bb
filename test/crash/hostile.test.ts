import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { memoryDevice } from '../../src/block/memory.ts';
import { rangeDevice } from '../../src/block/range.ts';
import { crc32cRaw } from '../../src/bytes/crc32c.ts';
import { crc32 } from '../../src/bytes/crc32.ts';
import { checkExt } from '../../src/filesystems/ext4/check/index.ts';
import { descriptorBlock } from '../../src/filesystems/ext4/groups.ts';
import { openExt4 } from '../../src/filesystems/ext4/index.ts';
import { resizeExt } from '../../src/filesystems/ext4/resize/index.ts';
import { setExtLabel, setExtUuid } from '../../src/filesystems/ext4/tune/index.ts';
import { newPartitionTable, openPartitionTable } from '../../src/partitions/edit.ts';
import { LvmSession } from '../../src/platform/lvm-session.ts';
import { planChecksums } from '../support/ext4-checksums.ts';
import { fuzz } from '../support/fuzz.ts';
import { placesOf, strictDevice, tolerate, writeHostile } from './hostile.ts';

const golden = (name: string): Uint8Array =>
  new Uint8Array(
    gunzipSync(readFileSync(join(import.meta.dirname, `../../src/filesystems/ext4/golden/${name}.img.gz`))),
  );

/** Metadata with the bitmaps, and all checksums put right. */
function extPlan(image: Uint8Array): { regions: [number, number][]; fixup: (image: Uint8Array) => void } {
  const plan = planChecksums(image);
  const { geometry, groups } = openExt4(memoryDevice(image), { mountOptions: ['noload'] });
  const { blockSize, descSize, groupsCount, checksums, checksumSeed, inodesPerGroup } = geometry;
  const bits = [geometry.blocksPerGroup / geometry.clusterRatio, inodesPerGroup];
  const places = Array.from({ length: groupsCount }, (_, number) => {
    const { blockBitmap, inodeBitmap } = groups.get(number);
    const at = descriptorBlock(geometry, number) * blockSize + (number % (blockSize / descSize)) * descSize;
    return { at, bitmaps: [blockBitmap, inodeBitmap] };
  });
  const regions = plan.regions.slice();
  for (const { bitmaps } of places) {
    for (const block of bitmaps) regions.push([block * blockSize, block * blockSize + 256]);
  }
  return {
    regions,
    fixup(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (const { at, bitmaps } of checksums ? places : []) {
        for (const [kind, block] of bitmaps.entries()) {
          const start = block * blockSize;
          const sum = crc32cRaw(checksumSeed, bytes, start, start + Math.floor((bits[kind] as number) / 8));
          view.setUint16(at + 0x18 + kind * 2, sum & 0xffff, true);
          if (descSize >= 64) view.setUint16(at + 0x38 + kind * 2, sum >>> 16, true);
        }
      }
      plan.fixup(bytes);
    },
  };
}

describe('damaged and hostile images that are written (npm run fuzz does it at length)', () => {
  for (const name of [
    'ext4',
    'ext4-inline',
    'ext4-bigalloc',
    'ext3',
    'ext2',
    'ext4-uninit',
    'ext4-ea-inode',
  ]) {
    test(`${name}: files`, () => {
      const image = golden(name);
      const places = placesOf(openExt4(memoryDevice(image)));
      const { regions, fixup } = extPlan(image);
      fuzz({
        seed: 5,
        rounds: 25,
        image,
        regions,
        fixup,
        mutations: 6,
        read: (bytes) => void writeHostile(openExt4(strictDevice(bytes)), places),
      });
    });
  }

  test('ext4: a journal to replay', () => {
    for (const name of ['dirty-ext4', 'dirty-ext3', 'dirty-orphans', 'dirty-fast']) {
      const image = golden(name);
      const places = placesOf(openExt4(memoryDevice(image)));
      const regions = logRegions(image);
      assert.ok(regions.length > 1);
      fuzz({
        seed: 6,
        rounds: 12,
        image,
        regions: [[1024, 2048], ...regions],
        read: (bytes) => void writeHostile(openExt4(strictDevice(bytes)), places),
      });
    }
  });

  test('ext4: check, resize, tune', () => {
    for (const name of ['ext4', 'ext2', 'ext4-meta-bg']) {
      const image = golden(name);
      const { regions, fixup } = extPlan(image);
      fuzz({
        seed: 7,
        rounds: 12,
        image,
        regions,
        fixup,
        mutations: 6,
        read(bytes) {
          tolerate(() => setExtLabel(strictDevice(bytes), 'label'));
          tolerate(() => void setExtUuid(strictDevice(bytes), new Uint8Array(16).fill(3)));
          tolerate(() => void resizeExt(strictDevice(bytes), 'minimum'));
          tolerate(() => void checkExt(strictDevice(bytes), { repair: true, force: true }));
          tolerate(() => void resizeExt(strictDevice(bytes), undefined));
        },
      });
    }
  });

  test('partition tables', () => {
    for (const kind of ['gpt', 'msdos'] as const) {
      const image = new Uint8Array(1024 * 1024);
      const device = memoryDevice(image);
      newPartitionTable(device, kind).write(device);
      const change = (
        bytes: Uint8Array,
        act: (table: NonNullable<ReturnType<typeof openPartitionTable>>) => void,
      ) => {
        const strict = strictDevice(bytes);
        const table = openPartitionTable(strict);
        if (table === null) return;
        act(table);
        table.write(strict);
      };
      change(image, (table) => void table.add('primary', 64, 500));
      change(image, (table) => void table.add(kind === 'gpt' ? 'primary' : 'extended', 512, 1500));
      if (kind === 'msdos') {
        change(image, (table) => void table.add('logical', 600, 700));
        change(image, (table) => void table.add('logical', 800, 900));
      }
      fuzz({
        seed: 8,
        rounds: 300,
        image,
        regions: [
          [0, 2048],
          [512 * 512, 513 * 512],
          [799 * 512, 802 * 512],
          [image.length - 17_000, image.length],
        ],
        fixup: mendGpt,
        read(bytes) {
          tolerate(() => change(bytes, (table) => table.remove(1)));
          tolerate(() => change(bytes, (table) => void table.add('primary', 1600, 1700)));
          tolerate(() => change(bytes, (table) => void table.add('logical', 1000, 1100)));
          tolerate(() => change(bytes, (table) => table.resize(2, 1550)));
          tolerate(() => newPartitionTable(strictDevice(bytes), kind).write(strictDevice(bytes)));
        },
      });
    }
  });

  test('volume groups', () => {
    const MIB = 1024 * 1024;
    const image = new Uint8Array(10 * MIB);
    const session = (bytes: Uint8Array): LvmSession => {
      const disk = strictDevice(bytes);
      const devices = [0, 1].map((index) => {
        const name = `/dev/sd${'ab'[index]}`;
        return { name, device: rangeDevice(disk, index * 5 * MIB, 5 * MIB, name) };
      });
      return new LvmSession({ candidates: () => devices, inUse: () => false, warn() {} });
    };
    const { write } = session(image);
    write.createVolumeGroup('G', ['/dev/sda', '/dev/sdb']);
    write.createLogicalVolume('G', 'lv', { bytes: 4 * MIB });
    fuzz({
      seed: 9,
      rounds: 60,
      image,
      regions: [
        [512, 1024],
        [4096, 10_000],
        [5 * MIB + 512, 5 * MIB + 1024],
        [5 * MIB + 4096, 5 * MIB + 10_000],
      ],
      read(bytes) {
        const steps: ((write: LvmSession['write']) => void)[] = [
          (lvm) => lvm.createLogicalVolume('G', 'lw', { percentFree: 100 }),
          (lvm) => lvm.renameLogicalVolume('/dev/G/lv', '/dev/G/ly'),
          (lvm) => lvm.resizeLogicalVolume('/dev/G/ly', { bytes: 4 * MIB }),
          (lvm) => lvm.renameVolumeGroup('G', 'H'),
          (lvm) => lvm.removeLogicalVolume('/dev/H/ly'),
          (lvm) => lvm.removeAll(),
        ];
        for (const step of steps) tolerate(() => step(session(bytes).write));
      },
    });
  });
});

/** Put the checksums of both headers of a GPT right. */
function mendGpt(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const at of [512, bytes.length - 512]) {
    if (view.getUint32(at, true) !== 0x20494645) continue;
    const entries = view.getUint32(at + 72, true) * 512;
    const length = Math.min(view.getUint32(at + 80, true) * view.getUint32(at + 84, true), 65_536);
    if (entries + length <= bytes.length) {
      view.setUint32(at + 88, crc32(bytes.subarray(entries, entries + length)), true);
    }
    const size = view.getUint32(at + 12, true);
    if (size < 92 || size > 512) continue;
    view.setUint32(at + 16, 0, true);
    view.setUint32(at + 16, crc32(bytes.subarray(at, at + size)), true);
  }
}

/** Where the log's blocks are: those that begin with the magic of jbd2. */
function logRegions(image: Uint8Array): [number, number][] {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const regions: [number, number][] = [];
  for (let at = 0; at + 1024 <= image.length; at += 1024) {
    if (view.getUint32(at) === 0xc03b3998) regions.push([at, at + 1024]);
  }
  return regions;
}
