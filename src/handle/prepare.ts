import { checkCall, isFileParameter } from '../actions/check.ts';
import { actionEntry, camelCase, type ActionEntry } from '../actions/table.ts';
import { GuestfsError } from '../errors/index.ts';

/** Options that an action takes on a handle beside those of its record; they are not for the daemon. */
const EXTRA_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  add_drive: ['backing', 'snapshot', 'writes'],
  copy_out: ['links'],
};

/** A call with its arguments checked. */
export interface PreparedCall {
  entry: ActionEntry;
  /** As the caller gave them: for the trace. */
  given: readonly unknown[];
  args: readonly unknown[];
  options: Record<string, unknown>;
  /** Values of the FileIn and FileOut arguments with their names. */
  input?: { name: string; value: unknown };
  output?: { name: string; value: unknown };
  signal?: AbortSignal;
}

/**
 * Take a method's arguments apart and check them: the action's own, in order, then an object with its options and
 * `signal`. Throws as {@link checkCall}, and ENOSYS for a name that is no action.
 */
export function prepareCall(name: string, given: readonly unknown[]): PreparedCall {
  const entry = actionEntry(name);
  if (entry === undefined) {
    throw new GuestfsError('ENOSYS', `${name}: there is no such action`, { action: name });
  }
  const count = entry.args.length;
  if (given.length < count || given.length > count + 1) throw countError(entry, given.length);
  const { signal, extra, rest } = splitOptions(entry, given[count] ?? {});
  const plain: unknown[] = [];
  const call: PreparedCall = { entry, given, args: [], options: {} };
  entry.args.forEach((parameter, index) => {
    const file = { name: camelCase(parameter.name), value: given[index] };
    if (parameter.type === 'FileIn') call.input = file;
    else if (parameter.type === 'FileOut') call.output = file;
    else plain.push(given[index]);
  });
  const checked = checkCall(entry, plain, rest);
  call.args = checked.args;
  call.options = { ...checked.options, ...extra };
  if (signal !== undefined) call.signal = signal;
  return call;
}

/** The options object: what is for every call, what is for the handle only, and the action's own. */
function splitOptions(
  entry: ActionEntry,
  options: unknown,
): { signal: AbortSignal | undefined; extra: Record<string, unknown>; rest: Record<string, unknown> } {
  if (typeof options !== 'object' || Array.isArray(options) || options instanceof Uint8Array) {
    throw new TypeError(`${entry.name}: the options, argument ${entry.args.length + 1}, must be an object`);
  }
  const { signal, ...rest } = options as Record<string, unknown>;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`${entry.name}: option 'signal' must be an AbortSignal`);
  }
  const extra: Record<string, unknown> = {};
  for (const key of EXTRA_OPTIONS[entry.name] ?? []) {
    if (rest[key] === undefined) continue;
    extra[key] = rest[key];
    delete rest[key];
  }
  return { signal, extra, rest };
}

function countError(entry: ActionEntry, found: number): TypeError {
  const names = entry.args.map(
    (parameter) => camelCase(parameter.name) + (isFileParameter(parameter) ? ' (stream)' : ''),
  );
  return new TypeError(
    `${entry.name}: wrong number of arguments: found ${found}, expected ${names.length}` +
      `${names.length === 0 ? '' : ` (${names.join(', ')})`} and optionally an object with options`,
  );
}
