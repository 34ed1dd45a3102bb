import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { linuxGuest, needsKernel, type LinuxGuest } from '../../../test/support/linux-daemon.ts';
import { run } from '../../../test/support/tools.ts';
import { GuestfsError, type ErrorCode } from '../../errors/index.ts';

const MIB = 1024 * 1024;

function fails(code: ErrorCode, message: RegExp, call: () => unknown): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof GuestfsError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

function withGuest(sizes: readonly number[], use: (guest: LinuxGuest) => void): void {
  const guest = linuxGuest(...sizes);
  try {
    use(guest);
  } finally {
    guest.remove();
  }
}

/** Put programs of this machine with their libraries into the guest. */
function install(guest: LinuxGuest, ...programs: readonly string[]): void {
  const root = join(guest.folder, 'sysroot');
  for (const folder of ['/dev', '/proc', '/sys']) guest.call('mkdir', [folder]);
  const put = (file: string): void => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    copyFileSync(file, join(root, file));
    chmodSync(join(root, file), 0o755);
  };
  for (const program of programs) {
    put(program);
    for (const [, library] of run('ldd', program).matchAll(/(\/\S+) \(/g)) put(library as string);
  }
}

test(
  'ext4: the file actions of the engine over the kernel',
  { skip: needsKernel(['ext4'], 'e2fsck') },
  () => {
    withGuest([60 * MIB], (guest) => {
      const { call } = guest;
      call('part_disk', ['/dev/sda', 'mbr']);
      assert.deepEqual(call('list_partitions'), ['/dev/sda1']);
      call('mkfs', ['ext4', '/dev/sda1']);
      fails('EINVAL', /mount the root filesystem first/, () => call('cat', ['/x']));
      call('mount', ['/dev/sda1', '/']);
      fails('EBUSY', /mounted/, () => call('mount', ['/dev/sda1', '/']));
      call('mkdir_p', ['/a/b']);
      call('write', ['/a/b/file', Buffer.from('one')]);
      call('lsetxattr', ['user.key', 'value', 5, '/a/b/file']);
      call('write', ['/a/b/file', Buffer.from('two')]);
      assert.equal(call('cat', ['/a/b/file']), 'two');
      assert.equal(
        Buffer.from(call('lgetxattr', ['/a/b/file', 'user.key']) as Uint8Array).toString(),
        'value',
      );
      call('ln_s', ['/etc/passwd', '/absolute']);
      call('ln_s', ['../../../../../../../../etc/passwd', '/a/b/climbing']);
      fails('ENOENT', /absolute/, () => call('cat', ['/absolute']));
      fails('ENOENT', /climbing/, () => call('cat', ['/a/b/climbing']));
      call('write', ['/a/b/climbing2', Buffer.from('')]);
      call('utimens', ['/a', 1, 500, 2, 600]);
      const stat = call('lstatns', ['/a']) as { stAtimeNsec: number; stMtimeSec: number };
      assert.deepEqual([stat.stAtimeNsec, stat.stMtimeSec], [500, 2]);
      call('mknod_c', [0o600, 1, 3, '/null']);
      assert.equal((call('lstatns', ['/null']) as { stRdev: number }).stRdev, 0x103);
      call('acl_set_file', ['/a', 'access', 'u::rwx,u:5:r,g::rx,m::rx,o::r']);
      assert.match(call('acl_get_file', ['/a', 'access']) as string, /user:5:r--/);
      call('set_e2attrs', ['/a/b/file', 'S'], {});
      call('write', ['/a/b/file', Buffer.from('three')]);
      assert.match(call('get_e2attrs', ['/a/b/file']) as string, /S/);
      call('set_e2attrs', ['/a/b/file', 'a'], {});
      call('write_append', ['/a/b/file', Buffer.from('more')]);
      fails('EPERM', /not permitted/, () => call('write', ['/a/b/file', Buffer.from('other')]));
      call('set_e2attrs', ['/a/b/file', 'a'], { clear: true });
      call('write', ['/a/b/file', Buffer.from('three')]);
      assert.deepEqual(call('mountpoints'), { '/dev/sda1': '/' });
      call('remount', ['/'], { rw: false });
      fails('EROFS', /Read-only/, () => call('touch', ['/new']));
      call('umount_all');
      assert.deepEqual(call('mounts'), []);
      call('e2fsck', ['/dev/sda1'], { forceno: true, forceall: true });
      call('mkmountpoint', ['/here']);
      call('mount_ro', ['/dev/sda1', '/here']);
      fails('EROFS', /no filesystem is mounted there/, () => call('touch', ['/outside']));
      assert.equal(call('cat', ['/here/a/b/file']), 'three');
      call('umount', [{ path: '/here' }]);
      fails('EINVAL', /nothing is mounted/, () => call('umount', [{ path: '/here' }]));
      call('rmmountpoint', ['/here']);
    });
  },
);

test(
  'programs of the guest run in its root',
  {
    skip:
      needsKernel(['ext4'], 'ldd', 'chroot', 'mkfifo') || (process.arch === 'x64' ? false : 'it is for x64'),
  },
  () => {
    withGuest([60 * MIB], (guest) => {
      const { call } = guest;
      call('mkfs', ['ext4', '/dev/sda']);
      fails('EINVAL', /mount the root/, () => call('command', [['ls']]));
      call('mount', ['/dev/sda', '/']);
      install(guest, '/bin/sh', '/bin/cat', '/usr/bin/head');
      assert.equal(call('command', [['/bin/sh', '-c', 'echo out; echo err >&2; pwd']]), 'out\n/\n');
      // That one is the machine's shell, not the guest's.
      call('touch', ['/of-the-guest']);
      assert.equal(call('debug', ['sh', ['test', '!', '-e', '/of-the-guest', '&&', 'echo', 'a']]), 'a\n');
      assert.match(call('debug', ['help', []]) as string, / gc .* sh /);
      assert.equal(call('debug', ['gc', []]), 'ok');
      assert.deepEqual(call('sh_lines', ['echo a; echo; echo b']), ['a', '', 'b']);
      fails('EIO', /\/bin\/sh ended with status 3: bad$/, () =>
        call('sh', ['echo out; echo bad >&2; exit 3']),
      );
      fails('EIO', /signal SIGKILL/, () => call('sh', ['kill -9 $$']));
      fails('ENOENT', /\/bin\/none: No such file/, () => call('command', [['/bin/none']]));
      fails('EINVAL', /no command/, () => call('command', [[]]));
      assert.equal(
        call('sh', ['test -c /dev/null && test -r /proc/self/stat && test -d /sys/block && echo all']),
        'all\n',
      );
      call('sh', ['echo x >/one']);
      call('umask', [0o77]);
      call('sh', ['echo x >/two']);
      call('umask', [0o22]);
      const modes = ['/one', '/two'].map(
        (path) => (call('lstatns', [path]) as { stMode: number }).stMode & 0o777,
      );
      assert.deepEqual(modes, [0o644, 0o600]);
      assert.deepEqual(call('mounts'), ['/dev/sda']);
      call('ln_s', ['/proc/self/root', '/magic']);
      fails('ENOENT', /magic/, () => call('cat', ['/magic/etc/passwd']));
      const sparc = new Uint8Array(64);
      sparc.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0);
      sparc.set([2, 0, 183, 0], 16);
      writeFileSync(join(guest.folder, 'sysroot/bin/arm'), sparc);
      chmodSync(join(guest.folder, 'sysroot/bin/arm'), 0o755);
      fails('ENOTSUP', /AArch64/, () => call('command', [['/bin/arm']]));
      let bytes = 0;
      call(
        'sh_out',
        ['head -c 1000000 /dev/zero'],
        {},
        { output: { write: (chunk) => void (bytes += chunk.length) } },
      );
      assert.equal(bytes, 1_000_000);
      const output = { write() {} };
      fails('EIO', /status 4: oops/, () => call('sh_out', ['echo x; echo oops >&2; exit 4'], {}, { output }));
      fails('ENOENT', /\/bin\/nope/, () => call('command_out', [['/bin/nope']], {}, { output }));
      assert.throws(() =>
        call(
          'sh_out',
          ['while :; do echo y; done'],
          {},
          {
            output: {
              write() {
                throw new GuestfsError('EPIPE', 'the receiver is gone');
              },
            },
          },
        ),
      );
      assert.deepEqual(readFileSync('/proc/mounts', 'utf8').match(new RegExp(guest.folder, 'g'))?.length, 1);
    });
  },
);

test('btrfs', { skip: needsKernel(['btrfs'], 'btrfs', 'mkfs.btrfs', 'btrfstune') }, () => {
  withGuest([300 * MIB, 300 * MIB], ({ call }) => {
    call('mkfs_btrfs', [['/dev/sda', '/dev/sdb']], { label: 'two', metadata: 'raid1', datatype: 'single' });
    assert.deepEqual(call('btrfs_filesystem_show', ['/dev/sdb']), ['/dev/sda', '/dev/sdb']);
    call('mount', ['/dev/sda', '/']);
    call('btrfs_subvolume_create', ['/sub']);
    call('btrfs_subvolume_snapshot', ['/sub', '/snap'], { ro: true });
    const list = call('btrfs_subvolume_list', [{ path: '/' }]) as { btrfssubvolumePath: string }[];
    assert.deepEqual(
      list.map(({ btrfssubvolumePath }) => btrfssubvolumePath),
      ['sub', 'snap'],
    );
    assert.equal((call('btrfs_subvolume_show', ['/snap']) as Record<string, string>)['Flags'], 'readonly');
    assert.equal(call('btrfs_subvolume_get_default', [{ path: '/' }]), 5n);
    call('btrfs_quota_enable', [{ path: '/' }, true]);
    call('btrfs_quota_rescan', [{ path: '/' }]);
    call('btrfs_qgroup_create', ['1/0', '/']);
    assert.ok(
      (call('btrfs_qgroup_show', ['/']) as { btrfsqgroupId: string }[]).some(
        (q) => q.btrfsqgroupId === '1/0',
      ),
    );
    call('btrfs_qgroup_destroy', ['1/0', '/']);
    call('btrfs_filesystem_sync', ['/']);
    call('btrfs_filesystem_defragment', ['/'], { compress: 'zlib' });
    call('btrfs_scrub_full', ['/']);
    assert.equal(
      (call('btrfs_scrub_status', ['/']) as { btrfsscrubReadErrors: number }).btrfsscrubReadErrors,
      0,
    );
    assert.equal(
      (call('btrfs_balance_status', ['/']) as { btrfsbalanceStatus: string }).btrfsbalanceStatus,
      'none',
    );
    call('btrfs_filesystem_resize', ['/']);
    fails('EINVAL', /expected zlib/, () => call('btrfs_filesystem_defragment', ['/'], { compress: 'rot13' }));
    call('btrfs_subvolume_delete', ['/snap']);
    call('umount_all');
    call('mount', ['btrfsvol:/dev/sda/sub', '/']);
    assert.deepEqual(call('mountpoints'), { 'btrfsvol:/dev/sda/sub': '/' });
    call('umount_all');
    assert.deepEqual(call('list_filesystems'), {
      '/dev/sda': 'btrfs',
      'btrfsvol:/dev/sda/sub': 'btrfs',
      '/dev/sdb': 'btrfs',
      'btrfsvol:/dev/sdb/sub': 'btrfs',
    });
    call('set_label', ['/dev/sda', 'other']);
    assert.equal(call('vfs_label', ['/dev/sda']), 'other');
    assert.ok((call('vfs_minimum_size', ['/dev/sda']) as number) > MIB);
    call('btrfs_fsck', ['/dev/sda']);
    fails('ENOENT', /no such device/, () => call('btrfs_fsck', ['/dev/sdz']));
  });
});

test(
  'XFS',
  { skip: needsKernel(['xfs'], 'mkfs.xfs', 'xfs_info', 'xfs_admin', 'xfs_repair', 'xfs_growfs') },
  () => {
    withGuest([300 * MIB], ({ call }) => {
      call('mkfs', ['xfs', '/dev/sda'], { label: 'one' });
      assert.deepEqual(call('list_filesystems'), { '/dev/sda': 'xfs' });
      assert.equal(
        (call('xfs_info2', [{ device: '/dev/sda' }]) as Record<string, string>)['meta-data'],
        '/dev/sda',
      );
      call('xfs_admin', ['/dev/sda'], { label: 'two' });
      assert.equal(call('vfs_label', ['/dev/sda']), 'two');
      call('mount', ['/dev/sda', '/']);
      call('write', ['/file', Buffer.from('text')]);
      call('xfs_growfs', ['/'], { datasec: true });
      assert.equal((call('xfs_info', [{ path: '/' }]) as { xfsBlocksize: number }).xfsBlocksize, 4096);
      assert.deepEqual(call('inspect_os'), []);
      call('umount_all');
      assert.equal(call('xfs_repair', [{ device: '/dev/sda' }], { nomodify: true }), 0);
    });
  },
);

test(
  'NTFS',
  { skip: needsKernel([], 'mkfs.ntfs', 'ntfsclone', 'ntfsresize', 'ntfs-3g.probe', 'ntfscat', 'mkfifo') },
  () => {
    withGuest([40 * MIB], ({ call }) => {
      call('mkfs', ['ntfs', '/dev/sda']);
      assert.equal(call('ntfs_3g_probe', [true, '/dev/sda']), 0);
      assert.ok((call('vfs_minimum_size', ['/dev/sda']) as number) > MIB);
      let mft = '';
      const first = {
        write: (chunk: Uint8Array): void => void (mft ||= Buffer.from(chunk.subarray(0, 4)).toString()),
      };
      call('ntfscat_i', ['/dev/sda', 0], {}, { output: first });
      assert.equal(mft, 'FILE');
      call('ntfsresize', ['/dev/sda'], { size: 30 * MIB });
      const pieces: Buffer[] = [];
      const output = { write: (chunk: Uint8Array): void => void pieces.push(Buffer.from(chunk)) };
      call('ntfsclone_out', ['/dev/sda'], { force: true }, { output });
      const image = Buffer.concat(pieces);
      assert.equal(image.subarray(1, 14).toString('latin1'), 'ntfsclone-ima');
      call('wipefs', ['/dev/sda']);
      let at = 0;
      const input = {
        read(into: Uint8Array): number {
          const count = image.copy(into, 0, at);
          at += count;
          return count;
        },
      };
      call('ntfsclone_in', ['/dev/sda'], {}, { input });
      assert.equal(call('vfs_type', ['/dev/sda']), 'ntfs');
    });
  },
);

test('LUKS: keys by standard input', { skip: needsKernel([], 'cryptsetup') }, () => {
  withGuest([40 * MIB], ({ call, platform, folder }) => {
    fails('EINVAL', /negative/, () => call('luks_format', ['/dev/sda', Buffer.from('first'), -1]));
    // Formatted here, because what is asked of a key by default takes seconds each time.
    const node = platform.tools.deviceNode('/dev/sda');
    const cheap = [
      '-q',
      '--pbkdf',
      'pbkdf2',
      '--pbkdf-force-iterations',
      '1000',
      '--key-file',
      join(folder, 'one'),
    ];
    writeFileSync(join(folder, 'one'), 'first');
    writeFileSync(join(folder, 'two'), 'second\n');
    run('cryptsetup', ...cheap, 'luksFormat', node);
    run('cryptsetup', ...cheap, 'luksAddKey', node, join(folder, 'two'));
    assert.match(call('luks_uuid', ['/dev/sda']) as string, /^[0-9a-f-]{36}$/);
    assert.equal(call('vfs_type', ['/dev/sda']), 'crypto_LUKS');
    fails('EPERM', /No key available/, () => call('luks_kill_slot', ['/dev/sda', Buffer.from('second'), 0]));
    call('luks_kill_slot', ['/dev/sda', Buffer.from('second\n'), 0]);
    fails('EPERM', /No key available/, () =>
      call('luks_add_key', ['/dev/sda', Buffer.from('first'), Buffer.from('x'), 2]),
    );
    fails('EINVAL', /without a slash/, () => call('luks_open', ['/dev/sda', Buffer.from('x'), 'a/b']));
    fails('EINVAL', /expected an opened device/, () => call('luks_close', ['/dev/sda']));
  });
});

test('groups are there when their programs are', { skip: needsKernel([], 'btrfs') }, () => {
  withGuest([10 * MIB], ({ call, platform }) => {
    assert.equal(call('internal_feature_available', ['acl']), 0);
    assert.equal(call('internal_feature_available', ['nonsense']), 2);
    assert.equal(call('internal_feature_available', ['hivex']), 1);
    const missing = platform.unavailable('rsync');
    if (missing === undefined) assert.equal(call('internal_feature_available', ['rsync']), 0);
    else {
      assert.match(missing, /rsync is not installed/);
      assert.equal(call('internal_feature_available', ['rsync']), 1);
    }
    fails('ENOTSUP', /mkfs\.nothing, which is not installed/, () => call('mkfs', ['nothing', '/dev/sda']));
    fails('EINVAL', /no type of a filesystem/, () => call('mkfs', ['../x', '/dev/sda']));
  });
});

test('partition tables that only parted knows', { skip: needsKernel([], 'parted') }, () => {
  withGuest([50 * MIB], ({ call }) => {
    for (const type of ['mac', 'bsd']) {
      call('part_init', ['/dev/sda', type]);
      assert.equal(call('part_get_parttype', ['/dev/sda']), type);
      const before = (call('part_list', ['/dev/sda']) as unknown[]).length;
      call('part_add', ['/dev/sda', 'p', 2048, 48194]);
      const list = call('part_list', ['/dev/sda']) as { partNum: number }[];
      assert.equal(list.length, before + 1);
      const { partNum } = list.at(-1) ?? { partNum: 0 };
      assert.equal(call('part_get_bootable', ['/dev/sda', partNum]), false);
      call('part_del', ['/dev/sda', partNum]);
      assert.equal((call('part_list', ['/dev/sda']) as unknown[]).length, before);
    }
    call('part_init', ['/dev/sda', 'gpt']);
    assert.deepEqual(call('part_list', ['/dev/sda']), []);
  });
});

test(
  'programs: swap, boot loaders, squashfs and changes of files',
  { skip: needsKernel(['ext4'], 'swapon', 'extlinux', 'syslinux', 'mksquashfs', 'mkfs.vfat', 'blkid') },
  () => {
    withGuest([60 * MIB, 40 * MIB], (guest) => {
      const { call } = guest;
      call('mkfs', ['ext4', '/dev/sda']);
      call('mount', ['/dev/sda', '/']);
      call('mkdir', ['/boot']);
      call('extlinux', ['/boot']);
      assert.ok((call('ls', ['/boot']) as string[]).includes('ldlinux.sys'));
      call('mkfs', ['vfat', '/dev/sdb']);
      call('syslinux', ['/dev/sdb']);
      call('mkswap', ['/dev/sdb'], { label: 'swap1' });
      call('swapon_label', ['swap1']);
      call('swapoff_device', ['/dev/sdb']);
      fails('ENOENT', /no device has the UUID/, () =>
        call('swapon_uuid', ['00000000-1111-2222-3333-444444444444']),
      );
      const pieces: Buffer[] = [];
      const output = { write: (chunk: Uint8Array): void => void pieces.push(Buffer.from(chunk)) };
      call('mksquashfs', ['/boot'], { compress: 'gzip', excludes: ['*.c32'] }, { output });
      assert.equal(Buffer.concat(pieces).subarray(0, 4).toString(), 'hsqs');
      if (guest.platform.watches !== undefined) {
        fails('EINVAL', /inotify_init first/, () => call('inotify_read'));
        call('inotify_init', [0]);
        const watch = call('inotify_add_watch', ['/boot', 0x300]);
        call('touch', ['/boot/new']);
        assert.deepEqual(call('inotify_read'), [{ inWd: watch, inMask: 0x100, inCookie: 0, inName: 'new' }]);
        call('rm', ['/boot/new']);
        assert.deepEqual(call('inotify_files'), ['new']);
        call('inotify_close');
      }
      call('blockdev_setro', ['/dev/sdb']);
      assert.equal(call('blockdev_getro', ['/dev/sdb']), true);
      fails('EROFS', /read-only/, () => call('mkfs', ['ext4', '/dev/sdb']));
      call('blockdev_setrw', ['/dev/sdb']);
      fails('EINVAL', /for an option/, () => call('modprobe', ['-r']));
      assert.equal((call('utsname') as { utsSysname: string }).utsSysname, 'Linux');
    });
  },
);

test('what is refused is refused as the engine refuses it', { skip: needsKernel(['ext4']) }, () => {
  withGuest([16 * MIB, 4 * MIB], ({ call }) => {
    fails('EINVAL', /kind of partition/, () => call('part_add', ['/dev/sdz', 'nothing', 1, 1]));
    fails('EINVAL', /size is 0/, () => call('resize2fs_size', ['/dev/sdz', 0]));
    fails('EINVAL', /no type of a filesystem/, () => call('mkfs', ['/file', '/dev/sdb']));
    fails('ENOTSUP', /UUID/, () => call('set_uuid', ['/dev/sdb', '']));
    call('mkfs', ['ext4', '/dev/sda']);
    call('mount', ['/dev/sda', '/']);
    call('mkdir', ['/dir']);
    call('touch', ['/file']);
    fails('EINVAL', /no regular file/, () => call('mount_loop', ['/dir', '/dir']));
    fails('ENOTDIR', /not a directory/, () => call('mount_loop', ['/file', '/file']));
    const free = (call('statvfs', ['/']) as { bfree: number }).bfree;
    fails('ENOSPC', /space/i, () => call('fallocate64', ['/file', 1e12]));
    assert.equal((call('statvfs', ['/']) as { bfree: number }).bfree, free);
    assert.equal(call('filesize', ['/file']), 0);
  });
});
