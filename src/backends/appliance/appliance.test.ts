import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { applianceObstacle } from '../../../test/support/appliance.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { Guestfs } from '../../handle/guestfs.ts';
import { isAlive } from './build/cache.ts';

const folder = temporaryFolder();
after(() => folder.remove());

describe('the appliance, without KVM', { skip: applianceObstacle() || needsTool('mke2fs', 'lvm') }, () => {
  const disk = join(folder.path, 'disk.img');
  const handle = async (): Promise<Guestfs> => {
    const g = new Guestfs({ environment: false });
    await g.setBackend('appliance');
    await g.setBackendSettings(['force_tcg']);
    await g.setPath(folder.path);
    await g.setCachedir(folder.path);
    await g.setTmpdir(folder.path);
    await g.addDrive(disk, { format: 'raw', label: 'mine' });
    return g;
  };

  test('it is built, saved, restored, writes, and is gone afterwards', { timeout: 600_000 }, async () => {
    writeFileSync(disk, '');
    truncateSync(disk, 64 * 1024 * 1024);
    const g = await handle();
    await g.launch();
    assert.deepEqual(await g.listDevices(), ['/dev/sda']);
    assert.deepEqual(await g.listDiskLabels(), { mine: '/dev/sda' });
    await g.pvcreate('/dev/sda');
    await g.vgcreate('group', ['/dev/sda']);
    await g.lvcreate('volume', 'group', 32);
    await g.mkfs('ext4', '/dev/group/volume');
    await g.mount('/dev/group/volume', '/');
    await g.write('/hello', 'from the machine\n');
    const pid = await g.getPid();
    assert.ok(isAlive(pid));
    await g.close();
    assert.ok(!isAlive(pid));

    // What it wrote is there for the engine.
    const engine = new Guestfs({ environment: false });
    await engine.addDrive(disk, { readonly: true, format: 'raw' });
    await engine.launch();
    await engine.mountRo('/dev/group/volume', '/');
    assert.equal(await engine.cat('/hello'), 'from the machine\n');
    await engine.close();
  });

  test('auto moves from the engine to it, and nothing is lost', { timeout: 600_000 }, async () => {
    const before = readFileSync(disk);
    const more = join(folder.path, 'more.img');
    writeFileSync(more, '');
    truncateSync(more, 16 * 1024 * 1024);
    const g = new Guestfs({ environment: false, backend: 'auto', thread: 'own' });
    const warnings: string[] = [];
    g.on('warning', (message) => warnings.push(message));
    await g.setBackendSettings(['force_tcg']);
    await g.setPath(folder.path);
    await g.setCachedir(folder.path);
    await g.setTmpdir(folder.path);
    await g.addDrive(disk, { format: 'raw', label: 'mine', readonly: true });
    await g.addDrive(more, { format: 'raw' });
    await g.launch();
    await g.mkfs('ext4', '/dev/sdb');
    await g.umask(0o077);
    await g.mountOptions('noatime', '/dev/group/volume', '/');
    await g.mkdir('/more');
    await g.mount('/dev/sdb', '/more');
    await g.write('/over', 'on a read-only drive\n');
    await g.write('/more/through', 'on the drive\n');
    assert.equal(await g.getPid(), process.pid);

    assert.match(await g.dmesg(), /Linux version/);
    assert.ok(
      warnings.some((message) => /the appliance was started on the same drives: dmesg/.test(message)),
    );
    const pid = await g.getPid();
    assert.ok(isAlive(pid));
    assert.deepEqual(await g.mountpoints(), { '/dev/group/volume': '/', '/dev/sdb': '/more' });
    assert.deepEqual(await g.listDiskLabels(), { mine: '/dev/sda' });
    assert.equal(await g.getUmask(), 0o077);
    assert.equal(await g.cat('/hello'), 'from the machine\n');
    assert.equal(await g.cat('/over'), 'on a read-only drive\n');
    assert.equal(await g.cat('/more/through'), 'on the drive\n');
    await g.write('/more/kernel', 'too\n');
    await g.close();
    assert.ok(!isAlive(pid));
    assert.ok(before.equals(readFileSync(disk)));
    run('e2fsck', '-fn', more);
    assert.deepEqual(
      readdirSync(folder.path).filter((name) => name.startsWith('guestfs-')),
      [],
    );
  });

  test(
    'one that dies in the middle of a call leaves the handle to be launched again',
    { timeout: 600_000 },
    async () => {
      const g = await handle();
      let quits = 0;
      g.on('subprocess_quit', () => quits++);
      await g.launch();
      const pid = await g.getPid();
      const call = g.zeroDevice('/dev/sda').then(
        () => undefined,
        (error: unknown) => error,
      );
      process.kill(pid, 'SIGKILL');
      assert.match(String(await call), /zero_device: .*daemon/);
      assert.equal(await g.isConfig(), true);
      assert.equal(quits, 1);
      await g.addDriveScratch(1024 * 1024);
      await g.launch();
      assert.deepEqual(await g.listDevices(), ['/dev/sda']);
      await g.terminate();
      await g.close();
      const left = readdirSync(folder.path).filter((name) => name.startsWith('guestfs-'));
      assert.deepEqual(left, []);
    },
  );
});
