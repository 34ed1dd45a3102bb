import type { ActionEntry } from '../../actions/table.ts';
import { dashed } from '../common/names.ts';

/** How an action is written in the shell: `mke2fs device [blockscount:N] [label:..]`. Keys are asked for, not given. */
export function usageLine(action: Pick<ActionEntry, 'name' | 'args' | 'optargs'>): string {
  let line = dashed(action.name);
  for (const { type, name } of action.args) {
    if (type !== 'Key') line += ` ${name}`;
  }
  for (const { type, name } of action.optargs) {
    const value = type === 'Bool' ? 'true|false' : type === 'Int' || type === 'Int64' ? 'N' : '..';
    line += ` [${name}:${value}]`;
  }
  return line;
}
