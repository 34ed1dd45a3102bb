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
      return readLine(terminal);
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

/** Node has no tcsetattr; stty(1) works on the terminal that is its standard input. */
function echo(terminal: number, on: boolean): void {
  const run = spawnSync('stty', [on ? 'echo' : '-echo'], { stdio: [terminal, 'ignore', 'ignore'] });
  if (run.status !== 0 && !on) {
    throw new ToolError(
      'cannot turn the echo of the terminal off (stty failed); use --echo-keys or --keys-from-stdin',
    );
  }
}

function readLine(fd: number): string {
  const bytes: number[] = [];
  for (;;) {
    const byte = readByte(fd);
    if (byte === undefined || byte === 10) break;
    bytes.push(byte);
  }
  const text = Buffer.from(bytes).toString('utf8');
  bytes.fill(0);
  return text;
}
