import { ELF_IDENT_BYTES, elfArchitecture } from '../formats/elf.ts';
import type { GuestFiles } from './guest-files.ts';

/**
 * Programs that every system has, the likeliest to be a binary first: a shell may be a script, or a link that leads
 * to a filesystem that is not mounted.
 */
const PROGRAMS = ['bash', 'ls', 'echo', 'rm', 'sh', 'busybox'];
const FOLDERS = ['/bin', '/usr/bin', '/sbin', '/usr/sbin'];
/** What CoreOS and some images have where /bin is missing: the dynamic linker and init. */
const OTHERS = [
  '/usr/lib/systemd/systemd',
  '/sbin/init',
  '/lib64/ld-linux-x86-64.so.2',
  '/lib/ld-linux-aarch64.so.1',
  '/lib/ld-linux.so.2',
];

/** Architecture of the guest's programs in libguestfs's spelling, or `unknown`. */
export function architectureOf(files: GuestFiles): string {
  const paths = PROGRAMS.flatMap((name) => FOLDERS.map((folder) => `${folder}/${name}`));
  for (const path of [...paths, ...OTHERS]) {
    const head = files.head(path, ELF_IDENT_BYTES);
    const found = head === undefined ? undefined : elfArchitecture(head);
    if (found !== undefined) return found;
  }
  return 'unknown';
}
