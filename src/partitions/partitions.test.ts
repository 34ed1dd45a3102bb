import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fuzz } from '../../test/support/fuzz.ts';
import { partitionImage } from '../../test/support/partition-golden.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { memoryDevice } from '../block/memory.ts';
import { crc32 } from '../bytes/crc32.ts';
import { parseGuid } from '../bytes/guid.ts';
import { readPartitionTable, type PartitionTable } from './index.ts';

const SECTOR = 512;
/** Bytes of the disks that are made here. */
const SIZE = 1024 * 1024;
const ESP = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';
const LINUX = '0fc63daf-8483-4772-8e79-3d69d8477de4';

function withImage(size: number, make: (path: string) => void): Uint8Array {
  const folder = temporaryFolder();
  try {
    const path = join(folder.path, 'disk.img');
    writeFileSync(path, '');
    truncateSync(path, size);
    make(path);
    // Not a Buffer: its slice() would share memory.
    return new Uint8Array(readFileSync(path));
  } finally {
    folder.remove();
  }
}

function read(image: Uint8Array, sectorSize = 512): { table: PartitionTable | null; warnings: string[] } {
  const warnings: string[] = [];
  const table = readPartitionTable(memoryDevice(image, { writable: false, sectorSize }), {
    warn: (message) => warnings.push(message),
  });
  return { table, warnings };
}

/** An MBR entry: active flag, type, start and size in sectors. */
type Entry = readonly [number, number, number, number];

function writeMbr(image: Uint8Array, sector: number, entries: readonly Entry[]): void {
  const view = new DataView(image.buffer, image.byteOffset + sector * SECTOR, SECTOR);
  entries.forEach(([flag, type, start, size], slot) => {
    const at = 446 + slot * 16;
    view.setUint8(at, flag);
    view.setUint8(at + 4, type);
    view.setUint32(at + 8, start, true);
    view.setUint32(at + 12, size, true);
  });
  view.setUint16(510, 0x55aa);
}

function mbrImage(sectors: number, entries: readonly Entry[]): Uint8Array {
  const image = new Uint8Array(sectors * SECTOR);
  writeMbr(image, 0, entries);
  return image;
}

describe('MBR', () => {
  test('reads what sfdisk writes', () => {
    const { table, warnings } = read(partitionImage('mbr'));
    assert.deepEqual(warnings, []);
    assert.equal(table?.type, 'msdos');
    assert.equal(table.diskSignature, 0x12345678);
    assert.deepEqual(
      table.partitions.map(({ number, start, size, type, bootable, kind }) => [
        number,
        start / SECTOR,
        size / SECTOR,
        type,
        bootable,
        kind,
      ]),
      [
        [1, 40960, 2048, 0x83, false, 'primary'],
        [2, 2048, 2048, 0x07, true, 'primary'],
        [3, 43008, 20000, 0x05, false, 'extended'],
        [4, 4096, 1000, 0xef, false, 'primary'],
        [5, 45056, 2000, 0x82, false, 'logical'],
        [6, 50000, 1000, 0x83, true, 'logical'],
      ],
    );
    assert.equal(table.partitions[2]?.deviceSize, 1024);
  });

  test('a loop of EBRs ends with a warning', () => {
    const image = mbrImage(1000, [[0, 0x05, 100, 900]]);
    writeMbr(image, 100, [
      [0, 0x83, 1, 10],
      [0, 0x05, 50, 50],
    ]);
    writeMbr(image, 150, [
      [0, 0x83, 1, 10],
      [0, 0x05, 0, 50],
    ]);
    const { table, warnings } = read(image);
    assert.deepEqual(
      table?.partitions.map(({ number, start }) => [number, start / SECTOR]),
      [
        [1, 100],
        [5, 101],
        [6, 151],
      ],
    );
    assert.match(warnings.join(), /loop/);
  });

  test('a chain of links without partitions ends', () => {
    const image = mbrImage(4000, [[0, 0x05, 100, 3900]]);
    for (let i = 0; i < 300; i++) writeMbr(image, 100 + i, [[0, 0x05, i + 1, 1]]);
    assert.equal(read(image).table?.partitions.length, 1);
  });

  test('no more partitions than Linux counts', () => {
    const image = mbrImage(4000, [[0, 0x0f, 100, 3900]]);
    for (let i = 0; i < 400; i++) {
      writeMbr(image, 100 + i * 2, [
        [0, 0x83, 1, 1],
        [0, 0x05, i * 2 + 2, 2],
      ]);
    }
    const { table } = read(image);
    assert.equal(table?.partitions.at(-1)?.number, 255);
  });

  test('rubbish in the third entry of an EBR is not a partition', () => {
    const image = mbrImage(1000, [[0, 0x05, 100, 200]]);
    writeMbr(image, 100, [
      [0, 0x83, 1, 10],
      [0, 0, 0, 0],
      [0, 0x83, 500, 100],
      [0, 0x83, 20, 10],
    ]);
    assert.deepEqual(
      read(image).table?.partitions.map(({ number, start }) => [number, start / SECTOR]),
      [
        [1, 100],
        [5, 101],
        [6, 120],
      ],
    );
  });

  test('a partition that ends beyond the disk is cut, one that starts there is left out', () => {
    const image = mbrImage(1000, [
      [0, 0x83, 500, 1000],
      [0, 0x83, 2000, 10],
    ]);
    const { table, warnings } = read(image);
    assert.deepEqual(
      table?.partitions.map(({ size }) => size / SECTOR),
      [500],
    );
    assert.equal(warnings.length, 2);
  });

  test('sectors of 4096 bytes', () => {
    const image = new Uint8Array(400 * 4096);
    writeMbr(image, 0, [[0x80, 0x83, 10, 20]]);
    const partition = read(image, 4096).table?.partitions[0];
    assert.equal(partition?.start, 10 * 4096);
    assert.equal(partition.size, 20 * 4096);
  });

  test('an active flag that is neither 0 nor 0x80: no table', () => {
    assert.equal(read(mbrImage(1000, [[0x11, 0x83, 100, 100]])).table, null);
  });

  test('an empty table is a table', () => {
    const { table } = read(mbrImage(1000, []));
    assert.equal(table?.type, 'msdos');
    assert.deepEqual(table.partitions, []);
  });

  test('devices smaller than a sector, and blank ones, have none', () => {
    for (const size of [0, 1, 511, 512, 4096, 100000]) assert.equal(read(new Uint8Array(size)).table, null);
  });

  for (const bits of ['12', '16', '32']) {
    test(`the boot sector of FAT${bits} is no table`, { skip: needsTool('mkfs.fat') }, () => {
      const image = withImage(64 * 1024 * 1024, (path) => {
        run('mkfs.fat', '-F', bits, ...(bits === '12' ? ['-s', '64'] : []), path);
      });
      assert.equal(read(image).table, null);
      // Not even with an entry that could be one: parted(8) and blkid(8) say so.
      writeMbr(image, 0, [[0, 0x83, 2048, 2048]]);
      assert.equal(read(image).table, null);
    });
  }

  test('the boot sector of NTFS is no table', { skip: needsTool('mkntfs') }, () => {
    const image = withImage(16 * 1024 * 1024, (path) => void run('mkntfs', '-F', '-Q', '-q', path));
    assert.equal(read(image).table, null);
  });
});

/** Put both headers' and the array's checksums right again. */
function fixGpt(image: Uint8Array, sectorSize = 512): void {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  for (const lba of [1, image.length / sectorSize - 1]) {
    const at = lba * sectorSize;
    const entries = view.getUint32(at + 72, true) * sectorSize;
    const bytes = view.getUint32(at + 80, true) * view.getUint32(at + 84, true);
    if (entries + bytes <= image.length)
      view.setUint32(at + 88, crc32(image, entries, entries + bytes), true);
    const size = Math.min(view.getUint32(at + 12, true), sectorSize);
    view.setUint32(at + 16, 0, true);
    view.setUint32(at + 16, crc32(image, at, at + size), true);
  }
}

/** An entry: number, first and last sector, type, GUID, name, attributes. */
type GptPlace = readonly [number, number, number, string, string, string, bigint];

const ENTRIES: readonly GptPlace[] = [
  [1, 400, 655, ESP, 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee', 'EFI system', 4n],
  [3, 64, 191, LINUX, '01234567-89ab-cdef-0123-456789abcdef', 'Größe', 0x8000000000000000n],
  [128, 1024, 1151, LINUX, '11111111-89ab-cdef-0123-456789abcdef', '', 0n],
];

/** A disk with a GPT; the entries' sectors are counted in 512 bytes whatever the disk has. */
function gptImage(sectorSize = 512): Uint8Array {
  const image = new Uint8Array(SIZE);
  writeMbr(image, 0, [[0, 0xee, 1, SIZE / sectorSize - 1]]);
  const view = new DataView(image.buffer);
  const last = SIZE / sectorSize - 1;
  const arraySectors = (128 * 128) / sectorSize;
  const guid = (at: number, text: string) => image.set(parseGuid(text) ?? [], at);
  for (const [lba, other, array] of [
    [1, last, 2],
    [last, 1, last - arraySectors],
  ] as const) {
    const at = lba * sectorSize;
    image.set(new TextEncoder().encode('EFI PART'), at);
    view.setUint32(at + 8, 0x10000, true);
    view.setUint32(at + 12, 92, true);
    view.setBigUint64(at + 24, BigInt(lba), true);
    view.setBigUint64(at + 32, BigInt(other), true);
    view.setBigUint64(at + 40, BigInt(2 + arraySectors), true);
    view.setBigUint64(at + 48, BigInt(last - 1 - arraySectors), true);
    guid(at + 56, '11111111-2222-3333-4444-555555555555');
    view.setBigUint64(at + 72, BigInt(array), true);
    view.setUint32(at + 80, 128, true);
    view.setUint32(at + 84, 128, true);
    for (const [number, from, to, type, unique, name, attributes] of ENTRIES) {
      const entry = array * sectorSize + (number - 1) * 128;
      guid(entry, type);
      guid(entry + 16, unique);
      view.setBigUint64(entry + 32, BigInt((from * 512) / sectorSize), true);
      view.setBigUint64(entry + 40, BigInt(((to + 1) * 512) / sectorSize - 1), true);
      view.setBigUint64(entry + 48, attributes, true);
      [...name].forEach((letter, i) => view.setUint16(entry + 56 + i * 2, letter.charCodeAt(0), true));
    }
  }
  fixGpt(image, sectorSize);
  return image;
}

describe('GPT', () => {
  const plain = () => gptImage();

  test('reads what sgdisk writes', () => {
    const { table, warnings } = read(partitionImage('gpt'));
    assert.deepEqual(warnings, []);
    assert.equal(table?.type, 'gpt');
    assert.equal(table.diskGuid, '11111111-2222-3333-4444-555555555555');
    assert.equal(table.hybrid, false);
    const [first, , third, last] = table.partitions;
    assert.deepEqual(first, {
      number: 1,
      start: 10240 * SECTOR,
      size: 2 * 1024 * 1024,
      deviceSize: 2 * 1024 * 1024,
      kind: 'primary',
      type: ESP,
      guid: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
      name: 'EFI system',
      attributes: 5n,
      bootable: true,
    });
    assert.equal(third?.attributes, 0x9000000000000000n);
    assert.equal(third.name, 'Grüße 日本');
    assert.equal(last?.number, 128);
  });

  test('a small one of our own', () => {
    const { table, warnings } = read(plain());
    assert.deepEqual(warnings, []);
    assert.deepEqual(
      table?.partitions.map(({ number, start, size, name, attributes }) => [
        number,
        start,
        size,
        name,
        attributes,
      ]),
      [
        [1, 400 * SECTOR, 128 * 1024, 'EFI system', 4n],
        [3, 64 * SECTOR, 64 * 1024, 'Größe', 0x8000000000000000n],
        [128, 1024 * SECTOR, 64 * 1024, '', 0n],
      ],
    );
  });

  test('a damaged primary header or array falls back to the backup, with a warning', () => {
    const sound = plain();
    const { table: expected } = read(sound);
    for (const at of [SECTOR, SECTOR + 56, 2 * SECTOR + 40]) {
      const image = sound.slice();
      image[at] = image[at]! ^ 0xff;
      const { table, warnings } = read(image);
      assert.deepEqual(table, expected);
      assert.match(warnings.join(), /primary copy is damaged/);
    }
  });

  test('both copies damaged: no table, and the warning says why', () => {
    const image = plain();
    image.fill(0, SECTOR, 2 * SECTOR);
    image.fill(0, SIZE - SECTOR);
    const { table, warnings } = read(image);
    assert.equal(table, null);
    assert.match(warnings.join(), /neither copy/);
  });

  test('without a protective entry the GPT is stale', () => {
    const image = plain();
    image.fill(0, 0, SECTOR);
    assert.equal(read(image).table, null);
    writeMbr(image, 0, [[0, 0x83, 2048, 2048]]);
    assert.equal(read(image).table?.type, 'msdos');
  });

  test('behind a hybrid MBR the GPT counts', () => {
    const { table } = read(partitionImage('hybrid'));
    assert.equal(table?.type, 'gpt');
    assert.equal(table.hybrid, true);
    assert.equal(table.partitions.length, 2);
  });

  test('a disk that has grown since', () => {
    const image = new Uint8Array(SIZE * 2);
    image.set(plain());
    const { table, warnings } = read(image);
    assert.equal(table?.partitions.length, 3);
    assert.deepEqual(warnings, []);
  });

  test('sectors of 4096 bytes, on a device that has them and on one that does not', () => {
    for (const image of [gptImage(4096), partitionImage('gpt4k')]) {
      const { table } = read(image, 4096);
      assert.equal(table?.sectorSize, 4096);
      assert.ok(table.partitions.length >= 2);
      const helped = read(image, 512);
      assert.deepEqual(helped.table?.partitions, table.partitions);
      assert.match(helped.warnings.join(), /4096-byte sectors/);
    }
    assert.deepEqual(read(gptImage(4096), 4096).table?.partitions, read(plain()).table?.partitions);
  });

  test('numbers that lie', () => {
    const sound = plain();
    for (const [field, value] of [
      [12, 91n],
      [12, 513n],
      [24, 2n],
      [40, 0xffffffffffffffffn],
      [48, 0xffffffffn],
      [72, 0n],
      [72, 0xfffffffffffn],
      [80, 0xffffffffn],
      [84, 127n],
      [84, 0x80000000n],
    ] as const) {
      const image = sound.slice();
      const view = new DataView(image.buffer, image.byteOffset);
      if ([24, 40, 48, 72].includes(field)) view.setBigUint64(SECTOR + field, value, true);
      else view.setUint32(SECTOR + field, Number(value), true);
      const size = Math.min(view.getUint32(SECTOR + 12, true), SECTOR);
      view.setUint32(SECTOR + 16, 0, true);
      view.setUint32(SECTOR + 16, crc32(image, SECTOR, SECTOR + size), true);
      const { table, warnings } = read(image);
      assert.equal(table?.partitions.length, 3, `field ${field}`);
      assert.match(warnings.join(), /primary copy is damaged/, `field ${field}`);
    }
  });

  test('partitions beyond the disk or backwards are left out', () => {
    const image = plain();
    const view = new DataView(image.buffer, image.byteOffset);
    view.setBigUint64(2 * SECTOR + 40, 0xffffffffffffffffn, true);
    view.setBigUint64(2 * SECTOR + 2 * 128 + 40, 1n, true);
    fixGpt(image);
    const { table, warnings } = read(image);
    assert.deepEqual(
      table?.partitions.map(({ number }) => number),
      [128],
    );
    assert.equal(warnings.length, 2);
  });

  test('mutations are read or told of', () => {
    const image = plain();
    fuzz({
      seed: 7,
      rounds: 300,
      image,
      regions: [
        [446, 512],
        [SECTOR, SECTOR + 92],
        [2 * SECTOR, 2 * SECTOR + 3 * 128],
        [SIZE - SECTOR, SIZE - SECTOR + 92],
      ],
      fixup: fixGpt,
      read: (bytes) => void read(bytes),
    });
  });
});

test('mutated MBR and EBR chains are read in bounded work', () => {
  const image = mbrImage(2000, [
    [0x80, 0x83, 10, 50],
    [0, 0x05, 100, 900],
    [0, 0x0f, 1000, 900],
  ]);
  for (const base of [100, 1000]) {
    for (let i = 0; i < 5; i++) {
      writeMbr(image, base + i * 20, [
        [0, 0x83, 1, 10],
        [0, 0x05, (i + 1) * 20, 20],
      ]);
    }
  }
  fuzz({
    seed: 11,
    rounds: 400,
    image,
    regions: [0, 100, 120, 140, 1000, 1020].map(
      (sector) => [sector * SECTOR + 446, sector * SECTOR + 512] as const,
    ),
    read: (bytes) => void read(bytes),
  });
});

describe('tables of other machines are named', () => {
  for (const type of ['mac', 'bsd', 'sun', 'dvh', 'amiga', 'pc98']) {
    test(type, () => assert.equal(read(partitionImage(type)).table?.type, type));
  }
});
