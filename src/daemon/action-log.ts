import { appendFileSync } from 'node:fs';

const seen = new Set<string>();
let file: string | undefined;

/**
 * Note that an action ended well: its name goes, once a thread, as a JSON string on a line of its own to the file
 * that the environment variable `GUESTFS_ACTION_LOG` names. Nothing where it is not set. The tests are run with it
 * to make the support table of the documentation. What a Linux daemon did goes to a file beside it whose name ends in
 * `.linux`, and what one did in the appliance to one that ends in `.appliance`.
 */
export function noteSuccess(action: string, platform: 'engine' | 'linux' | 'appliance' = 'engine'): void {
  file ??= process.env['GUESTFS_ACTION_LOG'] ?? '';
  if (file === '') return;
  const key = `${platform} ${action}`;
  if (seen.has(key)) return;
  seen.add(key);
  appendFileSync(platform === 'engine' ? file : `${file}.${platform}`, `${JSON.stringify(action)}\n`);
}
