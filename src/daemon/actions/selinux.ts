import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { guestPath, toolsOf, when } from '../tools.ts';

const SELINUX = '/sys/fs/selinux/enforce';
const CURRENT = '/proc/self/attr/current';

function relabel(
  context: ActionContext,
  specfile: string,
  paths: readonly string[],
  { force, excludes = [] }: { force?: boolean; excludes?: readonly string[] },
): void {
  if (paths.length === 0) throw new GuestfsError('EINVAL', 'setfiles: the list of paths is empty');
  for (const path of excludes) {
    if (!path.startsWith('/'))
      throw new GuestfsError('EINVAL', `${path}: an excluded path must begin with /`, { path });
  }
  const root = guestPath(context, '/');
  const inRoot = (path: string): string =>
    root === '/' ? path : `${root}${path}`.replace(/\/+$/, '') || root;
  toolsOf(context).run(
    'setfiles',
    [
      ...when(force, '-F'),
      // Errors of one file do not end the rest.
      '-m',
      ...excludes.flatMap((path) => ['-e', inRoot(path)]),
      ...(root === '/' ? [] : ['-r', root]),
      guestPath(context, specfile),
      ...paths.map((path) => guestPath(context, path)),
    ],
    { about: { path: specfile } },
  );
}

function withoutSelinux(cause?: unknown): UnsupportedError {
  return new UnsupportedError('the kernel that this daemon runs on has SELinux switched off', { cause });
}

/** SELinux: labels of files, and the context of the daemon. */
export const selinuxActions = {
  setfiles: relabel,

  selinux_relabel: (context, specfile, path, options) => relabel(context, specfile, [path], options),

  getcon() {
    // Other security modules answer there too.
    if (!existsSync(SELINUX)) throw withoutSelinux();
    try {
      return readFileSync(CURRENT, 'utf8').replace(/[\0\n]+$/, '');
    } catch (error) {
      throw withoutSelinux(error);
    }
  },

  setcon(_context, context) {
    if (!existsSync(SELINUX)) throw withoutSelinux();
    try {
      writeFileSync(CURRENT, context);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EINVAL' && code !== 'EPERM') throw error;
      const why =
        code === 'EINVAL'
          ? 'the policy that the kernel has loaded does not know it'
          : 'the kernel lets a program that has threads, as this daemon has, change only within its type and into types bounded by it';
      throw new GuestfsError(code, `${context}: ${why}`, { cause: error });
    }
  },
} satisfies Partial<DaemonActions>;
