import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: ((options: { type: 'minor' }) => void) | undefined;

/**
 * Free what was allocated lately and is not needed any more, now and not in the middle of a call. Node offers that to
 * programs only behind a flag, which may be set late.
 */
export function collectGarbage(): string {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as NonNullable<typeof collect>;
  }
  collect({ type: 'minor' });
  return 'ok';
}
