import assert from 'node:assert/strict';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { TINY_GUEST } from '../../../test/support/engine-daemon.ts';
import { FakeMachine, type FakePlan } from '../../../test/support/fake-machine.ts';
import { temporaryFolder } from '../../../test/support/tools.ts';
import { linuxImplementations } from '../../daemon/linux-registry.ts';
import { needsKernel } from '../../daemon/kernel-actions.ts';
import { implementations } from '../../daemon/registry.ts';
import { BACKEND, backendEvents, Guestfs, type GuestfsOptions } from '../../handle/guestfs.ts';
import { createEnginePlatform } from '../../platform/engine/index.ts';
import { OwnThreadBackend } from '../engine/own-thread.ts';
import { WorkerBackend } from '../engine/worker-backend.ts';
import { AutoBackend } from './index.ts';

const MIB = 1024 * 1024;
const folder = temporaryFolder();
after(() => folder.remove());
const volumes = join(folder.path, 'volumes.img');
const guest = join(folder.path, 'guest.img');

function blank(path: string, size: number): void {
  writeFileSync(path, '');
  truncateSync(path, size);
}

/** A handle on auto with a fake machine, with what happened to that. */
function handle(
  plan: Partial<FakePlan> = {},
  options: GuestfsOptions = {},
): { g: Guestfs; plan: FakePlan; machine: () => FakeMachine } {
  const whole: FakePlan = { log: [], ...plan };
  let machine: FakeMachine | undefined;
  const g = new Guestfs({
    environment: false,
    backend: 'auto',
    ...options,
    [BACKEND]: (core) =>
      new AutoBackend(backendEvents(core), {
        makeEngine: (events) =>
          options.thread === 'worker'
            ? new WorkerBackend(events)
            : new OwnThreadBackend(createEnginePlatform, events),
        makeMachine: (events) => (machine = new FakeMachine(events, whole)),
      }),
  });
  return { g, plan: whole, machine: () => machine! };
}

const leftovers = (): string[] => readdirSync(folder.path).filter((name) => name.startsWith('guestfs-'));

before(async () => {
  blank(volumes, 64 * MIB);
  blank(guest, 16 * MIB);
  const g = new Guestfs({ environment: false, thread: 'own' });
  await g.addDrive(volumes, { format: 'raw' });
  await g.addDrive(guest, { format: 'raw' });
  await g.launch();
  await g.pvcreate('/dev/sda');
  await g.vgcreate('group', ['/dev/sda']);
  await g.lvcreate('volume', 'group', 32);
  await g.mkfs('ext4', '/dev/group/volume');
  await g.mkfs('ext4', '/dev/sdb');
  await g.mount('/dev/sdb', '/');
  await g.write('/base', 'as it was\n');
  await g.close();
});

test('which actions need a kernel is what the registries say', () => {
  const only = Object.keys(linuxImplementations).filter((name) => !Object.hasOwn(implementations, name));
  for (const name of only) assert.ok(needsKernel(name), name);
  for (const name of Object.keys(implementations)) assert.ok(!needsKernel(name), name);
});

describe('auto', () => {
  test('everything is as it was after the move, and an event says why', async () => {
    const { g, plan } = handle();
    const warnings: string[] = [];
    g.on('warning', (message) => warnings.push(message));
    await g.setTmpdir(folder.path);
    await g.addDrive(volumes, { format: 'raw', label: 'mine' });
    await g.addDrive(guest, { format: 'raw', readonly: true });
    await g.launch();
    const old = readFileSync(guest);
    await g.umask(0o077);
    await g.lvmSetFilter(['/dev/sda']);
    await g.mkmountpoint('/a');
    await g.mkmountpoint('/a/b');
    await g.mkmountpoint('/c');
    await g.mountOptions('noatime', '/dev/group/volume', '/a/b');
    await g.mount('/dev/sdb', '/c');
    await g.write('/a/b/file', 'written by the engine\n');
    await g.write('/c/more', 'over a read-only drive\n');
    await g.rm('/c/base');
    await g.upload(Readable.from([Buffer.alloc(3 * MIB, 7)]), '/c/big');
    assert.deepEqual(plan.log, []);

    assert.equal(await g.sh('mounts'), '/dev/group/volume /a/b\n/dev/sdb /c');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /the appliance was started on the same drives: sh: the engine/);
    assert.deepEqual(plan.log.slice(0, 8), [
      'prepare',
      'launch',
      'lvm_set_filter ["/dev/sda"]',
      'umask 63',
      'mkmountpoint "/a"',
      'mkmountpoint "/a/b"',
      'mkmountpoint "/c"',
      'mount_options "noatime" "/dev/group/volume" "/a/b"',
    ]);
    assert.equal(await g.getPid(), 4711);
    assert.equal(await g.getUmask(), 0o077);
    assert.deepEqual(await g.listDiskLabels(), { mine: '/dev/sda' });
    assert.equal(await g.cat('/a/b/file'), 'written by the engine\n');
    assert.equal(await g.cat('/c/more'), 'over a read-only drive\n');
    assert.equal(await g.exists('/c/base'), false);
    assert.deepEqual(await g.readFile('/c/big'), new Uint8Array(3 * MIB).fill(7));
    await g.write('/a/b/file', 'written by the machine\n');
    assert.equal(leftovers().length, 1);
    await g.close();
    assert.deepEqual(leftovers(), []);
    assert.ok(old.equals(readFileSync(guest)));
  });

  test('an engine in a worker hands over as well, and goes on where it must', async () => {
    const { g, plan } = handle({ fails: 'launch' }, { thread: 'worker' });
    await g.addDrive(guest, { format: 'raw', readonly: true });
    await g.launch();
    await g.mount('/dev/sda', '/');
    await g.write('/over', 'kept\n');
    await assert.rejects(g.sh('mounts'), /launch fails as planned/);
    assert.equal(await g.cat('/over'), 'kept\n');
    await g.close();
    const other = handle({}, { thread: 'worker' });
    await other.g.addDrive(guest, { format: 'raw', readonly: true });
    await other.g.launch();
    await other.g.mount('/dev/sda', '/');
    await other.g.write('/over', 'kept\n');
    assert.equal(await other.g.sh('mounts'), '/dev/sda /');
    assert.equal(await other.g.cat('/over'), 'kept\n');
    await other.g.close();
    assert.deepEqual(plan.log, ['prepare', 'launch', 'close']);
  });

  test('what was inspected can be asked about afterwards', async () => {
    const { g, plan } = handle();
    await g.addDrive(TINY_GUEST, { readonly: true });
    await g.launch();
    const [root] = await g.inspectOs();
    const name = await g.inspectGetHostname(root!);
    await g.sh('mounts');
    assert.ok(!plan.log.includes('inspect_os'));
    assert.equal(await g.inspectGetHostname(root!), name);
    assert.ok(plan.log.includes('inspect_os'));
    await g.close();
  });

  test('a file whose name speaks of the appliance starts none', async () => {
    const { g, plan } = handle();
    await g.addDrive(guest, { format: 'raw', readonly: true });
    await g.launch();
    await g.mount('/dev/sda', '/');
    await g.write('/the appliance can', 'x');
    await assert.rejects(g.fileArchitecture('/the appliance can'));
    assert.deepEqual(plan.log, []);
    await g.close();
  });

  test('groups without an active volume stay so', async () => {
    const { g, plan } = handle();
    await g.addDrive(volumes, { format: 'raw', readonly: true });
    await g.launch();
    await g.vgActivate(false, ['group']);
    await g.sh('mounts');
    assert.ok(plan.log.includes('vg_activate false ["group"]'));
    await g.close();
  });

  test('mounting what the engine cannot read turns to the machine', async () => {
    const { g, plan } = handle();
    await g.addDrive(guest, { format: 'raw', readonly: true });
    await g.launch();
    // This one cannot either, and says so itself.
    await assert.rejects(g.mountVfs('ro', 'xfs', '/dev/sda', '/'), { code: 'ENOTSUP' });
    assert.deepEqual(plan.log.slice(0, 2), ['prepare', 'launch']);
    await g.close();
  });

  test('listings that lack arrays or subvolumes are made by the machine, or stand with a warning', async () => {
    const member = join(folder.path, 'member.img');
    blank(member, 4 * MIB);
    // The superblock of version 1.2 lies 4 KiB from the start: its magic, and version 1.
    const superblock = Buffer.alloc(4096);
    superblock.writeUInt32LE(0xa92b4efc, 0);
    superblock.writeUInt32LE(1, 4);
    superblock.writeBigUInt64LE(8n, 144);
    const fd = openSync(member, 'r+');
    writeSync(fd, superblock, 0, superblock.length, 4096);
    closeSync(fd);
    for (const fails of [undefined, 'launch']) {
      const { g, plan } = handle(fails === undefined ? {} : { fails });
      const warnings: string[] = [];
      g.on('warning', (message) => warnings.push(message));
      await g.addDrive(guest, { format: 'raw', readonly: true });
      await g.addDrive(member, { format: 'raw', readonly: true });
      await g.launch();
      assert.equal(await g.vfsType('/dev/sdb'), 'linux_raid_member');
      await g.listPartitions();
      assert.deepEqual(plan.log, []);
      assert.deepEqual(await g.listFilesystems(), { '/dev/sda': 'ext4' });
      assert.deepEqual(await g.listMdDevices(), []);
      assert.deepEqual(plan.log.slice(0, 2), ['prepare', 'launch']);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, fails === undefined ? /was started/ : /part of an array.*cannot be started/);
      await g.close();
    }
  });

  test('what no backend has fails without a machine', async () => {
    const { g, plan } = handle();
    await g.addDrive(guest, { format: 'raw', readonly: true });
    await g.launch();
    await assert.rejects(g.augInit('/', 0), { code: 'ENOTSUP' });
    assert.deepEqual(plan.log, []);
    await g.close();
  });

  for (const fails of ['prepare', 'launch', 'mount_options "" "/dev/sda" "/"']) {
    test(`the engine goes on where ${fails.split(' ')[0]} fails`, async () => {
      const { g, plan } = handle({ fails });
      await g.setTmpdir(folder.path);
      await g.addDrive(guest, { format: 'raw', readonly: true });
      await g.launch();
      await g.mount('/dev/sda', '/');
      await g.umask(0o027);
      await g.write('/new', 'kept\n');
      await assert.rejects(g.sh('mounts'), {
        code: 'ENOTSUP',
        message: `sh: the engine backend does not have this action; the appliance backend has it (backend auto turned to the appliance, which cannot be started: ${fails} fails as planned)`,
      });
      assert.equal(await g.isReady(), true);
      assert.equal(await g.cat('/new'), 'kept\n');
      assert.equal(await g.getUmask(), 0o027);
      await g.write('/newer', 'too\n');
      const before = plan.log.length;
      await assert.rejects(g.sh('mounts'), { code: 'ENOTSUP' });
      // What is missing may have been installed since; what did not come up is not waited for again.
      assert.equal(plan.log.length - before, fails === 'prepare' ? 1 : 0);
      delete plan.fails;
      assert.equal(await g.cat('/newer'), 'too\n');
      await g.close();
      assert.deepEqual(leftovers(), []);
    });
  }

  test('a move that is cancelled leaves the engine', async () => {
    let cancel = async (): Promise<void> => undefined;
    const { g } = handle({ whileLaunching: () => cancel(), fails: 'launch' });
    cancel = () => g.userCancel();
    await g.addDrive(guest, { format: 'raw', readonly: true });
    await g.launch();
    await g.mount('/dev/sda', '/');
    await assert.rejects(g.sh('mounts'), { code: 'EINTR' });
    assert.equal(await g.cat('/base'), 'as it was\n');
    await g.close();
  });

  test('drives that refuse writes do so on the machine', async () => {
    const { g, plan } = handle();
    await g.addDrive(guest, { format: 'raw', readonly: true, writes: 'refuse' });
    await g.launch();
    await g.mount('/dev/sda', '/');
    assert.equal(await g.sh('mounts'), '/dev/sda / ro');
    await assert.rejects(g.write('/x', ''), { code: 'EROFS' });
    await g.umount('/');
    await assert.rejects(g.mkfs('ext4', '/dev/sda'), { code: 'EROFS' });
    await g.mount('/dev/sda', '/');
    await assert.rejects(g.write('/x', ''), { code: 'EROFS' });
    assert.ok(plan.log.includes('blockdev_setro "/dev/sda"'));
    await g.close();
  });

  test('a stream that was not read goes to the machine', async () => {
    const { g, plan } = handle();
    await g.addDrive(guest, { format: 'raw', readonly: true });
    await g.launch();
    await g.ntfscloneIn(Readable.from([Buffer.from('image')]), '/dev/sda');
    assert.ok(plan.log.some((step) => step.startsWith('ntfsclone_in')));
    await g.close();
  });

  test('reproducible handles stay on the engine', async () => {
    const { g, plan } = handle({}, { reproducible: { time: 1 } });
    await g.addDrive(guest, { format: 'raw', readonly: true });
    await g.launch();
    await assert.rejects(g.sh('mounts'), /same image each time/);
    assert.deepEqual(plan.log, []);
    await g.close();
  });

  test('a machine that dies brings the handle back to CONFIG', async () => {
    const { g, machine } = handle();
    let quits = 0;
    g.on('subprocess_quit', () => quits++);
    await g.setTmpdir(folder.path);
    await g.addDrive(guest, { format: 'raw', readonly: true });
    await g.launch();
    await g.mount('/dev/sda', '/');
    await g.write('/x', '');
    await g.sh('mounts');
    machine().die();
    assert.equal(quits, 1);
    assert.equal(await g.isConfig(), true);
    assert.deepEqual(leftovers(), []);
    await g.close();
  });
});
