import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineDaemon } from '../../../test/support/engine-daemon.ts';
import { linuxGuest, needsKernel } from '../../../test/support/linux-daemon.ts';
import { run } from '../../../test/support/tools.ts';
import { GuestfsError, type ErrorCode } from '../../errors/index.ts';
import { parseReport } from './lvm-command.ts';

const MIB = 1024 * 1024;

function fails(code: ErrorCode, message: RegExp, call: () => unknown): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof GuestfsError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

test('a report of lvm(8)', () => {
  const text = `
  {
      "report": [
          {
              "vg": [
                  {"vg_name":"VG", "vg_size":"104857600", "vg_tags":"a,b"}
              ]
          }
      ]
  }
`;
  assert.deepEqual(parseReport(text, 'vg'), [{ vg_name: 'VG', vg_size: '104857600', vg_tags: 'a,b' }]);
  fails('EIO', /no report/, () => parseReport('nothing', 'vg'));
});

test('lvm(8) and the engine say the same of what the engine made', { skip: needsKernel([], 'lvm') }, () => {
  const guest = linuxGuest(100 * MIB, 100 * MIB);
  try {
    const images = ['disk0', 'disk1'].map((name) => ({
      path: join(guest.folder, name),
      format: 'raw',
      readonly: false,
    }));
    const engine = engineDaemon(...images);
    const questions = [
      ['pvs'], ['vgs'], ['lvs'], ['pvs_full'], ['vgs_full'], ['vgpvuuids', 'VG'], ['vglvuuids', 'VG'],
    ] as const; // prettier-ignore
    let answers: unknown[];
    try {
      engine.call('pvcreate', '/dev/sda');
      engine.call('vgcreate', 'VG', ['/dev/sda', '/dev/sdb']);
      engine.call('lvcreate', 'one', 'VG', 20);
      engine.call('lvcreate_free', 'two', 'VG', 50);
      engine.call('vg_activate_all', false);
      answers = questions.map(([name, ...args]) => engine.call(name, ...args));
      engine.call('sync');
    } finally {
      engine.close();
    }
    for (const name of ['/dev/sda', '/dev/sdb']) {
      run('blockdev', '--flushbufs', guest.platform.tools.deviceNode(name));
    }
    for (const [index, [name, ...args]] of questions.entries()) {
      assert.deepEqual(guest.call(name, args), answers[index], name);
    }
    const volumes = guest.call('lvs_full') as { lvName: string; lvSize: number }[];
    assert.deepEqual(
      volumes.map(({ lvName, lvSize }) => [lvName, lvSize]),
      [
        ['one', 20 * MIB],
        ['two', 84 * MIB],
      ],
    );
    const metadata = Buffer.from(guest.call('vgmeta', ['VG']) as Uint8Array).toString();
    assert.match(metadata, /VG \{[^]*one \{/);
    guest.call('vgrename', ['VG', 'other']);
    assert.deepEqual(guest.call('vgs'), ['other']);
    fails('ENOENT', /no volume group VG/, () => guest.call('vgmeta', ['VG']));
    fails('EBUSY', /other/, () => guest.call('pvcreate', ['/dev/sda']));
    fails('EINVAL', /percentage/, () => guest.call('lvcreate_free', ['three', 'other', 101]));
    guest.call('lvm_remove_all');
    assert.deepEqual(guest.call('vgs'), []);
    assert.deepEqual(guest.call('pvs'), []);
    guest.call('pvcreate', ['/dev/sda']);
    guest.call('pvresize_size', ['/dev/sda', 50 * MIB]);
    guest.call('vgcreate', ['VG', ['/dev/sda']]);
    fails('EEXIST', /exists/, () => guest.call('vgcreate', ['VG', ['/dev/sdb']]));
    assert.deepEqual(guest.call('pvs'), ['/dev/sda']);
    guest.call('vgremove', ['VG']);
    guest.call('pvremove', ['/dev/sda']);
    assert.deepEqual(guest.call('pvs'), []);
  } finally {
    guest.remove();
  }
});

test(
  'what is wrong with a call is what the engine finds wrong with it',
  { skip: needsKernel([], 'lvm') },
  () => {
    const guest = linuxGuest(20 * MIB);
    try {
      const { call } = guest;
      fails('ENOENT', /no volume group nothing/, () => call('vgrename', ['nothing', 'nothing']));
      fails('ENOENT', /no volume group/, () => call('vgremove', ['/file']));
      fails('ENOENT', /no volume group/, () => call('vgchange_uuid', ['/file']));
      fails('ENOENT', /no volume group/, () => call('lvcreate', ['', '', -1]));
      fails('ENOENT', /no volume group nothing/, () => call('lvresize', ['/dev/nothing/there', 0]));
      fails('EINVAL', /is no name of a logical volume/, () => call('lvrename', ['nothing', 'nothing']));
      call('vgcreate', ['group', ['/dev/sda']]);
      fails('EINVAL', /a size of 0 bytes/, () => call('lvcreate', ['volume', 'group', 0]));
    } finally {
      guest.remove();
    }
  },
);
