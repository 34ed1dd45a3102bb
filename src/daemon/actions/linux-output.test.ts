import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GuestfsError } from '../../errors/index.ts';
import { parseBlkid } from '../../platform/linux/identification.ts';
import { parseWatchEvents } from '../../platform/linux/watches.ts';
import {
  parseBalance,
  parseDefaultSubvolume,
  parseQgroups,
  parseScrub,
  parseShownDevices,
  parseSubvolume,
  parseSubvolumes,
} from './btrfs-output.ts';
import { makerArguments, parseNtfsMinimum } from './filesystem-tools.ts';
import { arrayMembers, parseDetail, parseMdstat, withGuestNames } from './mdadm.ts';
import { parseParted } from './partition-tools.ts';
import { parseXfsInfo, xfsInfoStruct } from './xfs-output.ts';

// Outputs of xfsprogs 6.1, btrfs-progs 6.2, ntfs-3g 2022.10.3, mdadm 4.2 and util-linux 2.38.

const XFS_INFO = `meta-data=/dev/loop0             isize=512    agcount=4, agsize=25600 blks
         =                       sectsz=512   attr=2, projid32bit=1
         =                       crc=1        finobt=1, sparse=1, rmapbt=0
         =                       reflink=1    bigtime=1 inobtcount=1 nrext64=0
data     =                       bsize=4096   blocks=102400, imaxpct=25
         =                       sunit=0      swidth=0 blks
naming   =version 2              bsize=4096   ascii-ci=0, ftype=1
log      =internal log           bsize=4096   blocks=16384, version=2
         =                       sectsz=512   sunit=0 blks, lazy-count=1
realtime =none                   extsz=4096   blocks=0, rtextents=0
`;

test('xfs_info', () => {
  const info = parseXfsInfo(XFS_INFO);
  assert.equal(info['meta-data'], '/dev/loop0');
  assert.equal(info['meta-data.crc'], '1');
  assert.equal(info['meta-data.agsize'], '25600');
  assert.equal(info['meta-data.nrext64'], '0');
  assert.equal(info['log'], 'internal log');
  assert.equal(info['log.lazy-count'], '1');
  assert.equal(info['realtime.rtextents'], '0');
  const struct = xfsInfoStruct(info);
  assert.equal(struct.xfsDatablocks, 102400);
  assert.equal(struct.xfsDirversion, 2);
  assert.equal(struct.xfsLogname, 'internal');
  assert.equal(struct.xfsRtname, 'none');
  assert.equal(xfsInfoStruct({}).xfsAgcount, -1);
});

test('btrfs subvolume list, show, get-default', () => {
  assert.deepEqual(
    parseSubvolumes('ID 256 gen 7 top level 5 path s1\nID 257 gen 7 top level 5 path d/s 2\n'),
    [
      { btrfssubvolumeId: 256n, btrfssubvolumeTopLevelId: 5n, btrfssubvolumePath: 's1' },
      { btrfssubvolumeId: 257n, btrfssubvolumeTopLevelId: 5n, btrfssubvolumePath: 'd/s 2' },
    ],
  );
  const shown = parseSubvolume(
    's1\n\tName: \t\t\ts1\n\tParent UUID: \t\t-\n\tCreation time: \t\t2026-11-26 02:10:32 +0000\n' +
      '\tFlags: \t\t\treadonly\n\tSnapshot(s):\n\t\t\t\tsnap\n\t\t\t\td/other\n',
  );
  assert.deepEqual(shown, {
    Name: 's1',
    'Parent UUID': '',
    'Creation time': '2026-11-26 02:10:32 +0000',
    Flags: 'readonly',
    'Snapshot(s)': 'snap,d/other',
  });
  assert.equal(parseDefaultSubvolume('ID 5 (FS_TREE)\n'), 5n);
  assert.equal(parseDefaultSubvolume('ID 256 gen 7 top level 5 path s1\n'), 256n);
  assert.equal(parseDefaultSubvolume('nothing'), undefined);
});

test('btrfs qgroup show, filesystem show, balance status, scrub status', () => {
  const text =
    'Qgroupid    Referenced    Exclusive   Path \n--------    ----------    ---------   ---- \n' +
    '0/5              16384        16384   <toplevel>\n1/0                  0            0   <0 member qgroups>\n';
  assert.deepEqual(parseQgroups(text), [
    { btrfsqgroupId: '0/5', btrfsqgroupRfer: 16384, btrfsqgroupExcl: 16384 },
    { btrfsqgroupId: '1/0', btrfsqgroupRfer: 0, btrfsqgroupExcl: 0 },
  ]);
  assert.deepEqual(
    parseShownDevices(
      'Label: none  uuid: d8d36e06-041a-4a83-b6a5-a963775833e6\n\tTotal devices 1 FS bytes used 224.00KiB\n' +
        '\tdevid    1 size 400.00MiB used 88.00MiB path /dev/loop0\n\n',
    ),
    ['/dev/loop0'],
  );
  assert.equal(parseBalance("No balance found on '.'\n").btrfsbalanceStatus, 'none');
  assert.deepEqual(
    parseBalance("Balance on '/mnt' is paused\n1 out of about 3 chunks balanced (2 considered),  67% left\n"),
    {
      btrfsbalanceStatus: 'paused',
      btrfsbalanceBalanced: 1,
      btrfsbalanceTotal: 3,
      btrfsbalanceConsidered: 2,
      btrfsbalanceLeft: 67,
    },
  );
  const scrub = parseScrub(
    'Status:           finished\n\ttree_extents_scrubbed: 26\n\tlast_physical: 72810496\n',
  );
  assert.equal(scrub.btrfsscrubTreeExtentsScrubbed, 26);
  assert.equal(scrub.btrfsscrubLastPhysical, 72810496);
  assert.equal(scrub.btrfsscrubReadErrors, 0);
});

test('mdadm and /proc/mdstat', () => {
  assert.deepEqual(
    parseDetail(
      'MD_LEVEL=raid1\nMD_DEVICES=2\nMD_METADATA=1.2\nMD_UUID=a1b2c3d4:00000000:00000000:00000000\nMD_NAME=host:test\n',
    ),
    {
      level: 'raid1',
      devices: '2',
      metadata: '1.2',
      uuid: 'a1b2c3d4:00000000:00000000:00000000',
      name: 'host:test',
    },
  );
  assert.deepEqual(
    withGuestNames(
      parseDetail('MD_DEVICE_dev_sdc2_ROLE=1\nMD_DEVICE_dev_sdc2_DEV=/dev/sdc2\nMD_LEVEL=raid1\n'),
      (node) => node.replace('sdc', 'sda'),
    ),
    { device_dev_sda2_role: '1', device_dev_sda2_dev: '/dev/sda2', level: 'raid1' },
  );
  const mdstat =
    'Personalities : [raid1] \nmd127 : active raid1 sdc[2](S) sdb[1](F) sda[0]\n      101376 blocks super 1.2 [2/1] [U_]\n';
  assert.deepEqual(parseMdstat(mdstat, 'md127'), [
    { name: 'sdc', index: 2, flags: 'S' },
    { name: 'sdb', index: 1, flags: 'F' },
    { name: 'sda', index: 0, flags: '' },
  ]);
  assert.equal(parseMdstat(mdstat, 'md0'), undefined);
  assert.deepEqual(arrayMembers(['a', 'b'], 0b101n), ['missing', 'a', 'missing', 'b']);
  assert.deepEqual(arrayMembers(['a', 'b'], 0n), ['a', 'b']);
  assert.throws(() => arrayMembers(['a'], 0b1000n), GuestfsError);
});

test('ntfsresize, blkid and inotify', () => {
  assert.equal(
    parseNtfsMinimum('ntfsresize v2022.10.3\nYou might resize at 2564096 bytes or 3 MB (freeing 37 MB).\n'),
    2564096,
  );
  assert.equal(parseNtfsMinimum('ERROR: Volume is full.\n'), undefined);
  assert.deepEqual(
    parseBlkid('DEVNAME=/dev/loop0\nLABEL=with\\ space\nTYPE=reiserfs\nPTTYPE=dos\nPART_ENTRY_NUMBER=1\n'),
    {
      LABEL: 'with space',
      TYPE: 'reiserfs',
    },
  );
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 1, true);
  view.setUint32(4, 0x100, true);
  view.setUint32(12, 16, true);
  bytes.set(Buffer.from('name'), 16);
  assert.deepEqual(parseWatchEvents(bytes), [{ watch: 1, mask: 0x100, cookie: 0, name: 'name' }]);
});

test('options of mkfs become those of the program, or are refused', () => {
  assert.deepEqual(makerArguments('xfs', { blocksize: 1024, label: 'x' }), [
    '-f',
    '-b',
    'size=1024',
    '-L',
    'x',
  ]);
  assert.deepEqual(makerArguments('ntfs', { sectorsize: 512 }), ['-Q', '-F', '-s', '512']);
  assert.throws(
    () => makerArguments('btrfs', { inode: 256 }),
    (error) => error instanceof GuestfsError && error.code === 'ENOTSUP' && error.message.includes('inode'),
  );
  assert.throws(
    () => makerArguments('minix', { label: 'x' }),
    (error) => error instanceof GuestfsError && error.code === 'ENOTSUP',
  );
});

test('parted', () => {
  const text =
    'BYT;\n/dev/sda:104857600B:scsi:512:512:mac:QEMU HARDDISK:;\n' +
    '2:1048576B:25600511B:24551936B::primary:boot, swap;\n1:512B:32767B:32256B::Apple:;\n';
  assert.deepEqual(parseParted(text), [
    { partNum: 1, partStart: 512, partEnd: 32767, partSize: 32256, flags: [''] },
    { partNum: 2, partStart: 1048576, partEnd: 25600511, partSize: 24551936, flags: ['boot', 'swap'] },
  ]);
});
