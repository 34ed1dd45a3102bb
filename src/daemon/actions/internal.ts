import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { sleep } from '../../native/sleep.ts';

/** Steps a second of `debug progress`. */
const STEPS = 10;

/** A call that does nothing but report progress for some seconds: to see what a program makes of it. */
function reportProgress(context: ActionContext, text: string | undefined): string {
  const seconds = Number(text ?? '10');
  if (!(seconds > 0 && seconds <= 3600)) {
    throw new GuestfsError('EINVAL', `debug progress: '${text}' is no number of seconds from 1 to 3600`);
  }
  const total = Math.ceil(seconds * STEPS);
  for (let position = 0; position < total; position++) {
    context.checkCancelled();
    context.progress(position, total);
    sleep(1000 / STEPS);
  }
  return 'ok';
}

/** A command of `debug`: its words, and what it answers. */
export type DebugCommand = (context: ActionContext, args: readonly string[]) => string;

const COMMANDS: Readonly<Record<string, DebugCommand>> = {
  error: (_context, [text]) => {
    throw new GuestfsError('EIO', text ?? 'debug error');
  },
  mounts: ({ platform }) =>
    platform.mounts
      .list()
      .map(({ mountable, mountpoint, type }) => `${mountable} ${mountpoint} ${type}\n`)
      .join(''),
  progress: (context, [seconds]) => reportProgress(context, seconds),
  warn(context, [text]) {
    context.warn(text ?? 'debug warn');
    return 'ok';
  },
};

/** The action `debug` with the commands of every daemon and more. */
export function debugWith(more: Readonly<Record<string, DebugCommand>>): DaemonActions['debug'] {
  const names = [...Object.keys({ ...COMMANDS, ...more }), 'help'].toSorted().join(' ');
  const commands: Readonly<Record<string, DebugCommand>> = {
    ...COMMANDS,
    ...more,
    help: () => `Commands: ${names}`,
  };
  return (context, name, args) => {
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) {
      throw new GuestfsError('EINVAL', `debug: there is no command '${name}', only ${names}`);
    }
    return command(context, args);
  };
}

/** For debugging, and for the parts of the package among themselves. */
export const internalActions = {
  internal_autosync(context) {
    const { mounts } = context.platform;
    if (mounts.outlast !== true) mounts.unmountAll();
    context.platform.sync();
  },

  debug: debugWith({}),
} satisfies Partial<DaemonActions>;
