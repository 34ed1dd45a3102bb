import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { bindMounts } from './bind-mounts.ts';
import type { KernelTree } from './kernel-tree.ts';

/** What a program of the guest expects to find, from the machine that it runs on. */
const BOUND = ['/dev', '/dev/pts', '/proc', '/sys', '/sys/fs/selinux'];
const RESOLVER = '/etc/resolv.conf';

/**
 * Run something while the guest's root looks as it does to a running system: the machine's /dev, /proc and /sys are
 * bound into it, and with a network the machine's resolv.conf takes the place of the guest's. A directory that the
 * guest lacks is left out.
 */
export function inGuestRoot<T>(tree: KernelTree, network: boolean, run: (root: string) => T): T {
  const mounts = bindMounts();
  const bound: string[] = [];
  let restore: () => void = () => undefined;
  try {
    for (const path of BOUND) {
      const target = directory(tree, path);
      if (target === undefined || !existsSync(path)) continue;
      mounts.bind(path, target);
      bound.push(target);
    }
    if (network) restore = withResolver(tree);
    return run(tree.root);
  } finally {
    restore();
    for (const target of bound.toReversed()) mounts.release(target);
  }
}

/** A directory of the guest on the host; undefined where there is none, or where it is only reached by a link. */
function directory(tree: KernelTree, path: string): string | undefined {
  try {
    const host = tree.host(path);
    return tree.realpath(path) === path && lstatSync(host).isDirectory() ? host : undefined;
  } catch {
    return undefined;
  }
}

/** Put the machine's resolv.conf into the guest, and give back what takes it out again. */
function withResolver(tree: KernelTree): () => void {
  const etc = directory(tree, '/etc');
  if (etc === undefined || !existsSync(RESOLVER)) return () => undefined;
  // By its descriptor it is the same directory still after the program put something else into its place.
  const fd = openSync(etc, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const path = `/proc/self/fd/${fd}/resolv.conf`;
  const saved = `/proc/self/fd/${fd}/.guestfs-resolv.conf`;
  try {
    accessSync(etc, constants.W_OK);
    const had = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
    if (had) renameSync(path, saved);
    copyFileSync(RESOLVER, path, constants.COPYFILE_EXCL);
    return () => {
      rmSync(path, { force: true });
      if (had) renameSync(saved, path);
      closeSync(fd);
    };
  } catch {
    closeSync(fd);
    // A guest that is mounted read-only keeps its own.
    return () => undefined;
  }
}
