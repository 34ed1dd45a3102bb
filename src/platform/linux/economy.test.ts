import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { linuxGuest, needsKernel } from '../../../test/support/linux-daemon.ts';
import { run, temporaryFolder } from '../../../test/support/tools.ts';
import { nativePoll } from '../../native/poll.ts';
import { LinuxDeviceTable } from './device-table.ts';
import { LinuxLvm } from './lvm.ts';
import { kernelMounts } from './mount-table.ts';

const skip = process.platform === 'linux' ? false : 'this is no Linux';

/** Run something with a program of ours in front of the machine's; gives the arguments of its runs. */
function withProgram(name: string, prints: string, use: () => void): string[] {
  const { path, remove } = temporaryFolder();
  const before = process.env['PATH'];
  try {
    const log = join(path, 'log');
    const program = join(path, name);
    writeFileSync(program, `#!/bin/sh\necho "$*" >>'${log}'\ncat <<'END'\n${prints}\nEND\n`);
    chmodSync(program, 0o755);
    process.env['PATH'] = `${path}:${before ?? ''}`;
    use();
    return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
  } finally {
    process.env['PATH'] = before;
    remove();
  }
}

test('groups that are activated are looked for at once', { skip }, () => {
  const devices = new LinuxDeviceTable({
    disks: () => [],
    findTag: () => undefined,
    changed() {},
    assemble() {},
  });
  const groups = JSON.stringify({ report: [{ vg: [{ vg_name: 'a' }, { vg_name: 'b' }, { vg_name: 'c' }] }] });
  const runs = withProgram('lvm', groups, () => {
    const lvm = new LinuxLvm({ devices, release() {} }, () => false);
    lvm.activate(true, ['a', 'b', 'c']);
    lvm.activate(false);
  });
  assert.deepEqual(
    runs.map((line) => line.split(' ')[0]),
    ['vgs', 'vgchange', 'vgchange'],
  );
});

test(
  'blkid(8) is asked once about a device that nobody knows, until something changes',
  { skip: needsKernel([]) },
  () => {
    const guest = linuxGuest(1024 * 1024);
    try {
      const { identify } = guest.platform;
      const runs = withProgram('blkid', 'TYPE=oddfs', () => {
        assert.equal(identify.type('/dev/sda'), 'oddfs');
        assert.deepEqual(identify.superblock('/dev/sda'), { TYPE: 'oddfs' });
        identify.forget();
        assert.equal(identify.type('/dev/sda'), 'oddfs');
      });
      assert.equal(runs.length, 2);
    } finally {
      guest.remove();
    }
  },
);

test('the table of a disk is read once, until something changes', { skip: needsKernel([]) }, () => {
  const guest = linuxGuest(1024 * 1024);
  try {
    const { devices } = guest.platform;
    const table = devices.disk('/dev/sda').table();
    assert.equal(table, null);
    guest.call('part_disk', ['/dev/sda', 'gpt']);
    const made = devices.disk('/dev/sda').table();
    assert.equal(made?.type, 'gpt');
    assert.equal(devices.disk('/dev/sda').table(), made);
    devices.release();
    assert.notEqual(devices.disk('/dev/sda').table(), made);
  } finally {
    guest.remove();
  }
});

test(
  'the kernel is asked for its mounts when somebody changed them, no more',
  { skip: needsKernel([]) || (nativePoll() === undefined ? 'koffi is not installed' : false) },
  () => {
    const { path, remove } = temporaryFolder();
    const place = join(path, 'place');
    mkdirSync(place);
    try {
      const isThere = (): boolean => kernelMounts().some(({ mountpoint }) => mountpoint === place);
      assert.equal(isThere(), false);
      assert.equal(kernelMounts(), kernelMounts());
      run('mount', '-t', 'tmpfs', 'none', place);
      assert.equal(isThere(), true);
      const during = kernelMounts();
      assert.equal(kernelMounts(), during);
      run('umount', place);
      assert.equal(isThere(), false);
    } finally {
      remove();
    }
  },
);
