import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fuzz } from '../../test/support/fuzz.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { memoryDevice } from '../block/memory.ts';
import { crc32 } from '../bytes/crc32.ts';
import { readPartitionTable, type PartitionTable } from './index.ts';

const SECTOR = 512;

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
  test('reads what sfdisk writes', { skip: needsTool('sfdisk') }, () => {
    const script = [
      'label: dos',
      'label-id: 0x12345678',
      'start=40960,size=2048,type=83',
      'start=2048,size=2048,type=7,bootable',
      'start=43008,size=20000,type=f',
      'start=4096,size=1000,type=ef',
      'start=45056,size=2000,type=82',
      'start=50000,size=1000,type=8e,bootable',
    ].join('\\n');
    let dump = '';
    const image = withImage(32 * 1024 * 1024, (path) => {
      run('sh', '-c', `printf '${script}\\n' | sfdisk -q '${path}'`);
      dump = run('sfdisk', '--json', path);
    });
    const { table, warnings } = read(image);
    const json = JSON.parse(dump) as {
      partitiontable: {
        partitions: { node: string; start: number; size: number; type: string; bootable?: boolean }[];
      };
    };
    assert.deepEqual(warnings, []);
    assert.equal(table?.type, 'msdos');
    assert.equal(table.diskSignature, 0x12345678);
    assert.deepEqual(
      table.partitions.map((partition) => ({
        number: partition.number,
        start: partition.start / SECTOR,
        size: partition.size / SECTOR,
        type: partition.type.toString(16),
        bootable: partition.bootable,
      })),
      json.partitiontable.partitions.map((partition) => ({
        number: Number(/\d+$/.exec(partition.node)?.[0]),
        start: partition.start,
        size: partition.size,
        type: partition.type,
        bootable: partition.bootable ?? false,
      })),
    );
    assert.deepEqual(
      table.partitions.map(({ kind }) => kind),
      ['primary', 'primary', 'extended', 'primary', 'logical', 'logical'],
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

describe('GPT', { skip: needsTool('sgdisk') }, () => {
  const SIZE = 1024 * 1024;
  const make = (...args: string[]) => withImage(SIZE, (path) => void run('sgdisk', ...args, path));
  let made: Uint8Array | undefined;
  const plain = () => (made ??= makePlain()).slice();
  const makePlain = () =>
    make(
      ...['-a', '8'],
      ...['-U', '11111111-2222-3333-4444-555555555555'],
      ...['-n', '3:64:+64K', '-n', '1:400:+128K', '-n', '128:1024:+64K'],
      ...[
        '-t',
        '1:ef00',
        '-t',
        '128:8e00',
        '-c',
        '1:EFI system',
        '-c',
        '3:Größe',
        '-A',
        '1:set:2',
        '-A',
        '3:set:63',
      ],
      ...['-u', '1:AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE'],
    );

  test('reads what sgdisk writes', () => {
    const { table, warnings } = read(plain());
    assert.deepEqual(warnings, []);
    assert.equal(table?.type, 'gpt');
    assert.equal(table.diskGuid, '11111111-2222-3333-4444-555555555555');
    assert.equal(table.hybrid, false);
    const [first, third, last] = table.partitions;
    assert.deepEqual(first, {
      number: 1,
      start: 400 * SECTOR,
      size: 128 * 1024,
      deviceSize: 128 * 1024,
      kind: 'primary',
      type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
      guid: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
      name: 'EFI system',
      attributes: 4n,
      bootable: true,
    });
    assert.equal(third?.attributes, 0x8000000000000000n);
    assert.equal(third.name, 'Größe');
    assert.equal(last?.number, 128);
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
    const image = withImage(SIZE, (path) => {
      run('sgdisk', '-a', '8', '-n', '1:64:+64K', '-n', '2:512:+64K', path);
      run('sgdisk', '-h', '1:2', path);
    });
    const { table } = read(image);
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
    const image = new Uint8Array(SIZE);
    const small = plain();
    // The same table with every number counting in larger sectors.
    image.set(small.subarray(0, SECTOR));
    const view = new DataView(image.buffer);
    const last = SIZE / 4096 - 1;
    for (const [lba, array] of [
      [1, 2],
      [last, last - 4],
    ] as const) {
      image.set(small.subarray(SECTOR, SECTOR + 92), lba * 4096);
      image.set(small.subarray(2 * SECTOR, 34 * SECTOR), array * 4096);
      view.setBigUint64(lba * 4096 + 24, BigInt(lba), true);
      view.setBigUint64(lba * 4096 + 32, BigInt(lba === 1 ? last : 1), true);
      view.setBigUint64(lba * 4096 + 40, 6n, true);
      view.setBigUint64(lba * 4096 + 48, BigInt(last - 6), true);
      view.setBigUint64(lba * 4096 + 72, BigInt(array), true);
      for (let i = 0; i < 128; i++) {
        for (const at of [32, 40]) {
          const place = array * 4096 + i * 128 + at;
          view.setBigUint64(place, view.getBigUint64(place, true) / 8n, true);
        }
      }
    }
    fixGpt(image, 4096);
    const { table } = read(image, 4096);
    assert.equal(table?.sectorSize, 4096);
    assert.equal(table.partitions[0]?.start, 400 * SECTOR);
    const helped = read(image, 512);
    assert.deepEqual(helped.table?.partitions, table.partitions);
    assert.match(helped.warnings.join(), /4096-byte sectors/);
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

describe('tables of other machines are named', { skip: needsTool('parted') }, () => {
  for (const type of ['mac', 'bsd', 'sun', 'dvh', 'amiga', 'pc98']) {
    test(type, () => {
      const image = withImage(16 * 1024 * 1024, (path) => void run('parted', '-s', path, 'mklabel', type));
      assert.equal(read(image).table?.type, type);
    });
  }
});
