import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { engineDaemon, type EngineDaemon } from '../../../test/support/engine-daemon.ts';
import { temporaryFolder } from '../../../test/support/tools.ts';

const golden = fileURLToPath(new URL('../../filesystems/ext4/golden/', import.meta.url));

describe('actions of ext2, ext3 and ext4', () => {
  const { path, remove } = temporaryFolder();
  let daemon: EngineDaemon;
  before(() => {
    for (const name of ['ext2-r0', 'ext4']) {
      writeFileSync(join(path, name), gunzipSync(readFileSync(join(golden, `${name}.img.gz`))));
    }
    writeFileSync(join(path, 'blank'), new Uint8Array(65536));
    daemon = engineDaemon(join(path, 'ext4'), join(path, 'ext2-r0'), join(path, 'blank'));
    daemon.call('mount_ro', '/dev/sda', '/');
  });
  after(() => {
    daemon.close();
    remove();
  });

  test('tune2fs_l', () => {
    const ext4 = daemon.call('tune2fs_l', '/dev/sda') as Record<string, string>;
    assert.equal(ext4['Filesystem volume name'], '');
    assert.equal(ext4['Filesystem magic number'], '0xEF53');
    assert.equal(ext4['Block size'], '1024');
    assert.equal(ext4['Check interval'], '0 (<none>)');
    assert.equal(ext4['Filesystem flags'], 'signed_directory_hash ');
    const ext2 = daemon.call('tune2fs_l', '/dev/sdb') as Record<string, string>;
    assert.equal(ext2['Filesystem revision #'], '0 (original)');
    assert.equal(ext2['Last mounted on'] !== undefined, true);
    assert.throws(() => daemon.call('tune2fs_l', '/dev/sdc'), { code: 'EUCLEAN' });
    assert.throws(() => daemon.call('tune2fs_l', '/dev/sdz'), { code: 'ENOENT' });
  });

  test('get_e2attrs', () => {
    assert.equal(daemon.call('get_e2attrs', '/hello'), 'e');
    assert.equal(daemon.call('get_e2attrs', '/flag-a'), 'ae');
    assert.equal(daemon.call('get_e2attrs', '/flag-A'), 'Ae');
    assert.equal(daemon.call('get_e2attrs', '/many'), 'Ie');
    for (const special of ['/fifo', '/link-1', '/null']) {
      assert.throws(() => daemon.call('get_e2attrs', special), { code: 'ENOTSUP', path: special });
    }
    assert.throws(() => daemon.call('get_e2attrs', '/none'), { code: 'ENOENT' });
  });

  test('get_e2generation', () => {
    const generation = daemon.call('get_e2generation', '/hello') as number;
    assert.ok(Number.isInteger(generation) && generation > 0 && generation < 2 ** 32);
    assert.equal(daemon.call('get_e2generation', '/'), 0);
    assert.throws(() => daemon.call('get_e2generation', '/link-1'), { code: 'ENOTSUP' });
  });

  test('get_e2label and get_e2uuid', () => {
    assert.equal(daemon.call('get_e2label', '/dev/sda'), '');
    assert.match(daemon.call('get_e2uuid', '/dev/sda') as string, /^0ddba11e-0000-4000-8000-/);
  });

  test('vfs_minimum_size', () => {
    const size = daemon.call('vfs_minimum_size', '/dev/sda') as number;
    assert.ok(size > 500_000 && size <= 4 * 1024 * 1024, `${size}`);
    assert.throws(() => daemon.call('vfs_minimum_size', '/dev/sdc'), { code: 'ENOTSUP' });
  });
});
