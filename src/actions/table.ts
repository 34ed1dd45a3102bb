/**
 * The actions at run time, without their words. The table is one string, so that loading it costs next to nothing;
 * a line is taken apart when its action is first asked for.
 *
 * A line: `name procedure|- h|d arguments|- options|- result [key[=value]...]`, where arguments and options are
 * comma-separated `Type[:of]=name[@unit][!]` (`!` marks an opaque 64-bit value) and the result is
 * `Type[:of][#key/value][=name][!]`.
 */
import { packedActions } from './generated/table.ts';
import type { ActionRecord, OptionalParameter, Parameter, Result } from './record.ts';

/** An action record without its words. */
export type ActionEntry = Omit<ActionRecord, 'summary' | 'description' | 'since'>;

const lines = packedActions.split('\n');
/** Names of all actions as the API spells them (`mount_ro`), in the order of the records; `_opts` names not among them. */
export const actionNames: readonly string[] = lines.map((line) => line.slice(0, line.indexOf(' ')));

const lineByName = new Map<string, string>();
for (let i = 0; i < lines.length; i++) lineByName.set(actionNames[i] as string, lines[i] as string);
const entries = new Map<string, ActionEntry>();
let aliases: Map<string, string> | undefined;

/** The entry of an action, or of one of its other names (`mkfs_opts`); undefined where there is none. */
export function actionEntry(name: string): ActionEntry | undefined {
  const known = entries.get(name);
  if (known !== undefined) return known;
  const line = lineByName.get(name);
  if (line === undefined) {
    const target = methodAliases().get(name);
    return target === undefined ? undefined : actionEntry(target);
  }
  const entry = unpack(line);
  entries.set(name, entry);
  return entry;
}

/** Other names under which actions can be called (`mkfs_opts`), each with the action's own name. */
export function methodAliases(): ReadonlyMap<string, string> {
  if (aliases === undefined) {
    aliases = new Map();
    for (const line of lines) {
      const at = line.indexOf(' methodAliases=');
      if (at < 0) continue;
      const list = line.slice(at + 15).split(' ', 1)[0] as string;
      for (const alias of list.split(',')) aliases.set(alias, line.slice(0, line.indexOf(' ')));
    }
  }
  return aliases;
}

/** `mount_ro` to `mountRo`, as methods and arguments are named. */
export function camelCase(name: string): string {
  const words = name.split('_');
  let text = words[0] ?? '';
  for (let i = 1; i < words.length; i++) {
    const word = words[i] ?? '';
    text += word.charAt(0).toUpperCase() + word.slice(1);
  }
  return text;
}

function unpack(line: string): ActionEntry {
  const [name, proc, where, args, optargs, ret, ...rest] = line.split(' ') as [
    string,
    string,
    string,
    string,
    string,
    string,
    ...string[],
  ];
  const entry: Record<string, unknown> = {
    name,
    proc: proc === '-' ? null : Number(proc),
    where: where === 'h' ? 'handle' : 'daemon',
    args: args === '-' ? [] : args.split(',').map(unpackParameter),
    optargs: optargs === '-' ? [] : (optargs.split(',').map(unpackParameter) as OptionalParameter[]),
    ret: unpackResult(ret),
  };
  for (const item of rest) {
    const at = item.indexOf('=');
    if (at < 0) entry[item] = true;
    else {
      const key = item.slice(0, at);
      const value = item.slice(at + 1);
      entry[key] = key === 'aliases' || key === 'methodAliases' ? value.split(',') : value;
    }
  }
  return entry as unknown as ActionEntry;
}

function unpackParameter(text: string): Parameter {
  const match = /^(\w+)(?::(\w+))?=(\w+)(?:@(\w+))?(!)?$/.exec(text) as unknown as string[];
  const parameter: Parameter = { type: match[1] as Parameter['type'], name: match[3] as string };
  if (match[2] !== undefined) parameter.of = match[2];
  if (match[4] !== undefined) parameter.unit = match[4] as NonNullable<Parameter['unit']>;
  if (match[5] !== undefined) parameter.opaque = true;
  return parameter;
}

function unpackResult(text: string): Result {
  const match = /^(\w+)(?::(\w+))?(?:#(\w+)\/(\w*))?(?:=(\w+))?(!)?$/.exec(text) as unknown as string[];
  const result: Result = { type: match[1] as Result['type'] };
  if (match[2] !== undefined) result.of = match[2];
  if (match[3] !== undefined) {
    result.key = match[3];
    result.value = match[4] as string;
  }
  if (match[5] !== undefined) result.name = match[5];
  if (match[6] !== undefined) result.opaque = true;
  return result;
}
