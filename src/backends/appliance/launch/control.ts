/** Speaks with the scripts in the machine: lines of text, answered by lines. */
import type { Socket } from 'node:net';

/** Characters of an answer that are looked at. */
const KEPT = 64;

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
