/** What the tools are tried on: disks, a folder and an archive, made by the engine and by this host's programs. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Guestfs } from '../../src/handle/index.ts';
import { seeded } from '../../test/support/ext-image.ts';
import { makeRoot } from '../../test/support/small-root.ts';
import { run } from '../../test/support/tools.ts';

/** Content that does not compress to nothing, of a size in bytes; the same at each call. */
function filler(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  const random = seeded(1);
  for (let at = 0; at < size; at += 4) bytes.writeUInt32LE(random() * 0x100000000, at);
  return bytes;
}

/** A guest in volumes of LVM on GPT: the root of `root.tar`, /boot, swap, and a few log messages. */
async function makeGuest(disk: string, input: string): Promise<void> {
  const g = new Guestfs({ environment: false });
  await g.diskCreate(disk, 'qcow2', 600 * 1024 * 1024);
  await g.addDrive(disk, { format: 'qcow2' });
  await g.launch();
  await g.partInit('/dev/sda', 'gpt');
  await g.partAdd('/dev/sda', 'p', 2048, 206847);
  await g.partAdd('/dev/sda', 'p', 206848, -34);
  await g.pvcreate('/dev/sda2');
  await g.vgcreate('group', ['/dev/sda2']);
  await g.lvcreate('root', 'group', 300);
  await g.lvcreate('swap', 'group', 50);
  await g.mkfs('ext4', '/dev/group/root', { label: 'root' });
  await g.mkswap('/dev/group/swap', { label: 'swap' });
  await g.mkfs('ext2', '/dev/sda1', { label: 'boot' });
  await g.mount('/dev/group/root', '/');
  await g.tarIn(join(input, 'root.tar'), '/');
  for (const directory of ['/boot', '/etc/systemd', '/etc/systemd/system', '/root', '/var/log']) {
    await g.mkdirP(directory);
  }
  await g.mkdirP('/usr/share/zoneinfo/Europe');
  await g.write('/usr/share/zoneinfo/Europe/Oslo', 'TZif');
  await g.write('/etc/hosts', '127.0.0.1 localhost\n127.0.1.1 guest\n');
  await g.write('/var/log/syslog', 'Nov  1 00:00:01 guest kernel: hello\nNov  1 00:00:02 guest init: done\n');
  await g.write('/etc/fstab', '/dev/group/root / ext4 defaults 0 1\nLABEL=boot /boot ext2 defaults 0 2\n');
  await g.close();
}

/** A disk with one ext4 filesystem in a partition of MBR, most of whose room held a file that is deleted. */
async function makeData(disk: string): Promise<void> {
  writeFileSync(disk, '');
  truncateSync(disk, 128 * 1024 * 1024);
  const g = new Guestfs({ environment: false });
  await g.addDrive(disk, { format: 'raw' });
  await g.launch();
  await g.partInit('/dev/sda', 'mbr');
  await g.partAdd('/dev/sda', 'p', 2048, 227327);
  await g.mkfs('ext4', '/dev/sda1', { label: 'data' });
  await g.mount('/dev/sda1', '/');
  await g.write('/deleted', filler(64 * 1024 * 1024));
  await g.mkdir('/kept');
  await g.write('/kept/file', filler(3 * 1024 * 1024));
  await g.lnS('file', '/kept/link');
  await g.sync();
  await g.rm('/deleted');
  await g.close();
}

/** A folder with modes, times, links and, where the host's filesystem has them, extended attributes. */
function makeTree(tree: string): void {
  mkdirSync(join(tree, 'sub/empty'), { recursive: true });
  writeFileSync(join(tree, 'file'), 'content\n');
  writeFileSync(join(tree, 'sub/binary'), filler(300_000));
  writeFileSync(join(tree, 'sub/with space ü'), 'named\n');
  symlinkSync('../file', join(tree, 'sub/link'));
  chmodSync(join(tree, 'file'), 0o4751);
  chmodSync(join(tree, 'sub/binary'), 0o600);
  chmodSync(join(tree, 'sub/empty'), 0o1777);
  const { status } = spawnSync('setfattr', ['-n', 'user.note', '-v', 'kept', join(tree, 'file')]);
  if (status !== 0) process.stdout.write('SKIPPED: extended attributes (setfattr does not work here)\n');
  const paths = ['file', 'sub/binary', 'sub/with space ü', 'sub/empty', 'sub/link', 'sub', '.'];
  run('touch', '-h', '-d', '2021-03-04 05:06:07.125', ...paths.map((path) => join(tree, path)));
}

/** Make them all in a folder: guest.qcow2, changed.qcow2 (the guest with differences), data.img, tree and tree.tar. */
export async function makeImages(folder: string): Promise<void> {
  makeRoot(folder);
  await makeGuest(join(folder, 'guest.qcow2'), folder);
  copyFileSync(join(folder, 'guest.qcow2'), join(folder, 'changed.qcow2'));
  const g = new Guestfs({ environment: false });
  await g.addDrive(join(folder, 'changed.qcow2'), { format: 'qcow2' });
  await g.launch();
  await g.mount('/dev/group/root', '/');
  await g.writeAppend('/etc/hosts', '10.0.0.1 other\n');
  await g.write('/etc/added', 'new\n');
  await g.rm('/etc/debian_version');
  await g.chmod(0o640, '/etc/hostname');
  await g.close();
  await makeData(join(folder, 'data.img'));
  makeTree(join(folder, 'tree'));
  const archive = join(folder, 'tree.tar');
  run('tar', '--xattrs', '--format=pax', '-C', join(folder, 'tree'), '-cf', archive, '.');
}
