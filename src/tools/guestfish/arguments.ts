import { camelCase, type ActionEntry } from '../../actions/table.ts';
import type { OptionalParameter, Parameter } from '../../actions/record.ts';
import { encodeText } from '../../bytes/text.ts';
import type { FileInput, FileOutput } from '../../handle/arguments.ts';
import { dashed } from '../common/names.ts';
import { parseNumber } from './numbers.ts';
import { ShellError } from './shell-error.ts';
import type { Word } from './tokenize.ts';
import { usageLine } from './usage.ts';
import { parseBoolean, splitList } from './values.ts';

/** What arguments need from the shell around them. */
export interface ArgumentContext {
  /** What `-` is for a file that is read. */
  standardInput(): FileInput;
  /** What `-` is for a file that is written. */
  standardOutput(): FileOutput | Promise<FileOutput>;
  /** The lines of the script up to the one that is `mark`. */
  hereDocument(mark: string): Promise<string>;
  /** A passphrase, asked for with this name. */
  askKey(name: string): Promise<string>;
  /** The guest's path of `win:...`. */
  windowsPath(path: string): Promise<string>;
}

/** Arguments for the handle's method: those in order, then the optional ones as an object. */
export interface BuiltArguments {
  positional: unknown[];
  options: Record<string, unknown>;
}

/**
 * Turn the words of a command into the arguments of the action's method.
 *
 * @throws ShellError for too few or too many, and for words that do not fit their argument.
 */
export async function buildArguments(
  action: ActionEntry,
  words: readonly Word[],
  context: ArgumentContext,
): Promise<BuiltArguments> {
  const required = action.args.filter(({ type }) => type !== 'Key').length;
  if (words.length < required || (action.optargs.length === 0 && words.length > required)) {
    const name = dashed(action.name);
    throw new ShellError(
      `${name}: wrong number of arguments\nusage: ${usageLine(action)}\n'help ${name}' tells more`,
    );
  }
  const positional: unknown[] = [];
  let at = 0;
  for (const parameter of action.args) {
    if (parameter.type === 'Key') positional.push(await context.askKey(parameter.name));
    else positional.push(await argument(action, parameter, words[at++] as Word, context));
  }
  return { positional, options: optionalArguments(action, words.slice(at)) };
}

async function argument(
  action: ActionEntry,
  { type, name, unit, opaque }: Parameter,
  { text, quoted }: Word,
  context: ArgumentContext,
): Promise<unknown> {
  const what = `${dashed(action.name)}: ${name}`;
  switch (type) {
    case 'Pathname':
    case 'Dev_or_Path':
    case 'Mountable_or_Path':
      return /^win:/i.test(text) ? context.windowsPath(text.slice(4)) : text;
    case 'String':
    case 'Device':
    case 'Mountable':
    case 'GUID':
      return text;
    case 'OptString':
      return text === '' ? null : text;
    case 'Int':
    case 'Int64':
      return integer(text, what, type, unit, opaque);
    case 'Bool':
      return parseBoolean(text, what);
    case 'StringList':
      return splitList(text);
    case 'BufferIn': {
      const here = quoted ? undefined : hereMark(text);
      return encodeText(here === undefined ? text : await context.hereDocument(here));
    }
    case 'FileIn': {
      if (quoted) return text;
      if (text === '-') return context.standardInput();
      const here = hereMark(text);
      return here === undefined ? text : encodeText(await context.hereDocument(here));
    }
    case 'FileOut':
      return text === '-' && !quoted ? context.standardOutput() : text;
    case 'Key':
    case 'Pointer':
      throw new ShellError(`${what}: cannot be given in the shell`);
  }
}

/** `-<<END` gives `END`. */
function hereMark(text: string): string | undefined {
  return text.startsWith('-<<') && text.length > 3 ? text.slice(3) : undefined;
}

function integer(
  text: string,
  what: string,
  type: 'Int' | 'Int64',
  unit: Parameter['unit'],
  opaque: boolean | undefined,
): number | bigint {
  const value = parseNumber(text, {
    what,
    bits: type === 'Int' ? 32 : 64,
    ...(unit === undefined ? {} : { unit }),
  });
  if (opaque) return value;
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new ShellError(`${what}: ${text} is too large`);
  return number;
}

function optionalArguments(action: ActionEntry, words: readonly Word[]): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  const name = dashed(action.name);
  for (const { text } of words) {
    const colon = text.indexOf(':');
    const key = colon < 0 ? text : text.slice(0, colon);
    const parameter = action.optargs.find((candidate) => candidate.name === key);
    if (parameter === undefined || colon < 0) {
      const known = action.optargs.map((candidate) => `${candidate.name}:`).join(' ');
      throw new ShellError(`${name}: unknown optional argument '${text}' (known: ${known})`);
    }
    const property = camelCase(key);
    if (Object.hasOwn(options, property)) {
      throw new ShellError(`${name}: optional argument '${key}' is given twice`);
    }
    options[property] = optionalValue(parameter, text.slice(colon + 1), `${name}: ${key}`);
  }
  return options;
}

function optionalValue({ type, unit }: OptionalParameter, text: string, what: string): unknown {
  switch (type) {
    case 'Bool':
      return parseBoolean(text, what);
    case 'Int':
    case 'Int64':
      return integer(text, what, type, unit, false);
    case 'String':
      return text;
    case 'StringList':
      return splitList(text);
  }
}
