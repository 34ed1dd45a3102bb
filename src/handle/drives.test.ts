import assert from 'node:assert/strict';
import { existsSync, readdirSync, truncateSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { launchedFake } from '../../test/support/fake-handle.ts';
import { temporaryFolder } from '../../test/support/tools.ts';
import { driveLetters } from './device-names.ts';
import { Guestfs } from './guestfs.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const image = join(folder.path, 'a.img');
writeFileSync(image, '');
truncateSync(image, 1024 * 1024);

const fresh = (): Guestfs => new Guestfs({ environment: false, thread: 'own' });

describe('drives', () => {
  test('are listed as they were added', async () => {
    const g = fresh();
    await g.addDrive(image, { readonly: true, format: 'raw', label: 'foo', blocksize: 512 });
    await g.addDriveRo(image);
    await g.addCdrom(image);
    await g.addDriveWithIf(image, 'ide');
    await g.addDriveRoWithIf(image, 'virtio');
    await g.addDrive(image, { cachemode: 'unsafe', discard: 'besteffort', copyonread: true, name: 'sdx' });
    await g.addDriveOpts(image, { format: 'qcow2', backing: 'any', snapshot: 's' });
    assert.deepEqual(await g.debugDrives(), [
      `${image} readonly format=raw protocol=file label=foo blocksize=512`,
      `${image} readonly protocol=file`,
      `${image} readonly protocol=file`,
      `${image} protocol=file iface=ide`,
      `${image} readonly protocol=file iface=virtio`,
      `${image} protocol=file name=sdx cache=unsafe discard=besteffort copyonread`,
      `${image} format=qcow2 protocol=file`,
    ]);
    assert.equal(await g.maxDisks(), 255);
    assert.equal(await g.deviceName(6), '/dev/sdg');
    await assert.rejects(g.deviceName(7), { code: 'EINVAL' });
    await assert.rejects(g.deviceName(-1), { code: 'EINVAL' });
  });

  test('a file that cannot be one is refused when it is added, saying what it is', async () => {
    const g = fresh();
    await assert.rejects(g.addDrive(join(folder.path, 'missing')), {
      code: 'ENOENT',
      message: /missing: cannot be added.*no such file/i,
    });
    await assert.rejects(g.addDrive(folder.path), {
      code: 'EISDIR',
      message: /is a folder, expected a disk image/,
    });
    await assert.rejects(g.addDrive(''), { code: 'EINVAL' });
    await assert.rejects(g.addDrive(join(image, 'x')), { code: 'ENOTDIR' });
    assert.deepEqual(await g.debugDrives(), []);
  });

  test(
    'an unreadable file is refused',
    { skip: process.getuid?.() === 0 ? 'root reads everything' : false },
    async () => {
      const closed = join(folder.path, 'closed');
      writeFileSync(closed, 'x');
      chmodSync(closed, 0);
      await assert.rejects(fresh().addDrive(closed), { code: 'EACCES' });
    },
  );

  test('options that make no sense are refused', async () => {
    const g = fresh();
    for (const options of [
      { format: 'a,b' },
      { format: '' },
      { blocksize: 1024 },
      { label: 'a1' },
      { label: 'abcdefghijklmnopqrstuvwxyz' },
      { label: '' },
      { name: '' },
      { iface: 'a b' },
      { cachemode: 'bogus' },
      { discard: 'bogus' },
      { discard: 'enable', readonly: true },
      { discard: 'enable', format: 'vmdk' },
      { protocol: 'bogus' },
      { server: ['localhost'] },
      { secret: 'x' },
      { backing: 'bogus' as never },
    ]) {
      await assert.rejects(g.addDrive(image, options), { code: 'EINVAL' }, JSON.stringify(options));
    }
    for (const protocol of ['nbd', 'http', 'rbd', 'ssh']) {
      await assert.rejects(g.addDrive('x', { protocol, server: ['h'] }), { code: 'ENOTSUP' });
    }
    await assert.rejects(g.addDrive(image, { snapshots: 'x' } as never), TypeError);
  });

  test('disks of servers are looked at when they are added', async () => {
    const g = fresh();
    await g.setBackend('appliance');
    await g.addDrive('/d', { protocol: 'http', server: ['h'], username: 'u', secret: 's' });
    for (const [protocol, more, code] of [
      ['nbd', { server: [] }, 'EINVAL'],
      ['nbd', { server: ['a', 'b'] }, 'EINVAL'],
      ['nbd', { server: ['a:0'] }, 'EINVAL'],
      ['nbd', { server: ['a'], secret: 's' }, 'EINVAL'],
      ['http', { server: ['a'], discard: 'enable' }, 'EINVAL'],
      ['rbd', { server: [], username: 'u', secret: '?' }, 'EINVAL'],
      ['ssh', { server: ['a'], secret: 's' }, 'ENOTSUP'],
      ['tftp', { server: ['a'] }, 'ENOTSUP'],
    ] as const) {
      await assert.rejects(
        g.addDrive('d', { protocol, ...more }),
        { code },
        JSON.stringify([protocol, more]),
      );
    }
    assert.equal((await g.debugDrives()).length, 1);
  });

  test('there are 255 at most', async () => {
    const g = fresh();
    for (let i = 0; i < 255; i++) await g.addDriveRo(image);
    await assert.rejects(g.addDriveRo(image), { code: 'EINVAL', message: /at most 255/ });
  });

  test('scratch drives and /dev/null are temporary files that go with the handle', async () => {
    const g = fresh();
    await g.setTmpdir(folder.path);
    await g.addDriveScratch(1024 * 1024 * 1024, { label: 'big' });
    await g.addDrive('/dev/null');
    await assert.rejects(g.addDriveScratch(-1), { code: 'EINVAL' });
    await assert.rejects(g.addDrive('/dev/null', { format: 'qcow2' }), { code: 'EINVAL' });
    const made = readdirSync(folder.path).filter((name) => name.startsWith('guestfs-'));
    assert.equal(made.length, 1);
    await g.launch();
    assert.equal(await g.blockdevGetsize64('/dev/sda'), 1024 * 1024 * 1024);
    assert.equal(await g.blockdevGetsize64('/dev/sdb'), 4096);
    assert.deepEqual(await g.listDiskLabels(), { big: '/dev/sda' });
    await g.close();
    assert.equal(existsSync(join(folder.path, made[0] as string)), false);
  });
});

describe('names of devices', () => {
  test('letters go on after z', () => {
    assert.deepEqual([0, 25, 26, 27, 254, 701, 702].map(driveLetters), [
      'a',
      'z',
      'aa',
      'ab',
      'iu',
      'zz',
      'aaa',
    ]);
  });

  test('device_index is the reverse', async () => {
    const g = fresh();
    for (const [device, index] of [
      ['/dev/sda', 0],
      ['/dev/sdab', 27],
      ['/dev/xvdb', 1],
      ['/dev/vdc', 2],
      ['/dev/hdd', 3],
    ] as const) {
      assert.equal(await g.deviceIndex(device), index);
    }
    for (const device of ['/dev/sda1', '/dev/md0', '/dev/sd']) {
      await assert.rejects(g.deviceIndex(device), { code: 'ENOENT' }, device);
    }
  });

  test('canonical_device_name and the parts of mountables', async () => {
    const g = await launchedFake('own');
    for (const [device, canonical] of [
      ['/dev/vda', '/dev/sda'],
      ['/dev/hdb1', '/dev/sdb1'],
      ['/dev/sdc', '/dev/sdc'],
      ['/dev/md0', '/dev/md0'],
      ['foo', 'foo'],
      ['/dev/mapper/x-y', '/dev/mapper/x-y'],
      ['/dev/dm-0', '/dev/dm-0'],
    ] as const) {
      assert.equal(await g.canonicalDeviceName(device), canonical);
    }
    assert.equal(await g.mountableDevice('/dev/sda1'), '/dev/sda1');
    assert.equal(await g.mountableDevice('btrfsvol:/dev/sda1/foo/bar'), '/dev/sda1');
    assert.equal(await g.mountableSubvolume('btrfsvol:/dev/sda1/foo/bar'), 'foo/bar');
    await assert.rejects(g.mountableSubvolume('/dev/sda1'), { code: 'EINVAL' });
    await g.close();
  });
});
