import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import type { BlockDevice } from '../../src/block/device.ts';
import { memoryDevice } from '../../src/block/memory.ts';
import { openExt4, listSuperBlock } from '../../src/filesystems/ext4/index.ts';
import { checkExt } from '../../src/filesystems/ext4/check/index.ts';
import { makeExt } from '../../src/filesystems/ext4/mkfs/index.ts';
import { resizeExt } from '../../src/filesystems/ext4/resize/index.ts';
import { setExtLabel, setExtUuid } from '../../src/filesystems/ext4/tune/index.ts';
import { makeFat, openFat, setFatLabel, setFatVolumeId } from '../../src/filesystems/fat/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import { identifyFully } from '../../src/filesystems/identify/index.ts';
import { makeSwap } from '../../src/filesystems/swap/index.ts';
import { run } from '../support/tools.ts';
import type { DiskJob } from './disk-jobs.ts';
import { snapshot } from './snapshot.ts';
import { checkedExt, checkedFat, scratch } from './targets.ts';
import { Actor, pattern, populate } from './workloads.ts';

const MIB = 1024 * 1024;
const FILE = 0o100644;
const DIRECTORY = 0o040755;
const UUID = new Uint8Array(16).map((_, i) => i * 7 + 1);

/** All files of a filesystem in a few bytes. */
function digest(fs: FileSystem): string {
  const hash = createHash('sha1');
  for (const [path, { content, ...rest }] of [...snapshot(fs)].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (rest.type === 'directory') rest.size = 0;
    hash.update(JSON.stringify([path, rest]));
    if (content !== undefined) hash.update(content);
  }
  return hash.digest('hex');
}

/** Files all over a filesystem: those at its start are removed again. */
function fill(device: BlockDevice): void {
  const fs = openExt4(device, {});
  const writer = fs.openWriter();
  const actor = new Actor(fs, writer);
  populate(actor);
  for (let i = 0; i < 70; i++) {
    const directory = `/many${i % 5}`;
    if (i < 5) actor.make(directory, DIRECTORY);
    writer.write(actor.make(`${directory}/file${i}`, FILE), 0, pattern(i, 20_000 + ((i * 7919) % 50_000)));
  }
  actor.make('/many4/link', 0o120777, { target: 'y'.repeat(150) });
  writer.setXattr?.(actor.inode('/many4/file69'), 'user.large', pattern(3, 600));
  for (let i = 0; i < 50; i++) writer.unlink(actor.inode(`/many${i % 5}`), `file${i}`);
  fs.close();
}

/** Which contents there are, by whatever name, lost+found among them. */
function contents(fs: FileSystem): string {
  const found = new Set<string>();
  const visit = (inode: number): void => {
    for (const { type, inode: child } of fs.readdir(inode)) {
      if (type === 'directory') visit(child);
      if (type !== 'file') continue;
      const bytes = new Uint8Array(fs.stat(child).size);
      fs.read(child, 0, bytes);
      found.add(createHash('sha1').update(bytes).digest('hex'));
    }
  };
  visit(fs.root);
  return createHash('sha1')
    .update([...found].toSorted().join())
    .digest('hex');
}

/** An image made by mke2fs(8), of which the filesystem has `blocks` KiB. */
function made(size: number, blocks: number, args: readonly string[], full = true): () => Uint8Array {
  return () => {
    const path = scratch();
    writeFileSync(path, '');
    truncateSync(path, size);
    run(
      'mke2fs',
      '-q',
      '-F',
      '-b',
      '1024',
      '-U',
      'c0ffee00-0000-4000-8000-000000000001',
      ...args,
      path,
      `${blocks}k`,
    );
    const image = new Uint8Array(readFileSync(path));
    if (full) fill(memoryDevice(image));
    return image;
  };
}

/**
 * Checked as after a cut; its size, names and files. With a journal our own reader must find the same files before the
 * checker has replayed it. Without one the checker may have to do more than find lost space, but files must be there.
 */
function extState(journal: boolean, files = digest): (image: Uint8Array) => string {
  return (image) => {
    let before: string | undefined;
    if (journal) {
      const fs = openExt4(memoryDevice(image, { writable: false }), {});
      before = digest(fs);
      fs.close();
    }
    const checked = checkedExt(journal)(image, false);
    if (checked.problem !== undefined && (journal || !checked.problem.startsWith('e2fsck repairs')))
      throw new Error(checked.problem);
    const device = memoryDevice(checked.image, { writable: false });
    if (before !== undefined) {
      const fs = openExt4(device, {});
      const after = digest(fs);
      fs.close();
      if (before !== after) throw new Error('our reader finds other files than are there after e2fsck(8)');
    }
    const facts = listSuperBlock(device);
    const fs = openExt4(device, {});
    try {
      const names = ['Filesystem UUID', 'Filesystem volume name', 'Block count'].map((key) => facts.get(key));
      return `${names.join(' ')} ${files(fs)}`;
    } finally {
      fs.close();
    }
  };
}

const GROUPS = ['-g', '2048', '-N', '512'];
const JOURNAL = ['-J', 'size=1'];

function resizeJobs(): DiskJob[] {
  const kinds: readonly (readonly [name: string, args: readonly string[], journal: boolean])[] = [
    ['ext4', ['-t', 'ext4', ...GROUPS, ...JOURNAL], true],
    ['ext3', ['-t', 'ext3', ...GROUPS, ...JOURNAL], true],
    ['ext2', ['-t', 'ext2', ...GROUPS], false],
  ];
  const jobs: DiskJob[] = [];
  for (const [name, args, journal] of kinds) {
    const common = { kind: 'resize2fs', tools: ['mke2fs', 'e2fsck'], state: extState(journal) };
    jobs.push(
      {
        ...common,
        name: `${name} grows`,
        before: made(12 * MIB, 7000, args),
        run: (device) => void resizeExt(device, undefined),
      },
      {
        ...common,
        name: `${name} shrinks`,
        before: made(8 * MIB, 8192, args),
        // Without a journal a directory that gets another number may be found in lost+found with what is in it.
        state: extState(journal, journal ? digest : contents),
        run: (device) => void resizeExt(device, 'minimum'),
      },
    );
  }
  return jobs;
}

/** `nothing`, what a filesystem is and holds, or an error. */
function anyState(image: Uint8Array): string {
  const { found, tags } = identifyFully(memoryDevice(image, { writable: false }));
  if (found.length === 0) return 'nothing';
  if (found.length > 1) throw new Error(`there are signatures of ${found.join(', ')}`);
  const type = found[0] as string;
  if (type.startsWith('ext')) return extState(true)(image);
  if (type === 'swap') return `swap ${tags?.['LABEL']}`;
  if (type !== 'vfat') return type;
  const checked = checkedFat(image, false);
  if (checked.problem !== undefined) throw new Error(checked.problem);
  const fs = openFat(memoryDevice(checked.image, { writable: false }));
  return `vfat ${tags?.['LABEL']} ${tags?.['UUID']} ${digest(fs)}`;
}

/** A FAT with a file. */
function oldFat(size: number): () => Uint8Array {
  return () => {
    const image = new Uint8Array(size);
    const device = memoryDevice(image);
    makeFat(device, { label: 'OLD', volumeId: 7, sectorsPerCluster: 1 });
    const fs = openFat(device);
    const actor = new Actor(fs, fs.openWriter());
    actor.writer.write(actor.make('/file', FILE), 0, pattern(9, 3000));
    fs.close();
    return image;
  };
}

const oldExt = made(4 * MIB, 4096, ['-t', 'ext4', '-L', 'old', ...JOURNAL], false);

function mkfsJobs(): DiskJob[] {
  const jobs: DiskJob[] = [];
  const makers: readonly (readonly [string, (device: BlockDevice) => void])[] = [
    ['ext4', (device) => makeExt(device, { type: 'ext4', label: 'new', uuid: UUID, hashSeed: UUID })],
    ['ext2', (device) => makeExt(device, { type: 'ext2', label: 'new', uuid: UUID, hashSeed: UUID })],
    ['FAT', (device) => makeFat(device, { label: 'NEW', volumeId: 8, sectorsPerCluster: 1 })],
    ['swap', (device) => makeSwap(device, { label: 'new', uuid: UUID })],
  ];
  for (const [name, make] of makers) {
    for (const [old, before] of [
      ['ext4', oldExt],
      ['FAT', oldFat(4 * MIB)],
    ] as const) {
      jobs.push({
        kind: 'mkfs',
        name: `${name} over ${old}`,
        tools: ['mke2fs', 'e2fsck', 'fsck.fat'],
        before,
        run: make,
        state: anyState,
        between: (state) => state === 'nothing',
      });
    }
  }
  return jobs;
}

/** A filesystem whose counts and bitmaps are wrong. */
function damaged(): Uint8Array {
  const image = made(8 * MIB, 8192, ['-t', 'ext4', ...GROUPS, ...JOURNAL])();
  const path = scratch();
  writeFileSync(path, image);
  for (const command of ['sif /a links_count 9', 'freei /d/keep', 'ssv free_blocks_count 7']) {
    run('debugfs', '-w', '-R', command, path);
  }
  return new Uint8Array(readFileSync(path));
}

function tuneJobs(): DiskJob[] {
  const kinds: readonly (readonly [string, readonly string[], boolean])[] = [
    ['ext4', ['-t', 'ext4', ...GROUPS, ...JOURNAL], true],
    ['uninit_bg', ['-t', 'ext4', '-O', '^metadata_csum,uninit_bg', ...GROUPS, ...JOURNAL], true],
    ['ext2', ['-t', 'ext2', ...GROUPS], false],
  ];
  const tools = ['mke2fs', 'e2fsck', 'fsck.fat', 'debugfs'];
  const jobs: DiskJob[] = [];
  for (const [name, args, journal] of kinds) {
    const common = { kind: 'tune', tools, before: made(8 * MIB, 8192, args), state: extState(journal) };
    jobs.push(
      { ...common, name: `label of ${name}`, run: (device) => setExtLabel(device, 'another') },
      { ...common, name: `UUID of ${name}`, run: (device) => void setExtUuid(device, UUID) },
    );
  }
  jobs.push(
    {
      kind: 'tune',
      name: 'label of FAT',
      tools,
      before: oldFat(4 * MIB),
      run: (device) => setFatLabel(device, 'ANOTHER'),
      state: anyState,
    },
    {
      kind: 'tune',
      name: 'volume id of FAT',
      tools,
      before: oldFat(4 * MIB),
      run: (device) => setFatVolumeId(device, 99),
      state: anyState,
    },
    {
      kind: 'tune',
      name: 'repair of ext4',
      tools,
      before: damaged,
      run: (device) => void checkExt(device, { repair: true, force: true }),
      state(image) {
        // What is not repaired yet is repaired here: files are the same.
        const path = scratch();
        writeFileSync(path, image);
        const { status, stdout } = spawnSync('e2fsck', ['-fy', path], { encoding: 'utf8' });
        if ((status ?? 8) > 1) throw new Error(`e2fsck ends with ${status}: ${stdout}`);
        return digest(openExt4(memoryDevice(new Uint8Array(readFileSync(path)), { writable: false }), {}));
      },
    },
  );
  return jobs;
}

/** Jobs on filesystems as a whole. */
export const extJobs: readonly DiskJob[] = [...resizeJobs(), ...mkfsJobs(), ...tuneJobs()];
