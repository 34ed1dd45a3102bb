/**
 * Actions of the appliance that need more than disks: programs that go on running, a network, folders of the host,
 * another security module; and those whose effect is seen from outside.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Guestfs } from '../../src/handle/index.ts';
import { applianceObstacle } from '../support/appliance.ts';
import { makeRoot } from '../support/small-root.ts';
import { hasTool, needsTool, run, temporaryFolder } from '../support/tools.ts';

const MIB = 1024 * 1024;
const LAUNCH = { timeout: 600_000 };
/** The host, seen from a machine. */
const HOST = '169.254.2.2';
/** The least that a kernel takes for a policy of SELinux. */
const POLICY = `class process
class file
sid kernel
sid security
sid unlabeled
class process { transition setcurrent dyntransition }
class file { read write }
type kernel_t;
type other_t;
allow kernel_t kernel_t:process setcurrent;
role r;
role r types { kernel_t other_t };
user u roles r;
sid kernel u:r:kernel_t
sid security u:r:kernel_t
sid unlabeled u:r:other_t
fs_use_xattr ext4 u:r:other_t;
`;
const TANGD = '/usr/libexec/tangd';
const FORMATS = join(import.meta.dirname, '../../src/formats/golden');

const { path: folder, remove } = temporaryFolder();
after(remove);
const file = (name: string): string => join(folder, name);

/** A handle for a machine with raw disks of so many MiB each; those that are there stay. */
async function machine(disks: Readonly<Record<string, number>>): Promise<Guestfs> {
  const g = new Guestfs({ environment: false });
  await g.setBackend('appliance');
  await g.setBackendSettings(['force_tcg', 'saved_machine=0']);
  await g.setPath(folder);
  await g.setCachedir(folder);
  await g.setTmpdir(folder);
  for (const [name, size] of Object.entries(disks)) {
    if (!existsSync(file(name))) writeFileSync(file(name), '');
    if (size > 0) truncateSync(file(name), size * MIB);
    await g.addDrive(file(name), { format: 'raw' });
  }
  return g;
}

/** Paths of those of the host's programs that are there. */
function programs(...names: readonly string[]): string[] {
  return names.filter(hasTool).map((name) => run('sh', '-c', `command -v ${name}`).trim());
}

async function label(g: Guestfs, path: string): Promise<string> {
  const value = await g.lgetxattr(path, 'security.selinux');
  return Buffer.from(value).toString('latin1').replace(/\0$/, '');
}

let root: string | undefined;
/** The root of a guest as a tar file. */
function guestRoot(): string {
  if (root === undefined) makeRoot(folder, programs('bash', 'btrfs'));
  root ??= file('root.tar');
  return root;
}

const skip = applianceObstacle() || needsTool('ldd', 'tar');

describe('the appliance and what is on its disks', { skip }, () => {
  let g: Guestfs;
  before(async () => {
    const tar = guestRoot();
    writeFileSync(file('disc'), '');
    if (hasTool('genisoimage')) run('genisoimage', '-quiet', '-V', 'DISC', '-o', file('disc'), file('root'));
    else truncateSync(file('disc'), MIB);
    g = await machine({ guest: 400, boot: 64, group: 32, disc: 0 });
    await g.launch();
    await g.mkfs('btrfs', '/dev/sda');
    await g.mount('/dev/sda', '/');
    await g.tarIn(tar, '/');
  }, LAUNCH);
  after(() => g?.close());

  test('programs of the guest run as on a machine that has booted', async () => {
    assert.equal(await g.command(['cat', '/etc/hostname']), 'guest\n');
    assert.equal(await g.sh('cat <&0; echo $PWD; umask'), '/\n0022\n');
    assert.match(await g.sh('cat /proc/self/mounts'), / \/dev devtmpfs .* \/dev\/pts .* \/proc .* \/sys /s);
    assert.deepEqual(await g.shLines('echo a; echo; echo b'), ['a', '', 'b']);
    assert.deepEqual(await g.commandLines(['/bin/cat', '/etc/hostname']), ['guest']);
    assert.equal((await g.shLines('echo /dev/fd/[012]'))[0], '/dev/fd/0 /dev/fd/1 /dev/fd/2');
    // Nothing of it stays behind.
    assert.deepEqual(await g.ls('/dev'), []);
    await assert.rejects(g.sh('echo out; echo why >&2; exit 3'), { code: 'EIO', message: /status 3: why$/ });
    await assert.rejects(g.sh('kill -9 $$'), { code: 'EIO', message: /SIGKILL/ });
    await assert.rejects(g.command(['/none']), { code: 'ENOENT' });
    await assert.rejects(g.command(['/etc']), { code: 'EACCES' });
    await assert.rejects(g.command([]), { code: 'EINVAL' });
  });

  test('bash puts programs in place of files', { skip: needsTool('bash') }, async () => {
    assert.equal(await g.command(['bash', '-c', 'cat <(echo one) <(echo two)']), 'one\ntwo\n');
  });

  test('a program of another processor is said to be one', async () => {
    const elf = Buffer.alloc(64);
    elf.write('\x7fELF\x02\x01\x01', 'latin1');
    elf.writeUInt16LE(2, 16);
    elf.writeUInt16LE(183, 18);
    await g.write('/foreign', elf);
    await g.chmod(0o755, '/foreign');
    await assert.rejects(g.command(['/foreign']), { code: 'ENOTSUP', message: /AArch64.*x64/ });
  });

  test('output that no message holds goes through command_out', async () => {
    await g.fallocate('/three', 3 * MIB);
    await g.fallocate('/large', 5 * MIB);
    assert.equal((await g.sh('cat /three')).length, 3 * MIB);
    await assert.rejects(g.command(['cat', '/large']), { code: 'E2BIG', message: /command_out/ });
    await assert.rejects(g.shLines('cat /large; echo'), { code: 'E2BIG' });
    await g.commandOut(['cat', '/large'], file('large'));
    assert.equal(readFileSync(file('large')).length, 5 * MIB);
    await g.shOut('cat /large; cat /large', file('large'));
    assert.equal(readFileSync(file('large')).length, 10 * MIB);
    await assert.rejects(g.shOut('cat /large; echo why >&2; exit 4', file('large')), { code: 'EIO' });
    assert.equal(await g.sh('echo on'), 'on\n');
  });

  test('a balance of btrfs is paused, resumed and cancelled', { skip: needsTool('btrfs') }, async () => {
    for (const call of [g.btrfsBalancePause('/'), g.btrfsBalanceResume('/'), g.btrfsBalanceCancel('/')])
      await assert.rejects(call, /not (running|in progress)/i);
    assert.equal((await g.btrfsBalanceStatus('/')).btrfsbalanceStatus, 'none');
    await g.fallocate64('/fill', 100 * MIB);
    const start = 'btrfs balance start --full-balance --background /';
    await g.sh(start);
    await g.btrfsBalancePause('/');
    const paused = await g.btrfsBalanceStatus('/');
    assert.equal(paused.btrfsbalanceStatus, 'paused');
    assert.ok(paused.btrfsbalanceTotal > 0);
    await g.btrfsBalanceResume('/');
    assert.equal((await g.btrfsBalanceStatus('/')).btrfsbalanceStatus, 'none');
    await g.sh(start);
    await g.btrfsBalanceCancel('/');
    assert.equal((await g.btrfsBalanceStatus('/')).btrfsbalanceStatus, 'none');
  });

  test('a scrub of btrfs is cancelled and resumed', { skip: needsTool('btrfs') }, async (t) => {
    const limits = await g.sh('echo /sys/fs/btrfs/*/devinfo/1/scrub_speed_max');
    if (limits.includes('*')) return t.skip('this kernel cannot slow a scrub down');
    await assert.rejects(g.btrfsScrubCancel('/'), /not running/);
    await g.sh('for limit in /sys/fs/btrfs/*/devinfo/1/scrub_speed_max; do echo 1000000 >$limit; done');
    await g.btrfsScrubStart('/');
    await g.btrfsScrubCancel('/');
    const { btrfsscrubDataBytesScrubbed: before } = await g.btrfsScrubStatus('/');
    await g.btrfsScrubResume('/');
    await g.btrfsScrubCancel('/');
    assert.ok((await g.btrfsScrubStatus('/')).btrfsscrubDataBytesScrubbed >= before);
  });

  test('files get labels', { skip: needsTool('setfiles') }, async () => {
    const specfile = '/etc/selinux/contexts';
    await g.mkdirP('/etc/selinux');
    await g.write(
      specfile,
      '/.* system_u:object_r:default_t:s0\n/etc(/.*)? system_u:object_r:etc_t:s0\n/bin/.* -- system_u:object_r:bin_t:s0\n',
    );
    await g.selinuxRelabel(specfile, '/');
    assert.equal(await label(g, '/etc/hostname'), 'system_u:object_r:etc_t:s0');
    assert.equal(await label(g, '/bin/sh'), 'system_u:object_r:bin_t:s0');
    assert.equal(await label(g, '/link'), 'system_u:object_r:default_t:s0');
    const other = 'unconfined_u:object_r:etc_t:s0';
    for (const path of ['/etc/hostname', '/etc/fstab', '/bin/sh'])
      await g.lsetxattr('security.selinux', other, other.length, path);
    // Users are left alone unless that is asked for.
    await g.setfiles(specfile, ['/etc']);
    assert.equal(await label(g, '/etc/hostname'), other);
    await g.setfiles(specfile, ['/etc', '/bin'], { force: true, excludes: ['/etc/fstab'] });
    assert.equal(await label(g, '/etc/hostname'), 'system_u:object_r:etc_t:s0');
    assert.equal(await label(g, '/bin/sh'), 'system_u:object_r:bin_t:s0');
    await g.selinuxRelabel(specfile, '/etc', { force: true });
    await assert.rejects(g.setfiles(specfile, []), { code: 'EINVAL' });
    await assert.rejects(g.setfiles(specfile, ['/'], { excludes: ['etc'] }), { code: 'EINVAL' });
    await assert.rejects(g.setfiles('/none', ['/']), { code: 'ENOENT' });
    await assert.rejects(g.setfiles(specfile, ['/none']), { code: 'ENOENT' });
    // The machine's own kernel does not look at them.
    await assert.rejects(g.getcon(), { code: 'ENOTSUP', message: /SELinux switched off/ });
    await assert.rejects(g.setcon('kernel'), { code: 'ENOTSUP', message: /SELinux switched off/ });
    assert.equal(await g.featureAvailable(['selinux']), false);
  });

  test('rsync copies within the guest', { skip: needsTool('rsync') }, async () => {
    await g.mkdirP('/from/below');
    await g.write('/from/below/file', 'text');
    await g.chmod(0o640, '/from/below/file');
    await g.rsync('/from/', '/to', { archive: true });
    assert.deepEqual(await g.find('/to'), ['below', 'below/file']);
    assert.equal((await g.lstatns('/to/below/file')).stMode & 0o777, 0o640);
    await g.rsync('/from', '/to/', { archive: true });
    assert.equal(await g.cat('/to/from/below/file'), 'text');
    await g.rsync('/from/', '/to', { archive: true, deletedest: true });
    assert.deepEqual(await g.find('/to'), ['below', 'below/file']);
    await assert.rejects(g.rsync('/none', '/to'), { code: 'ENOENT' });
  });

  test('packages of an rpm database', async () => {
    await g.mkdirP('/var/lib/rpm');
    await g.write('/var/lib/rpm/rpmdb.sqlite', gunzipSync(readFileSync(join(FORMATS, 'rpmdb.sqlite.gz'))));
    const expected = readFileSync(join(FORMATS, 'packages.tsv'), 'utf8').trimEnd().split('\n');
    const found = await g.internalListRpmApplications();
    assert.deepEqual(
      found.map(({ app2Name }) => app2Name),
      expected.map((line) => line.split('\t')[0]).toSorted(),
    );
  });

  test('discs, as devices and as files', { skip: needsTool('genisoimage') }, async () => {
    await g.upload(file('disc'), '/disc');
    const of = await g.isoinfoDevice('/dev/sdd');
    assert.equal(of.isoVolumeId, 'DISC');
    assert.deepEqual(await g.isoinfo('/disc'), of);
    await assert.rejects(g.isoinfoDevice('/dev/sdb'), { code: 'EUCLEAN' });
    await assert.rejects(g.isoinfo('/etc/hostname'), { code: 'EUCLEAN' });
  });

  test('GRUB goes into a disk', { skip: needsTool('grub-install') || needsGrub() }, async () => {
    await g.umountAll();
    await g.partDisk('/dev/sdb', 'mbr');
    await g.mkfs('ext4', '/dev/sdb1');
    await g.mount('/dev/sdb1', '/');
    await g.grubInstall('/', '/dev/sdb');
    assert.ok((await g.ls('/boot/grub')).includes('i386-pc'));
    await assert.rejects(g.grubInstall('/none', '/dev/sdb'), { code: 'ENOENT' });
    await g.sync();
    const sector = Buffer.alloc(512);
    const fd = openSync(file('boot'), 'r');
    readSync(fd, sector, 0, 512, 0);
    closeSync(fd);
    assert.ok(sector.includes('GRUB'));
    assert.equal(sector.readUInt16LE(510), 0xaa55);
  });

  test('volume groups tell what they are, and get new UUIDs', { skip: needsTool('lvm') }, async () => {
    await g.pvcreate('/dev/sdc');
    await g.vgcreate('group', ['/dev/sdc']);
    const [group, volume] = [await g.vguuid('group'), await g.pvuuid('/dev/sdc')];
    assert.ok(Buffer.from(await g.vgmeta('group')).includes(`id = "${group}"`));
    await assert.rejects(g.vgmeta('none'), { code: 'ENOENT' });
    await g.vgchangeUuid('group');
    const second = await g.vguuid('group');
    await g.vgchangeUuidAll();
    await g.pvchangeUuidAll();
    assert.equal(new Set([group, second, await g.vguuid('group')]).size, 3);
    assert.notEqual(await g.pvuuid('/dev/sdc'), volume);
  });

  test(
    'an array is partitioned, and its partitions are there at once',
    { skip: needsTool('mdadm') },
    async () => {
      await g.umountAll();
      await g.vgremove('group');
      await g.wipefs('/dev/sdc');
      await g.mdCreate('array', ['/dev/sdc'], { level: 'raid1', missingbitmap: 2 });
      const [array] = await g.listMdDevices();
      await g.partDisk(array as string, 'mbr');
      assert.deepEqual(
        (await g.listPartitions()).filter((name) => name.startsWith('/dev/md')),
        [`${array}p1`],
      );
      await g.mkfs('ext4', `${array}p1`);
      const filesystems = Object.entries(await g.listFilesystems()).filter(([name]) =>
        name.startsWith('/dev/md'),
      );
      assert.deepEqual(filesystems, [[`${array}p1`, 'ext4']]);
      await g.mdStop(array as string);
    },
  );

  test('a call that always fails leaves the line as it was', async () => {
    await assert.rejects(g.internalRhbz914931(guestRoot(), 2), { code: 'EIO', message: /2 chunks/ });
    await assert.rejects(g.internalRhbz914931(guestRoot(), 0), { code: 'EINVAL' });
    await g.pingDaemon();
  });

  test('a daemon that is told to end ends the machine', async () => {
    let quits = 0;
    g.on('subprocess_quit', () => quits++);
    await assert.rejects(g.internalExit(), { message: /daemon/ });
    assert.equal(await g.isConfig(), true);
    assert.equal(quits, 1);
  });
});

function needsGrub(): string | false {
  return existsSync('/usr/lib/grub/i386-pc') ? false : 'GRUB for the PC (grub-pc-bin) is not installed';
}

describe('the appliance and its surroundings', { skip: skip || needsTool('rsync') }, () => {
  let g: Guestfs;
  let tang: Server | undefined;
  let rsync: ChildProcess | undefined;
  let port = 0;
  const clevis =
    needsTool('clevis', 'cryptsetup', 'curl') || (existsSync(TANGD) ? false : 'tang is not installed');

  before(async () => {
    const tar = guestRoot();
    mkdirSync(file('shared'));
    writeFileSync(file('shared/hello'), 'from the host\n');
    [rsync, port] = await startRsync();
    if (clevis === false) tang = await startTang();
    g = await machine({ network: 64, luks: 32 });
    await g.setNetwork(true);
    await g.setSelinux(true);
    await g.config('-fsdev', `local,id=shared,path=${file('shared')},security_model=none`);
    await g.config('-device', 'virtio-9p-pci,fsdev=shared,mount_tag=tag');
    await g.launch();
    await g.mkfs('ext4', '/dev/sda');
    await g.mount('/dev/sda', '/');
    await g.tarIn(tar, '/');
  }, LAUNCH);
  after(async () => {
    await g?.close();
    rsync?.kill();
    tang?.close();
  });

  /** An rsync daemon for the folder `shared`, and its port. */
  async function startRsync(): Promise<[ChildProcess, number]> {
    const free = await listening(createServer());
    const { port: chosen } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const own = `uid = ${process.getuid?.()}\ngid = ${process.getgid?.()}\nuse chroot = no\nread only = no`;
    writeFileSync(file('rsyncd.conf'), `${own}\n[shared]\npath = ${file('shared')}\n`);
    const args = ['--daemon', '--no-detach', '--address=127.0.0.1', `--port=${chosen}`];
    const child = spawn('rsync', [...args, `--config=${file('rsyncd.conf')}`], { stdio: 'ignore' });
    return [child, chosen];
  }

  /** A tang server, and a LUKS device in `luks` that its key opens. */
  async function startTang(): Promise<Server> {
    mkdirSync(file('keys'));
    run(`${TANGD}-keygen`, file('keys'));
    const server = await listening(
      createServer((socket) => {
        const child = spawn(TANGD, [file('keys')], { stdio: ['pipe', 'pipe', 'ignore'] });
        socket.pipe(child.stdin);
        child.stdout.pipe(socket);
      }),
    );
    const asked = spawnSync(TANGD, [file('keys')], { input: 'GET /adv HTTP/1.0\r\n\r\n', encoding: 'utf8' });
    writeFileSync(file('advertisement'), asked.stdout.slice(asked.stdout.indexOf('\r\n\r\n') + 4));
    const url = `http://${HOST}:${(server.address() as AddressInfo).port}`;
    const pin = JSON.stringify({ url, adv: file('advertisement') });
    writeFileSync(file('luks'), '');
    truncateSync(file('luks'), 32 * MIB);
    const cheap = [
      '--batch-mode',
      '--type',
      'luks2',
      '--pbkdf',
      'pbkdf2',
      '--pbkdf-force-iterations',
      '1000',
    ];
    const format = spawnSync('cryptsetup', ['luksFormat', ...cheap, file('luks'), '-'], { input: 'key' });
    assert.equal(format.status, 0, String(format.stderr));
    const bind = spawnSync('clevis', ['luks', 'bind', '-y', '-k', '-', '-d', file('luks'), 'tang', pin], {
      input: 'key',
    });
    assert.equal(bind.status, 0, String(bind.stderr));
    return server;
  }

  test('a folder of the host is mounted', async () => {
    assert.deepEqual(await g.list9p(), ['tag']);
    await g.mkdir('/mnt');
    await g.mount9p('tag', '/mnt');
    assert.equal(await g.cat('/mnt/hello'), 'from the host\n');
    await g.write('/mnt/answer', 'from the guest\n');
    assert.equal(readFileSync(file('shared/answer'), 'utf8'), 'from the guest\n');
    await g.umount('/mnt');
    await g.mount9p('tag', '/mnt', { options: 'ro' });
    await assert.rejects(g.touch('/mnt/more'), { code: 'EROFS' });
    await g.umount('/mnt');
    await assert.rejects(g.mount9p('none', '/mnt'), { message: /none/ });
    await assert.rejects(g.mount9p('tag', '/none'), { code: 'ENOENT' });
    await assert.rejects(g.mount9p('-t', '/mnt'), { code: 'EINVAL' });
  });

  test('programs of the guest have the network', async () => {
    await g.write('/etc/resolv.conf', 'nameserver 192.0.2.1\n');
    assert.match(await g.sh('cat /etc/resolv.conf'), /^nameserver 169\.254\.2\.3$/m);
    assert.equal(await g.cat('/etc/resolv.conf'), 'nameserver 192.0.2.1\n');
    assert.deepEqual(await g.globExpand('/etc/.guestfs*'), []);
  });

  test('rsync copies from and to a server', async () => {
    const shared = `rsync://${HOST}:${port}/shared`;
    await g.rsyncIn(`${shared}/`, '/in', { archive: true });
    assert.equal(await g.cat('/in/hello'), 'from the host\n');
    await g.write('/in/more', 'of the guest\n');
    await g.rm('/in/hello');
    await g.rsyncOut('/in/', shared, { archive: true, deletedest: true });
    assert.equal(readFileSync(file('shared/more'), 'utf8'), 'of the guest\n');
    assert.ok(!existsSync(file('shared/hello')));
    await assert.rejects(g.rsyncIn(`rsync://${HOST}:${port}/none/`, '/in'), { message: /none/ });
    await assert.rejects(g.rsyncOut('/none', shared), { code: 'ENOENT' });
  });

  test('clevis opens what a server has the key of', { skip: clevis }, async () => {
    await g.clevisLuksUnlock('/dev/sdb', 'opened');
    assert.deepEqual(await g.listDmDevices(), ['/dev/mapper/opened']);
    await g.mkfs('ext4', '/dev/mapper/opened');
    await g.cryptsetupClose('/dev/mapper/opened');
    await assert.rejects(g.clevisLuksUnlock('/dev/sda', 'other'), { message: /clevis-luks-unlock/ });
    await assert.rejects(g.clevisLuksUnlock('/dev/sdb', '-n'), { code: 'EINVAL' });
  });

  test('SELinux has a context for the daemon', async (t) => {
    assert.equal(await g.featureAvailable(['selinux']), true);
    assert.equal(await g.getcon(), 'kernel');
    await g.setcon('kernel');
    if (!hasTool('checkpolicy'))
      return t.diagnostic('SKIPPED: a policy, because checkpolicy is not installed');
    writeFileSync(file('policy.conf'), POLICY);
    run('checkpolicy', '-c', '30', '-U', 'allow', '-o', file('policy'), file('policy.conf'));
    await g.upload(file('policy'), '/policy');
    // The kernel takes it in one piece only.
    await g.sh('cat /policy >/sys/fs/selinux/load');
    assert.equal(await g.getcon(), 'u:r:kernel_t');
    await g.setcon('u:r:kernel_t');
    await assert.rejects(g.setcon('u:r:other_t'), { code: 'EPERM', message: /has threads/ });
    return assert.rejects(g.setcon('none'), { code: 'EINVAL', message: /does not know it/ });
  });
});

/** The server, on a free port of the loopback. */
async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
