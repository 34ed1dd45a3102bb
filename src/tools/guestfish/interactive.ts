import { readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Completion } from './complete.ts';
import type { LineSource } from './lines.ts';

/** Lines kept in the history file. */
const HISTORY = 1000;

function historyFile(): string {
  return join(process.env['HOME'] ?? homedir(), '.guestfish');
}

function loadHistory(): string[] {
  try {
    const lines = readFileSync(historyFile(), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    return lines.slice(-HISTORY).toReversed();
  } catch {
    return [];
  }
}

/** Lines typed at a terminal, with editing, completion and a history that outlives the shell. */
export class TerminalLines implements LineSource {
  readonly name = undefined;
  number = 0;
  readonly #interface: Interface;
  #history: string[];
  readonly #queue: string[] = [];
  #waiting: ((line: string | undefined) => void) | undefined;
  #closed = false;

  /** @param complete gives the candidates for the text before the cursor. */
  constructor(prompt: string, complete: (line: string) => Promise<Completion>) {
    this.#history = loadHistory();
    this.#interface = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      prompt,
      history: [...this.#history],
      historySize: HISTORY,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: Error | null, result: Completion) => void) => {
        void complete(line).then((result) => done(null, result));
      },
    });
    this.#interface.on('history', (history: string[]) => {
      this.#history = history;
    });
    this.#interface.on('line', (line) => {
      this.#deliver(line);
    });
    this.#interface.on('SIGINT', () => {
      process.stdout.write('^C\n');
      // Take back what was typed, as shells do.
      this.#interface.write(null, { ctrl: true, name: 'e' });
      this.#interface.write(null, { ctrl: true, name: 'u' });
      this.#interface.prompt();
    });
    this.#interface.on('close', () => {
      this.#closed = true;
      this.#waiting?.(undefined);
    });
  }

  #deliver(line: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) {
      this.#queue.push(line);
      return;
    }
    // The terminal is the command's until the next prompt: Ctrl-C reaches it as a signal.
    this.#interface.pause();
    process.stdin.setRawMode(false);
    waiting(line);
  }

  async next(): Promise<string | undefined> {
    const queued = this.#queue.shift();
    this.number++;
    if (queued !== undefined) return queued;
    if (this.#closed) return undefined;
    process.stdin.setRawMode(true);
    this.#interface.prompt();
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const line = await this.next();
      if (line === undefined) return;
      yield new TextEncoder().encode(`${line}\n`);
    }
  }

  /** Save the history and give the terminal back. */
  close(): void {
    if (!this.#closed) this.#interface.close();
    try {
      const lines = this.#history.slice(0, HISTORY).toReversed();
      writeFileSync(historyFile(), lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    } catch {
      // Without a writable home there is no history.
    }
  }
}
