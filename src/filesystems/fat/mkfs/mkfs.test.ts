import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openFile } from '../../../block/file.ts';
import { memoryDevice } from '../../../block/memory.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { fatFormat } from '../index.ts';
import { makeFat, type MakeFatOptions } from './index.ts';

const K = 1024;
/** Sizes in KiB and options, with those of mkfs.fat. */
const CASES: readonly (readonly [number, MakeFatOptions, ...string[]])[] = [
  ...[
    50, 64, 128, 256, 360, 361, 512, 720, 1000, 1200, 1440, 2048, 2049, 2880, 4096, 4112, 8000, 8191, 8192,
    8207, 8208, 8209, 12_345, 16_384, 32_768, 33_000, 65_536, 99_999, 131_072, 131_327, 131_328, 200_000,
    262_144, 262_394, 262_395, 400_000, 524_287, 524_288, 600_001, 1_048_576, 2_097_152, 4_194_304, 8_388_608,
    8_388_609, 16_777_217, 33_554_432, 33_554_433, 140_000_000,
  ].map((kibibytes) => [kibibytes, {}] as const),
  [1024, { fatBits: 32 }, '-F', '32'],
  [16_384, { fatBits: 32, label: 'LABEL' }, '-F', '32', '-n', 'LABEL'],
  [65_536, { fatBits: 32 }, '-F', '32'],
  [300_000, { fatBits: 32 }, '-F', '32'],
  [1440, { fatBits: 32 }, '-F', '32'],
  [16_384, { fatBits: 16, label: 'AbC d' }, '-F', '16', '-n', 'AbC d'],
  [1_048_576, { fatBits: 16 }, '-F', '16'],
  [1024, { fatBits: 12 }, '-F', '12'],
  [16_384, { fatBits: 12 }, '-F', '12'],
  [65_536, { fatBits: 12 }, '-F', '12'],
  [16_384, { sectorsPerCluster: 1 }, '-s', '1'],
  [16_384, { sectorsPerCluster: 2 }, '-s', '2'],
  [16_384, { sectorsPerCluster: 16 }, '-s', '16'],
  [16_384, { sectorsPerCluster: 128 }, '-s', '128'],
  [600_000, { sectorsPerCluster: 16 }, '-s', '16'],
  [65_536, { sectorsPerCluster: 1, fatBits: 32 }, '-s', '1', '-F', '32'],
  [1440, { sectorsPerCluster: 4 }, '-s', '4'],
  [65_536, { reservedSectors: 5 }, '-R', '5'],
  [65_536, { reservedSectors: 40, fatBits: 32 }, '-R', '40', '-F', '32'],
  ...[2, 3, 4, 5, 6, 7, 8].map(
    (sectors) => [65_536, { reservedSectors: sectors, fatBits: 32 }, '-R', `${sectors}`, '-F', '32'] as const,
  ),
  [65_536, { rootEntries: 100 }, '-r', '100'],
  [65_536, { rootEntries: 1000 }, '-r', '1000'],
  [65_536, { align: false }, '-a'],
  [65_536, { fats: 1 }, '-f', '1'],
  [65_536, { hiddenSectors: 2048, media: 0xf0 }, '-h', '2048', '-M', '0xf0'],
  ...[1024, 8192, 65_536, 300_000, 524_287, 524_288, 1_048_576, 9_000_000].map(
    (kibibytes) => [kibibytes, { sectorSize: 4096 }, '-S', '4096'] as const,
  ),
  [1440, { sectorSize: 1024 }, '-S', '1024'],
];

/** Bytes in which the boot code is: the one part that is ours. */
const CODE = { 12: [62, 510], 16: [62, 510], 32: [90, 510] } as const;

/** The bytes that a volume's boot sector says are not content of files, without boot code and times. */
function metadata(path: string): Uint8Array {
  const device = openFile(path);
  try {
    const boot = new Uint8Array(512);
    device.readAt(0, boot);
    const view = new DataView(boot.buffer);
    const sector = view.getUint16(11, true);
    const is32 = view.getUint16(22, true) === 0;
    const tables = (view.getUint16(22, true) || view.getUint32(36, true)) * boot[16]!;
    const root = is32 ? boot[13]! * sector : view.getUint16(17, true) * 32;
    const start = (view.getUint16(14, true) + tables) * sector;
    const bytes = new Uint8Array(Math.min(start + root, 4 * K * K));
    device.readAt(0, bytes);
    const [from, to] = CODE[is32 ? 32 : 16];
    bytes.fill(0, from, to);
    if (is32 && view.getUint16(50, true) !== 0) {
      const backup = view.getUint16(50, true) * sector;
      bytes.fill(0, backup + from, backup + to);
    }
    if (start + 32 <= bytes.length) bytes.fill(0, start + 12, start + 26);
    return bytes;
  } finally {
    device.close();
  }
}

describe('mkfs of FAT', () => {
  test(
    'gives what mkfs.fat gives, but for the boot code',
    { skip: needsTool('mkfs.fat', 'fsck.fat') },
    () => {
      const folder = temporaryFolder();
      try {
        const [ours, theirs] = [join(folder.path, 'ours'), join(folder.path, 'theirs')];
        for (const [kibibytes, options, ...words] of CASES) {
          for (const path of [ours, theirs]) {
            writeFileSync(path, '');
            truncateSync(path, kibibytes * K);
          }
          run('mkfs.fat', '-i', '1234abcd', ...words, theirs);
          const device = openFile(ours, { writable: true });
          makeFat(device, { ...options, volumeId: 0x1234abcd });
          device.close();
          const [found, expected] = [metadata(ours), metadata(theirs)];
          const at = found.findIndex((byte, i) => byte !== expected[i]);
          assert.equal(at, -1, `${kibibytes} KiB ${words.join(' ')}: byte ${at}`);
          assert.equal(found.length, expected.length);
          // Reading all of the table of a huge volume takes long.
          if (kibibytes <= 600_001) run('fsck.fat', '-n', ours);
        }
      } finally {
        folder.remove();
      }
    },
  );

  test('refuses what makes no volume', () => {
    const refused = (size: number, options: MakeFatOptions): void => {
      const bytes = new Uint8Array(size).fill(7);
      assert.throws(
        () => makeFat(memoryDevice(bytes), options),
        (error) => error instanceof GuestfsError && error.code === 'EINVAL',
      );
      assert.ok(bytes.every((byte) => byte === 7));
    };
    refused(K, {});
    refused(600 * K, { fatBits: 16 });
    refused(64 * K * K, { sectorsPerCluster: 1 });
    refused(64 * K * K, { sectorsPerCluster: 3 });
    refused(K * K, { sectorSize: 1000 });
    refused(K * K, { label: 'more than eleven' });
    refused(K * K, { label: 'a*b' });
    refused(K * K, { label: '日本' });
    refused(K * K, { fats: 0 });
  });

  test('leaves nothing of what was there before', { skip: needsTool('mke2fs', 'blkid') }, () => {
    const folder = temporaryFolder();
    try {
      const path = join(folder.path, 'image');
      writeFileSync(path, '');
      truncateSync(path, 16 * K * K);
      run('mke2fs', '-q', '-t', 'ext4', path);
      const writes: number[] = [];
      const device = openFile(path, { writable: true });
      const stop = new Error('cut');
      for (let most = 0; ; most++) {
        let count = 0;
        const cut = (act: () => void): void => {
          if (count++ >= most) throw stop;
          act();
        };
        try {
          makeFat(
            {
              size: device.size,
              sectorSize: 512,
              writable: true,
              readAt: (at, into) => device.readAt(at, into),
              writeAt: (at, from) => cut(() => device.writeAt(at, from)),
              zero: (at, length) => cut(() => device.zero(at, length)),
              discard: () => {},
              extents: (at, length) => device.extents(at, length),
              flush: () => {},
              close: () => {},
            },
            { fatBits: 32, label: 'NEW' },
          );
          break;
        } catch (error) {
          assert.equal(error, stop);
          device.flush();
          if (most > 0) assert.equal(fatFormat.probe(device), null);
          writes.push(most);
        }
      }
      device.close();
      assert.ok(writes.length > 5);
      assert.match(run('blkid', '-p', path), /LABEL="NEW".*TYPE="vfat"/);
      assert.equal(readFileSync(path).subarray(0x438, 0x43a).toString('hex'), '0000');
    } finally {
      folder.remove();
    }
  });
});
