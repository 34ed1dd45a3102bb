/** Filesystems, journals and swap areas that are made, checked, resized and wiped; the Debian tools judge. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { engineDaemon, type EngineDaemon } from '../../../test/support/engine-daemon.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';

const MIB = 1024 * 1024;
const UUID = '12345678-1234-1234-1234-123456789abc';

interface Disks {
  call: EngineDaemon['call'];
  callWith: EngineDaemon['callWith'];
  code(name: string, ...args: unknown[]): string;
  /** What is on the host of /dev/sda and /dev/sdb, written through. */
  a: string;
  b: string;
  /** Keys and values of blkid -p. */
  blkid(path: string): Record<string, string>;
  dumpe2fs(path: string): Record<string, string>;
}

function on(size: number, use: (disks: Disks) => void): void {
  const { path, remove } = temporaryFolder();
  const [a, b] = [join(path, 'a'), join(path, 'b')];
  for (const file of [a, b]) {
    writeFileSync(file, '');
    truncateSync(file, size);
  }
  const daemon = engineDaemon({ path: a, readonly: false }, { path: b, readonly: false });
  const { call, callWith } = daemon;
  try {
    use({
      call,
      callWith,
      a,
      b,
      code(name, ...args) {
        try {
          call(name, ...args);
        } catch (error) {
          return (error as { code: string }).code;
        }
        return '';
      },
      blkid(file) {
        call('sync');
        const { stdout } = spawnSync('blkid', ['-p', '-o', 'export', file], { encoding: 'utf8' });
        return Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
      },
      dumpe2fs(file) {
        call('sync');
        const lines = run('dumpe2fs', '-h', file).split('\n');
        return Object.fromEntries(
          lines.map((line) => /^([^:]+):\s+(.*)$/.exec(line)?.slice(1, 3) ?? ['', '']),
        );
      },
    });
  } finally {
    daemon.close();
    remove();
  }
}

describe(
  'making filesystems',
  { skip: needsTool('e2fsck', 'debugfs', 'dumpe2fs', 'blkid', 'fsck.fat') },
  () => {
    test('mke2fs with its options', () =>
      on(64 * MIB, ({ call, callWith, code, a, dumpe2fs }) => {
        callWith(
          'mke2fs',
          {
            fstype: 'ext4',
            blocksize: 4096,
            bytesperinode: 65_536,
            inodesize: 512,
            reservedblockspercentage: 1,
            label: 'made',
            uuid: UUID,
            lastmounteddir: '/there',
          },
          '/dev/sda',
        );
        const header = dumpe2fs(a);
        assert.equal(header['Filesystem volume name'], 'made');
        assert.equal(header['Filesystem UUID'], UUID);
        assert.equal(header['Block size'], '4096');
        assert.equal(header['Inode size'], '512');
        assert.equal(header['Reserved block count'], '163');
        assert.equal(header['Last mounted on'], '/there');
        assert.ok(Number(header['Inode count']) >= 1024 && Number(header['Inode count']) < 1200);
        run('e2fsck', '-fn', a);
        callWith('mke2fs', { fstype: 'ext2', blockscount: 10_000, numberofinodes: 100 }, '/dev/sda');
        assert.equal(dumpe2fs(a)['Block count'], '10000');
        run('e2fsck', '-fn', a);
        assert.equal(code('mke2fs', '/dev/sdz'), 'ENOENT');
        call('mkfs', 'ext3', '/dev/sda');
        assert.match(dumpe2fs(a)['Filesystem features'] ?? '', /has_journal/);
        run('e2fsck', '-fn', a);
      }));

    test('mkfs, mkfs_b, and what FAT is made of', () =>
      on(64 * MIB, ({ call, callWith, a, blkid, dumpe2fs }) => {
        call('mkfs_b', 'ext4', 2048, '/dev/sda');
        assert.equal(dumpe2fs(a)['Block size'], '2048');
        callWith('mkfs', { inode: 128, features: '^resize_inode', label: 'lab' }, 'ext2', '/dev/sda');
        assert.equal(dumpe2fs(a)['Inode size'], '128');
        assert.doesNotMatch(dumpe2fs(a)['Filesystem features'] ?? '', /resize_inode/);
        run('e2fsck', '-fn', a);
        callWith('mkfs', { blocksize: 4096, label: 'FATLAB' }, 'vfat', '/dev/sda');
        const found = blkid(a);
        assert.deepEqual([found['TYPE'], found['LABEL'], found['USAGE']], ['vfat', 'FATLAB', 'filesystem']);
        run('fsck.fat', '-n', a);
        assert.equal(call('fsck', 'vfat', '/dev/sda'), 0);
      }));

    test('journals of their own', () =>
      on(32 * MIB, ({ call, a, b, blkid, dumpe2fs }) => {
        call('mke2journal', 1024, '/dev/sdb');
        assert.equal(blkid(b)['TYPE'], 'jbd');
        call('mke2fs_J', 'ext4', 1024, '/dev/sda', '/dev/sdb');
        assert.equal(dumpe2fs(a)['Journal UUID'], blkid(b)['UUID']);
        call('mke2journal_L', 4096, 'journal', '/dev/sdb');
        assert.equal(blkid(b)['LABEL'], 'journal');
        call('mke2fs_JL', 'ext4', 4096, '/dev/sda', 'journal');
        assert.equal(dumpe2fs(a)['Journal UUID'], blkid(b)['UUID']);
        call('mke2journal_U', 1024, UUID, '/dev/sdb');
        assert.equal(blkid(b)['UUID'], UUID);
        call('mke2fs_JU', 'ext3', 1024, '/dev/sda', UUID);
        assert.equal(dumpe2fs(a)['Journal UUID'], UUID);
      }));

    test('swap areas', () =>
      on(32 * MIB, ({ call, callWith, code, a, blkid }) => {
        callWith('mkswap', { label: 'one', uuid: UUID }, '/dev/sda');
        let found = blkid(a);
        assert.deepEqual([found['TYPE'], found['LABEL'], found['UUID']], ['swap', 'one', UUID]);
        call('mkswap_L', 'two', '/dev/sda');
        assert.equal(blkid(a)['LABEL'], 'two');
        call('mkswap_U', UUID, '/dev/sda');
        found = blkid(a);
        assert.deepEqual([found['LABEL'], found['UUID']], [undefined, UUID]);
        call('set_label', '/dev/sda', 'three');
        assert.equal(blkid(a)['LABEL'], 'three');
        call('mkfs', 'ext4', '/dev/sdb');
        call('mount', '/dev/sdb', '/');
        call('fill', 0, MIB, '/swap');
        call('mkswap_file', '/swap');
        assert.equal(
          Buffer.from(call('pread', '/swap', 10, 4086) as Uint8Array).toString('latin1'),
          'SWAPSPACE2',
        );
        assert.equal(code('mkswap_file', '/none'), 'ENOENT');
      }));

    test('labels, UUIDs, parameters', () =>
      on(32 * MIB, ({ call, callWith, a, blkid, dumpe2fs }) => {
        call('mkfs', 'ext4', '/dev/sda');
        call('set_label', '/dev/sda', 'label');
        assert.equal(blkid(a)['LABEL'], 'label');
        call('set_e2label', '/dev/sda', 'other');
        assert.equal(blkid(a)['LABEL'], 'other');
        call('set_uuid', '/dev/sda', UUID);
        assert.equal(blkid(a)['UUID'], UUID);
        call('set_uuid_random', '/dev/sda');
        assert.notEqual(blkid(a)['UUID'], UUID);
        call('set_e2uuid', '/dev/sda', UUID);
        assert.equal(blkid(a)['UUID'], UUID);
        callWith(
          'tune2fs',
          { maxmountcount: 7, errorbehavior: 'panic', reservedblockscount: 99, user: 5, group: 6 },
          '/dev/sda',
        );
        const header = dumpe2fs(a);
        assert.equal(header['Maximum mount count'], '7');
        assert.equal(header['Errors behavior'], 'Panic');
        assert.equal(header['Reserved block count'], '99');
        assert.match(header['Reserved blocks uid'] ?? '', /^5 /);
        run('e2fsck', '-fn', a);
      }));

    test('what was not checked is checked before it is resized', () =>
      on(64 * MIB, ({ call, a, b, dumpe2fs }) => {
        const cases = [
          ['/dev/sda', a, ['lastcheck 20200101000000', 'mtime 20210101000000']],
          ['/dev/sdb', b, ['state 2']],
        ] as const;
        for (const [device, file, fields] of cases) {
          run('mke2fs', '-q', '-t', 'ext4', file, '32M');
          for (const field of fields) run('debugfs', '-w', '-R', `ssv ${field}`, file);
          call('resize2fs', device);
          const { 'Block count': blocks, 'Block size': size } = dumpe2fs(file);
          assert.equal(Number(blocks) * Number(size), 64 * MIB);
          run('e2fsck', '-fn', file);
        }
      }));

    test('checked, resized, freed of remnants, wiped', () =>
      on(64 * MIB, ({ call, callWith, code, a, blkid, dumpe2fs }) => {
        call('mkfs_b', 'ext4', 4096, '/dev/sda');
        call('mount', '/dev/sda', '/');
        call('write', '/kept', 'kept');
        call('fill', 0x41, 3 * MIB, '/gone');
        call('rm', '/gone');
        call('umount_all');
        assert.equal(readFileSync(a).includes('AAAAAAAA'), true);
        call('zerofree', '/dev/sda');
        assert.equal(readFileSync(a).includes('AAAAAAAA'), false);
        call('resize2fs_size', '/dev/sda', 40 * MIB);
        assert.equal(dumpe2fs(a)['Block count'], '10240');
        run('e2fsck', '-fn', a);
        call('resize2fs_M', '/dev/sda');
        assert.ok(Number(dumpe2fs(a)['Block count']) < 10_240);
        run('e2fsck', '-fn', a);
        call('resize2fs', '/dev/sda');
        assert.equal(dumpe2fs(a)['Block count'], '16384');
        run('e2fsck', '-fn', a);
        call('e2fsck_f', '/dev/sda');
        callWith('e2fsck', { correct: true }, '/dev/sda');
        assert.equal(call('fsck', 'ext4', '/dev/sda'), 0);
        call('mount', '/dev/sda', '/');
        assert.equal(call('cat', '/kept'), 'kept');
        for (const name of ['wipefs', 'mkswap', 'zero', 'e2fsck_f', 'resize2fs', 'zerofree', 'pvcreate']) {
          assert.equal(code(name, '/dev/sda'), 'EBUSY', name);
        }
        call('umount_all');
        call('wipefs', '/dev/sda');
        assert.deepEqual(blkid(a)['TYPE'], undefined);
      }));
  },
);
