/**
 * Our library against the daemon of libguestfs: `tsx scripts/interop-stock.ts [MIB]`. Makes the fixed appliance of the
 * installed libguestfs (once, in .cache), starts it under qemu without KVM, attaches to its channel by `unix:PATH` and
 * goes through what the wire has. MIB is the size of the transfers, 256 by default. Says so and ends well where
 * libguestfs or qemu is not installed.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { structs } from '../src/actions/structs.ts';
import { camelCase } from '../src/actions/table.ts';
import { Guestfs } from '../src/handle/guestfs.ts';
import { GuestfsError } from '../src/errors/index.ts';
import { imageBytes, loadImage } from '../test/support/sparse-image.ts';
import { hasTool } from '../test/support/tools.ts';

const MAKER = '/usr/sbin/libguestfs-make-fixed-appliance';
const maker = existsSync(MAKER) ? MAKER : '/usr/bin/libguestfs-make-fixed-appliance';
const mebibytes = Number(process.argv[2] ?? 256);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (!existsSync(maker) || !hasTool('qemu-system-x86_64')) {
  say('SKIPPED: libguestfs-make-fixed-appliance or qemu-system-x86_64 is not installed');
  process.exit(0);
}

const appliance = join(import.meta.dirname, '..', '.cache', 'stock-appliance');
if (!existsSync(join(appliance, 'README.fixed'))) {
  mkdirSync(appliance, { recursive: true });
  say('making the fixed appliance of libguestfs ...');
  const environment = {
    ...process.env,
    LIBGUESTFS_BACKEND: 'direct',
    LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
  };
  const made = spawnSync(maker, [appliance], { stdio: 'inherit', env: environment });
  assert.equal(made.status, 0, `${maker} failed`);
}

/** The UUID in the superblock of the appliance's root. */
function rootUuid(): string {
  const bytes = Buffer.alloc(16);
  const fd = openSync(join(appliance, 'root'), 'r');
  readSync(fd, bytes, 0, 16, 0x468);
  closeSync(fd);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const folder = mkdtempSync(join(tmpdir(), 'guestfs-interop-'));
const disk = join(folder, 'disk.img');
const socket = join(folder, 'channel');
writeFileSync(disk, '');
truncateSync(disk, (mebibytes * 3 + 512) * 1024 * 1024);

function startQemu(): ChildProcess {
  const drive = (id: string, file: string, more = ''): string[] => [
    '-drive',
    `file=${file},if=none,format=raw,id=${id},cache=unsafe${more}`,
    '-device',
    `scsi-hd,drive=${id}`,
  ];
  const append =
    `panic=1 console=ttyS0 edd=off udevtimeout=6000 no_timer_check cgroup_disable=memory usbcore.nousb ` +
    `cryptomgr.notests tsc=reliable 8250.nr_uarts=1 root=UUID=${rootUuid()} selinux=0 TERM=linux`;
  const machine =
    `-nodefaults -display none -machine accel=tcg -cpu max -m 1280 -no-reboot -serial null ` +
    `-device virtio-scsi-pci,id=scsi -device virtio-serial-pci ` +
    `-chardev socket,path=${socket},id=channel0,server=on,wait=on ` +
    `-device virtserialport,chardev=channel0,name=org.libguestfs.channel.0`;
  const kernel = [
    '-kernel',
    join(appliance, 'kernel'),
    '-initrd',
    join(appliance, 'initrd'),
    '-append',
    append,
  ];
  const drives = [...drive('hd0', disk), ...drive('appliance', join(appliance, 'root'), ',snapshot=on')];
  return spawn('qemu-system-x86_64', [...machine.split(' '), ...kernel, ...drives], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

const CD = join(import.meta.dirname, '..', 'src', 'filesystems', 'iso9660', 'golden', 'rock.img.gz');
/** Structs of actions that this package does not have yet, and of those that its library makes of files. */
const NOT_ASKED = [
  'int_bool',
  'hivex_node',
  'hivex_value',
  'tsk_dirent',
  'yara_detection',
  'application',
  'application2',
];

const failures: string[] = [];
/** Run one step, say how it went, and go on. */
async function step(name: string, run: () => Promise<string | void>): Promise<void> {
  const started = Date.now();
  try {
    const note = await run();
    say(`ok    ${name}${note === undefined ? '' : `: ${note}`} (${Date.now() - started} ms)`);
  } catch (error) {
    failures.push(name);
    say(`FAIL  ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

const fails = (code: string, message?: RegExp) => (error: unknown) =>
  error instanceof GuestfsError &&
  error.code === code &&
  (message === undefined || message.test(error.message));

/** A stream of a pattern, `length` bytes long. */
function* pattern(length: number): Generator<Buffer> {
  const piece = Buffer.alloc(1024 * 1024, 'the quick brown fox jumps over the lazy dog. ');
  for (let left = length; left > 0; left -= piece.length)
    yield piece.subarray(0, Math.min(left, piece.length));
}

async function steps(g: Guestfs): Promise<void> {
  const size = mebibytes * 1024 * 1024;
  const big = join(folder, 'big');
  const fd = openSync(big, 'w');
  for (const piece of pattern(size)) writeSync(fd, piece);
  closeSync(fd);
  const md5 = createHash('md5').update(readFileSync(big)).digest('hex');

  await step('ping 50 times', async () => {
    const started = performance.now();
    for (let i = 0; i < 50; i++) await g.pingDaemon();
    return `${((performance.now() - started) / 50).toFixed(2)} ms each`;
  });
  await step('devices, partitions, volumes', async () => {
    assert.deepEqual(await g.listDevices(), ['/dev/sda']);
    await g.partDisk('/dev/sda', 'mbr');
    assert.deepEqual(await g.listPartitions(), ['/dev/sda1']);
    const [partition] = await g.partList('/dev/sda');
    assert.equal(partition?.partNum, 1);
    await g.pvcreate('/dev/sda1');
    await g.vgcreate('VG', ['/dev/sda1']);
    await g.lvcreate('LV', 'VG', mebibytes * 3 + 400);
    assert.deepEqual(await g.lvs(), ['/dev/VG/LV']);
    const [volume] = await g.lvsFull();
    assert.equal(volume?.lvName, 'LV');
    assert.equal(volume?.lvUuid.length, 32);
    // The kernel finds disks in any order; libguestfs 1.48 translates names everywhere but here.
    assert.match((await g.pvsFull())[0]?.pvName ?? '', /^\/dev\/sd[ab]1$/);
    assert.equal((await g.vgsFull())[0]?.vgName, 'VG');
  });
  await step('mkfs, mount, statvfs', async () => {
    await g.mkfs('ext4', '/dev/VG/LV');
    await g.mount('/dev/VG/LV', '/');
    assert.deepEqual(await g.mounts(), ['/dev/VG/LV']);
    assert.equal((await g.statvfs('/')).namemax, 255);
    assert.equal(await g.vfsType('/dev/VG/LV'), 'ext4');
    assert.equal((await g.tune2fsL('/dev/VG/LV'))['Filesystem magic number'], '0xEF53');
  });
  await step('small files and their structs', async () => {
    await g.write('/hello', 'hi\n');
    await g.writeAppend('/hello', 'there\n');
    assert.equal(await g.cat('/hello'), 'hi\nthere\n');
    assert.deepEqual(await g.readLines('/hello'), ['hi', 'there']);
    assert.deepEqual(await g.readFile('/hello'), new Uint8Array(Buffer.from('hi\nthere\n')));
    assert.equal((await g.stat('/hello')).size, 9);
    assert.equal((await g.lstatns('/hello')).stMode & 0o777, 0o644);
    await g.lnS('/hello', '/link');
    assert.deepEqual(await g.readlinklist('/', ['link', 'hello']), ['/hello', '']);
    await g.setxattr('user.x', 'value', 5, '/hello');
    const attribute = (await g.getxattrs('/hello')).find(({ attrname }) => attrname === 'user.x');
    assert.equal(Buffer.from(attribute?.attrval ?? []).toString(), 'value');
    assert.equal(
      (await g.lxattrlist('/', ['hello', 'link'])).filter(({ attrname }) => attrname === '').length,
      2,
    );
    assert.equal((await g.utsname()).utsSysname, 'Linux');
    assert.equal(await g.exists('/hello'), true);
    assert.equal(await g.isDir('/hello'), false);
  });
  await step('names that are not UTF-8', async () => {
    const name = '/caf\udce9';
    await g.touch(name);
    assert.ok((await g.ls('/')).includes('caf\udce9'));
    await g.rm(name);
  });
  await step('directories: ls, find, readdir, lstatnslist, of 3000 names', async () => {
    await g.mkdir('/many');
    const names = Array.from({ length: 3000 }, (_, i) => `file-${String(i).padStart(5, '0')}`);
    async function* none(): AsyncGenerator<Uint8Array> {
      for (const name of names) yield header(name);
      yield Buffer.alloc(1024);
    }
    await g.tarIn(none(), '/many');
    assert.deepEqual(await g.ls('/many'), names);
    assert.deepEqual(await g.find('/many'), names);
    const entries = await g.readdir('/many');
    assert.equal(entries.length, 3002);
    assert.equal(entries.find(({ name }) => name === 'file-00000')?.ftyp, 'r');
    const stats = await g.lstatnslist('/many', names);
    assert.equal(stats.length, 3000);
    assert.ok(stats.every(({ stMode }) => (stMode & 0o170000) === 0o100000));
    await g.rmRf('/many');
  });
  await step('errors with errno', async () => {
    await assert.rejects(g.cat('/missing'), fails('ENOENT'));
    await assert.rejects(g.mkdir('/hello'), fails('EEXIST'));
    await assert.rejects(g.rmdir('/hello'), fails('ENOTDIR'));
    await assert.rejects(g.mount('/dev/sdz', '/x'), GuestfsError);
    await assert.rejects(g.available(['nonsense']), fails('EINVAL'));
    assert.equal(await g.featureAvailable(['lvm2']), true);
  });
  let uploaded = 0;
  const progress: number[] = [];
  g.on('progress', ({ position, total }) => {
    assert.ok(position >= 0 && position <= total);
    progress.push(position);
  });
  await step(`upload of ${mebibytes} MiB`, async () => {
    const started = Date.now();
    await g.upload(big, '/big');
    uploaded = Date.now() - started;
    assert.equal(await g.filesize('/big'), size);
    return `${(size / 1048576 / (uploaded / 1000)).toFixed(1)} MiB/s, ${progress.length} progress messages`;
  });
  await step(`download of ${mebibytes} MiB`, async () => {
    const started = Date.now();
    const back = join(folder, 'back');
    await g.download('/big', back);
    const took = Date.now() - started;
    assert.equal(createHash('md5').update(readFileSync(back)).digest('hex'), md5);
    rmSync(back);
    return `${(size / 1048576 / (took / 1000)).toFixed(1)} MiB/s`;
  });
  await step('checksum in the guest', async () => assert.equal(await g.checksum('md5', '/big'), md5));
  await step('read_file of more than a message', async () => {
    await g.upload(Readable.from(pattern(20 * 1024 * 1024)), '/twenty');
    assert.equal((await g.readFile('/twenty')).length, 20 * 1024 * 1024);
    await g.write('/twenty', Buffer.alloc(9 * 1024 * 1024, 'x'));
    assert.equal(await g.filesize('/twenty'), 9 * 1024 * 1024);
  });
  await step('an upload that the user cancels', async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      for (let i = 0; ; i++) {
        if (i === 20) await g.userCancel();
        yield Buffer.alloc(256 * 1024);
      }
    }
    await assert.rejects(g.upload(endless(), '/endless'), fails('EINTR'));
    await g.pingDaemon();
  });
  await step('an upload whose source fails', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(300_000);
      throw new Error('the source broke');
    }
    await assert.rejects(g.upload(broken(), '/broken'), fails('EIO', /the source broke/));
    await g.pingDaemon();
  });
  await step('an upload that the daemon refuses before and in the middle', async () => {
    await assert.rejects(g.upload(big, '/no/such/folder'), fails('ENOENT'));
    // libguestfs 1.48 loses the errno of this.
    const tooMuch = Readable.from(pattern(size * 3 + 512 * 1024 * 1024));
    await assert.rejects(g.upload(tooMuch, '/hello2'), /hello2/);
    await g.rm('/hello2');
    await g.pingDaemon();
  });
  await step('a download that the user cancels', async () => {
    let got = 0;
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        got += chunk.length;
        if (got > 1024 * 1024) void g.userCancel();
        done();
      },
    });
    await assert.rejects(g.download('/big', sink), fails('EINTR'));
    await g.pingDaemon();
    return `after ${got} bytes`;
  });
  await step('a download whose target fails', async () => {
    const sink = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no room')) });
    await assert.rejects(g.download('/big', sink), fails('EIO', /no room/));
    await g.pingDaemon();
  });
  await step('a cancel for a call without a stream is ignored', async () => {
    const sleeping = g.sleep(1);
    await g.userCancel();
    await sleeping;
    await g.pingDaemon();
  });
  await step('tar-out', async () => {
    let got = 0;
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        got += chunk.length;
        done();
      },
    });
    await g.tarOut('/', sink, { excludes: ['big'] });
    assert.ok(got > 0 && got % 512 === 0);
  });
  await step('optional arguments: set, unset, lists', async () => {
    assert.deepEqual(await g.globExpand('/he*'), ['/hello']);
    assert.equal(await g.isFile('/link', { followsymlinks: true }), true);
    assert.equal(await g.isFile('/link'), false);
    assert.deepEqual(await g.grep('HI', '/hello', { insensitive: true }), ['hi']);
  });
  await step('errors keep their errno', async () => {
    await g.mkdirP('/full/of');
    await assert.rejects(g.rmdir('/full'), fails('ENOTEMPTY'));
    await assert.rejects(g.write('/full', 'x'), fails('EISDIR'));
    await assert.rejects(g.getxattr('/hello', 'user.none'), fails('ENODATA'));
    await g.lnS('circle', '/circle');
    await assert.rejects(g.touch('/circle/x'), fails('ELOOP'));
    await assert.rejects(g.touch(`/${'n'.repeat(300)}`), fails('ENAMETOOLONG'));
    await assert.rejects(g.mkdir('/a/b/c'), fails('ENOENT'));
  });
  await step('structs of every kind, field by field', async () => {
    const seen = new Set<string>();
    const want = (name: string, value: unknown): void => {
      const struct = structs.find((one) => one.name === name);
      assert.ok(struct, name);
      assert.equal(typeof value, 'object', name);
      assert.deepEqual(
        Object.keys(value as object).toSorted(),
        struct.fields.map((field) => camelCase(field.name)).toSorted(),
        name,
      );
      for (const field of struct.fields) {
        const one = (value as Record<string, unknown>)[camelCase(field.name)];
        assert.ok(one !== undefined && !Number.isNaN(one), `${name}.${field.name}`);
      }
      seen.add(name);
    };
    want('lvm_pv', (await g.pvsFull())[0]);
    want('lvm_vg', (await g.vgsFull())[0]);
    want('lvm_lv', (await g.lvsFull())[0]);
    want('stat', await g.stat('/hello'));
    want('statns', await g.statns('/hello'));
    want('statvfs', await g.statvfs('/'));
    want('dirent', (await g.readdir('/'))[0]);
    want('version', await g.version());
    want('xattr', (await g.getxattrs('/hello'))[0]);
    want('partition', (await g.partList('/dev/sda'))[0]);
    want('utsname', await g.utsname());
    want('internal_mountable', await g.internalParseMountable('/dev/sda1'));
    await g.inotifyInit(0);
    await g.inotifyAddWatch('/', 0x300);
    await g.touch('/watched');
    const [event] = await g.inotifyRead();
    assert.equal(event?.inName, 'watched');
    want('inotify_event', event);
    await g.inotifyClose();
    await g.umountAll();
    await g.mkfs('btrfs', '/dev/VG/LV');
    await g.mount('/dev/VG/LV', '/');
    await g.btrfsSubvolumeCreate('/volume');
    await g.btrfsQuotaEnable('/', true);
    want('btrfssubvolume', (await g.btrfsSubvolumeList('/'))[0]);
    want('btrfsqgroup', (await g.btrfsQgroupShow('/'))[0]);
    want('btrfsbalance', await g.btrfsBalanceStatus('/'));
    await g.btrfsScrubStart('/');
    want('btrfsscrub', await g.btrfsScrubStatus('/'));
    await g.umountAll();
    const xfs = await g.featureAvailable(['xfs']);
    if (xfs) {
      await g.mkfs('xfs', '/dev/VG/LV');
      want('xfsinfo', await g.xfsInfo('/dev/VG/LV'));
    }
    await g.mkfs('ext4', '/dev/VG/LV');
    await g.mount('/dev/VG/LV', '/');
    await g.upload(Readable.from([imageBytes(loadImage(CD))]), '/cd.iso');
    const cd = await g.isoinfo('/cd.iso');
    assert.equal(cd.isoVolumeId, 'ROCK');
    want('isoinfo', cd);
    for (const name of ['one', 'two']) await g.lvcreate(name, 'VG', 32);
    await g.mdCreate('array', ['/dev/VG/one', '/dev/VG/two'], { level: 'raid1' });
    const [array = ''] = await g.listMdDevices();
    const [member] = await g.mdStat(array);
    want('mdstat', member);
    await g.mdStop(array);
    const missing = structs.map(({ name }) => name).filter((name) => !seen.has(name));
    assert.deepEqual(missing.toSorted(), [...NOT_ASKED, ...(xfs ? [] : ['xfsinfo'])].toSorted());
    return `${seen.size} kinds${xfs ? '' : '; SKIPPED: this appliance has no tools of XFS'}`;
  });
  await step('what only a daemon of ours has', async () => {
    await assert.rejects(g.inspectListApplications2('/dev/VG/LV'), GuestfsError);
    await assert.rejects(g.inspectGetIcon('/dev/VG/LV'), fails('ENOTSUP'));
  });
}

/** A header of ustar for an empty file. */
function header(name: string): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write('00000000000\0', 124);
  block.write('00000000000\0', 136);
  block.write('        0', 148);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const qemu = startQemu();
const quit = new Promise<void>((resolve) => {
  qemu.on('exit', () => resolve());
});
process.on('exit', () => qemu.kill('SIGKILL'));
try {
  while (!existsSync(socket) && qemu.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const g = new Guestfs({ environment: false });
  await g.setBackend(`unix:${socket}`);
  await step('launch', () => g.launch());
  if (failures.length === 0) await steps(g);
  await step('close', () => g.close());
} finally {
  qemu.kill('SIGKILL');
  await quit;
  rmSync(folder, { recursive: true, force: true });
}
say(failures.length === 0 ? 'everything passed' : `${failures.length} failed: ${failures.join('; ')}`);
process.exitCode = failures.length === 0 ? 0 : 1;
