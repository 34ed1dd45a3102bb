import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { readByte } from './read-byte.ts';
import { ToolError } from './usage-error.ts';

/** How passphrases are asked for. */
export interface KeyOptions {
  keysFromStdin: boolean;
  echoKeys: boolean;
}

/** Where `--keys-from-stdin` reads the next line. */
export interface KeyLines {
  next(): string | undefined | Promise<string | undefined>;
}

/**
 * A passphrase: the next line of standard input, or typed at the terminal with the echo off.
 *
 * @throws ToolError where there is neither a line nor a terminal.
 */
export async function askKey(prompt: string, options: KeyOptions, lines: KeyLines): Promise<string> {
  if (options.keysFromStdin) {
    const line = await lines.next();
    if (line === undefined) throw new ToolError('standard input ended before a passphrase was read');
    return line;
  }
  let terminal: number;
  try {
    terminal = openSync('/dev/tty', 'r+');
  } catch {
    throw new ToolError('cannot ask for a passphrase: there is no terminal (use --keys-from-stdin)');
  }
  try {
    writeSync(terminal, prompt);
    if (!options.echoKeys) echo(terminal, false);
    try {
      return readLine(terminal, '');
    } finally {
      if (!options.echoKeys) {
        echo(terminal, true);
        writeSync(terminal, '\n');
      }
    }
  } finally {
    closeSync(terminal);
  }
}

/** Whether there is a terminal at which somebody can be asked. */
export function canAsk(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    return false;
  }
}

/** Node has no tcsetattr; stty(1) works on the terminal that is its standard input. */
function echo(terminal: number, on: boolean): void {
  const run = spawnSync('stty', [on ? 'echo' : '-echo'], { stdio: [terminal, 'ignore', 'ignore'] });
  if (run.status !== 0 && !on) {
    throw new ToolError(
      'cannot turn the echo of the terminal off (stty failed); use --echo-keys or --keys-from-stdin',
    );
  }
}

/** Lines of standard input, of which nothing is read ahead: what follows is for others. */
export function stdinLines(): KeyLines {
  return { next: () => readLine(0, undefined) };
}

/** A line without its end; `atEnd` where there is none any more. */
function readLine<T>(fd: number, atEnd: T): string | T {
  const bytes: number[] = [];
  for (;;) {
    const byte = readByte(fd);
    if (byte === 10) break;
    if (byte !== undefined) bytes.push(byte);
    else if (bytes.length === 0) return atEnd;
    else break;
  }
  const text = Buffer.from(bytes).toString('utf8');
  bytes.fill(0);
  return text;
}
