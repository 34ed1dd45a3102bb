import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlockDevice } from '../../src/block/device.ts';
import { openExt4 } from '../../src/filesystems/ext4/index.ts';
import { fatFormat } from '../../src/filesystems/fat/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';

/** What a real checker said of an image after a cut. */
export interface Checked {
  /** What it found that a cut must not leave, or undefined. */
  problem: string | undefined;
  /** The image after its repairs. */
  image: Uint8Array;
}

/** A kind of filesystem that is put under power cuts. */
export interface Target {
  name: string;
  kind: 'unix' | 'fat';
  /** A crash leaves the tree as it was after one of the operations; else each file on its own. */
  atomic: boolean;
  /** Name of the program that must be there, for the skip message. */
  tool: string;
  size: number;
  make(path: string): void;
  open(device: BlockDevice): FileSystem;
  check(image: Uint8Array, hasRename: boolean): Checked;
}

/** A folder in memory where there is one: thousands of images go through it. */
export function workFolder(): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'guestfs-crash-'));
}

let folder: string | undefined;

/** A file for one image at a time. */
export function scratch(): string {
  if (folder === undefined) {
    folder = workFolder();
    const mine = folder;
    process.on('exit', () => rmSync(mine, { recursive: true, force: true }));
  }
  return join(folder, 'image');
}

/** What e2fsck(8) repairs: each text that ends in an answer of ours, or in what it did without asking. */
export function repairs(output: string): string[] {
  const found: string[] = [];
  let text = '';
  for (const line of output.split('\n')) {
    if (/^Pass \d|^e2fsck|: recovering journal|^Clearing orphaned|^Truncating orphaned|^\s*$/.test(line))
      continue;
    text += `${line}\n`;
    if (!/\? yes|FIXED|CLEARED|RELOCATED|SALVAGED|ABORTED|\*\*\*\*\*|\d+ files \(|^Restarting/.test(line))
      continue;
    if (/\? yes|FIXED|CLEARED|RELOCATED|SALVAGED|ABORTED/.test(line)) found.push(text);
    text = '';
  }
  if (text !== '') found.push(text);
  return found;
}

/**
 * What a cut may leave without a journal: space that nobody has, files that lost their last name, counts, and checksums
 * of blocks whose sectors are of two moments.
 */
const LEAKS: readonly RegExp[] = [
  /^(Block|Inode) bitmap differences/,
  /^Free (blocks|inodes) count wrong/,
  /^Directories count wrong/,
  /^Group \d+ (inode|block) bitmap does not match checksum/,
  /^Unattached (zero-length )?inode/,
  /^Unconnected directory inode/,
  /passes checks but (fails|does not match) checksum|passes checks, but checksum does not match/,
  /^Padding at end/,
  /^Pass 3A|Optimizing/,
];

/** Inside the rename of a directory it has both its names, and `..` of the one that is kept. */
const RENAMED: readonly RegExp[] = [
  /^Entry '.*' in .* is a link to directory/,
  /^'\.\.' in .* is .*, should be/,
];

function isLeak(text: string, all: readonly string[]): boolean {
  if (LEAKS.some((leak) => leak.test(text))) return true;
  const count = /^Inode (\d+) ref count is (\d+), should be (\d+)/.exec(text);
  if (count === null) return false;
  // A count that is too high loses nothing; what was put into lost+found has one name more than it had.
  return (
    Number(count[2]) > Number(count[3]) ||
    // e2fsck takes one from the parent of a directory without a name, which had not counted it yet.
    (Number(count[2]) === Number(count[3]) - 1 &&
      all.some((other) => other.startsWith('Unconnected directory inode'))) ||
    all.some((other) => new RegExp(`^Un(attached|connected).*inode ${count[1]}\\b`).test(other))
  );
}

/** What e2fsck(8) finds after a cut: with a journal nothing may be, without one space may be lost. */
export function checkedExt(journal: boolean) {
  return (image: Uint8Array, hasRename: boolean): Checked => {
    const path = scratch();
    writeFileSync(path, image);
    const fixed = spawnSync('e2fsck', ['-fy', path], { encoding: 'utf8' });
    const all = repairs(fixed.stdout);
    const bad = journal
      ? all
      : all
          .filter((text) => !isLeak(text, all))
          .filter((text) => !(hasRename && RENAMED.some((leak) => leak.test(text))));
    let problem: string | undefined;
    if ((fixed.status ?? 8) > 1)
      problem = `e2fsck -fy ends with ${fixed.status}: ${fixed.stdout}${fixed.stderr}`;
    else if (bad.length > 0) problem = `e2fsck repairs: ${bad.join('| ')}`;
    return { problem, image: new Uint8Array(readFileSync(path)) };
  };
}

/** What fsck.fat(8) may say after a cut: clusters that nobody has, counts, and copies of the FAT that differ by those. */
const FAT_HARMLESS =
  /^(fsck\.fat|Reclaimed|FATs differ but appear to be intact|  Using (first|second) FAT|\s*$|.*: \d+ files, |Free cluster summary|  Auto-correcting|Leaving filesystem unchanged|Dirty bit is set|Volume label '|  Auto-copying volume label|There are differences between boot sector and its backup|This is mostly harmless|  65:01\/00|  Not automatically fixing this| Automatically removing dirty bit)/;

const FAT_RENAME =
  /^\/|Invalid '..' entry|share clusters|Truncating (second|file) to 0 bytes|cluster chain length is 0 bytes/;

/**
 * A file that was to grow has its new clusters before its new size: clusters that nobody reads, as lost ones are.
 * The three lines about such a file are left out.
 */
function withoutLongChains(lines: readonly string[]): string[] {
  return lines.filter((line, at) => {
    const around = [lines[at - 2], lines[at - 1], line, lines[at + 1]];
    const size = around.map(
      (near) => /^  File size is (\d+) bytes, cluster chain length is > /.exec(near ?? '')?.[1],
    );
    const found = size.find((text) => text !== undefined);
    return (
      found === undefined ||
      !(line.startsWith('/') || / {2}File size/.test(line) || line === `  Truncating file to ${found} bytes.`)
    );
  });
}

/** What fsck.fat(8) finds after a cut. */
export function checkedFat(image: Uint8Array, hasRename: boolean): Checked {
  const path = scratch();
  writeFileSync(path, image);
  const found = spawnSync('fsck.fat', ['-n', path], { encoding: 'utf8' });
  const bad = withoutLongChains(found.stdout.split('\n'))
    .filter((line) => !FAT_HARMLESS.test(line))
    // Inside a rename both names have the file: fsck.fat takes its clusters from one of them.
    .filter((line) => !(hasRename && FAT_RENAME.test(line)));
  const problem =
    bad.length > 0 || (found.status ?? 2) > 1 ? `fsck.fat -n (${found.status}): ${found.stdout}` : undefined;
  return { problem, image };
}

function ext(name: string, args: readonly string[], journal: boolean, size = 4 * 1024 * 1024): Target {
  return {
    name,
    kind: 'unix',
    atomic: journal,
    tool: 'mke2fs',
    size,
    make(path) {
      writeFileSync(path, '');
      truncateSync(path, size);
      execFileSync('mke2fs', ['-q', '-F', ...args, path]);
    },
    open: (device) => openExt4(device, {}),
    check: checkedExt(journal),
  };
}

function fat(name: string, bits: number, size: number): Target {
  return {
    name,
    kind: 'fat',
    atomic: false,
    tool: 'mkfs.fat',
    size,
    make(path) {
      writeFileSync(path, '');
      truncateSync(path, size);
      execFileSync('mkfs.fat', ['-F', String(bits), '-s', '1', path], { stdio: 'ignore' });
    },
    open: (device) => fatFormat.open(device, {}),
    check: checkedFat,
  };
}

const JOURNAL = ['-J', 'size=1'];

/** Filesystems under test. */
export const targets: readonly Target[] = [
  ext('ext4', ['-t', 'ext4', '-b', '1024', ...JOURNAL], true),
  ext('ext4-inline', ['-t', 'ext4', '-b', '1024', '-O', 'inline_data', ...JOURNAL], true),
  ext('ext4-quota', ['-t', 'ext4', '-b', '1024', '-O', 'quota', ...JOURNAL], true),
  ext(
    'ext4-bigalloc',
    ['-t', 'ext4', '-b', '1024', '-O', 'bigalloc', '-C', '4096', ...JOURNAL],
    true,
    8 * 1024 * 1024,
  ),
  ext('ext3', ['-t', 'ext3', '-b', '1024', ...JOURNAL], true),
  ext('ext4-nojournal', ['-t', 'ext4', '-b', '1024', '-O', '^has_journal'], false, 2 * 1024 * 1024),
  ext('ext2', ['-t', 'ext2', '-b', '1024'], false, 2 * 1024 * 1024),
  fat('fat12', 12, 1024 * 1024),
  fat('fat16', 16, 4 * 1024 * 1024),
  fat('fat32', 32, 34 * 1024 * 1024),
];
