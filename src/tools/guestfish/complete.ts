import type { Parameter } from '../../actions/record.ts';
import { escapeForTerminal } from '../common/escape.ts';
import type { Handle } from '../common/handle.ts';
import { canonicalName, commandNames, findAction, shellActions } from './lookup.ts';
import { findOwnCommand, ownCommands } from './own.ts';

/** What completion needs to know of the shell. */
export interface CompletionContext {
  handle: Handle;
  /** Guest paths may be completed, which makes calls of its own. */
  destPaths: boolean;
}

/** Candidates for the word at the end of `line`, and that word as it stands there. */
export type Completion = [candidates: string[], word: string];

/** What a word may be completed to. */
type Kind = 'command' | 'device' | 'guest-path' | 'device-or-path' | 'host-path' | 'boolean' | 'nothing';

/** Commands whose first argument is a command. */
const PREFIX_COMMANDS = new Set(['glob', 'time', 'not', 'help']);

/** Complete the last word of a line: commands, devices, guest paths, host paths. Never throws. */
export async function completeLine(line: string, context: CompletionContext): Promise<Completion> {
  const { words, last } = splitForCompletion(line.replace(/^\s*-?\s*/, ''));
  const open = /^["']/.test(last) ? (last[0] as string) : '';
  const word = last.slice(open.length);
  let candidates: string[];
  try {
    candidates = await candidatesFor(kindOf(words), word, context);
  } catch {
    candidates = [];
  }
  const found = candidates.filter((candidate) => candidate.startsWith(word)).toSorted();
  const typed = found.map((candidate) => quoteWord(candidate, open));
  const [only] = typed;
  // The word is complete, and the next one can be typed at once.
  if (only !== undefined && typed.length === 1 && open === '' && !only.endsWith('/'))
    return [[`${only} `], last];
  return [typed, last];
}

function splitForCompletion(line: string): { words: string[]; last: string } {
  const words: string[] = [];
  let rest = line;
  for (;;) {
    const match = /^\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']\S*)\s+/.exec(rest);
    if (match === null) break;
    words.push((match[1] as string).replace(/^(["'])(.*)\1$/s, '$2'));
    rest = rest.slice(match[0].length);
  }
  return { words, last: rest.trimStart() };
}

function kindOf(words: readonly string[]): Kind {
  let before = words;
  while (before[0] !== undefined && PREFIX_COMMANDS.has(canonicalName(before[0]))) before = before.slice(1);
  const [command] = before;
  if (command === undefined) return 'command';
  const at = before.length - 1;
  const own = findOwnCommand(canonicalName(command));
  if (own !== undefined) return ownKind(own.name, at);
  const action = findAction(command);
  const parameter = action?.args.filter(({ type }) => type !== 'Key')[at];
  return parameter === undefined ? 'nothing' : parameterKind(parameter);
}

function ownKind(name: string, at: number): Kind {
  switch (name) {
    case 'lcd':
      return 'host-path';
    case 'alloc':
    case 'sparse':
      return at === 0 ? 'host-path' : 'nothing';
    case 'copy-out':
    case 'edit':
    case 'more':
    case 'display':
      return 'guest-path';
    case 'copy-in':
      return at === 0 ? 'host-path' : 'guest-path';
    case 'hexedit':
      return at === 0 ? 'device-or-path' : 'nothing';
    default:
      return 'nothing';
  }
}

function parameterKind({ type, name }: Parameter): Kind {
  switch (type) {
    case 'Pathname':
      return 'guest-path';
    case 'Device':
    case 'Mountable':
      return 'device';
    case 'Dev_or_Path':
    case 'Mountable_or_Path':
      return 'device-or-path';
    case 'FileIn':
    case 'FileOut':
      return 'host-path';
    case 'String':
      return name === 'filename' || name === 'localdir' || name === 'localpath'
        ? 'host-path'
        : 'device-or-path';
    case 'Bool':
      return 'boolean';
    default:
      return 'nothing';
  }
}

async function candidatesFor(kind: Kind, word: string, context: CompletionContext): Promise<string[]> {
  switch (kind) {
    case 'command':
      return commandCandidates();
    case 'boolean':
      return ['true', 'false'];
    case 'device':
      return deviceCandidates(context);
    case 'guest-path':
      return guestPaths(word, context);
    case 'device-or-path':
      return word.startsWith('/dev') ? deviceCandidates(context) : guestPaths(word, context);
    case 'host-path':
      return hostPaths(word);
    case 'nothing':
      return [];
  }
}

function commandCandidates(): string[] {
  return [
    ...ownCommands.flatMap(({ name, aliases }) => [name, ...aliases]),
    ...shellActions().flatMap(commandNames),
  ];
}

async function deviceCandidates({ handle }: CompletionContext): Promise<string[]> {
  if (!(await handle.isReady())) return [];
  const lists = [() => handle.listDevices(), () => handle.listPartitions(), () => handle.lvs()];
  const found: string[] = [];
  for (const list of lists) {
    try {
      found.push(...(await list()));
    } catch {
      // A backend without volume groups still has disks.
    }
  }
  return found;
}

async function guestPaths(word: string, { handle, destPaths }: CompletionContext): Promise<string[]> {
  if (!destPaths || !(await handle.isReady())) return [];
  if (word === '') return ['/'];
  if (!word.startsWith('/')) return [];
  const folder = word.slice(0, word.lastIndexOf('/') + 1);
  const entries = await handle.readdir(folder);
  return entries
    .filter(({ name }) => name !== '.' && name !== '..')
    .map(({ name, ftyp }) => folder + name + (ftyp === 'd' ? '/' : ''));
}

async function hostPaths(word: string): Promise<string[]> {
  const { readdirSync } = await import('node:fs');
  const folder = word.slice(0, word.lastIndexOf('/') + 1);
  const prefix = word.slice(folder.length);
  return readdirSync(folder === '' ? '.' : folder, { withFileTypes: true })
    .filter(({ name }) => name.startsWith(prefix) && (prefix !== '' || !name.startsWith('.')))
    .map((entry) => folder + entry.name + (entry.isDirectory() ? '/' : ''));
}

/** A word as it must be typed: in double quotes with escapes where it has characters with a meaning. */
export function quoteWord(text: string, open = ''): string {
  if (open === "'" && !text.includes("'")) return `'${text}`;
  const plain = /^[^\s"'\\|#~!<]*$/.test(text) && escapeForTerminal(text) === text;
  if (open === '' && plain) return text;
  let quoted = '';
  for (const character of text) {
    if (character === '"' || character === '\\') quoted += `\\${character}`;
    else if (character === '\n') quoted += '\\n';
    else if (character === '\t') quoted += '\\t';
    else quoted += escapeBytes(character);
  }
  // The quote stays open where the word may go on (a directory, or what was typed so far).
  return open !== '' || text.endsWith('/') ? `"${quoted}` : `"${quoted}"`;
}

/** Characters that a terminal would obey, as the `\xhh` of their bytes. */
function escapeBytes(character: string): string {
  if (escapeForTerminal(character) === character) return character;
  const code = character.charCodeAt(0);
  const bytes = code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...new TextEncoder().encode(character)];
  return bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
