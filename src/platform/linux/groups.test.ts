import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { groupProblem } from './groups.ts';

test('a program that is missing is why its group is', () => {
  const without = (name: string): { has: (program: string) => boolean } => ({
    has: (program) => program !== name,
  });
  for (const [group, program] of [
    ['btrfs', 'mkfs.btrfs'],
    ['clevisluks', 'clevis-luks-unlock'],
    ['extlinux', 'extlinux'],
    ['f2fs', 'resize.f2fs'],
    ['ldm', 'ldmtool'],
    ['linuxmodules', 'modprobe'],
    ['luks', 'cryptsetup'],
    ['lvm2', 'lvm'],
    ['mdadm', 'mdadm'],
    ['ntfs3g', 'ntfsfix'],
    ['ntfsprogs', 'ntfsresize'],
    ['rsync', 'rsync'],
    ['selinuxrelabel', 'setfiles'],
    ['squashfs', 'mksquashfs'],
    ['syslinux', 'syslinux'],
    ['xfs', 'xfs_repair'],
  ] as const) {
    assert.equal(groupProblem(group, without(program), true), `${program} is not installed`);
    assert.equal(groupProblem(group, without(''), true), undefined);
  }
  assert.equal(
    groupProblem('ntfs3g', { has: () => false }, true),
    'ntfs-3g.probe, ntfsfix, ntfsclone are not installed',
  );
});

test('groups that need more than programs', () => {
  const all = { has: () => true };
  assert.equal(groupProblem('inotify', all, false), 'koffi is not installed');
  assert.equal(groupProblem('inotify', all, true), undefined);
  const selinux = existsSync('/sys/fs/selinux/enforce') ? undefined : 'the kernel has no SELinux';
  assert.equal(groupProblem('selinux', all, true), selinux);
  const grub = existsSync('/usr/lib/grub/i386-pc');
  if (grub) assert.equal(groupProblem('grub', all, true), undefined);
  if (!existsSync('/usr/lib/grub'))
    assert.equal(groupProblem('grub', all, true), '/usr/lib/grub has nothing that could be installed');
});
