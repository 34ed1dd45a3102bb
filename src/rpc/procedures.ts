import { actionEntry, actionNames, type ActionEntry } from '../actions/table.ts';

/** Procedure of `readdir` up to libguestfs 1.48, which answers with a list of `dirent`. */
export const OLD_READDIR = 138;

let byNumber: Map<number, ActionEntry> | undefined;

/** The action of a procedure number, or undefined where no peer has one of that number. */
export function procedureEntry(procedure: number): ActionEntry | undefined {
  if (byNumber === undefined) {
    byNumber = new Map();
    for (const name of actionNames) {
      const entry = actionEntry(name);
      if (entry !== undefined && entry.proc !== null && entry.where === 'daemon')
        byNumber.set(entry.proc, entry);
    }
    const readdir = actionEntry('readdir');
    if (readdir !== undefined) byNumber.set(OLD_READDIR, { ...readdir, proc: OLD_READDIR });
  }
  return byNumber.get(procedure);
}

/** True if the action takes a stream from its caller. */
export function takesFile(entry: ActionEntry): boolean {
  return entry.args.some(({ type }) => type === 'FileIn');
}

/** True if the action writes a stream to its caller. */
export function givesFile(entry: ActionEntry): boolean {
  return entry.args.some(({ type }) => type === 'FileOut');
}
