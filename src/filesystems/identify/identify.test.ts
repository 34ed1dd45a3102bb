import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryDevice } from '../../block/memory.ts';
import { GuestfsError } from '../../errors/index.ts';
import { corpus, sectorsOf, sparseDevice } from './golden/corpus.ts';
import { identify, identifyFully } from './index.ts';
import { md5 } from './md5.ts';

const samples = corpus();

describe('identify', () => {
  for (const sample of samples) {
    test(`${sample.name} as blkid has it`, () => {
      let bytes = 0;
      const device = sparseDevice(sample.size, sectorsOf(sample), (_offset, length) => {
        bytes += length;
      });
      assert.deepEqual(identify(device), sample.tags);
      assert.ok(bytes < 1024 * 1024, `${bytes} bytes read`);
    });
  }

  test('tells which signatures contradict each other', () => {
    const sample = samples.find(({ name }) => name === 'ambiguous')!;
    const result = identifyFully(sparseDevice(sample.size, sectorsOf(sample)));
    assert.deepEqual(result, { tags: {}, found: ['ext2', 'iso9660'] });
  });

  test('a disk with a partition in use is no FAT', () => {
    const sample = samples.find(({ name }) => name === 'fat32')!;
    const sectors = sectorsOf(sample);
    const boot = sectors.get(0)!;
    boot.set([0x80, 0, 0, 0, 0x0c, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0], 446);
    assert.equal(identify(sparseDevice(sample.size, sectors))['TYPE'], 'vfat');
    assert.deepEqual(identify(sparseDevice(sample.size, sectors), { wholeDisk: true }), {});
  });

  test('a superblock of the last partition is not the disk’s', () => {
    const sample = samples.find(({ name }) => name === 'md-0.90')!;
    const device = sparseDevice(sample.size, sectorsOf(sample));
    assert.equal(identify(device, { wholeDisk: true })['TYPE'], 'linux_raid_member');
    assert.deepEqual(identify(device, { wholeDisk: true, insidePartition: () => true }), {});
  });

  test('the label of a disc is put together from both descriptors', () => {
    const sample = samples.find(({ name }) => name === 'iso-joliet')!;
    for (const [primary, joliet, label] of [
      ['ISOLAB', 'IsoLab', 'IsoLab'],
      ['MY_DISC', 'My Disc', 'My Disc'],
      ['MY DISC', 'My_Disc', 'My Disc'],
      ['A VERY LONG VOLUME LABEL', 'A Very Long Volu', 'A Very Long VoluME LABEL'],
      ['A VERY LONG VOLUME LABEL', 'A Very Long Xolu', 'A Very Long Xolu'],
      ['_BER', 'Über', 'Über'],
      ['PRIMARY ONLY', '', undefined],
    ] as const) {
      const sectors = sectorsOf(sample);
      sectors.get(64)!.set(Buffer.from(primary.padEnd(32), 'latin1'), 40);
      sectors.get(68)!.set(Buffer.from(joliet.padEnd(16), 'utf16le').swap16(), 40);
      assert.equal(identify(sparseDevice(sample.size, sectors))['LABEL'], label);
    }
  });

  test('nothing is found on nothing', () => {
    for (const size of [0, 1, 511, 512, 1024, 1025, 4096, 65536]) {
      assert.deepEqual(identify(memoryDevice(new Uint8Array(size))), {});
    }
  });

  test('the end of a short device is no error', () => {
    for (const sample of samples) {
      for (const size of [1025, 1536, 2048, 33000, 66000, 132000]) {
        if (size < sample.size) identify(sparseDevice(size, sectorsOf(sample)));
      }
    }
  });

  test('mutated images give tags or nothing', () => {
    let seed = 20240601;
    const random = (limit: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * limit);
    };
    for (const sample of samples) {
      const sectors = sectorsOf(sample);
      const numbers = [...sectors.keys()];
      if (numbers.length === 0) continue;
      for (let round = 0; round < 60; round++) {
        const changed = new Map(sectors);
        for (let i = 0; i <= random(4); i++) {
          const number = numbers[random(numbers.length)]!;
          const sector = changed.get(number)!.slice();
          const at = random(sector.length);
          sector[at] = [0, 0xff, sector[at]! ^ (1 << random(8)), random(256)][random(4)]!;
          changed.set(number, sector);
        }
        let bytes = 0;
        const device = sparseDevice(sample.size, changed, (_offset, length) => {
          bytes += length;
        });
        try {
          identify(device);
        } catch (error) {
          assert.ok(error instanceof GuestfsError, `${sample.name}: ${String(error)}`);
        }
        assert.ok(bytes < 4 * 1024 * 1024, `${sample.name}: ${bytes} bytes read`);
      }
    }
  });
});

test('md5 of RFC 1321', () => {
  const hex = (text: string): string => Buffer.from(md5(new TextEncoder().encode(text))).toString('hex');
  assert.equal(hex(''), 'd41d8cd98f00b204e9800998ecf8427e');
  assert.equal(hex('message digest'), 'f96b697d7cb7938d525a2f31aaf161d0');
  assert.equal(
    hex('12345678901234567890123456789012345678901234567890123456789012345678901234567890'),
    '57edf4a22be3c955ac49da2e2107b67a',
  );
});
