import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { BlockDevice } from '../../../block/device.ts';
import { memoryDevice } from '../../../block/memory.ts';
import { random } from '../../../../test/support/fuzz.ts';
import { needsTool, temporaryFolder } from '../../../../test/support/tools.ts';
import { checkFat } from '../check/index.ts';
import { makeFat, openFat, type FatFileSystem, type MakeFatOptions } from '../index.ts';
import type { FatWriter } from './index.ts';

const SECTOR = 512;
/** `npm run fuzz` sets it. */
const FACTOR = Number(process.env['FUZZ_FACTOR'] ?? 1);
const FILE = { mode: 0o100644, uid: 0, gid: 0 };
const DIRECTORY = { mode: 0o040755, uid: 0, gid: 0 };

/** One write, or a flush. */
type Event = { offset: number; bytes: Uint8Array } | 'flush';

/** A device in memory that keeps what is done to it. */
function recording(bytes: Uint8Array, log: Event[]): BlockDevice {
  const below = memoryDevice(bytes);
  return {
    size: below.size,
    sectorSize: SECTOR,
    writable: true,
    readAt: (offset, into) => below.readAt(offset, into),
    writeAt(offset, from) {
      log.push({ offset, bytes: from.slice() });
      below.writeAt(offset, from);
    },
    zero(offset, length) {
      log.push({ offset, bytes: new Uint8Array(length) });
      below.zero(offset, length);
    },
    discard() {},
    extents: (offset, length) => below.extents(offset, length),
    flush: () => void log.push('flush'),
    close() {},
  };
}

/** What a cut may leave, beside lost clusters: said by fsck.fat -n. */
const HARMLESS = [
  /^fsck\.fat /,
  /^$/,
  /^Dirty bit is set/,
  /^ Automatically removing dirty bit/,
  /^There are differences between boot sector and its backup/,
  /^This is mostly harmless/,
  /^ {2}(65|37|41):01\/00/,
  /^ {2}Not automatically fixing this/,
  /^Orphaned cluster/,
  /^Reclaimed \d+ unused cluster/,
  /^Free cluster summary (wrong|uninitialized)/,
  /^ {2}Auto-correcting/,
  /^FATs differ but appear to be intact/,
  /^ {2}Using first FAT/,
  /^Leaving filesystem unchanged/,
  /^Warning: Filesystem is FAT32 according/,
  /but has only \d+ clusters/,
  /This may lead to problems/,
  /: \d+ files, \d+\/\d+ clusters/,
  // A file became longer, or shorter: its chain is longer than it needs.
  /^\/.*$/,
  /^ {2}File size is \d+ bytes, cluster chain length is > \d+ bytes\.$/,
  /^ {2}Truncating file to \d+ bytes\.$/,
];
/** Both names of what was being renamed: one chain, whose second name would be cut, and one `..` for two parents. */
const RENAMED = [
  /share clusters/,
  /^ {2}Truncating second to 0 bytes/,
  /^ {2}File size is \d+ bytes, cluster chain length is 0 bytes\.$/,
  /^ {2}Invalid '\.\.' entry in the second slot\. Fixing\.$/,
];

/** Words of fsck.fat that must not be there. */
function complaints(output: string, renames: boolean): string[] {
  const allowed = renames ? [...HARMLESS, ...RENAMED] : HARMLESS;
  return output.split('\n').filter((line) => !allowed.some((pattern) => pattern.test(line)));
}

/** A step of a workload. */
type Step = (fs: FatFileSystem, writer: FatWriter) => void;

interface Workload {
  name: string;
  before?: Step;
  change: Step;
  renames?: boolean;
  /** What must be true of the volume after any cut. */
  holds?: (fs: FatFileSystem) => void;
}

function put(fs: FatFileSystem, writer: FatWriter, directory: number, name: string, text: string): void {
  const inode = fs.lookup(directory, name) || writer.create(directory, name, FILE);
  const replacement = writer.replace(inode);
  replacement.write(Buffer.from(text));
  replacement.finish();
}

function get(fs: FatFileSystem, name: string, directory = fs.root): string | undefined {
  const inode = fs.lookup(directory, name);
  if (inode === 0) return undefined;
  const bytes = Buffer.alloc(fs.stat(inode).size);
  fs.read(inode, 0, bytes);
  return bytes.toString();
}

const OLD = 'old '.repeat(900);
const NEW = 'new '.repeat(1500);
const many = (fs: FatFileSystem, writer: FatWriter, count: number, text: string): void => {
  for (let i = 0; i < count; i++) put(fs, writer, fs.root, `file with number ${i}.text`, text + i);
};

const WORKLOADS: readonly Workload[] = [
  { name: 'create', change: (fs, w) => void w.create(fs.root, 'a new file.txt', FILE) },
  { name: 'many files', change: (fs, w) => many(fs, w, 30, NEW) },
  {
    name: 'directories',
    change(fs, w) {
      const outer = w.create(fs.root, 'outer', DIRECTORY);
      const inner = w.create(outer, 'inner directory', DIRECTORY);
      for (let i = 0; i < 40; i++) put(fs, w, inner, `some file of number ${i}`, `${i}`);
    },
  },
  {
    name: 'a directory becomes longer',
    before: (fs, w) => void w.create(fs.root, 'dir', DIRECTORY),
    change(fs, w) {
      const directory = fs.lookup(fs.root, 'dir');
      for (let i = 0; i < 40; i++) put(fs, w, directory, `some file of number ${i}`, `${i}`);
    },
  },
  {
    name: 'replace',
    before: (fs, w) => put(fs, w, fs.root, 'file', OLD),
    change: (fs, w) => put(fs, w, fs.root, 'file', NEW),
    holds: (fs) => assert.ok([OLD, NEW].includes(get(fs, 'file')!)),
  },
  {
    name: 'append',
    before: (fs, w) => put(fs, w, fs.root, 'file', OLD),
    change: (fs, w) => w.write(fs.lookup(fs.root, 'file'), OLD.length, Buffer.from(NEW)),
    holds: (fs) => assert.ok([OLD, OLD + NEW].includes(get(fs, 'file')!)),
  },
  {
    name: 'truncate, then write',
    before: (fs, w) => put(fs, w, fs.root, 'file', NEW),
    change(fs, w) {
      w.truncate(fs.lookup(fs.root, 'file'), 700);
      w.write(fs.lookup(fs.root, 'file'), 5000, Buffer.from('end'));
      w.truncate(fs.lookup(fs.root, 'file'), 0);
    },
  },
  {
    name: 'unlink and create again',
    before: (fs, w) => many(fs, w, 12, OLD),
    change(fs, w) {
      for (let i = 0; i < 12; i++) w.unlink(fs.root, `file with number ${i}.text`);
      many(fs, w, 12, NEW);
    },
  },
  {
    name: 'rmdir and reuse of its clusters',
    before(fs, w) {
      const directory = w.create(fs.root, 'dir', DIRECTORY);
      for (let i = 0; i < 20; i++) put(fs, w, directory, `some file of number ${i}`, NEW);
    },
    change(fs, w) {
      const directory = fs.lookup(fs.root, 'dir');
      for (let i = 0; i < 20; i++) w.unlink(directory, `some file of number ${i}`);
      w.rmdir(fs.root, 'dir');
      many(fs, w, 5, NEW);
      w.sync();
      many(fs, w, 10, OLD);
    },
  },
  {
    name: 'rename',
    renames: true,
    before(fs, w) {
      many(fs, w, 12, OLD);
      w.create(fs.root, 'dir', DIRECTORY);
      put(fs, w, fs.root, 'file', OLD);
    },
    change: (fs, w) => w.rename(fs.root, 'file', fs.lookup(fs.root, 'dir'), 'moved to there'),
    holds(fs) {
      const moved = get(fs, 'moved to there', fs.lookup(fs.root, 'dir'));
      assert.ok(get(fs, 'file') === OLD || moved === OLD);
    },
  },
  {
    name: 'rename over a file',
    renames: true,
    before(fs, w) {
      put(fs, w, fs.root, 'file', OLD);
      many(fs, w, 12, OLD);
    },
    change(fs, w) {
      put(fs, w, fs.root, 'file.new', NEW);
      w.rename(fs.root, 'file.new', fs.root, 'file');
    },
    holds: (fs) => assert.ok([OLD, NEW].includes(get(fs, 'file')!)),
  },
  {
    name: 'rename of directories',
    renames: true,
    before(fs, w) {
      many(fs, w, 12, OLD);
      const one = w.create(fs.root, 'one', DIRECTORY);
      w.create(fs.root, 'two', DIRECTORY);
      const inner = w.create(one, 'inner', DIRECTORY);
      put(fs, w, inner, 'file', OLD);
    },
    change: (fs, w) => w.rename(fs.lookup(fs.root, 'one'), 'inner', fs.lookup(fs.root, 'two'), 'inner too'),
    holds(fs) {
      const one = fs.lookup(fs.lookup(fs.root, 'one'), 'inner');
      const two = fs.lookup(fs.lookup(fs.root, 'two'), 'inner too');
      assert.ok((one !== 0 && get(fs, 'file', one) === OLD) || (two !== 0 && get(fs, 'file', two) === OLD));
    },
  },
  {
    name: 'a replaced file is renamed, and its new content is released',
    renames: true,
    before(fs, w) {
      put(fs, w, fs.root, 'file', OLD);
      many(fs, w, 12, OLD);
    },
    change(fs, w) {
      put(fs, w, fs.root, 'file', NEW);
      w.rename(fs.root, 'file', fs.root, 'another long name for it');
      w.unlink(fs.root, 'another long name for it');
      put(fs, w, fs.root, 'other', NEW.toUpperCase());
    },
  },
  {
    name: 'a name is made again in a directory that was renamed',
    renames: true,
    before(fs, w) {
      const directory = w.create(fs.root, 'dir', DIRECTORY);
      for (let i = 0; i < 30; i++) w.create(directory, `F${i}`, FILE);
    },
    change(fs, w) {
      const directory = fs.lookup(fs.root, 'dir');
      w.unlink(directory, 'F0');
      w.unlink(directory, 'F29');
      w.rename(fs.root, 'dir', fs.root, 'moved');
      w.create(fs.lookup(fs.root, 'moved'), 'F29', FILE);
    },
    holds(fs) {
      const directory = fs.lookup(fs.root, 'moved') || fs.lookup(fs.root, 'dir');
      const names = [...fs.readdir(directory)].map(({ name }) => name);
      assert.equal(names.length, new Set(names).size, names.join(' '));
    },
  },
];

const VOLUMES: readonly (readonly [string, number, MakeFatOptions])[] = [
  ['FAT12', 512, { sectorsPerCluster: 1 }],
  ['FAT16', 2300, { sectorsPerCluster: 1 }],
  ['FAT32', 1024, { fatBits: 32 }],
];

/** States that a cut may leave: every prefix, and subsets of what was not flushed, torn at sectors. */
function* states(
  start: Uint8Array,
  log: readonly Event[],
  next: () => number,
  samples: number,
): Generator<Uint8Array> {
  const durable = start.slice();
  let pending: { offset: number; bytes: Uint8Array }[] = [];
  const settle = function* (): Generator<Uint8Array> {
    const prefix = durable.slice();
    for (const { offset, bytes } of pending) {
      prefix.set(bytes, offset);
      // The long run takes all of them.
      if (FACTOR > 1 || next() < 0.5) yield prefix.slice();
    }
    for (let i = 0; i < samples && pending.length > 0; i++) {
      const state = durable.slice();
      for (const { offset, bytes } of pending) {
        for (let at = 0; at < bytes.length;) {
          const end = Math.min(bytes.length, at + SECTOR - ((offset + at) % SECTOR));
          if (next() < 0.5) state.set(bytes.subarray(at, end), offset + at);
          at = end;
        }
      }
      yield state;
    }
  };
  for (const event of [...log, 'flush' as const]) {
    if (event !== 'flush') {
      pending.push(event);
      continue;
    }
    yield* settle();
    for (const { offset, bytes } of pending) durable.set(bytes, offset);
    pending = [];
  }
}

describe('a power cut while FAT is written', { skip: needsTool('fsck.fat') }, () => {
  for (const [type, kibibytes, options] of VOLUMES) {
    for (const workload of WORKLOADS) {
      test(`${type}: ${workload.name}`, () => {
        const folder = temporaryFolder();
        try {
          const path = join(folder.path, 'image');
          const bytes = new Uint8Array(kibibytes * 1024);
          makeFat(memoryDevice(bytes), { ...options, volumeId: 1 });
          const first = openFat(memoryDevice(bytes));
          put(first, first.openWriter(), first.root, 'untouched file', 'precious '.repeat(500));
          workload.before?.(first, first.openWriter());
          first.close();
          const start = bytes.slice();
          const log: Event[] = [];
          const fs = openFat(recording(bytes, log));
          workload.change(fs, fs.openWriter());
          fs.close();
          let seed = 7;
          for (let at = 0; at < workload.name.length; at++) seed = seed * 31 + workload.name.charCodeAt(at);
          let count = 0;
          for (const state of states(start, log, random(seed), 3 * FACTOR)) {
            count++;
            writeFileSync(path, state);
            const { stdout, stderr } = spawnSync('fsck.fat', ['-n', path], { encoding: 'utf8' });
            const bad = complaints(stdout + stderr, workload.renames ?? false);
            assert.deepEqual(bad, [], `state ${count} of ${type} ${workload.name}:\n${stdout}${stderr}`);
            const after = openFat(memoryDevice(state));
            assert.equal(get(after, 'untouched file'), 'precious '.repeat(500));
            workload.holds?.(after);
            if (count % 4 !== 0) continue;
            checkFat(memoryDevice(state), { repair: true });
            writeFileSync(path, state);
            const repaired = spawnSync('fsck.fat', ['-n', path], { encoding: 'utf8' });
            assert.equal(repaired.status, 0, repaired.stdout);
          }
          assert.ok(count > 3);
          writeFileSync(path, bytes);
          const { status, stdout } = spawnSync('fsck.fat', ['-n', path], { encoding: 'utf8' });
          assert.equal(status, 0, stdout);
        } finally {
          folder.remove();
        }
      });
    }
  }
});
