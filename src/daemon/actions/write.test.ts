/** The writing file actions, on a filesystem of memory and on real ones that e2fsck judges afterwards. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryFileSystem } from '../../../test/support/memory-fs.ts';
import { unixKinds } from '../../../test/support/write-filesystems.ts';
import type { WriteGuest } from '../../../test/support/write-guest.ts';
import type { Statns } from '../../actions/generated/structs.ts';

const stat = (guest: WriteGuest, path: string): Statns => guest.call('lstatns', path) as Statns;
const permissions = (guest: WriteGuest, path: string): string =>
  (stat(guest, path).stMode & 0o7777).toString(8);

for (const { name, skip, with: on } of unixKinds) {
  describe(`on ${name}`, { skip }, () => {
    test('content: written, replaced, appended to, cut', () =>
      on((guest) => {
        guest.call('write', '/f', 'first');
        assert.equal(guest.text('/f'), 'first');
        assert.equal(permissions(guest, '/f'), '644');
        guest.call('chmod', 0o600, '/f');
        guest.call('chown', 5, 6, '/f');
        guest.call('ln', '/f', '/second-name');
        const { stIno } = stat(guest, '/f');
        guest.call('write', '/f', new Uint8Array(100_000).fill(7));
        guest.call('write', '/f', 'new');
        const after = stat(guest, '/f');
        assert.deepEqual(
          [after.stIno, after.stUid, after.stGid, after.stNlink, after.stSize],
          [stIno, 5, 6, 2, 3],
        );
        assert.equal(permissions(guest, '/f'), '600');
        assert.equal(guest.text('/second-name'), 'new');
        guest.call('write_append', '/f', ' and more');
        guest.call('internal_write_append', '/appended', 'made');
        guest.call('internal_write', '/written', 'made');
        assert.equal(guest.text('/written'), 'made');
        assert.equal(guest.text('/f') + guest.text('/appended'), 'new and moremade');
        assert.equal(guest.call('pwrite', '/f', 'X', 1), 1);
        assert.equal(guest.call('pwrite', '/f', 'end', 20), 3);
        assert.equal(guest.text('/f'), `nXw and more${'\0'.repeat(8)}end`);
        guest.call('truncate_size', '/f', 3);
        guest.call('truncate_size', '/f', 5000);
        assert.equal(guest.text('/f'), `nXw${'\0'.repeat(4997)}`);
        guest.call('truncate', '/f');
        assert.equal(stat(guest, '/f').stSize, 0);
        guest.call('write_file', '/f', 'abcdef', 3);
        assert.equal(guest.text('/f'), 'abc');
        guest.call('ln_s', 'nowhere', '/dangling');
        guest.call('write', '/dangling', 'through');
        assert.equal(guest.text('/nowhere'), 'through');
        assert.equal(guest.failure('write', '/', 'x'), 'EISDIR');
        assert.equal(guest.failure('write', '/none/x', 'x'), 'ENOENT');
        assert.equal(guest.failure('write', '/new/', 'x'), 'EISDIR');
        assert.equal(guest.failure('pwrite', '/none', 'x', 0), 'ENOENT');
        assert.equal(guest.failure('pwrite', '/f', 'x', -1), 'EINVAL');
        assert.equal(guest.failure('truncate', '/none'), 'ENOENT');
        assert.equal(guest.failure('truncate_size', '/f', -1), 'EINVAL');
        assert.equal(guest.failure('write_file', '/f', 'abc', 4), 'EINVAL');
      }));

    test('touch and times', () =>
      on((guest) => {
        guest.call('touch', '/f');
        guest.call('utimens', '/f', 1, 2, -3, 4);
        let s = stat(guest, '/f');
        assert.deepEqual([s.stAtimeSec, s.stMtimeSec], [1, -3]);
        guest.call('utimens', '/f', 0, -2, 7, 0);
        s = stat(guest, '/f');
        assert.deepEqual([s.stAtimeSec, s.stMtimeSec], [1, 7]);
        const before = Math.floor(Date.now() / 1000);
        guest.call('utimens', '/f', 0, -1, 0, -2);
        assert.ok(stat(guest, '/f').stAtimeSec >= before);
        guest.call('touch', '/f');
        assert.ok(stat(guest, '/f').stMtimeSec >= before);
        assert.equal(guest.failure('utimens', '/f', 0, 1e9, 0, 0), 'EINVAL');
        guest.call('ln_s', 'f', '/l');
        assert.equal(guest.failure('touch', '/l'), 'EINVAL');
        assert.equal(guest.failure('touch', '/'), 'EINVAL');
      }));

    test('modes and owners, less the umask', () =>
      on((guest) => {
        assert.equal(guest.call('umask', 0o27), 0o22);
        guest.call('touch', '/f');
        guest.call('mkdir', '/d');
        guest.call('mkdir_mode', '/e', 0o1777);
        guest.call('mkfifo', 0o666, '/p');
        guest.call('mknod_c', 0o666, 1, 3, '/null');
        guest.call('mknod_b', 0o660, 259, 70_000, '/disk');
        guest.call('mknod', 0o100600, 0, 0, '/plain');
        for (const [path, mode] of Object.entries({
          '/f': '640',
          '/d': '750',
          '/e': '1750',
          '/p': '640',
          '/null': '640',
          '/plain': '600',
        })) {
          assert.equal(permissions(guest, path), mode, path);
        }
        assert.equal(stat(guest, '/null').stRdev, 0x103);
        assert.equal(stat(guest, '/disk').stMode, 0o060640);
        assert.equal(guest.call('is_blockdev', '/disk'), true);
        assert.equal(guest.call('is_fifo', '/p'), true);
        guest.call('chmod', 0o6755, '/f');
        assert.equal(permissions(guest, '/f'), '6755');
        guest.call('chown', 70_000, 80_000, '/f');
        assert.equal(permissions(guest, '/f'), '755');
        guest.call('chown', -1, 9, '/f');
        assert.deepEqual([stat(guest, '/f').stUid, stat(guest, '/f').stGid], [70_000, 9]);
        guest.call('ln_s', 'f', '/l');
        guest.call('lchown', 3, 4, '/l');
        assert.deepEqual([stat(guest, '/l').stUid, stat(guest, '/f').stUid], [3, 70_000]);
        guest.call('chown', 1, 1, '/l');
        assert.deepEqual([stat(guest, '/l').stUid, stat(guest, '/f').stUid], [3, 1]);
        assert.equal(guest.failure('chmod', -1, '/f'), 'EINVAL');
        assert.equal(guest.failure('mkdir_mode', '/x', -1), 'EINVAL');
        assert.equal(guest.failure('mknod', 0o040755, 0, 0, '/x'), 'EPERM');
        assert.equal(guest.failure('mknod_c', 0o020600, 1, 3, '/x'), 'EINVAL');
      }));

    test('directories and names', () =>
      on((guest) => {
        guest.call('mkdir_p', '/a/b/c/');
        guest.call('mkdir_p', '/a/b');
        guest.call('ln_s', 'a', '/to-a');
        guest.call('mkdir_p', '/to-a/b/d/../e');
        assert.equal(guest.call('is_dir', '/a/b/e'), true);
        guest.call('touch', '/a/f');
        assert.equal(guest.failure('mkdir_p', '/a/f/g'), 'ENOTDIR');
        assert.equal(guest.failure('mkdir_p', '/a/f'), 'ENOTDIR');
        assert.equal(guest.failure('mkdir', '/a'), 'EEXIST');
        assert.equal(guest.failure('mkdir', '/'), 'EEXIST');
        assert.equal(guest.failure('mkdir', '/none/x'), 'ENOENT');
        assert.equal(guest.failure('rmdir', '/a'), 'ENOTEMPTY');
        assert.equal(guest.failure('rmdir', '/a/f'), 'ENOTDIR');
        assert.equal(guest.failure('rmdir', '/a/.'), 'EINVAL');
        assert.equal(guest.failure('rmdir', '/'), 'EBUSY');
        assert.equal(guest.failure('rm', '/a'), 'EISDIR');
        assert.equal(guest.failure('rm', '/none'), 'ENOENT');
        assert.equal(guest.failure('rm_f', '/a'), 'EISDIR');
        guest.call('rm_f', '/none');
        guest.call('rm_f', '/none/none');
        guest.call('rename', '/a/b', '/a/new');
        assert.equal(guest.call('is_dir', '/to-a/new/c'), true);
        assert.equal(guest.failure('rename', '/a', '/a/new/x'), 'EINVAL');
        assert.equal(guest.failure('rename', '/a/f', '/a/new'), 'EISDIR');
        assert.equal(guest.failure('rename', '/a/f', '/a/g/'), 'ENOTDIR');
        assert.equal(guest.failure('rename', '/none', '/x'), 'ENOENT');
        guest.call('mkdir', '/keep');
        guest.call('touch', '/keep/me');
        guest.call('ln_s', '/keep', '/a/new/link');
        guest.call('rm', '/to-a');
        guest.call('rm_rf', '/a');
        guest.call('rm_rf', '/a');
        guest.call('rm_rf', '/none/none');
        assert.deepEqual(guest.call('find', '/keep'), ['me']);
        assert.equal(guest.call('exists', '/a'), false);
        assert.equal(guest.failure('rm_rf', '/'), 'EINVAL');
        const temporary = guest.call('mkdtemp', '/keep/tXXXXXX') as string;
        assert.match(temporary, /^\/keep\/t[A-Za-z0-9]{6}$/);
        assert.equal(permissions(guest, temporary), '700');
        const file = guest.callWith('mktemp', { suffix: '.txt' }, '/keep/XXXXXX') as string;
        assert.match(file, /^\/keep\/[A-Za-z0-9]{6}\.txt$/);
        assert.equal(permissions(guest, file), '600');
        assert.equal(guest.failure('mktemp', '/keep/XXXXX'), 'EINVAL');
      }));

    test('links', () =>
      on((guest) => {
        guest.call('write', '/f', 'f');
        guest.call('write', '/g', 'g');
        guest.call('mkdir', '/d');
        guest.call('ln', '/f', '/h');
        assert.equal(stat(guest, '/f').stNlink, 2);
        assert.equal(guest.failure('ln', '/f', '/h'), 'EEXIST');
        assert.equal(guest.failure('ln', '/d', '/x'), 'EPERM');
        guest.call('ln_f', '/g', '/h');
        assert.equal(guest.text('/h'), 'g');
        guest.call('ln_f', '/g', '/h');
        assert.equal(guest.failure('ln_f', '/g', '/g'), 'EINVAL');
        assert.equal(guest.text('/g'), 'g');
        guest.call('ln_s', '../f', '/d/s');
        assert.equal(guest.failure('ln_s', 'x', '/d/s'), 'EEXIST');
        guest.call('ln_sf', '../g', '/d/s');
        assert.equal(guest.call('readlink', '/d/s'), '../g');
        guest.call('ln_s', '/f', '/d');
        assert.equal(guest.call('readlink', '/d/f'), '/f');
        guest.call('ln_s', 'x'.repeat(200), '/long');
        assert.equal(guest.call('readlink', '/long'), 'x'.repeat(200));
        assert.equal(guest.failure('ln_s', '', '/empty'), 'ENOENT');
        assert.deepEqual(guest.call('ls', '/d'), ['f', 's']);
      }));

    test('attributes, ACLs, capabilities', () =>
      on((guest) => {
        guest.call('write', '/f', 'f');
        guest.call('mkdir', '/d');
        guest.call('setxattr', 'user.comment', 'hello world', 5, '/f');
        assert.equal(
          Buffer.from(guest.call('getxattr', '/f', 'user.comment') as Uint8Array).toString(),
          'hello',
        );
        guest.call('setxattr', 'trusted.big', 'y'.repeat(900), 900, '/f');
        guest.call('ln_s', 'f', '/l');
        guest.call('setxattr', 'user.via', 'l', 1, '/l');
        guest.call('lsetxattr', 'trusted.own', 'l', 1, '/l');
        assert.equal(guest.failure('lsetxattr', 'user.x', 'x', 1, '/l'), 'EPERM');
        assert.equal(guest.failure('setxattr', 'user.x', 'x', 2, '/f'), 'EINVAL');
        guest.call('removexattr', 'user.via', '/f');
        guest.call('lremovexattr', 'trusted.own', '/l');
        assert.equal(guest.failure('removexattr', 'user.via', '/f'), 'ENODATA');
        const long = 'user::rw-\nuser:1000:r-x\ngroup::r--\nmask::r-x\nother::---\n';
        guest.call('acl_set_file', '/f', 'access', long);
        assert.equal(guest.call('acl_get_file', '/f', 'access'), long);
        assert.equal(permissions(guest, '/f'), '650');
        guest.call('acl_set_file', '/f', 'access', 'u::rwx,g::r-x,o::r-x');
        assert.equal(permissions(guest, '/f'), '755');
        guest.call('acl_set_file', '/d', 'default', long);
        guest.call('umask', 0o77);
        assert.equal(guest.call('acl_get_file', '/d', 'default'), long);
        guest.call('acl_delete_def_file', '/d');
        guest.call('acl_delete_def_file', '/d');
        assert.equal(guest.call('acl_get_file', '/d', 'default'), '');
        for (const bad of [
          'u::rwx',
          'u::rwx,g::r,o::r,u:1:r',
          'u::rwx,g::r,o::q',
          'u:none:r,u::r,g::r,o::r,m::r',
          '',
        ]) {
          assert.equal(guest.failure('acl_set_file', '/f', 'access', bad), 'EINVAL', bad);
        }
        assert.equal(guest.failure('acl_set_file', '/f', 'default', long), 'EACCES');
        for (const text of ['cap_net_raw=ep', 'cap_chown,cap_net_admin=eip', 'cap_bpf+p']) {
          guest.call('cap_set_file', '/f', text);
          assert.equal(guest.call('cap_get_file', '/f'), text.replace('+', '='));
        }
        assert.equal(guest.failure('cap_set_file', '/f', 'cap_chown=e cap_fowner=p'), 'EINVAL');
        assert.equal(guest.failure('cap_set_file', '/f', 'cap_none=e'), 'EINVAL');
        guest.call('pwrite', '/f', 'x', 0);
        assert.equal(guest.call('cap_get_file', '/f'), '');
      }));

    test('uploads: old or new, and nothing left of what failed', () =>
      on((guest) => {
        const large = Buffer.alloc(3_000_000, 'large content ');
        guest.send('upload', large, [{ path: '/f' }]);
        assert.ok(Buffer.from(guest.call('read_file', '/f') as Uint8Array).equals(large));
        assert.deepEqual(guest.progress.at(-1), [large.length, large.length]);
        guest.cancelAfter = 15;
        assert.throws(() => guest.send('upload', 'x'.repeat(2_500_000), [{ path: '/f' }]), { code: 'EINTR' });
        guest.cancelAfter = 15;
        assert.throws(() => guest.send('upload', 'x'.repeat(2_500_000), [{ path: '/new' }]), {
          code: 'EINTR',
        });
        guest.cancelAfter = undefined;
        assert.ok(Buffer.from(guest.call('read_file', '/f') as Uint8Array).equals(large));
        assert.equal(guest.call('exists', '/new'), false);
        guest.send('upload', 'small', [{ path: '/f' }]);
        guest.send('upload_offset', 'ALL', [{ path: '/f' }, 2]);
        assert.equal(guest.text('/f'), 'smALL');
        guest.send('upload_offset', 'x', [{ path: '/g' }, 5000]);
        assert.equal(guest.text('/g'), `${'\0'.repeat(5000)}x`);
        guest.send('upload', '', [{ path: '/empty' }]);
        assert.equal(guest.text('/empty'), '');
        guest.send('base64_in', 'aGVs\nbG8g d29y\r\nbGQ=\n', ['/b']);
        assert.equal(guest.text('/b'), 'hello world');
        for (const bad of ['aGVsbG8', 'a*==', 'aGVsbA==aGVs', 'ab=c']) {
          assert.throws(() => guest.send('base64_in', bad, ['/b']), { code: 'EINVAL' });
        }
        assert.equal(guest.text('/b'), 'hello world');
      }));

    test('copies', () =>
      on((guest) => {
        guest.call('mkdir', '/s');
        guest.call('write', '/s/f', 'content');
        guest.call('chmod', 0o4754, '/s/f');
        guest.call('chown', 7, 8, '/s/f');
        guest.call('chmod', 0o4754, '/s/f');
        guest.call('ln', '/s/f', '/s/g');
        guest.call('ln_s', 'f', '/s/l');
        guest.call('mkdir', '/s/d');
        guest.call('setxattr', 'user.x', 'y', 1, '/s/d');
        guest.call('utimens', '/s/f', 10, 0, 20, 0);
        guest.call('cp', '/s/l', '/copy');
        assert.equal(guest.text('/copy'), 'content');
        assert.equal(permissions(guest, '/copy'), '754');
        guest.call('mkdir', '/into');
        guest.call('cp', '/s/f', '/into');
        assert.equal(guest.text('/into/f'), 'content');
        assert.equal(guest.failure('cp', '/s', '/x'), 'EISDIR');
        assert.equal(guest.failure('cp', '/s/f', '/s/g'), 'EINVAL');
        guest.call('cp_a', '/s', '/a');
        const s = stat(guest, '/a/f');
        assert.deepEqual([s.stUid, s.stGid, s.stAtimeSec, s.stMtimeSec, s.stNlink], [7, 8, 10, 20, 2]);
        assert.equal(permissions(guest, '/a/f'), '4754');
        assert.equal(guest.call('readlink', '/a/l'), 'f');
        assert.equal(Buffer.from(guest.call('getxattr', '/a/d', 'user.x') as Uint8Array).toString(), 'y');
        guest.call('cp_r', '/s', '/a');
        assert.equal(stat(guest, '/a/s/f').stUid, 0);
        assert.equal(permissions(guest, '/a/s/f'), '754');
        assert.equal(stat(guest, '/a/s/f').stNlink, 1);
        guest.call('cp_r', '/s/.', '/into');
        assert.deepEqual(guest.call('ls', '/into'), ['d', 'f', 'g', 'l']);
        assert.equal(guest.failure('cp_a', '/s', '/s/d'), 'EINVAL');
        guest.call('touch', '/bare');
        guest.callWith('copy_attributes', {}, '/s/f', '/bare');
        assert.equal(permissions(guest, '/bare'), '644');
        guest.callWith('copy_attributes', { all: true }, '/s/f', '/bare');
        assert.equal(permissions(guest, '/bare'), '4754');
        assert.equal(stat(guest, '/bare').stUid, 7);
        guest.call('mv', '/copy', '/into');
        assert.equal(guest.call('exists', '/copy'), false);
        guest.call('mv', '/a/f', '/a/g');
        assert.equal(guest.call('exists', '/a/f'), false);
        assert.equal(guest.text('/a/g'), 'content');
        assert.equal(guest.failure('mv', '/a', '/a/d'), 'EINVAL');
      }));

    test('moves to another filesystem', () =>
      on((guest) => {
        guest.call('mkdir', '/s');
        guest.call('write', '/s/f', 'content');
        guest.call('chown', 7, 8, '/s/f');
        assert.equal(guest.failure('rename', '/s', '/other/s'), 'EXDEV');
        guest.call('mv', '/s', '/other');
        assert.equal(guest.call('exists', '/s'), false);
        assert.equal(guest.text('/other/s/f'), 'content');
        assert.equal(stat(guest, '/other/s/f').stUid, 7);
        guest.call('mv', '/other/s/f', '/f');
        assert.equal(stat(guest, '/f').stUid, 7);
        assert.equal(guest.failure('mv', '/other', '/x'), 'EBUSY');
      }, new MemoryFileSystem()));

    test('stretches of files', () =>
      on((guest) => {
        guest.call('write', '/f', '0123456789');
        guest.callWith('copy_file_to_file', { srcoffset: 2, size: 3, destoffset: 4 }, '/f', '/g');
        assert.equal(guest.text('/g'), '\0\0\0\x00234');
        guest.callWith('copy_file_to_file', { append: true, sparse: true }, '/f', '/g');
        assert.equal(guest.text('/g'), '\0\0\0\x002340123456789');
        guest.call('copy_size', { path: '/f' }, { path: '/h' }, 4);
        guest.call('dd', { path: '/h' }, { path: '/i' });
        assert.equal(guest.text('/i'), '0123');
        assert.equal(guest.failure('copy_size', { path: '/f' }, { path: '/h' }, 11), 'EINVAL');
        assert.equal(guest.text('/h'), '0123');
      }));

    test('fills and reserves', () =>
      on((guest) => {
        guest.call('fill', 0x41, 3_000_000, '/a');
        assert.equal(guest.call('checksum', 'md5', '/a'), guest.call('checksum', 'md5', '/a'));
        assert.equal(stat(guest, '/a').stSize, 3_000_000);
        assert.equal(Buffer.from(guest.call('pread', '/a', 4, 2_999_996) as Uint8Array).toString(), 'AAAA');
        guest.call('fill_pattern', 'abc', 2_000_000, '/p');
        assert.equal(Buffer.from(guest.call('pread', '/p', 5, 1_999_995) as Uint8Array).toString(), 'abcab');
        guest.call('mkdir', '/many');
        guest.call('fill_dir', '/many', 500);
        assert.equal((guest.call('ls', '/many') as string[]).length, 500);
        assert.equal((guest.call('ls', '/many') as string[])[499], '00000499');
        guest.call('fallocate64', '/space', 1_000_000);
        assert.equal(stat(guest, '/space').stSize, 1_000_000);
        guest.call('fallocate', '/space', 10);
        assert.equal(stat(guest, '/space').stSize, 1_000_000);
        assert.equal(guest.failure('fill', 256, 1, '/a'), 'EINVAL');
        assert.equal(guest.failure('fill_pattern', '', 1, '/a'), 'EINVAL');
        assert.equal(guest.failure('fallocate64', '/space', 0), 'EINVAL');
        guest.call('scrub_file', '/p');
        assert.equal(guest.call('exists', '/p'), false);
      }));
  });
}
