/** Writing to devices, unpacking archives through the daemon, and what FAT makes of it all. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { MemoryFileSystem } from '../../../test/support/memory-fs.ts';
import { hasTool, needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { writeGuest } from '../../../test/support/write-guest.ts';
import { memoryDevice } from '../../block/memory.ts';
import type { BlockDevice } from '../../block/device.ts';
import { openFat } from '../../filesystems/fat/index.ts';

const MIB = 1024 * 1024;

function read(device: BlockDevice | undefined, offset: number, length: number): string {
  const bytes = new Uint8Array(length);
  device?.readAt(offset, bytes);
  return Buffer.from(bytes).toString('latin1');
}

describe('devices', () => {
  const make = (): ReturnType<typeof writeGuest> => {
    const guest = writeGuest({ '/': new MemoryFileSystem() }, { '/dev/sdb': 3 * MIB, '/dev/sdc': 2 * MIB });
    for (const name of ['/dev/sdb', '/dev/sdc']) {
      const device = guest.devices[name] as BlockDevice;
      device.writeAt(0, new Uint8Array(device.size).fill(0x78));
    }
    return guest;
  };

  test('zero takes the head, zero_device all, and leaves zeroes alone', () => {
    const guest = make();
    guest.call('zero', '/dev/sdb');
    assert.equal(guest.call('is_zero_device', '/dev/sdb'), false);
    assert.equal(read(guest.devices['/dev/sdb'], 32 * 4096 - 2, 4), '\0\0xx');
    const device = guest.devices['/dev/sdb'] as BlockDevice;
    const zeroed: number[] = [];
    const { zero } = device;
    device.zero = function (offset, length) {
      zeroed.push(offset, length);
      zero.call(this, offset, length);
    };
    guest.call('zero_device', '/dev/sdb');
    assert.deepEqual(guest.progress.at(-1), [3 * MIB, 3 * MIB]);
    assert.equal(guest.call('is_zero_device', '/dev/sdb'), true);
    assert.equal(zeroed[0], 2 * 65_536);
  });

  test('pwrite_device, upload and their bounds', () => {
    const guest = make();
    assert.equal(guest.call('pwrite_device', '/dev/sdb', 'abc', 5), 3);
    assert.equal(read(guest.devices['/dev/sdb'], 4, 5), 'xabcx');
    assert.equal(guest.call('pwrite_device', '/dev/sdb', 'abc', 3 * MIB - 2), 2);
    assert.equal(guest.failure('pwrite_device', '/dev/sdb', 'abc', 3 * MIB), 'ENOSPC');
    assert.equal(guest.failure('pwrite_device', '/dev/sdb', 'abc', -1), 'EINVAL');
    assert.equal(guest.failure('pwrite_device', '/dev/sdq', 'abc', 0), 'ENOENT');
    guest.send('upload', 'uploaded', [{ device: '/dev/sdc' }]);
    guest.send('upload_offset', 'there', [{ device: '/dev/sdc' }, 100]);
    assert.equal(read(guest.devices['/dev/sdc'], 0, 9), 'uploadedx');
    assert.equal(read(guest.devices['/dev/sdc'], 99, 7), 'xtherex');
    assert.throws(() => guest.send('upload', new Uint8Array(2 * MIB + 1), [{ device: '/dev/sdc' }]), {
      code: 'ENOSPC',
    });
    assert.equal(read(guest.devices['/dev/sdc'], 0, 8), 'uploaded');
  });

  test('copies to and from devices', () => {
    const guest = make();
    guest.call('write', '/f', `${'\0'.repeat(200_000)}end`);
    guest.callWith('copy_file_to_device', { sparse: true, destoffset: 10 }, '/f', '/dev/sdb');
    assert.equal(read(guest.devices['/dev/sdb'], 100, 2), 'xx');
    assert.equal(read(guest.devices['/dev/sdb'], 200_010, 4), 'endx');
    guest.callWith('copy_file_to_device', {}, '/f', '/dev/sdb');
    assert.equal(read(guest.devices['/dev/sdb'], 100, 2), '\0\0');
    guest.callWith('copy_device_to_device', { size: MIB, destoffset: MIB }, '/dev/sdb', '/dev/sdc');
    assert.equal(read(guest.devices['/dev/sdc'], MIB + 200_000, 3), 'end');
    guest.callWith('copy_device_to_file', { srcoffset: 200_000, size: 3 }, '/dev/sdb', '/g');
    assert.equal(guest.text('/g'), 'end');
    guest.call('copy_device_to_file', '/dev/sdc', '/h');
    assert.equal(guest.call('filesize', '/h'), 2 * MIB);
    assert.throws(() => guest.callWith('copy_device_to_device', {}, '/dev/sdb', '/dev/sdc'), {
      code: 'ENOSPC',
    });
    assert.throws(() => guest.callWith('copy_file_to_device', { append: true }, '/f', '/dev/sdc'), {
      code: 'EINVAL',
    });
    assert.throws(() => guest.callWith('copy_file_to_device', { size: -1 }, '/f', '/dev/sdc'), {
      code: 'EINVAL',
    });
  });

  test('scrubbing leaves zeroes; discarding is for the device to answer', () => {
    const guest = make();
    guest.call('scrub_device', '/dev/sdb');
    assert.equal(guest.call('is_zero_device', '/dev/sdb'), true);
    guest.call('blkdiscard', '/dev/sdc');
    guest.call('blockdev_setro', '/dev/sdc');
    assert.equal(guest.failure('zero', '/dev/sdc'), 'EROFS');
    guest.call('blockdev_setrw', '/dev/sdc');
    guest.call('zero', '/dev/sdc');
  });

  test('a device in use is not written over', () => {
    const guest = make();
    guest.tree.mount(new MemoryFileSystem(), '/', { mountable: '/dev/sdb', readonly: false, options: [] });
    assert.equal(guest.failure('zero', '/dev/sdb'), 'EBUSY');
    guest.call('zero', '/dev/sdc');
  });

  test('free space', () => {
    const fs = new MemoryFileSystem({ capacity: 3 * MIB }).file('/f', 'x'.repeat(MIB));
    const guest = writeGuest({ '/': fs });
    guest.call('scrub_freespace', '/scrub');
    assert.deepEqual(guest.call('ls', '/'), ['f']);
    assert.equal(guest.failure('scrub_freespace', '/f'), 'EEXIST');
    guest.call('zero_free_space', '/');
    guest.callWith('fstrim', { offset: 5, minimumfreeextent: 7 }, '/');
    assert.deepEqual(fs.writer.calls.slice(-2), ['zeroFreeSpace', `trim 5 ${Number.MAX_SAFE_INTEGER} 7`]);
    assert.throws(() => guest.callWith('fstrim', { offset: -1 }, '/'), { code: 'EINVAL' });
  });
});

describe('tar_in', { skip: needsTool('tar') }, () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder.path, 'd'));
  writeFileSync(join(folder.path, 'd/f'), 'content\n'.repeat(10_000));
  symlinkSync('f', join(folder.path, 'd/l'));
  const plain = execFileSync('tar', ['-C', folder.path, '-cf', '-', 'd'], { maxBuffer: 1e7 });
  folder.remove();
  const packed: Record<string, () => Uint8Array> = {
    gzip: () => gzipSync(plain),
    bzip2: () => execFileSync('bzip2', ['-c'], { input: plain }),
    xz: () => execFileSync('xz', ['-c'], { input: plain }),
    lzma: () => execFileSync('xz', ['-c', '--format=lzma'], { input: plain }),
    zstd: () => execFileSync('zstd', ['-c'], { input: plain }),
    lzop: () => execFileSync('lzop', ['-c'], { input: plain }),
    compress: () => execFileSync('compress', ['-c'], { input: plain }),
  };
  const programs: Record<string, string> = { lzma: 'xz' };

  test('plain', () => {
    const guest = writeGuest({ '/': new MemoryFileSystem() });
    guest.send('tar_in', plain, ['/']);
    assert.deepEqual(guest.progress.at(-1), [plain.length, plain.length]);
    assert.equal(guest.text('/d/l'), 'content\n'.repeat(10_000));
    assert.throws(() => guest.send('tar_in', plain, ['/d/f']), { code: 'ENOTDIR' });
    assert.throws(() => guest.send('tar_in', plain, ['/none']), { code: 'ENOENT' });
    assert.throws(() => guest.send('tar_in', plain, ['/'], { compress: 'rar' }), { code: 'EINVAL' });
    guest.cancelAfter = 2;
    assert.throws(() => guest.send('tar_in', plain, ['/']), { code: 'EINTR' });
  });

  for (const [type, pack] of Object.entries(packed)) {
    test(type, { skip: type === 'gzip' ? false : needsTool(programs[type] ?? type) }, () => {
      const guest = writeGuest({ '/': new MemoryFileSystem() });
      guest.send('tar_in', pack(), ['/'], { compress: type });
      assert.equal(guest.text('/d/f'), 'content\n'.repeat(10_000));
      if (type === 'gzip') guest.send('tgz_in', pack(), ['/']);
      if (type === 'xz') guest.send('txz_in', pack(), ['/']);
    });
  }
});

describe('FAT', { skip: needsTool('mkfs.vfat', 'fsck.vfat') }, () => {
  const onFat = (act: (guest: ReturnType<typeof writeGuest>) => void): void => {
    const folder = temporaryFolder();
    try {
      const image = join(folder.path, 'image');
      writeFileSync(image, new Uint8Array(40 * MIB));
      run('mkfs.vfat', '-F', '32', '-s', '1', image);
      const bytes = new Uint8Array(readFileSync(image));
      const fs = openFat(memoryDevice(bytes), {});
      const guest = writeGuest({ '/': fs });
      act(guest);
      fs.close();
      writeFileSync(image, bytes);
      run('fsck.vfat', '-n', image);
    } finally {
      folder.remove();
    }
  };

  test('files, names in any case, renames', () =>
    onFat((guest) => {
      guest.call('mkdir_p', '/A Directory/sub');
      guest.call('write', '/A Directory/sub/File.txt', 'content');
      assert.equal(guest.text('/a directory/SUB/file.TXT'), 'content');
      guest.call('write', '/a directory/sub/FILE.txt', 'changed');
      assert.deepEqual(guest.call('ls', '/A Directory/sub'), ['File.txt']);
      guest.call('rename', '/A Directory/sub/File.txt', '/A Directory/sub/FILE.TXT');
      assert.deepEqual(guest.call('ls', '/A Directory/sub'), ['FILE.TXT']);
      guest.call('rename', '/A Directory', '/moved');
      assert.equal(guest.text('/moved/sub/file.txt'), 'changed');
      guest.call('mv', '/moved/sub/file.txt', '/other.txt');
      guest.call('rename', '/other.txt', '/Other.txt');
      assert.deepEqual(guest.call('ls', '/'), ['Other.txt', 'moved']);
      assert.equal(guest.text('/OTHER.TXT'), 'changed');
      guest.call('cp_a', '/moved', '/copy');
      guest.call('rm_rf', '/moved');
      assert.equal(guest.call('exists', '/moved/sub'), false);
      assert.equal(guest.failure('ln', '/Other.txt', '/x'), 'EPERM');
      assert.equal(guest.failure('ln_s', 'x', '/y'), 'EPERM');
      assert.equal(guest.failure('chown', 5, 5, '/Other.txt'), 'EPERM');
      assert.equal(guest.failure('setxattr', 'user.x', 'x', 1, '/Other.txt'), 'ENOTSUP');
      guest.call('fallocate64', '/space', 100_000);
      assert.equal(guest.call('filesize', '/space'), 100_000);
      guest.call('fill_dir', '/copy', 100);
      guest.send('upload', new Uint8Array(5 * MIB).fill(9), [{ path: '/large' }]);
      guest.send('upload', 'small', [{ path: '/large' }]);
      assert.equal(guest.text('/large'), 'small');
      guest.call('truncate_size', '/large', 70_000);
      assert.equal(guest.call('filesize', '/large'), 70_000);
    }));

  test('archives lose what FAT has not got, with a warning', { skip: !hasTool('tar') }, () =>
    onFat((guest) => {
      const folder = temporaryFolder();
      mkdirSync(join(folder.path, 'd'));
      for (let i = 0; i < 300; i++) writeFileSync(join(folder.path, 'd', `file number ${i}`), `content ${i}`);
      linkSync(join(folder.path, 'd', 'file number 7'), join(folder.path, 'd', 'linked'));
      const packed = execFileSync('tar', ['-C', folder.path, '--owner=1000', '-cf', '-', 'd'], {
        maxBuffer: 1e7,
      });
      folder.remove();
      guest.send('tar_in', packed, ['/']);
      assert.equal(guest.text('/d/file number 299'), 'content 299');
      assert.equal(guest.text('/d/file number 7'), guest.text('/d/linked'));
      assert.match(guest.warnings.join('\n'), /becomes a copy of/);
      assert.match(guest.warnings.join('\n'), /owners and special modes are not kept/);
    }),
  );

  test('a full volume', () =>
    onFat((guest) => {
      guest.call('write', '/f', 'kept');
      assert.throws(() => guest.send('upload', new Uint8Array(60 * MIB), [{ path: '/f' }]), {
        code: 'ENOSPC',
      });
      assert.throws(() => guest.send('upload', new Uint8Array(60 * MIB), [{ path: '/g' }]), {
        code: 'ENOSPC',
      });
      assert.equal(guest.text('/f'), 'kept');
      assert.deepEqual(guest.call('ls', '/'), ['f']);
      guest.call('scrub_freespace', '/scrub');
      assert.deepEqual(guest.call('ls', '/'), ['f']);
    }));
});
