import assert from 'node:assert/strict';
import { actionEntry, actionNames, camelCase, type ActionEntry } from '../../src/actions/table.ts';
import type { Guestfs } from '../../src/handle/index.ts';
import { fishResult } from './fish-result.ts';

function numberOf(word: string): number {
  if (/^0[0-7]+$/.test(word)) return parseInt(word, 8);
  return Number(word);
}

type Method = (...args: unknown[]) => Promise<unknown>;

/** The action that a command of guestfish runs: by its own name, or by one of its others. */
export function commandEntry(command: string): ActionEntry {
  const name = command.replaceAll('-', '_').replace(/_opts$/, '');
  const entry =
    actionEntry(name) ?? actionNames.map(actionEntry).find((one) => one?.aliases?.includes(command));
  assert.ok(entry, `${command} is a known command`);
  return entry;
}

/**
 * Run a command of guestfish, given as its words, on a handle; gives what guestfish would print. `IN/` and `OUT/` at the
 * beginning of a word stand for folders below `folder`. Throws what the action throws.
 */
export async function askHandle(g: Guestfs, folder: string, words: readonly string[]): Promise<string> {
  const [command = '', ...rest] = words.map((word) => word.replace(/^(IN|OUT)\//, `${folder}/$1/`));
  const entry = commandEntry(command);
  const args: unknown[] = [];
  for (const { type, opaque } of entry.args) {
    const word = rest.shift() ?? '';
    if (type === 'StringList') args.push(word === '' ? [] : word.split(' '));
    else if (type === 'Int' || type === 'Int64') {
      const number = command === 'umask' && !word.startsWith('-') ? parseInt(word, 8) : numberOf(word);
      args.push(opaque === true ? BigInt(number) : number);
    } else if (type === 'Bool') args.push(word === 'true');
    else if (type === 'BufferIn') args.push(Buffer.from(word));
    else args.push(word);
  }
  const options: Record<string, unknown> = {};
  for (const word of rest) {
    const [key = '', value = ''] = word.split(/:(.*)/s);
    const option = entry.optargs.find((one) => one.name === key);
    assert.ok(option, `${key} is an option of ${entry.name}`);
    if (option.type === 'Bool') options[camelCase(key)] = value === 'true';
    else if (option.type === 'Int' || option.type === 'Int64') options[camelCase(key)] = numberOf(value);
    else options[camelCase(key)] = option.type === 'StringList' ? value.split(' ') : value;
  }
  const method = (g as unknown as Record<string, Method>)[camelCase(entry.name)] as Method;
  const result = await method.call(g, ...args, ...(entry.optargs.length > 0 ? [options] : []));
  if (entry.ret.type === 'Hashtable') {
    return Object.entries(result as Record<string, string>)
      .map(([key, value]) => `${key}: ${value}\n`)
      .join('');
  }
  return fishResult(entry, result);
}
