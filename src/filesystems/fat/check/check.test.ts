import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { memoryDevice } from '../../../block/memory.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { random } from '../../../../test/support/fuzz.ts';
import { needsTool, temporaryFolder } from '../../../../test/support/tools.ts';
import { makeFat, openFat, type MakeFatOptions } from '../index.ts';
import { checkFat, type FatProblemCode } from './index.ts';

const FILE = { mode: 0o100644, uid: 0, gid: 0 };
const DIRECTORY = { mode: 0o040755, uid: 0, gid: 0 };

/** A volume with F1, F2 of 5000 bytes, D/F3 and a file of a long name. */
function sample(kibibytes: number, options: MakeFatOptions): Uint8Array {
  const bytes = new Uint8Array(kibibytes * 1024);
  makeFat(memoryDevice(bytes), { ...options, volumeId: 1 });
  const fs = openFat(memoryDevice(bytes));
  const writer = fs.openWriter();
  for (const name of ['F1', 'F2'])
    writer.write(writer.create(fs.root, name, FILE), 0, Buffer.alloc(5000, name));
  const directory = writer.create(fs.root, 'D', DIRECTORY);
  writer.write(writer.create(directory, 'F3', FILE), 0, Buffer.alloc(5000, 'x'));
  writer.create(fs.root, 'a file with a long name', FILE);
  fs.close();
  return bytes;
}

/** Where things are in a volume of 512-byte sectors and clusters of FAT32. */
function places(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer);
  const fat = view.getUint16(14, true) * 512;
  const length = view.getUint32(36, true) * 512;
  const data = fat + 2 * length;
  return {
    data,
    set(cluster: number, value: number, both = true): void {
      view.setUint32(fat + cluster * 4, value, true);
      if (both) view.setUint32(fat + length + cluster * 4, value, true);
    },
    first: (slot: number): number => view.getUint16(data + slot * 32 + 26, true),
    view,
    cluster: (number: number): number => data + (number - 2) * 512,
  };
}

type Damage = (at: ReturnType<typeof places>) => void;
const END = 0x0fffffff;

/** What is damaged, and what the check says of it. */
const DAMAGES: readonly (readonly [string, FatProblemCode, Damage])[] = [
  ['tables that differ', 'tables-differ', (at) => at.set(at.first(0), END, false)],
  ['a chain that is too short', 'file-size', (at) => at.set(at.first(0) + 2, END)],
  ['a free cluster in a chain', 'chain', (at) => at.set(at.first(0) + 2, 0)],
  ['a bad cluster in a chain', 'chain', (at) => at.set(at.first(0) + 2, 0x0ffffff7)],
  ['lost clusters', 'lost-clusters', (at) => (at.set(1000, 1001), at.set(1001, END))],
  ['a shared cluster', 'cross-link', (at) => at.set(at.first(1) + 1, at.first(0) + 3)],
  ['a loop', 'cross-link', (at) => at.set(at.first(0) + 5, at.first(0) + 2)],
  ['a cluster that is not there', 'chain', (at) => at.set(at.first(0) + 2, 0x0ffff000)],
  ['a start that is not there', 'start-cluster', (at) => at.view.setUint16(at.data + 20, 60, true)],
  ['no start', 'file-size', (at) => at.view.setUint16(at.data + 26, 0, true)],
  ['a small size', 'chain-length', (at) => at.view.setUint32(at.data + 28, 100, true)],
  ['no size', 'chain-length', (at) => at.view.setUint32(at.data + 28, 0, true)],
  ['a dirty volume', 'dirty', (at) => at.view.setUint8(65, 1)],
  ['a wrong count', 'free-count', (at) => at.view.setUint32(512 + 488, 5, true)],
  ['a wrong .', 'dot-entries', (at) => at.view.setUint16(at.cluster(at.first(2)) + 26, 7, true)],
  ['a wrong ..', 'dot-entries', (at) => at.view.setUint16(at.cluster(at.first(2)) + 32 + 26, 7, true)],
  ['two of one name', 'short-name', (at) => at.view.setUint8(at.data + 33, 0x31)],
  ['a bad name', 'short-name', (at) => at.view.setUint8(at.data + 32, 0x2a)],
  ['a part of a long name', 'long-name', (at) => at.view.setUint8(at.data + 5 * 32, 0xe5)],
];

describe('check of FAT', { skip: needsTool('fsck.fat') }, () => {
  let folder: ReturnType<typeof temporaryFolder>;
  before(() => {
    folder = temporaryFolder();
  });
  after(() => folder.remove());

  const fsck = (bytes: Uint8Array): { status: number | null; output: string } => {
    const path = join(folder.path, 'image');
    writeFileSync(path, bytes);
    const { status, stdout, stderr } = spawnSync('fsck.fat', ['-n', path], { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };

  test('finds nothing in sound volumes', () => {
    for (const [kibibytes, options] of [
      [720, {}],
      [6000, { sectorsPerCluster: 1 }],
      [4000, { fatBits: 32 }],
    ] as const) {
      const bytes = sample(kibibytes, options);
      const report = checkFat(memoryDevice(bytes, { writable: false }));
      assert.deepEqual(report.problems, []);
      assert.equal(report.status, 0);
      assert.equal(report.files, 5);
      assert.equal(report.clusters - report.usedClusters, openFat(memoryDevice(bytes)).statfs().bfree);
    }
  });

  for (const [name, code, damage] of DAMAGES) {
    test(`finds and repairs ${name}`, () => {
      const bytes = sample(1024, { fatBits: 32 });
      damage(places(bytes));
      assert.equal(fsck(bytes).status, 1, 'fsck.fat finds it too');
      const copy = bytes.slice();
      const found = checkFat(memoryDevice(bytes));
      assert.equal(found.status, 1);
      assert.ok(
        found.problems.some((problem) => problem.code === code && !problem.fixed),
        JSON.stringify(found.problems),
      );
      assert.deepEqual(bytes, copy, 'nothing is written');
      const repaired = checkFat(memoryDevice(bytes), { repair: true });
      assert.equal(repaired.status, 1);
      assert.equal(repaired.uncorrected, 0);
      const { status, output } = fsck(bytes);
      assert.equal(status, 0, output);
      assert.equal(checkFat(memoryDevice(bytes)).status, 0);
    });
  }

  test('refuses to repair what is read-only', () => {
    const device = memoryDevice(sample(720, {}), { writable: false });
    assert.throws(
      () => checkFat(device, { repair: true }),
      (error) => error instanceof GuestfsError && error.code === 'EROFS',
    );
  });

  test('repairs mutated volumes so that nothing is left to find', () => {
    const volumes = [sample(300, {}), sample(2300, { sectorsPerCluster: 1 }), sample(300, { fatBits: 32 })];
    for (let seed = 1; seed <= 120; seed++) {
      const next = random(seed);
      const bytes = volumes[seed % 3]!.slice();
      const fs = openFat(memoryDevice(bytes));
      const { fatOffset, dataOffset, clusterSize, rootOffset, rootLength } = fs.geometry;
      const regions = [
        [fatOffset, 64],
        [rootLength > 0 ? rootOffset : dataOffset, 6 * 32],
        [dataOffset, 40 * clusterSize],
      ] as const;
      for (let i = 0; i < 4; i++) {
        const [start, length] = regions[Math.floor(next() * 3)]!;
        bytes[start + Math.floor(next() * length)] = Math.floor(next() * 256);
      }
      const report = checkFat(memoryDevice(bytes), { repair: true });
      if (report.uncorrected > 0) continue;
      const again = checkFat(memoryDevice(bytes));
      assert.deepEqual(again.problems, [], `seed ${seed}`);
    }
  });
});
