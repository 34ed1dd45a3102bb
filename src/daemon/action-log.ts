import { appendFileSync } from 'node:fs';

const seen = new Set<string>();

/**
 * Note that an action ended well: its name goes, once a thread, as a JSON string on a line of its own to the file
 * that the environment variable `GUESTFS_ACTION_LOG` names. Nothing where it is not set. The tests are run with it
 * to make the support table of the documentation.
 */
export function noteSuccess(action: string): void {
  const file = process.env['GUESTFS_ACTION_LOG'];
  if (file === undefined || file === '' || seen.has(action)) return;
  seen.add(action);
  appendFileSync(file, `${JSON.stringify(action)}\n`);
}
