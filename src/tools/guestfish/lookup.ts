import { actionEntry, actionNames, type ActionEntry } from '../../actions/table.ts';
import { dashed } from '../common/names.ts';

/** Actions that people may call from the shell. */
export function isShellAction({
  name,
  visibility,
  args,
}: Pick<ActionEntry, 'name' | 'visibility' | 'args'>): boolean {
  if (visibility !== undefined && (visibility !== 'debug' || name.startsWith('internal_'))) return false;
  return !args.some(({ type }) => type === 'Pointer');
}

/** Upper and lower case, hyphens and underscores are the same in command names. */
export function canonicalName(name: string): string {
  return dashed(name.toLowerCase());
}

let byName: Map<string, ActionEntry> | undefined;

/** The action that a command name stands for, aliases included. */
export function findAction(name: string): ActionEntry | undefined {
  const canonical = canonicalName(name);
  const direct = actionEntry(canonical.replaceAll('-', '_'));
  if (direct !== undefined) return isShellAction(direct) ? direct : undefined;
  // Aliases of the shell (`run`), and names with capitals (`mke2fs_JL`).
  if (byName === undefined) {
    byName = new Map();
    for (const action of shellActions()) {
      for (const other of commandNames(action)) byName.set(other, action);
    }
  }
  return byName.get(canonical);
}

/** All names of an action's command, the usual one first. */
export function commandNames(action: ActionEntry): string[] {
  return [
    canonicalName(action.name),
    ...(action.aliases ?? []).map(canonicalName),
    ...(action.methodAliases ?? []).map(canonicalName),
  ];
}

/** Every action of the shell, sorted by command name. */
export function shellActions(): ActionEntry[] {
  return actionNames
    .map((name) => actionEntry(name) as ActionEntry)
    .filter(isShellAction)
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
