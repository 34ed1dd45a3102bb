import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { memoryDevice } from '../../../block/memory.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { fuzz, random } from '../../../../test/support/fuzz.ts';
import { needsTool, temporaryFolder } from '../../../../test/support/tools.ts';
import { checkFat } from '../check/index.ts';
import { makeFat, openFat, type FatFileSystem, type MakeFatOptions } from '../index.ts';

const FILE = { mode: 0o100644, uid: 0, gid: 0 };
const DIRECTORY = { mode: 0o040755, uid: 0, gid: 0 };
const code = (expected: string) => (error: unknown) =>
  error instanceof GuestfsError && error.code === expected;

function volume(kibibytes: number, options: MakeFatOptions = {}): Uint8Array {
  const bytes = new Uint8Array(kibibytes * 1024);
  makeFat(memoryDevice(bytes), { volumeId: 1, ...options });
  return bytes;
}

function content(fs: FatFileSystem, inode: number): Buffer {
  const bytes = Buffer.alloc(fs.stat(inode).size);
  assert.equal(fs.read(inode, 0, bytes), bytes.length);
  return bytes;
}

/** fsck.fat finds nothing. */
function sound(bytes: Uint8Array): void {
  const folder = temporaryFolder();
  try {
    const path = join(folder.path, 'image');
    writeFileSync(path, bytes);
    const { status, stdout, stderr } = spawnSync('fsck.fat', ['-n', path], { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  } finally {
    folder.remove();
  }
}

/** What a volume should hold: directories are maps. */
type Tree = Map<string, Tree | Buffer>;

function compare(fs: FatFileSystem, inode: number, tree: Tree, path: string): void {
  const found = [...fs.readdir(inode)];
  assert.deepEqual(found.map(({ name }) => name).toSorted(), [...tree.keys()].toSorted(), `names of ${path}`);
  for (const [name, expected] of tree) {
    const child = fs.lookup(inode, name);
    assert.equal(child, found.find((entry) => entry.name === name)!.inode, `${path}/${name}`);
    if (expected instanceof Map) compare(fs, child, expected, `${path}/${name}`);
    else assert.ok(content(fs, child).equals(expected), `content of ${path}/${name}`);
  }
}

/** One run of random operations, compared with the model after each batch. */
function randomRun(seed: number, bytes: Uint8Array, batches: number): void {
  const next = random(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  const root: Tree = new Map();
  const names = [
    'A.TXT',
    'b.txt',
    'Long name number one.text',
    'LONGNA~1.TEX',
    'x',
    'ünïcode',
    'n'.repeat(100),
    'e.x.t',
    '.hidden',
    'sp ace',
    'q'.repeat(250),
  ];
  for (let i = 0; i < 20; i++) names.push(`some file with number ${i}`);
  for (let batch = 0; batch < batches; batch++) {
    const fs = openFat(memoryDevice(bytes));
    const writer = fs.openWriter();
    for (let i = 0; i < 60; i++) {
      // A directory to work in.
      let tree = root;
      let inode = fs.root;
      for (let depth = below(3); depth > 0; depth--) {
        const inner = [...tree].filter(([, child]) => child instanceof Map);
        if (inner.length === 0) break;
        const [name, child] = inner[below(inner.length)]!;
        inode = fs.lookup(inode, name);
        tree = child as Tree;
      }
      const wanted = names[below(names.length)]!;
      const existing = [...tree.keys()].find((name) => name.toLowerCase() === wanted.toLowerCase());
      const name = existing ?? wanted;
      const old = tree.get(name);
      const some = (): Buffer => Buffer.alloc(below(12_000), `${i}-${batch} `);
      try {
        switch (below(10)) {
          case 0:
            if (old === undefined) {
              writer.create(inode, name, DIRECTORY);
              tree.set(name, new Map());
            }
            break;
          case 1:
          case 2: {
            if (old instanceof Map) break;
            const file = old === undefined ? writer.create(inode, name, FILE) : fs.lookup(inode, name);
            if (old === undefined) tree.set(name, Buffer.alloc(0));
            const replacement = writer.replace(file);
            const bytesOf = some();
            try {
              replacement.write(bytesOf.subarray(0, bytesOf.length >> 1));
              replacement.write(bytesOf.subarray(bytesOf.length >> 1));
            } catch (error) {
              replacement.abandon();
              throw error;
            }
            if (below(5) === 0) replacement.abandon();
            else {
              replacement.finish();
              tree.set(name, bytesOf);
            }
            break;
          }
          case 3:
          case 4: {
            if (!(old instanceof Buffer)) break;
            const offset = below(old.length + 4000);
            const bytesOf = some();
            writer.write(fs.lookup(inode, name), offset, bytesOf);
            if (bytesOf.length === 0) break;
            const after = Buffer.alloc(Math.max(old.length, offset + bytesOf.length));
            old.copy(after);
            bytesOf.copy(after, offset);
            tree.set(name, after);
            break;
          }
          case 5: {
            if (!(old instanceof Buffer)) break;
            const size = below(old.length * 2 + 10);
            writer.truncate(fs.lookup(inode, name), size);
            const after = Buffer.alloc(size);
            old.copy(after);
            tree.set(name, after);
            break;
          }
          case 6:
            if (old instanceof Buffer) {
              writer.unlink(inode, name);
              tree.delete(name);
            } else if (old instanceof Map && old.size === 0) {
              writer.rmdir(inode, name);
              tree.delete(name);
            } else if (old !== undefined) assert.throws(() => writer.rmdir(inode, name), code('ENOTEMPTY'));
            break;
          case 7:
          case 8: {
            if (old === undefined) break;
            const others = [...root].filter(([, child]) => child instanceof Map && child !== old);
            const inRoot = others.length === 0 || old instanceof Map;
            const [targetName, target] = inRoot
              ? ['', root]
              : (others[below(others.length)] as [string, Tree]);
            const targetInode = inRoot ? fs.root : fs.lookup(fs.root, targetName);
            const to = names[below(names.length)]!;
            const key = [...target.keys()].find((other) => other.toLowerCase() === to.toLowerCase());
            const replaced = key === undefined ? undefined : target.get(key);
            if (replaced !== undefined && replaced !== old && replaced instanceof Map !== old instanceof Map)
              break;
            if (replaced instanceof Map && replaced !== old && replaced.size > 0) break;
            if (fs.lookup(targetInode, to) !== 0 && replaced === undefined) break;
            writer.rename(inode, name, targetInode, to);
            tree.delete(name);
            target.set(replaced === undefined || replaced === old ? to : key!, old);
            break;
          }
          default:
            if (old instanceof Buffer && old.length > 0) {
              const offset = below(old.length);
              const length = below(5000) + 1;
              writer.punch(fs.lookup(inode, name), offset, length);
              old.fill(0, offset, Math.min(old.length, offset + length));
            } else if (below(3) === 0) writer.sync();
        }
      } catch (error) {
        // The alias of a long name may be one of the names; small volumes become full.
        if (
          !(error instanceof GuestfsError) ||
          !['EEXIST', 'ENOSPC', 'EISDIR', 'ENOTDIR'].includes(error.code)
        )
          throw error;
      }
    }
    compare(fs, fs.root, root, '');
    const { bfree } = fs.statfs();
    fs.close();
    sound(bytes);
    const again = openFat(memoryDevice(bytes));
    compare(again, again.root, root, '');
    assert.equal(again.statfs().bfree, bfree);
  }
}

describe('random operations on FAT', { skip: needsTool('fsck.fat') }, () => {
  const shift = Number(process.env['FUZZ_SEED'] ?? 0);
  const factor = Number(process.env['FUZZ_FACTOR'] ?? 1);
  const volumes: readonly (readonly [string, number, MakeFatOptions])[] = [
    ['FAT12', 720, {}],
    ['FAT12 that becomes full', 150, {}],
    ['FAT16', 6000, { sectorsPerCluster: 1 }],
    ['FAT32', 4000, { fatBits: 32 }],
    ['FAT32 of 4096-byte sectors', 8000, { fatBits: 32, sectorSize: 4096 }],
  ];
  for (const [name, kibibytes, options] of volumes) {
    test(name, () => {
      for (let seed = 1; seed <= 6 * factor; seed++) randomRun(seed + shift, volume(kibibytes, options), 5);
    });
  }
});

describe('damaged volumes that are written', () => {
  test('end in a result or a GuestfsError', () => {
    for (const [kibibytes, options] of [
      [300, {}],
      [2300, { sectorsPerCluster: 1 }],
      [300, { fatBits: 32 }],
    ] as const) {
      const image = volume(kibibytes, options);
      const sane = openFat(memoryDevice(image));
      const writer = sane.openWriter();
      for (let i = 0; i < 8; i++) {
        const directory = writer.create(sane.root, `directory ${i}`, DIRECTORY);
        for (let j = 0; j < 5; j++) {
          writer.write(writer.create(directory, `file ${j}`, FILE), 0, Buffer.alloc(3000, 'x'));
        }
      }
      sane.close();
      const { fatOffset, dataOffset, rootOffset } = sane.geometry;
      fuzz({
        seed: 3,
        rounds: 150,
        image,
        regions: [
          [0, 96],
          [fatOffset, fatOffset + 1024],
          [rootOffset, rootOffset + 1024],
          [dataOffset, dataOffset + 16_384],
        ],
        read: (bytes) => {
          try {
            const fs = openFat(memoryDevice(bytes));
            const damaged = fs.openWriter();
            for (let i = 0; i < 8; i++) {
              const attempt = (act: () => void): void => {
                try {
                  act();
                } catch (error) {
                  if (!(error instanceof GuestfsError)) throw error;
                }
              };
              const directory = fs.lookup(fs.root, `directory ${i}`);
              if (directory === 0) continue;
              attempt(() => writerSteps(fs, directory, i));
              attempt(() => damaged.rename(fs.root, `directory ${i}`, fs.root, `moved ${i}`));
              attempt(() => damaged.sync());
            }
            fs.close();
          } finally {
            checkFat(memoryDevice(bytes), { repair: true });
          }
        },
      });
    }
  });
});

/** Some of everything in one directory. */
function writerSteps(fs: FatFileSystem, directory: number, round: number): void {
  const writer = fs.openWriter();
  writer.unlink(directory, 'file 0');
  writer.write(fs.lookup(directory, 'file 1'), 2500, Buffer.alloc(9000, 'y'));
  writer.truncate(fs.lookup(directory, 'file 2'), 700);
  writer.rename(directory, 'file 3', fs.root, `moved file ${round}`);
  const replacement = writer.replace(fs.lookup(directory, 'file 4'));
  replacement.write(Buffer.alloc(2000, 'z'));
  replacement.finish();
  for (let i = 0; i < 20; i++) writer.create(directory, `one more file ${i}`, FILE);
}
