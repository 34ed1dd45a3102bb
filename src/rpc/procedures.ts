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

/** What is asked about an action at each of its calls. */
export interface ActionTraits {
  /** It takes a stream from its caller. */
  readonly takesFile: boolean;
  /** It writes a stream to its caller. */
  readonly givesFile: boolean;
  /** One of its arguments is secret. */
  readonly hasKey: boolean;
}

const known = new Map<ActionEntry, ActionTraits>();

/** The traits of an action. */
export function traitsOf(entry: ActionEntry): ActionTraits {
  let traits = known.get(entry);
  if (traits === undefined) {
    const has = (wanted: string): boolean => entry.args.some(({ type }) => type === wanted);
    traits = { takesFile: has('FileIn'), givesFile: has('FileOut'), hasKey: has('Key') };
    known.set(entry, traits);
  }
  return traits;
}
