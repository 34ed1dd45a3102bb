import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCall } from './check.ts';
import { actionEntry, type ActionEntry } from './table.ts';

const entry = (name: string): ActionEntry => actionEntry(name) as ActionEntry;
const check = (name: string, args: unknown[], options?: object): unknown[] => {
  const checked = checkCall(entry(name), args, options);
  return [...checked.args, checked.options];
};
const refuses = (name: string, args: unknown[], message: RegExp, options?: object): void => {
  assert.throws(() => checkCall(entry(name), args, options), {
    name: 'GuestfsError',
    code: 'EINVAL',
    message,
  });
};

test('paths are absolute', () => {
  assert.deepEqual(check('cat', ['/a/../b']), ['/a/../b', {}]);
  refuses('cat', ['a'], /^cat: path: 'a': a guest path must begin with \//);
  refuses('cat', [''], /must begin with/);
  refuses('cat', ['/a\0'], /NUL/);
});

test('devices begin with /dev/, mountables may name a subvolume', () => {
  assert.deepEqual(check('part_list', ['/dev/sda']), ['/dev/sda', {}]);
  refuses('part_list', ['sda'], /device name must begin with \/dev\//);
  refuses('part_list', ['/dev/'], /device name/);
  assert.deepEqual(check('mount_ro', ['btrfsvol:/dev/sda1/x', '/']), ['btrfsvol:/dev/sda1/x', '/', {}]);
  refuses('mount_ro', ['LABEL=root', '/'], /expected \/dev\/NAME or btrfsvol/);
});

test('a device or a path is told apart, and may be stated', () => {
  assert.deepEqual(check('download', ['/dev/sda']), [{ device: '/dev/sda' }, {}]);
  assert.deepEqual(check('download', ['/etc/passwd']), [{ path: '/etc/passwd' }, {}]);
  assert.deepEqual(check('download', ['/./dev/sda']), [{ path: '/./dev/sda' }, {}]);
  assert.deepEqual(check('download', [{ path: '/dev/sda' }]), [{ path: '/dev/sda' }, {}]);
  assert.deepEqual(check('download', [{ device: '/dev/sda' }]), [{ device: '/dev/sda' }, {}]);
  assert.deepEqual(check('btrfs_subvolume_list', ['/dev/sda']), [{ mountable: '/dev/sda' }, {}]);
  assert.deepEqual(check('btrfs_subvolume_list', [{ device: '/dev/sda' }]), [{ mountable: '/dev/sda' }, {}]);
  assert.deepEqual(check('btrfs_subvolume_list', ['/mnt']), [{ path: '/mnt' }, {}]);
  refuses('download', ['etc'], /must begin with/);
  assert.throws(() => check('download', [{}]), TypeError);
  assert.throws(() => check('download', [{ path: '/a', device: '/dev/sda' }]), TypeError);
  assert.throws(() => check('download', [null]), TypeError);
});

test('numbers are integers of their size', () => {
  assert.deepEqual(check('head_n', [-5, '/a']), [-5, '/a', {}]);
  refuses('head_n', [1.5, '/a'], /is not an integer/);
  refuses('head_n', [2 ** 31, '/a'], /is not between -2147483648 and 2147483647/);
  refuses('head_n', [Number.NaN, '/a'], /is not an integer/);
  assert.deepEqual(check('truncate_size', ['/a', 2 ** 40]), ['/a', 2 ** 40, {}]);
  refuses('truncate_size', ['/a', 2 ** 53], /is not an integer/);
  assert.deepEqual(check('part_set_gpt_attributes', ['/dev/sda', 1, 5n]), ['/dev/sda', 1, 5n, {}]);
  refuses('part_set_gpt_attributes', ['/dev/sda', 1, 2n ** 63n], /does not fit in 64 bits/);
  assert.throws(() => check('part_set_gpt_attributes', ['/dev/sda', 1, 5]), TypeError);
});

test('lists, GUIDs, optional strings, keys and buffers', () => {
  assert.deepEqual(check('echo_daemon', [[]]), [[], {}]);
  refuses('lstatnslist', ['/', ['a/b']], /a file name has no \//);
  refuses('vgcreate', ['vg', ['sda']], /must begin with \/dev\//);
  assert.deepEqual(
    check('part_set_disk_guid', ['/dev/sda', '01234567-89AB-cdef-0123-456789abcdef']).length,
    3,
  );
  refuses('part_set_disk_guid', ['/dev/sda', '0123'], /is not a GUID/);
  assert.deepEqual(check('set_append', [null]), [null, {}]);
  assert.throws(() => check('set_append', [undefined]), TypeError);
  const key = check('luks_open', ['/dev/sda', 'ké', 'm']);
  assert.deepEqual(key[1], new TextEncoder().encode('ké'));
  assert.deepEqual(check('write', ['/a', 'text'])[1], new TextEncoder().encode('text'));
  assert.throws(() => check('write', ['/a', 5]), TypeError);
});

test('options are those of the record', () => {
  assert.deepEqual(check('is_file', ['/a'], { followsymlinks: true }), ['/a', { followsymlinks: true }]);
  assert.deepEqual(check('is_file', ['/a'], { followsymlinks: undefined }), ['/a', {}]);
  assert.throws(
    () => check('is_file', ['/a'], { followSymlinks: true }),
    /unknown option 'followSymlinks', known are: followsymlinks/,
  );
  assert.throws(() => check('cat', ['/a'], { x: 1 }), /known are: none/);
});
