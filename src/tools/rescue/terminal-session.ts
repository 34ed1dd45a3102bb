import { spawnSync } from 'node:child_process';
import type { Handle } from '../common/handle.ts';
import type { Output } from '../common/output.ts';
import { EscapeKeys, type Typed } from './escape-keys.ts';

/** The machine's console, as the appliance has it. */
export interface RescueConsole {
  /** Start a shell; resolves when it has ended. */
  shell(size: { rows: number; columns: number }): Promise<void>;
  type(bytes: Uint8Array): void;
  resize(size: { rows: number; columns: number }): void;
}

/** What a terminal without a size is taken for. */
const USUAL_SIZE = { rows: 24, columns: 80 };
/** End of input at a terminal: Ctrl-D. */
const END_OF_INPUT = Uint8Array.of(0x04);
/** Milliseconds between two of them. */
const END_INTERVAL = 500;

const HELP = `Keys after the escape key:
  ? h   this text
  i     what inspection found (with -i)
  q x   leave at once
  s     write everything through to the disks
  u     unmount the filesystems of the disks
  z     suspend virt-rescue
The escape key twice sends it to the shell.
`;

/** A person (or a script) at the console of a machine, until the shell ends or is left. */
export class TerminalSession {
  readonly #console: RescueConsole;
  readonly #handle: Handle;
  readonly #out: Output;
  readonly #keys: EscapeKeys;
  readonly #inspection: string;
  readonly #isTerminal = process.stdin.isTTY;
  #leave: (signal?: NodeJS.Signals) => void = () => undefined;
  /** Commands after the escape key, one after the other. */
  #commands: Promise<void> = Promise.resolve();

  /** `inspection` is what the escape key and i print. */
  constructor(
    console: RescueConsole,
    {
      handle,
      out,
      escapeKey,
      inspection,
    }: {
      handle: Handle;
      out: Output;
      escapeKey: number | undefined;
      inspection: string;
    },
  ) {
    this.#console = console;
    this.#handle = handle;
    this.#out = out;
    // A script's bytes are all for the shell.
    this.#keys = new EscapeKeys(process.stdin.isTTY ? escapeKey : undefined);
    this.#inspection = inspection;
  }

  /** Connect terminal and console until the shell has ended, it is left, or a signal that is returned ends the program. */
  async run(): Promise<NodeJS.Signals | undefined> {
    const left = new Promise<NodeJS.Signals | undefined>((resolve) => {
      this.#leave = resolve;
    });
    const { stdin, stdout } = process;
    const leave = (signal: NodeJS.Signals): void => this.#leave(signal);
    const hear = (chunk: Uint8Array): void => {
      for (const part of this.#keys.split(chunk)) this.#take(part);
    };
    // A console loses one that comes while a program starts or ends: it is said until the shell has heard it.
    let ending: NodeJS.Timeout | undefined;
    const endOfInput = (): void => {
      ending = setInterval(() => this.#console.type(END_OF_INPUT), END_INTERVAL);
    };
    const resized = (): void => this.#console.resize(terminalSize());
    const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;
    for (const signal of signals) process.on(signal, leave);
    stdout.on('resize', resized);
    const ended = this.#console.shell(terminalSize());
    this.#raw(true);
    stdin.on('data', hear);
    stdin.on('end', endOfInput);
    try {
      const signal = await Promise.race([ended.then(() => undefined), left]);
      await this.#commands;
      return signal;
    } finally {
      clearInterval(ending);
      stdin.off('data', hear);
      stdin.off('end', endOfInput);
      stdin.pause();
      this.#raw(false);
      stdout.off('resize', resized);
      for (const signal of signals) process.off(signal, leave);
    }
  }

  #raw(on: boolean): void {
    if (!this.#isTerminal) return;
    process.stdin.setRawMode(on);
    // Node lets the terminal go on to write a return before each new line, which the machine has done already. Leaving
    // raw mode takes this back as well. Without stty lines still end where they should.
    if (on) spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  }

  #take(part: Typed): void {
    if ('bytes' in part) this.#console.type(part.bytes);
    else this.#commands = this.#commands.then(() => this.#command(part.command));
  }

  async #command(letter: string): Promise<void> {
    switch (letter) {
      case '?':
      case 'h':
        return this.#say(HELP);
      case 'i':
        return this.#say(this.#inspection);
      case 'q':
      case 'x':
        return this.#leave();
      case 's':
        return this.#attempt(() => this.#handle.sync(), 'everything is written');
      case 'u':
        return this.#attempt(() => this.#handle.umountAll(), 'the filesystems are unmounted');
      case 'z':
        return this.#suspend();
      default:
        return this.#say(`there is no key for that; the escape key and h tell which there are\n`);
    }
  }

  async #attempt(what: () => Promise<unknown>, done: string): Promise<void> {
    try {
      await what();
      this.#say(`${done}\n`);
    } catch (error) {
      this.#say(`${(error as Error).message}\n`);
    }
  }

  /** A terminal in raw mode wants both characters of a line end. */
  #say(text: string): void {
    this.#out.write(`\n${text}`.replaceAll('\n', this.#isTerminal ? '\r\n' : '\n'));
    this.#out.flush();
  }

  #suspend(): void {
    this.#raw(false);
    process.once('SIGCONT', () => {
      this.#raw(true);
      this.#console.resize(terminalSize());
    });
    process.kill(process.pid, 'SIGTSTP');
  }
}

function terminalSize(): { rows: number; columns: number } {
  const { rows, columns } = process.stdout;
  return { rows: rows || USUAL_SIZE.rows, columns: columns || USUAL_SIZE.columns };
}
