import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { engineDaemon, type EngineDaemon } from '../../../test/support/engine-daemon.ts';
import { lvmImage, stockSection } from '../../../test/support/lvm-golden.ts';
import { writeSparse } from '../../../test/support/partition-golden.ts';
import { temporaryFolder } from '../../../test/support/tools.ts';

describe('LVM actions', () => {
  const folder = temporaryFolder();
  let daemon: EngineDaemon;
  // Drives /dev/sda, /dev/sdb, /dev/sdc: groups "basic" and "stripe"; /dev/sdd: partitions.
  before(() => {
    daemon = engineDaemon(
      ...['a', 'b', 'c', 'm', 'i'].map((letter) => {
        const path = join(folder.path, `${letter}.img`);
        writeSparse(path, lvmImage(letter));
        return { path, format: 'raw' };
      }),
    );
  });
  after(() => {
    daemon.close();
    folder.remove();
  });

  test('lists', () => {
    assert.deepEqual(daemon.call('pvs'), [
      '/dev/sda',
      '/dev/sdb',
      '/dev/sdc',
      '/dev/sdd1',
      '/dev/sdd2',
      '/dev/sdd3',
      '/dev/sde',
    ]);
    assert.deepEqual(daemon.call('vgs'), ['basic', 'on-part', 'stripe', 'thin']);
    const groups = /^\/dev\/(?:basic|on-part|stripe|thin)\//;
    assert.deepEqual(
      daemon.call('lvs'),
      stockSection('lvs').filter((name) => groups.test(name)),
    );
    const full = daemon.call('lvs_full') as Record<string, unknown>[];
    assert.deepEqual(Object.keys(full[0] ?? {}), [
      'lvName',
      'lvUuid',
      'lvAttr',
      'lvMajor',
      'lvMinor',
      'lvKernelMajor',
      'lvKernelMinor',
      'lvSize',
      'segCount',
      'origin',
      'snapPercent',
      'copyPercent',
      'movePv',
      'lvTags',
      'mirrorLog',
      'modules',
    ]);
    assert.equal((daemon.call('pvs_full') as unknown[]).length, 6);
    assert.equal((daemon.call('vgs_full') as unknown[]).length, 4);
  });

  test('UUIDs', () => {
    const [group, volume] = stockSection('uuids basic');
    assert.equal(daemon.call('vguuid', 'basic'), group);
    assert.equal(daemon.call('pvuuid', '/dev/sda'), volume);
    assert.deepEqual(daemon.call('vgpvuuids', 'basic'), [volume]);
    const volumes = daemon.call('vglvuuids', 'basic') as string[];
    assert.deepEqual(volumes, stockSection('uuids basic').slice(2));
    assert.equal(daemon.call('lvuuid', '/dev/basic/linear'), volumes[0]);
    assert.equal(daemon.call('lvuuid', '/dev/mapper/basic-multi'), volumes[1]);
    assert.throws(() => daemon.call('vguuid', 'nothere'), { code: 'ENOENT' });
    assert.throws(() => daemon.call('vgpvuuids', 'nothere'), { code: 'ENOENT' });
    assert.throws(() => daemon.call('pvuuid', '/dev/sdd'), { code: 'EINVAL' });
    assert.throws(() => daemon.call('lvuuid', '/dev/sda'), { code: 'EINVAL' });
    assert.throws(() => daemon.call('lvuuid', '/dev/basic/nothere'), { code: 'ENOENT' });
  });

  test('names', () => {
    for (const [name, canonical] of [
      ['/dev/mapper/basic-with--dash_x', '/dev/basic/with-dash_x'],
      ['/dev/basic/one', '/dev/basic/one'],
      ['/dev/dm-77', '/dev/basic/minor'],
    ]) {
      assert.equal(daemon.call('lvm_canonical_lv_name', name), canonical);
      assert.equal(daemon.call('is_lv', name), true);
    }
    assert.throws(() => daemon.call('lvm_canonical_lv_name', 'basic/one'), { code: 'EINVAL' });
    assert.throws(() => daemon.call('lvm_canonical_lv_name', '/dev/sda'), { code: 'EINVAL' });
    assert.throws(() => daemon.call('lvm_canonical_lv_name', '/dev/basic/skipped'), { code: 'ENOENT' });
    assert.equal(daemon.call('is_lv', '/dev/sda'), false);
    assert.throws(() => daemon.call('is_lv', '/dev/thin/pool'), { code: 'ENOENT' });
  });

  test('metadata', () => {
    const text = new TextDecoder().decode(daemon.call('vgmeta', 'stripe') as Uint8Array);
    assert.match(text, /^contents = "Text Format Volume Group"$/m);
    assert.match(text, /^stripe \{$/m);
    assert.throws(() => daemon.call('vgmeta', 'nothere'), { code: 'ENOENT' });
  });

  test('activation', () => {
    daemon.call('vg_activate', false, ['basic']);
    assert.throws(() => daemon.call('is_lv', '/dev/basic/one'), { code: 'ENOENT' });
    assert.ok((daemon.call('lvs') as string[]).includes('/dev/basic/one'));
    daemon.call('vgscan');
    assert.throws(() => daemon.call('is_lv', '/dev/basic/one'), { code: 'ENOENT' });
    daemon.call('vg_activate', true, []);
    assert.equal(daemon.call('is_lv', '/dev/basic/one'), true);
    daemon.call('vg_activate_all', false);
    assert.throws(() => daemon.call('is_lv', '/dev/stripe/s4k'), { code: 'ENOENT' });
    daemon.call('lvm_scan', true);
    assert.equal(daemon.call('is_lv', '/dev/stripe/s4k'), true);
    assert.throws(() => daemon.call('vg_activate', true, ['nothere']), { code: 'ENOENT' });
  });

  test('filters', () => {
    daemon.call('lvm_set_filter', ['/dev/sdd', '/dev/vdb']);
    assert.deepEqual(daemon.call('pvs'), ['/dev/sdb', '/dev/sdd1', '/dev/sdd2', '/dev/sdd3']);
    assert.deepEqual(daemon.call('vgs'), ['on-part', 'stripe']);
    assert.throws(() => daemon.call('lvm_set_filter', ['/dev/nothere']), { code: 'ENOENT' });
    daemon.call('lvm_clear_filter');
    assert.deepEqual(daemon.call('vgs'), ['basic', 'on-part', 'stripe', 'thin']);
    assert.throws(() => daemon.call('lvm_set_filter', ['/dev/basic/one']), { code: 'EINVAL' });
  });

  test('the bytes of a volume', () => {
    const sums = stockSection('sums');
    const sum = sums[sums.indexOf('thin/tone') + 1];
    assert.equal(daemon.call('checksum_device', 'sha256', '/dev/thin/tone'), sum);
  });
});
