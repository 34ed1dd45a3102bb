import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { openFile } from '../../../block/file.ts';
import { openExt4 } from '../index.ts';

test(
  'content that is replaced, where values of attributes are in inodes of their own',
  { skip: needsTool('mke2fs', 'e2fsck') },
  () => {
    const { path, remove } = temporaryFolder();
    const image = join(path, 'image');
    try {
      writeFileSync(image, '');
      truncateSync(image, 8 * 1024 * 1024);
      run('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '1024', '-O', 'ea_inode,quota', image);
      const device = openFile(image, { writable: true });
      const fs = openExt4(device, {});
      const writer = fs.openWriter();
      const file = writer.create(fs.root, 'file', { mode: 0o100644, uid: 5, gid: 6 });
      writer.write(file, 0, new Uint8Array(100_000).fill(1));
      // The first is alone in an inode, the second in the block, the third in the file's own inode.
      writer.setXattr?.(file, 'user.large', new Uint8Array(3000).fill(2), 'any');
      writer.setXattr?.(file, 'user.middle', new Uint8Array(400).fill(3), 'any');
      writer.setXattr?.(file, 'user.small', new Uint8Array(10).fill(4), 'any');
      for (const length of [0, 5000, 0, 200_000]) {
        const replacement = writer.replace(file);
        replacement.write(new Uint8Array(length).fill(5));
        replacement.finish();
        const found = new Uint8Array(length);
        fs.read(file, 0, found);
        assert.ok(found.every((byte) => byte === 5));
        assert.equal(fs.stat(file).size, length);
      }
      fs.close();
      device.close();
      run('e2fsck', '-fn', image);
    } finally {
      remove();
    }
  },
);
