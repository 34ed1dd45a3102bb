import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import type { BlockDevice } from '../../src/block/device.ts';
import { openExt4 } from '../../src/filesystems/ext4/index.ts';
import { fatFormat } from '../../src/filesystems/fat/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import type { Abilities } from './world.ts';

/** A kind of filesystem under random operations. */
export interface RandomTarget {
  name: string;
  kind: 'ext' | 'fat';
  tool: string;
  size: number;
  can: Abilities;
  coarseTimes: boolean;
  /** Make an image with the real tool. */
  make(path: string): void;
  open(device: BlockDevice): FileSystem;
  /** What the real checker finds, or undefined where it finds nothing. */
  check(path: string): string | undefined;
}

const MIB = 1024 * 1024;

function checked(program: string, path: string): string | undefined {
  const { status, stdout, stderr } = spawnSync(program, [program === 'e2fsck' ? '-fn' : '-n', path], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : `${program} ends with ${status}: ${stdout}${stderr}`;
}

function ext(
  name: string,
  args: readonly string[],
  size: number,
  more: Partial<Abilities> & { coarseTimes?: boolean } = {},
): RandomTarget {
  const { coarseTimes = false, ...can } = more;
  return {
    name,
    kind: 'ext',
    tool: 'mke2fs',
    size,
    coarseTimes,
    can: {
      unix: true,
      extents: true,
      fold: false,
      fixedRoot: false,
      xattrRoom: 700,
      farthest: 80 * MIB,
      ...can,
    },
    make(path) {
      writeFileSync(path, '');
      truncateSync(path, size);
      execFileSync('mke2fs', ['-q', '-F', ...args, path], { stdio: 'ignore' });
    },
    open: (device) => openExt4(device, {}),
    check: (path) => checked('e2fsck', path),
  };
}

function fat(name: string, bits: number, sectors: number, size: number): RandomTarget {
  return {
    name,
    kind: 'fat',
    tool: 'mkfs.fat',
    size,
    coarseTimes: true,
    can: { unix: false, extents: false, fold: true, fixedRoot: bits < 32, xattrRoom: 0, farthest: 200_000 },
    make(path) {
      writeFileSync(path, '');
      truncateSync(path, size);
      execFileSync('mkfs.fat', ['-F', String(bits), '-s', String(sectors), path], { stdio: 'ignore' });
    },
    open: (device) => fatFormat.open(device, {}),
    check: (path) => checked('fsck.fat', path),
  };
}

const JOURNAL = ['-J', 'size=1'];
const ext4 = (...args: readonly string[]): string[] => ['-t', 'ext4', ...args];

/** Filesystems under test. */
export const randomTargets: readonly RandomTarget[] = [
  ext('ext4-1k', ext4('-b', '1024', ...JOURNAL), 10 * MIB),
  ext('ext4-4k', ext4('-b', '4096', '-J', 'size=4'), 24 * MIB, { xattrRoom: 3500 }),
  ext('ext4-inline', ext4('-b', '1024', '-O', 'inline_data', ...JOURNAL), 10 * MIB),
  ext('ext4-inline-512', ext4('-b', '4096', '-I', '512', '-O', 'inline_data,^has_journal'), 16 * MIB, {
    xattrRoom: 3500,
  }),
  ext('ext4-bigalloc', ext4('-b', '1024', '-O', 'bigalloc', '-C', '8192', ...JOURNAL), 24 * MIB),
  ext('ext4-quota', ext4('-b', '1024', '-O', 'quota,project', ...JOURNAL), 10 * MIB),
  ext('ext4-nojournal', ext4('-b', '1024', '-O', '^has_journal'), 10 * MIB),
  ext('ext4-ea-inode', ext4('-b', '1024', '-O', 'ea_inode', ...JOURNAL), 10 * MIB),
  ext('ext4-uninit', ext4('-b', '1024', '-O', '^metadata_csum,uninit_bg', ...JOURNAL), 20 * MIB),
  ext('ext4-indirect', ext4('-b', '1024', '-O', '^extents,^64bit', ...JOURNAL), 10 * MIB, { extents: false }),
  ext('ext4-meta-bg', ext4('-b', '1024', '-g', '2048', '-O', 'meta_bg,^resize_inode', ...JOURNAL), 12 * MIB),
  ext('ext4-sparse2', ext4('-b', '1024', '-O', 'sparse_super2,^resize_inode', ...JOURNAL), 10 * MIB),
  ext('ext4-nohtree', ext4('-b', '1024', '-O', '^dir_index,^dir_nlink,^huge_file', ...JOURNAL), 10 * MIB),
  ext('ext4-few-inodes', ext4('-b', '1024', '-N', '120', ...JOURNAL), 6 * MIB),
  ext('ext4-i128', ext4('-b', '1024', '-I', '128', ...JOURNAL), 10 * MIB, { coarseTimes: true }),
  ext('ext3', ['-t', 'ext3', '-b', '1024', ...JOURNAL], 10 * MIB, { extents: false }),
  ext('ext2', ['-t', 'ext2', '-b', '1024'], 10 * MIB, { extents: false }),
  ext('ext2-r0', ['-t', 'ext2', '-b', '1024', '-r', '0'], 4 * MIB, { extents: false, coarseTimes: true }),
  fat('fat12', 12, 1, 2 * MIB),
  fat('fat12-16', 12, 16, 16 * MIB),
  fat('fat16', 16, 2, 12 * MIB),
  fat('fat32', 32, 1, 40 * MIB),
];

/** The bytes of a new image. */
export function newImage(target: RandomTarget, path: string): Uint8Array {
  target.make(path);
  return new Uint8Array(readFileSync(path));
}
