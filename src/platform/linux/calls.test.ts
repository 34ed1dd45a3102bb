import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { linuxGuest, needsKernel } from '../../../test/support/linux-daemon.ts';
import { CallError, nativeKernelCalls, type KernelCalls } from './kernel-calls.ts';
import { ToolKernelCalls } from './tool-calls.ts';

const NEEDED = [
  'getfattr',
  'setfattr',
  'lsattr',
  'chattr',
  'fallocate',
  'fstrim',
  'stat',
  'sync',
  'touch',
  'mknod',
];
const NO_DUMP = 0x40;
const native = nativeKernelCalls();

function code(error: unknown): string | undefined {
  return error instanceof CallError ? error.code : undefined;
}

for (const [name, calls] of [
  ['koffi', native],
  ['programs', new ToolKernelCalls()],
] as const) {
  const skip = needsKernel(['ext4'], ...NEEDED) || (calls === undefined ? 'koffi is not installed' : false);
  test(`what node:fs lacks, through ${name}, on ext4`, { skip }, () => {
    const guest = linuxGuest(30 * 1024 * 1024);
    try {
      // With checksums of metadata the kernel sets no generation.
      guest.call('mkfs', ['ext4', '/dev/sda'], { features: '^metadata_csum' });
      guest.call('mount', ['/dev/sda', '/']);
      const root = join(guest.folder, 'sysroot');
      exercise(calls as KernelCalls, root, join(root, 'file'));
    } finally {
      guest.remove();
    }
  });
}

function exercise(calls: KernelCalls, root: string, file: string): void {
  writeFileSync(file, 'x'.repeat(20_000));
  const value = new Uint8Array([0, 10, 34, 92, 255]);
  calls.setXattr(file, 'user.bytes', value, 'create');
  calls.setXattr(file, 'user.empty', new Uint8Array(0), 'any');
  assert.throws(
    () => calls.setXattr(file, 'user.bytes', value, 'create'),
    (error) => code(error) === 'EEXIST',
  );
  assert.throws(
    () => calls.setXattr(file, 'user.none', value, 'replace'),
    (error) => code(error) === 'ENODATA',
  );
  const found = calls.xattrs(file).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  assert.deepEqual(
    found.map((xattr) => [xattr.name, [...xattr.value]]),
    [
      ['user.bytes', [...value]],
      ['user.empty', []],
    ],
  );
  calls.removeXattr(file, 'user.empty');
  assert.throws(
    () => calls.removeXattr(file, 'user.empty'),
    (error) => code(error) === 'ENODATA',
  );
  const flags = calls.flags(file);
  calls.setFlags(file, flags | NO_DUMP);
  assert.equal(calls.flags(file), flags | NO_DUMP);
  calls.setGeneration(file, 4_000_000_000);
  assert.equal(calls.generation(file), 4_000_000_000);
  calls.allocate(file, 0, 100_000);
  calls.punch(file, 4096, 8192);
  assert.ok(calls.trim(root, 0, 2 ** 40, 0) >= 0);
  calls.mknod(join(root, 'null'), 0o020640, 0x103);
  assert.equal(calls.statvfs(root).namemax, 255);
  calls.sync(root);
  assert.throws(
    () => calls.xattrs(join(root, 'none')),
    (error) => code(error) === 'ENOENT',
  );
}
