import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { decodeText, encodeText } from '../../bytes/text.ts';
import { ShellError } from './shell-error.ts';

/** One argument of a command. */
export interface Word {
  text: string;
  /** It stood in quotes: its characters have no second meaning (`-`, `-<<END`). */
  quoted: boolean;
}

/** What a line of the shell is. */
export type Line =
  | { kind: 'nothing' }
  /** `!host command` */
  | { kind: 'host'; command: string; ignoreError: boolean }
  /** `<!host command`: what it prints are lines of the shell. */
  | { kind: 'inline'; command: string; ignoreError: boolean }
  | {
      kind: 'command';
      name: string;
      words: Word[];
      /** The host command after `|`. */
      pipe: string | undefined;
      /** A leading `-`: a failure does not end the script. */
      ignoreError: boolean;
    };

const isSpace = (unit: string | undefined): boolean =>
  unit === ' ' || unit === '\t' || unit === '\r' || unit === '\v' || unit === '\f' || unit === '\n';

/**
 * Take one line of the shell apart.
 *
 * @throws ShellError for quotes that are not closed and escapes that do not exist.
 */
export function tokenizeLine(line: string): Line {
  let at = 0;
  let ignoreError = false;
  const skipSpace = (): void => {
    while (isSpace(line[at])) at++;
  };
  skipSpace();
  if (at >= line.length || line[at] === '#') return { kind: 'nothing' };
  while (line[at] === '-') {
    ignoreError = true;
    at++;
    skipSpace();
  }
  if (at >= line.length) return { kind: 'nothing' };
  if (line[at] === '!') return { kind: 'host', command: line.slice(at + 1), ignoreError };
  if (line[at] === '<' && line[at + 1] === '!') {
    return { kind: 'inline', command: line.slice(at + 2), ignoreError };
  }
  const nameFrom = at;
  while (at < line.length && !isSpace(line[at])) at++;
  const name = line.slice(nameFrom, at);
  const words: Word[] = [];
  let pipe: string | undefined;
  for (;;) {
    skipSpace();
    const first = line[at];
    if (first === undefined) break;
    if (first === '|') {
      pipe = line.slice(at + 1);
      break;
    }
    if (first === '"') {
      const { text, end } = doubleQuoted(line, at + 1);
      words.push({ text, quoted: true });
      at = end;
    } else if (first === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) throw new ShellError('the single quote is not closed');
      words.push({ text: line.slice(at + 1, end), quoted: true });
      at = end + 1;
    } else {
      const from = at;
      while (at < line.length && !isSpace(line[at])) at++;
      words.push({ text: expandTilde(line.slice(from, at)), quoted: false });
      continue;
    }
    if (at < line.length && !isSpace(line[at])) {
      throw new ShellError('a quoted argument must be followed by a space');
    }
  }
  return { kind: 'command', name, words, pipe, ignoreError };
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  '"': 0x22,
  "'": 0x27,
  '?': 0x3f,
  '\\': 0x5c,
};

/** The text from after the opening quote; `end` is the place after the closing one. Escapes make bytes. */
function doubleQuoted(line: string, from: number): { text: string; end: number } {
  const bytes: number[] = [];
  let at = from;
  let plainFrom = from;
  const takePlain = (): void => {
    if (at > plainFrom) for (const byte of encodeText(line.slice(plainFrom, at))) bytes.push(byte);
  };
  for (;;) {
    const unit = line[at];
    if (unit === undefined) throw new ShellError('the double quote is not closed');
    if (unit === '"') {
      takePlain();
      return { text: decodeText(Uint8Array.from(bytes)), end: at + 1 };
    }
    if (unit !== '\\') {
      at++;
      continue;
    }
    takePlain();
    const rest = line.slice(at + 1, at + 4);
    const number = /^x([0-9a-fA-F]{2})/.exec(rest) ?? /^([0-3][0-7]{2})/.exec(rest);
    const letter = rest[0] ?? '';
    if (number !== null) {
      const value = Number.parseInt(number[1] as string, letter === 'x' ? 16 : 8);
      if (value === 0) throw new ShellError(`a string cannot hold the byte zero (\\${number[0]})`);
      bytes.push(value);
      at += 1 + number[0].length;
    } else if (Object.hasOwn(SIMPLE_ESCAPES, letter)) {
      bytes.push(SIMPLE_ESCAPES[letter] as number);
      at += 2;
    } else {
      throw new ShellError(
        `unknown escape \\${letter} in a double-quoted argument (known: \\a \\b \\f \\n \\r \\t \\v \\" \\\\ \\ooo \\xhh)`,
      );
    }
    plainFrom = at;
  }
}

/** `~` and `~user` at the head of a word become home directories of the host; unknown users stay as they are. */
export function expandTilde(word: string, home = homeOf): string {
  if (!word.startsWith('~')) return word;
  const slash = word.indexOf('/');
  const user = slash < 0 ? word.slice(1) : word.slice(1, slash);
  const folder = home(user);
  return folder === undefined ? word : folder + (slash < 0 ? '' : word.slice(slash));
}

function homeOf(user: string): string | undefined {
  if (user === '') return process.env['HOME'] ?? homedir();
  return hostHome(user);
}

let passwd: Map<string, string> | undefined;

function hostHome(user: string): string | undefined {
  if (passwd === undefined) {
    passwd = new Map();
    for (const line of readHostFile('/etc/passwd').split('\n')) {
      const fields = line.split(':');
      if (fields[0] !== undefined && fields[5] !== undefined) passwd.set(fields[0], fields[5]);
    }
  }
  return passwd.get(user);
}

function readHostFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
