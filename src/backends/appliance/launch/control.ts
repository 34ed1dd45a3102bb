/** Speaks with the scripts in the machine: lines of text, answered by lines. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { GuestfsError } from '../../../errors/index.ts';

/** Characters of an answer that are looked at. */
const KEPT = 64;

/**
 * Tell a machine that was restored which drives it has now, what time it is, and something that nobody can guess.
 * Resolves when it sees so many disks. Rejects with EPIPE where the line ends.
 */
export async function announceDrives(control: Socket, disks: number): Promise<void> {
  const seconds = (Date.now() / 1000).toFixed(3);
  control.write(`drives ${disks} ${seconds} ${randomBytes(32).toString('hex')}\n`);
  control.setEncoding('latin1');
  let text = '';
  await new Promise<void>((resolve, reject) => {
    control.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('ready\n')) resolve();
    });
    control.resume();
    control.once('close', () =>
      reject(new GuestfsError('EPIPE', 'the machine closed its line before it had its drives')),
    );
  });
}

/** Rows and columns of a terminal. */
export interface TerminalSize {
  rows: number;
  columns: number;
}

/**
 * Have the scripts start a shell on the machine's console. Resolves when it has ended and what it mounted is unmounted,
 * or when the line ends.
 */
export async function startShell(control: Socket, size: TerminalSize): Promise<void> {
  control.setEncoding('latin1');
  let text = '';
  const ended = new Promise<void>((resolve) => {
    control.on('data', (chunk: string) => {
      text = (text + chunk).slice(-KEPT);
      if (text.includes('ended\n')) resolve();
    });
    control.once('close', resolve);
  });
  control.resume();
  control.write(`shell ${size.rows} ${size.columns}\n`);
  await ended;
}

/** Tell the console how large the terminal is now; programs that run there hear of it. */
export function resizeConsole(control: Socket, { rows, columns }: TerminalSize): void {
  control.write(`size ${rows} ${columns}\n`);
}
