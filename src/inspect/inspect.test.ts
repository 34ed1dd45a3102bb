import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FakeContent, inspectionPlatform, memoryGuest } from '../../test/support/inspection-platform.ts';
import { fuzz } from '../../test/support/fuzz.ts';
import { CorruptError, type GuestfsError } from '../errors/index.ts';
import { parseGuestDisk } from './device-names.ts';
import { elf, type Files, GUESTS } from './golden/guests.ts';
import { inspectOs } from './index.ts';
import type { OperatingSystem } from './types.ts';

const X86_64 = elf(62);
/** A Debian with an fstab. */
function debian(fstab: string, more: Files = {}): FakeContent {
  return {
    type: 'ext4',
    fs: memoryGuest({
      '/bin/ls': X86_64,
      '/etc/debian_version': '12.5\n',
      '/etc/fstab': fstab,
      ...more,
    }),
  };
}

const other = (tags: Record<string, string> = {}): FakeContent => ({
  type: 'ext2',
  fs: memoryGuest({}),
  tags,
});

function inspect(contents: Record<string, FakeContent>): { systems: OperatingSystem[]; warnings: string[] } {
  const warnings: string[] = [];
  const { platform, openTrees } = inspectionPlatform(contents);
  const systems = inspectOs({ platform, warn: (text) => warnings.push(text), checkCancelled() {} });
  assert.equal(openTrees(), 0, 'a private tree stayed open');
  return { systems, warnings };
}

const FSTAB = [
  'UUID=x / ext4 defaults 0 1',
  'LABEL="y" /usr/local ext4',
  '/dev/sda2 /a\\040b ext2 subvol=/x,bind',
  '/dev/disk/by-id/ata-part2 /c btrfs subvol=/x',
  '/dev/nvme0n1p2 none swap',
  '',
].join('\n');

/** The mount table of the first system, devices by mount point. */
function mounts(contents: Record<string, FakeContent>): Record<string, string> {
  return Object.fromEntries(inspect(contents).systems[0]?.mountpoints ?? []);
}

describe('the devices of fstab', () => {
  const disk: Record<string, FakeContent> = {
    '/dev/sda1': other({ LABEL: 'boot label', UUID: 'AAAA-BBBB' }),
    '/dev/sda3': { type: 'swap' },
    '/dev/sda5': other({ PARTUUID: 'part-uuid', PARTLABEL: 'part label' }),
    '/dev/sda6': other(),
    '/dev/sdb1': other(),
    '/dev/vg/lv-home': other(),
    '/dev/vg/data': other(),
  };
  const cases: [spec: string, device: string | undefined][] = [
    ['UUID=AAAA-BBBB', '/dev/sda1'],
    ['UUID="AAAA-BBBB"', '/dev/sda1'],
    ['LABEL=boot\\040label', '/dev/sda1'],
    ['LABEL="boot label"', '/dev/sda1'],
    ['PARTUUID=part-uuid', '/dev/sda5'],
    ['PARTLABEL="part label"', '/dev/sda5'],
    ['/dev/disk/by-uuid/AAAA-BBBB', '/dev/sda1'],
    ['/dev/disk/by-label/boot\\\\x20label', undefined],
    ['/dev/disk/by-label/boot\\x20label', '/dev/sda1'],
    ['/dev/disk/by-partuuid/part-uuid', '/dev/sda5'],
    ['/dev/disk/by-partlabel/part\\x20label', '/dev/sda5'],
    ['/dev/disk/by-id/scsi-0QEMU_HARDDISK_x-part6', '/dev/sda6'],
    ['/dev/disk/by-path/pci-0000:00:10.0-scsi-0:0:0:0-part5', '/dev/sda5'],
    ['ID=ata-x-part6', '/dev/sda6'],
    ['/dev/disk/by-id/scsi-x-part9', undefined],
    ['/dev/sda6', '/dev/sda6'],
    ['/dev/hda6', '/dev/sda6'],
    ['/dev/vda6', '/dev/sda6'],
    ['/dev/xvda6', '/dev/sda6'],
    ['/dev/vdb1', '/dev/sdb1'],
    ['/dev/nvme0n1p6', '/dev/sda6'],
    ['/dev/nvme1n1p1', '/dev/sdb1'],
    ['/dev/mmcblk0p6', '/dev/sda6'],
    ['/dev/cciss/c0d1p1', '/dev/sdb1'],
    ['/dev/ada0p6', '/dev/sda6'],
    ['/dev/da1s1', '/dev/sdb1'],
    ['/dev/gpt/part\\040label', '/dev/sda5'],
    ['/dev/ext2fs/boot\\040label', '/dev/sda1'],
    ['NAME=part\\040label', '/dev/sda5'],
    ['/dev/mapper/vg-lv--home', '/dev/vg/lv-home'],
    ['/dev/vg/data', '/dev/vg/data'],
    // Told as they are, since they are missing.
    ['/dev/sdz1', '/dev/sdz1'],
    ['/dev/md0', '/dev/md0'],
    ['/dev/mapper/luks-home', '/dev/mapper/luks-home'],
    // Nothing that could be named.
    ['UUID=0000-0000', undefined],
    ['LABEL=', undefined],
    ['server:/export', undefined],
    ['//server/share', undefined],
    ['/swapfile', undefined],
    ['tmpfs', undefined],
    ['/dev/sr0', undefined],
    ['/dev/cdrom', undefined],
    ['/dev/fd0', undefined],
    ['/dev/dm-0', undefined],
  ];
  for (const [spec, device] of cases) {
    test(spec, () => {
      const found = mounts({
        ...disk,
        '/dev/sda2': debian(`UUID=x / ext4 defaults 0 1\n${spec} /there ext2 rw 0 2\n`),
      });
      assert.deepEqual(
        found,
        device === undefined ? { '/': '/dev/sda2' } : { '/': '/dev/sda2', '/there': device },
      );
    });
  }

  test('mount points are cleaned and sorted, swap is among the filesystems, the end of fstab comes first', () => {
    const fstab = [
      '/dev/sda5 /usr/local// ext2',
      'UUID=x / ext4',
      '/dev/sda3 none swap sw',
      '/dev/sda1 /boot ext2',
      '/dev/sda6 relative ext2',
      '/dev/sda6 /a/../b ext2',
      'tmpfs /tmp tmpfs',
      '/dev/sda6 /tmp tmpfs',
      '/dev/sda6 /bound none bind',
      '/dev/sda1 /boot2 ext2 noauto',
      '/dev/root /again ext4',
    ].join('\n');
    const [system] = inspect({ ...disk, '/dev/sda2': debian(fstab) }).systems;
    assert.deepEqual(
      [...(system?.mountpoints ?? [])],
      [
        ['/', '/dev/sda2'],
        ['/boot', '/dev/sda1'],
        ['/again', '/dev/sda2'],
        ['/boot2', '/dev/sda1'],
        ['/usr/local', '/dev/sda5'],
      ],
    );
    assert.deepEqual(system?.filesystems, ['/dev/sda2', '/dev/sda1', '/dev/sda3', '/dev/sda5']);
  });

  test('a disk that was the first where the guest ran is found where it is now', () => {
    const found = mounts({
      '/dev/sda1': other(),
      '/dev/sda2': other(),
      '/dev/sdb1': debian('/dev/sda1 / ext4\n/dev/sda2 /var ext4\n/dev/sdc1 /data ext4\n'),
      '/dev/sdb2': other(),
      '/dev/sdc1': other(),
    });
    assert.deepEqual(found, { '/': '/dev/sdb1', '/var': '/dev/sdb2', '/data': '/dev/sdc1' });
  });

  test('a btrfs subvolume is a mountable of its own', () => {
    const found = mounts({
      '/dev/sda1': debian('UUID=b /home btrfs subvol=/@home,compress=zstd\nUUID=b /all btrfs defaults\n'),
      '/dev/sda2': { ...other({ UUID: 'b' }), type: 'btrfs' },
    });
    assert.deepEqual(found, { '/': '/dev/sda1', '/all': '/dev/sda2', '/home': 'btrfsvol:/dev/sda2/@home' });
  });

  test('an identity without a disk of its own is ambiguous', () => {
    const found = mounts({
      '/dev/vg/root': debian('/dev/disk/by-id/x-part1 /a ext2\n'),
      '/dev/sda1': other(),
      '/dev/sdb1': other(),
    });
    assert.deepEqual(found, { '/': '/dev/vg/root' });
  });

  test('names of disks', () => {
    assert.deepEqual(parseGuestDisk('/dev/sdaa12'), { disk: 26, partition: 12 });
    assert.deepEqual(parseGuestDisk('/dev/vdb'), { disk: 1, partition: 0 });
    assert.deepEqual(parseGuestDisk('/dev/nvme2n1'), { disk: 2, partition: 0 });
    assert.equal(parseGuestDisk('/dev/md0'), undefined);
    assert.equal(parseGuestDisk('/dev/mapper/sda1'), undefined);
  });
});

describe('systems on several filesystems', () => {
  test('programs and release files on a /usr of its own', () => {
    const { systems } = inspect({
      '/dev/sda1': {
        type: 'ext4',
        fs: memoryGuest({
          '/bin': { link: 'usr/bin' },
          '/usr': { directory: true },
          '/var': { directory: true },
          '/etc/os-release': { link: '../usr/lib/os-release' },
          '/etc/fstab': 'LABEL=usr /usr ext4\nLABEL=var /var ext4\n',
        }),
      },
      '/dev/sda2': {
        type: 'ext4',
        tags: { LABEL: 'usr' },
        fs: memoryGuest({
          '/bin/bash': elf(183),
          '/lib/os-release': 'ID=fedora\nVERSION_ID=39\nPRETTY_NAME="Fedora Linux 39"\n',
        }),
      },
      '/dev/sda3': { type: 'ext4', tags: { LABEL: 'var' }, fs: memoryGuest({}) },
    });
    assert.equal(systems.length, 1);
    const [system] = systems;
    assert.deepEqual(
      [system?.root, system?.distro, system?.major, system?.arch],
      ['/dev/sda1', 'fedora', 39, 'aarch64'],
    );
  });

  test('CoreOS has its /usr on a partition that no fstab names', () => {
    const usr = memoryGuest({
      '/bin/bash': X86_64,
      '/share/flatcar/update.conf': 'GROUP=stable\n',
      '/lib/os-release':
        'ID=flatcar\nVERSION_ID=3602.2.0\nBUILD_ID=2023-10-31-0951\nPRETTY_NAME="Flatcar 3602.2.0"\n',
    });
    const root = memoryGuest({
      '/etc/flatcar/update.conf': '',
      '/etc/os-release': { link: '../usr/lib/os-release' },
      '/root': { directory: true },
      '/home': { directory: true },
      '/usr': { directory: true },
    });
    const { systems } = inspect({
      '/dev/sda1': { type: 'vfat', fs: memoryGuest({ '/EFI': { directory: true } }) },
      '/dev/sda3': { type: 'ext4', fs: usr },
      '/dev/sda9': { type: 'ext4', fs: root },
    });
    assert.equal(systems.length, 1);
    const [system] = systems;
    assert.deepEqual(
      [system?.root, system?.distro, system?.major, system?.minor, system?.arch, system?.buildId],
      ['/dev/sda9', 'flatcar', 3602, 2, 'x86_64', '2023-10-31-0951'],
    );
    assert.deepEqual(
      [...(system?.mountpoints ?? [])],
      [
        ['/', '/dev/sda9'],
        ['/usr', '/dev/sda3'],
      ],
    );
  });

  test('several systems, in the order of their devices', () => {
    const { systems } = inspect({
      '/dev/sda': debian(''),
      '/dev/sdb1': debian(''),
      '/dev/sdb2': { type: 'swap' },
      '/dev/vg/root': debian(''),
    });
    assert.deepEqual(
      systems.map(({ root }) => root),
      ['/dev/sda', '/dev/sdb1', '/dev/vg/root'],
    );
  });

  test('a system without fstab is one where os-release says so', () => {
    const files: Files = {
      '/usr/bin/ls': X86_64,
      '/bin': { link: 'usr/bin' },
      '/usr/lib/os-release': 'ID=arch\n',
      '/etc/machine-id': '',
    };
    const { systems } = inspect({ '/dev/sda1': { type: 'ext4', fs: memoryGuest(files) } });
    assert.deepEqual([systems[0]?.distro, systems[0]?.filesystems], ['archlinux', ['/dev/sda1']]);
  });

  test('extended partitions and disks with partitions are not looked at', () => {
    const fails = new CorruptError('test', 'must not be opened');
    const { systems } = inspect({
      '/dev/sda': { type: 'x', fails },
      '/dev/sda1': { type: 'x', fails, extended: true },
      '/dev/sda5': debian(''),
    });
    assert.deepEqual(
      systems.map(({ root }) => root),
      ['/dev/sda5'],
    );
  });
});

describe('what cannot be read', () => {
  const locked: Record<string, FakeContent> = {
    '/dev/sdb1': { type: 'xfs' },
    '/dev/sdb2': { type: 'crypto_LUKS' },
    '/dev/sdb3': { type: 'linux_raid_member' },
  };

  test('is an error that names it where nothing else was found', () => {
    assert.throws(
      () => inspect({ '/dev/sda1': other(), ...locked }),
      (error: GuestfsError) => {
        assert.equal(error.code, 'ENOTSUP');
        assert.equal(error.device, '/dev/sdb1');
        assert.match(
          error.message,
          /\/dev\/sdb1 \(xfs\), \/dev\/sdb2 \(crypto_LUKS\), \/dev\/sdb3 \(linux_raid_member\)/,
        );
        return true;
      },
    );
  });

  test('is a warning where a system was found', () => {
    const { systems, warnings } = inspect({ '/dev/sda1': debian(''), ...locked });
    assert.equal(systems.length, 1);
    assert.equal(warnings.length, 3);
    assert.match(warnings[1] ?? '', /\/dev\/sdb2.*crypto_LUKS.*key/);
  });

  test('is nothing to speak of where it is opened', () => {
    const { systems, warnings } = inspect({
      '/dev/sda1': { type: 'crypto_LUKS' },
      '/dev/mapper/luks-1': { ...debian(''), opens: '/dev/sda1' },
    });
    assert.deepEqual(
      systems.map(({ root }) => root),
      ['/dev/mapper/luks-1'],
    );
    assert.deepEqual(warnings, []);
  });

  test('damage is an error where nothing else was found', () => {
    const fails = new CorruptError('ext4_super_block', 'broken');
    assert.throws(() => inspect({ '/dev/sda1': { type: 'ext4', fails } }), { code: 'EUCLEAN' });
    assert.equal(
      inspect({ '/dev/sda1': { type: 'ext4', fails }, '/dev/sda2': debian('') }).warnings.length,
      1,
    );
  });

  test('swap, physical volumes and blank devices are nothing', () => {
    assert.deepEqual(
      inspect({ '/dev/sda1': { type: 'swap' }, '/dev/sda2': { type: 'LVM2_member' }, '/dev/sdb': {} }),
      {
        systems: [],
        warnings: [],
      },
    );
  });

  test('a damaged file is told and counts as missing', () => {
    const guest = debian('');
    const fs = guest.fs as ReturnType<typeof memoryGuest>;
    const inode = fs.lookup(fs.lookup(fs.root, 'etc'), 'debian_version');
    const read = fs.read.bind(fs);
    fs.read = (number, offset, into) => {
      if (number === inode) throw new CorruptError('extent', 'broken');
      return read(number, offset, into);
    };
    const { systems, warnings } = inspect({ '/dev/sda1': guest });
    assert.equal(systems[0]?.distro, 'unknown');
    assert.match(warnings[0] ?? '', /debian_version.*broken/);
  });
});

describe('strings of a guest', () => {
  test('are kept as they are', () => {
    const { systems } = inspect({
      '/dev/sda1': debian('', { '/etc/hostname': 'a\x1b[31m<b>\n', '/etc/debian_version': '12\x07.5 ü\n' }),
    });
    assert.deepEqual([systems[0]?.hostname, systems[0]?.product], ['a\x1b[31m<b>', '12\x07.5 ü']);
  });

  test('numbers beyond 32 bits are no version', () => {
    const { systems } = inspect({
      '/dev/sda1': debian('', { '/etc/debian_version': '99999999999999999999.3\n' }),
    });
    assert.deepEqual([systems[0]?.major, systems[0]?.minor], [0, 3]);
  });

  test('names of the prototype are no distribution', () => {
    for (const id of ['constructor', '__proto__', 'toString']) {
      const { systems } = inspect({
        '/dev/sda1': {
          type: 'ext4',
          fs: memoryGuest({ '/etc/os-release': `ID=${id}\n`, '/bin/ls': X86_64 }),
        },
      });
      assert.equal(systems[0]?.distro, 'unknown');
    }
  });
});

describe('mutated configuration', () => {
  test('never breaks inspection', () => {
    const text = Object.values(GUESTS).flatMap((files) =>
      Object.values(files).filter((node): node is string => typeof node === 'string' && node.length > 20),
    );
    const names = Object.values(GUESTS).flatMap((files) => Object.keys(files));
    const image = new TextEncoder().encode(`${FSTAB}${text.join('\n')}`);
    fuzz({
      seed: 21,
      rounds: 200,
      image,
      mutations: 40,
      read(bytes) {
        // Every release file there is, each with a piece of the mutated text: all of them at once.
        const files: Record<string, Uint8Array> = {
          '/etc/fstab': bytes.slice(0, 2000),
          '/bin/ls': bytes.slice(0, 64),
        };
        for (const [i, name] of names.entries()) {
          if (!name.startsWith('/etc/') || (i * 7) % 3 === bytes[i]! % 3) continue;
          const at = (i * 97) % bytes.length;
          files[name] ??= bytes.slice(at, at + 300);
        }
        const { platform } = inspectionPlatform({
          '/dev/sda1': { type: 'ext4', fs: memoryGuest(files) },
          '/dev/sda2': other({ UUID: 'x', LABEL: 'y' }),
        });
        inspectOs({ platform, warn() {}, checkCancelled() {} });
      },
    });
  });
});
