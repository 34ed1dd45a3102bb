import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';

const DEFAULT_UMASK = 0o022;

function umaskOf({ state }: ActionContext): { value: number } {
  return state.slot('umask', () => ({ value: DEFAULT_UMASK }));
}

/** The mask of permissions that new files do not get. */
export const writeActions = {
  umask(context, mask) {
    if (mask < 0 || mask > 0o777) {
      throw new GuestfsError('EINVAL', `umask 0${mask.toString(8)} is not in the range 0 to 0777`);
    }
    const slot = umaskOf(context);
    const old = slot.value;
    slot.value = mask;
    return old;
  },

  get_umask: (context) => umaskOf(context).value,
} satisfies Partial<DaemonActions>;
