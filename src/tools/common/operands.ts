import type { ToolContext } from './run.ts';
import { SharedOptions } from './request.ts';
import type { GivenOption } from './options.ts';

/**
 * The options that tools share out of a command line; those of the tool itself go to `own`.
 * Where no `-a` was given, the older way of writing is understood: all operands but the last `keep` are disks.
 *
 * @returns the options and the operands that are left.
 */
export function readShared(
  { line }: ToolContext,
  own: (option: GivenOption, shared: SharedOptions) => void,
  keep: number,
): { shared: SharedOptions; operands: string[] } {
  const shared = new SharedOptions();
  for (const option of line.options) {
    if (!shared.take(option)) own(option, shared);
  }
  let operands = [...line.operands];
  if (shared.disks.length === 0 && operands.length > keep) {
    const disks = operands.length - keep;
    for (const disk of operands.slice(0, disks)) shared.addDisk(disk);
    operands = operands.slice(disks);
  }
  return { shared, operands };
}
