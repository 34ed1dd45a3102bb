import { appendFileSync } from 'node:fs';

/** Environment variable that names the file to which the tests' support table is written. */
export const ACTION_LOG = 'GUESTFS_ACTION_LOG';

let seen: Set<string> | undefined;

/**
 * The hook that appends the name of each action that ended well, once a thread, as a JSON string on a line of its
 * own to the file that `GUESTFS_ACTION_LOG` names; nothing where the variable is not set. The support table of the
 * documentation is made of it.
 */
export function actionLog(): { done?: (name: string) => void } {
  const file = process.env[ACTION_LOG];
  if (file === undefined || file === '') return {};
  const names = (seen ??= new Set());
  return {
    done(name) {
      if (names.has(name)) return;
      names.add(name);
      appendFileSync(file, `${JSON.stringify(name)}\n`);
    },
  };
}
