import type { GuestFiles } from './guest-files.ts';
import type { SystemType } from './types.ts';

/** What a filesystem is to a system. */
export type Role =
  | { kind: 'root'; type: SystemType; distro?: 'coreos' | 'freedos' | 'msdos' }
  /** The /usr of a CoreOS, which names the system. */
  | { kind: 'coreos-usr' }
  | { kind: 'other' };

const OTHER: Role = { kind: 'other' };

/** Tell a root filesystem by what lies in it. */
export function roleOf(files: GuestFiles): Role {
  if (files.isDirectory('/hurd') && files.exists('/hurd/console') && files.exists('/hurd/null')) {
    return { kind: 'root', type: 'hurd' };
  }
  if (files.isDirectory('/etc')) {
    if (isCoreOsRoot(files)) return { kind: 'root', type: 'linux', distro: 'coreos' };
    if (files.exists('/service/vm') && files.isFile('/etc/version')) return { kind: 'root', type: 'minix' };
    const hasFstab = files.isFile('/etc/fstab');
    if (hasFstab && files.isFile('/bsd')) return { kind: 'root', type: 'openbsd' };
    if (hasFstab && files.isFile('/netbsd')) return { kind: 'root', type: 'netbsd' };
    if (isFreeBsd(files, hasFstab)) return { kind: 'root', type: 'freebsd' };
    // Images that find their filesystems by GPT have no fstab: there os-release must tell that it is a system.
    if (hasPrograms(files) && (hasFstab || hasOsRelease(files))) return { kind: 'root', type: 'linux' };
  }
  if (isCoreOsUsr(files)) return { kind: 'coreos-usr' };
  return dosRole(files);
}

/** /bin as a directory, or as the link that it is since /usr was merged, even if /usr lies elsewhere. */
function hasPrograms(files: GuestFiles): boolean {
  return files.isDirectory('/bin') || /^\/?usr\/bin\/?$/.test(files.linkTarget('/bin') ?? '');
}

function hasOsRelease(files: GuestFiles): boolean {
  return files.isFile('/etc/os-release') || files.isFile('/usr/lib/os-release');
}

function isCoreOsRoot(files: GuestFiles): boolean {
  return (
    (files.isFile('/etc/coreos/update.conf') || files.isFile('/etc/flatcar/update.conf')) &&
    ['/root', '/home', '/usr'].every((path) => files.isDirectory(path))
  );
}

function isCoreOsUsr(files: GuestFiles): boolean {
  return (
    (files.isFile('/share/coreos/update.conf') || files.isFile('/share/flatcar/update.conf')) &&
    files.isDirectory('/bin') &&
    files.isDirectory('/share')
  );
}

function isFreeBsd(files: GuestFiles, hasFstab: boolean): boolean {
  if (hasFstab && files.isFile('/etc/freebsd-update.conf')) return true;
  return files.isFile('/bin/freebsd-version') && files.isFile('/etc/rc.conf');
}

function dosRole(files: GuestFiles): Role {
  if (files.isFile('/FDOS/FREEDOS.BSS') || files.isFile('/fdos/freedos.bss')) {
    return { kind: 'root', type: 'dos', distro: 'freedos' };
  }
  const hasShell = files.isFile('/COMMAND.COM');
  if (files.isFile('/KERNEL.SYS') && (files.isFile('/FDCONFIG.SYS') || files.isFile('/FDAUTO.BAT'))) {
    return { kind: 'root', type: 'dos', distro: 'freedos' };
  }
  // Windows 95 to ME begin as DOS and have these files too.
  if (hasShell && files.isFile('/IO.SYS') && files.isFile('/MSDOS.SYS') && !files.isDirectory('/WINDOWS')) {
    return { kind: 'root', type: 'dos', distro: 'msdos' };
  }
  return OTHER;
}
