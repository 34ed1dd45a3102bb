import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createEnginePlatform, type EnginePlatform } from '../../src/platform/engine/index.ts';
import type { FileRef, FileTree } from '../../src/vfs/tree.ts';
import { debianGuest } from './debian-guest.ts';
import { kernelListing, type ListedFile } from './kernel-listing.ts';
import { logicalVolumeOffset } from './lv-offset.ts';

const guest = debianGuest();
const skip = 'reason' in guest ? guest.reason : false;

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFDIR = 0o040000;

/** Everything of a tree in the form that the kernel's listing has. */
function ourListing(tree: FileTree): Map<string, ListedFile> {
  const found = new Map<string, ListedFile>();
  const buffer = new Uint8Array(256 * 1024);
  const todo: { path: string; ref: FileRef }[] = [{ path: '.', ref: tree.resolve('/') }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { path, ref } = next;
    const stat = tree.stat(ref);
    const type = stat.mode & S_IFMT;
    found.set(path, {
      mode: stat.mode,
      uid: stat.uid,
      gid: stat.gid,
      nlink: stat.nlink,
      inode: stat.inode,
      size: stat.size,
      blocks: stat.blocks,
      rdev: stat.rdev,
      mtime: `${stat.mtime}.${String(stat.mtimeNsec).padStart(9, '0')}`,
      ctime: `${stat.ctime}.${String(stat.ctimeNsec).padStart(9, '0')}`,
      link: type === S_IFLNK ? tree.readlink(ref) : '',
      xattrs: tree
        .xattrs(ref)
        .map(({ name, value }) => `${name}=0x${Buffer.from(value).toString('hex')}`)
        .toSorted()
        .join('\n'),
      sha256: type === S_IFREG ? hash(tree, ref, stat.size, buffer) : '',
    });
    if (type !== S_IFDIR) continue;
    for (const entry of tree.readdir(ref)) {
      todo.push({ path: `${path}/${entry.name}`, ref: tree.child(ref, entry) });
    }
  }
  return found;
}

function hash(tree: FileTree, ref: FileRef, size: number, buffer: Uint8Array): string {
  const digest = createHash('sha256');
  for (let offset = 0; offset < size;) {
    const count = tree.read(ref, offset, buffer);
    assert.ok(count > 0, 'a file ends before its size');
    digest.update(buffer.subarray(0, count));
    offset += count;
  }
  return digest.digest('hex');
}

describe('a real Debian guest', { skip }, () => {
  let work: string;
  let raw: string;
  let platform: EnginePlatform;
  const warnings: string[] = [];

  before(() => {
    assert.ok('image' in guest);
    work = mkdtempSync(join(tmpdir(), 'guestfs-debian-'));
    raw = join(work, 'disk.raw');
    execFileSync('qemu-img', ['convert', '-O', 'raw', guest.image, raw]);
    platform = createEnginePlatform({
      drives: [{ path: guest.image, format: 'qcow2', readonly: true }],
      warn: (message) => warnings.push(message),
    });
  });

  after(() => {
    platform?.close();
    rmSync(work, { recursive: true, force: true });
  });

  for (const volume of ['root', 'home']) {
    test(`every path of /dev/guest/${volume} is what the kernel shows`, () => {
      const { offset, size } = logicalVolumeOffset(raw, 'guest', volume);
      const mountpoint = join(work, volume);
      mkdirSync(mountpoint);
      execFileSync('mount', ['-o', `ro,loop,offset=${offset},sizelimit=${size}`, raw, mountpoint]);
      try {
        compare(kernelListing(mountpoint), `/dev/guest/${volume}`);
      } finally {
        execFileSync('umount', [mountpoint]);
      }
    });
  }

  function compare(expected: Map<string, ListedFile>, device: string): void {
    const { tree, close } = platform.openTree(device);
    const found = ourListing(tree);
    close();
    assert.deepEqual([...found.keys()].toSorted(), [...expected.keys()].toSorted());
    for (const [path, file] of expected) assert.deepEqual(found.get(path), file, path);
    assert.deepEqual(warnings, []);
  }
});
