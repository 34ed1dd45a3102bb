import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { applianceObstacle } from '../../test/support/appliance.ts';
import { type RunResult, runTools } from '../../test/support/tool-runs.ts';
import { makeRoot } from '../../test/support/small-root.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';

const MIB = 1024 * 1024;
const SECTOR = 512;
/** First sector of the encrypted partition, and sectors of each of the two. */
const START = 32_768;
const KEY = 'a key: with a colon';

/** A disk with a boot partition and an encrypted one, which was formatted so that opening it takes no time. */
function encryptedDisk(path: string, folder: string): string {
  const inner = join(folder, 'inner');
  writeFileSync(inner, '');
  truncateSync(inner, 48 * MIB);
  const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
  execFileSync('cryptsetup', ['luksFormat', '-q', '--type', 'luks2', ...quick, '--key-file', '-', inner], {
    input: KEY,
  });
  writeFileSync(path, '');
  truncateSync(path, START * SECTOR + 50 * MIB);
  const table = `label: dos\n2048,${START - 2048},83\n${START},${(48 * MIB) / SECTOR},83\n`;
  execFileSync('sfdisk', ['-q', path], { input: table });
  const fd = openSync(path, 'r+');
  writeSync(fd, readFileSync(inner), 0, 48 * MIB, START * SECTOR);
  closeSync(fd);
  return execFileSync('cryptsetup', ['luksUUID', inner], { encoding: 'utf8' }).trim();
}

/** Commands that make a small guest on it; the line after cryptsetup-open is the key. */
const FILL = `run
mkfs ext4 /dev/sda1 label:boot
cryptsetup-open /dev/sda2 inner
${KEY}
pvcreate /dev/mapper/inner
vgcreate vg /dev/mapper/inner
lvcreate root vg 16
mkfs ext4 /dev/vg/root
mount /dev/vg/root /
mkdir /etc
mkdir /boot
mkdir /bin
touch /bin/sh
write /etc/fstab "/dev/vg/root / ext4 defaults 0 1\\nLABEL=boot /boot ext4 defaults 0 2\\n"
write /etc/hostname "locked\\n"
mount /dev/sda1 /boot
write /boot/kernel 1
`;

const folder = temporaryFolder();
after(() => folder.remove());
/** One appliance for all of these tests. */
const env = {
  LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
  LIBGUESTFS_PATH: folder.path,
  LIBGUESTFS_CACHEDIR: folder.path,
  LIBGUESTFS_TMPDIR: folder.path,
};

describe(
  'encrypted guests',
  { skip: applianceObstacle() || needsTool('cryptsetup', 'sfdisk', 'lvm') },
  () => {
    const disk = join(folder.path, 'disk.img');
    let uuid: string;
    let results: RunResult[];
    let unchanged: boolean;

    const file = join(folder.path, 'key');
    before(() => {
      uuid = encryptedDisk(disk, folder.path);
      writeFileSync(file, `${KEY}\nanother line\n`);
      const args = ['--format=raw', '-a', disk];
      const [made] = runTools(folder.path, [
        { argv: ['guestfish', '--rw', '--keys-from-stdin', ...args], stdin: FILL, env },
      ]);
      assert.equal(made?.status, 0, made?.stderr);
      const old = readFileSync(disk);
      const look =
        'cat /etc/hostname\ncat /boot/kernel\n-write /etc/hostname x\numount-all\n-mkfs ext4 /dev/vg/root\n-wipefs /dev/sda2\n';
      results = runTools(folder.path, [
        { argv: ['guestfish', '-i', '--key', `${uuid}:file:${file}`, ...args], stdin: look, env },
        { argv: ['virt-cat', '--key', 'all:key:wrong', ...args, '/etc/hostname'], env },
        { argv: ['virt-cat', '--keys-from-stdin', ...args, '/etc/hostname'], env },
      ]);
      unchanged = old.equals(readFileSync(disk));
    });

    test('are opened with --key; nothing is written to disks that refuse it', () => {
      const [fish] = results;
      assert.equal(fish?.stdout, 'locked\n\n1\n', fish?.stderr);
      assert.match(fish.stderr, /write: .*Read-only|write: .*read-only/i);
      assert.match(fish.stderr, /mkfs: .*read-only/i);
      assert.match(fish.stderr, /wipefs: .*read-only/i);
      assert.doesNotMatch(fish.stderr, /passed over/);
      assert.ok(unchanged);
    });

    test('stay closed without the right key, and the message says what is missing', () => {
      const [, wrong, none] = results;
      assert.equal(wrong?.status, 1);
      assert.match(wrong.stderr, /none of the keys that were given opens \/dev\/sda2/);
      assert.equal(none?.status, 1);
      assert.match(none.stderr, /standard input ended before a passphrase was read/);
    });
  },
);

/** Tells how it was called, in the guest. */
const APT =
  '#!/bin/sh\necho "$@" >> /etc/calls\ncase "$*" in *missing*) echo "no such package" >&2; exit 100;; esac\n';

describe('programs of a guest', { skip: applianceObstacle() || needsTool('mke2fs', 'ldd', 'tar') }, () => {
  const guest = join(folder.path, 'guest.img');
  const customize = (...operations: string[]): { argv: string[]; env: typeof env } => ({
    argv: ['virt-customize', '-q', '--no-network', '--format=raw', '-a', guest, ...operations],
    env,
  });

  before(() => {
    makeRoot(folder.path);
    const root = join(folder.path, 'root');
    writeFileSync(join(root, 'usr/bin/apt-get'), APT, { mode: 0o755 });
    writeFileSync(join(root, 'etc/fstab'), '/dev/sda / ext4 defaults 0 1\n');
    run('mke2fs', '-q', '-t', 'ext4', '-E', 'root_owner=0:0', '-d', root, guest, '48M');
  });

  test('virt-customize runs scripts, commands and the manager of packages', () => {
    const script = join(folder.path, 'script.sh');
    writeFileSync(script, '#!/bin/sh\nread line; echo "script [$line]" >> /etc/calls\n');
    const [done, failed, read] = runTools(folder.path, [
      customize(
        '--write=/etc/motd:written before',
        '--run-command=cat /etc/motd /etc/hostname >> /etc/calls',
        `--run=${script}`,
        '--update',
        "--install=hello,o'dd",
        '--uninstall=hello',
      ),
      customize('--touch', '/etc/touched', '--install', 'missing', '--touch', '/etc/never'),
      {
        argv: [
          'guestfish',
          '--ro',
          '--format=raw',
          '-a',
          guest,
          '-i',
          'glob',
          'cat',
          '/etc/{calls,touched,never}',
        ],
      },
    ]);
    assert.equal(done?.status, 0, done?.stderr);
    assert.equal(failed?.status, 1);
    assert.match(failed.stderr, /--install: .*100[^]*no such package/);
    const apt = '-q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold';
    const calls = [
      'written beforeguest',
      'script []',
      '-q update',
      `${apt} upgrade`,
      '-q update',
      `${apt} install hello o'dd`,
      `${apt} remove hello`,
      '-q update',
      `${apt} install missing`,
    ];
    assert.equal(read?.stdout.trim(), calls.join('\n'), read?.stderr);
  });
});
