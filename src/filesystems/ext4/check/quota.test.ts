import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { openFile } from '../../../block/file.ts';
import { openExt4 } from '../index.ts';
import { checkExt, type CheckReport } from './index.ts';

test('usage that quota files count wrongly', { skip: needsTool('mke2fs', 'e2fsck', 'debugfs') }, () => {
  const { path, remove } = temporaryFolder();
  const image = join(path, 'image');
  const check = (repair: boolean): CheckReport => {
    const device = openFile(image, { writable: true });
    try {
      return checkExt(device, { repair, force: true });
    } finally {
      device.close();
    }
  };
  try {
    writeFileSync(image, '');
    truncateSync(image, 16 * 1024 * 1024);
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-O', 'quota', image);
    const device = openFile(image, { writable: true });
    const fs = openExt4(device, {});
    const writer = fs.openWriter();
    for (const uid of [1001, 1002]) {
      const file = writer.create(fs.root, `of-${uid}`, { mode: 0o100644, uid, gid: 7 });
      writer.write(file, 0, new Uint8Array(50_000).fill(uid));
    }
    fs.close();
    device.close();
    assert.deepEqual(check(false).problems, []);
    run('debugfs', '-w', '-R', 'set_inode_field /of-1001 uid 1002', image);
    const found = check(true);
    assert.deepEqual(
      found.problems.map(({ code, fixed }) => ({ code, fixed })),
      [
        { code: 'quota-usage', fixed: true },
        { code: 'quota-usage', fixed: true },
      ],
    );
    const clean = spawnSync('e2fsck', ['-fn', image], { encoding: 'utf8' });
    assert.equal(clean.status, 0, clean.stdout + clean.stderr);
    assert.ok(readFileSync(image).length > 0);
  } finally {
    remove();
  }
});
