import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryDevice } from '../../src/block/memory.ts';
import { openExt4 } from '../../src/filesystems/ext4/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import { MemoryFileSystem } from './memory-fs.ts';
import { hasTool, run, temporaryFolder } from './tools.ts';
import { writeGuest, type WriteGuest } from './write-guest.ts';

/** A filesystem that tests of writing actions run on. */
export interface WritableKind {
  readonly name: string;
  /** Why it cannot be had here, or false. */
  readonly skip: string | false;
  /**
   * Run a test on a new one that is mounted on `/`, and then let its checker judge. `other` is mounted on `/other`, a
   * directory of it, where it is given.
   */
  with(test: (guest: WriteGuest) => void, other?: FileSystem): void;
}

const SIZE = 24 * 1024 * 1024;

function ext(name: string, ...options: string[]): WritableKind {
  return {
    name,
    skip: hasTool('mke2fs') && hasTool('e2fsck') ? false : 'mke2fs and e2fsck are not installed',
    with(test, other) {
      const folder = temporaryFolder();
      try {
        const image = join(folder.path, 'image');
        run('mke2fs', '-q', ...options, image, `${SIZE / 1024}k`);
        const bytes = new Uint8Array(SIZE);
        bytes.set(readFileSync(image));
        const fs = openExt4(memoryDevice(bytes));
        const guest = writeGuest({ '/': fs });
        guest.call('rmdir', '/lost+found');
        guest.call('mklost_and_found', '/');
        if (other !== undefined) mountOther(guest, other);
        test(guest);
        fs.close();
        writeFileSync(image, bytes);
        run('e2fsck', '-fn', image);
      } finally {
        folder.remove();
      }
    },
  };
}

function mountOther(guest: WriteGuest, other: FileSystem): void {
  guest.call('mkdir', '/other');
  guest.tree.mount(other, '/other', { mountable: '/dev/sdz', readonly: false, options: [] });
}

/** Filesystems with owners, links and attributes. */
export const unixKinds: readonly WritableKind[] = [
  {
    name: 'memory',
    skip: false,
    with(test, other) {
      const guest = writeGuest({ '/': new MemoryFileSystem() });
      if (other !== undefined) mountOther(guest, other);
      test(guest);
    },
  },
  ext('ext4', '-t', 'ext4'),
  ext('ext2', '-t', 'ext2', '-b', '1024'),
];
