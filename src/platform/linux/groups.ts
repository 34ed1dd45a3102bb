import { existsSync, readdirSync } from 'node:fs';
import type { ToolsCapability } from '../tools-capability.ts';

/**
 * The programs that a feature group's actions call; one is missing and the group is. Groups that are not here need
 * none: what they do is done in this package or by node:fs.
 */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  btrfs: ['btrfs', 'mkfs.btrfs'],
  clevisluks: ['clevis-luks-unlock'],
  extlinux: ['extlinux'],
  f2fs: ['resize.f2fs'],
  grub: ['grub-install'],
  ldm: ['ldmtool'],
  linuxmodules: ['modprobe'],
  luks: ['cryptsetup'],
  lvm2: ['lvm'],
  mdadm: ['mdadm'],
  ntfs3g: ['ntfs-3g.probe', 'ntfsfix', 'ntfsclone'],
  ntfsprogs: ['ntfsresize'],
  rsync: ['rsync'],
  selinuxrelabel: ['setfiles'],
  squashfs: ['mksquashfs'],
  syslinux: ['syslinux'],
  xfs: ['xfs_growfs', 'xfs_admin', 'xfs_repair', 'xfs_info'],
};

/** Where grub-install takes what it installs from: a folder for each kind of machine, of packages of their own. */
const GRUB_IMAGES = '/usr/lib/grub';

function hasGrubImages(): boolean {
  return (
    existsSync(GRUB_IMAGES) &&
    readdirSync(GRUB_IMAGES, { withFileTypes: true }).some((entry) => entry.isDirectory())
  );
}

/** Why a feature group is missing, in words; undefined where nothing is known to be. */
export function groupProblem(
  group: string,
  tools: Pick<ToolsCapability, 'has'>,
  watches: boolean,
): string | undefined {
  if (group === 'inotify' && !watches) return 'koffi is not installed';
  if (group === 'selinux' && !existsSync('/sys/fs/selinux/enforce')) return 'the kernel has no SELinux';
  if (group === 'grub' && !hasGrubImages()) return `${GRUB_IMAGES} has nothing that could be installed`;
  const missing = (NEEDED[group] ?? []).filter((program) => !tools.has(program));
  if (missing.length === 0) return undefined;
  return `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not installed`;
}
