import { camelCase, type ActionEntry } from '../../actions/table.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { FileOutput } from '../../handle/arguments.ts';
import { isClosedOutput, libraryErrorLine } from '../common/errors.ts';
import type { Handle } from '../common/handle.ts';
import { ToolError, UsageError } from '../common/usage-error.ts';
import { buildArguments, type ArgumentContext } from './arguments.ts';
import type { LineSource } from './lines.ts';
import { canonicalName, findAction } from './lookup.ts';
import { findOwnCommand } from './own.ts';
import { printResult } from './print.ts';
import { ShellError } from './shell-error.ts';
import type { Sink } from './sinks.ts';
import { tokenizeLine, type Word } from './tokenize.ts';

/** How a shell behaves. */
export interface ShellOptions {
  /** A person types the lines: failures do not end it. */
  interactive: boolean;
  /** A host command behind `|` that stops reading is a failure. */
  pipeError: boolean;
  keysFromStdin: boolean;
  echoKeys: boolean;
  /** The disks of the command line refuse writes: a refusal names the option that would allow them. */
  refusesWrites?: boolean;
  /** A new handle for `reopen`. */
  newHandle: () => Promise<Handle>;
}

/** Executes the shell's lines and commands on a handle. */
export class Shell {
  handle: Handle;
  out: Sink;
  err: Sink;
  readonly options: ShellOptions;
  /** `quit` was given. */
  quit = false;
  /** The running command began with `-`: its failure is not to end anything. */
  ignoreError = false;
  /** Where lines come from now: `-` and here-documents read on there. */
  source: LineSource;
  /** Handlers of the `event` command, by event handle of the library. */
  readonly eventHandlers: { name: string; events: string; script: string; id: number }[] = [];

  constructor(handle: Handle, out: Sink, err: Sink, source: LineSource, options: ShellOptions) {
    this.handle = handle;
    this.out = out;
    this.err = err;
    this.source = source;
    this.options = options;
  }

  /**
   * Carry out all lines of a source, up to its end, `quit`, or the first failure (unless interactive, or the line
   * begins with `-`). True if none failed.
   */
  async runLines(source: LineSource): Promise<boolean> {
    const before = this.source;
    this.source = source;
    try {
      while (!this.quit) {
        const line = await source.next();
        if (line === undefined) break;
        if (!(await this.runLine(line))) return false;
      }
      return true;
    } finally {
      this.source = before;
    }
  }

  /** Carry out one line. False if it failed in a way that ends a script. */
  async runLine(text: string): Promise<boolean> {
    let ignoreError = this.options.interactive || /^\s*-/.test(text);
    try {
      const line = tokenizeLine(text);
      if (line.kind === 'nothing') return true;
      ignoreError = this.options.interactive || line.ignoreError;
      this.ignoreError = ignoreError;
      if (line.kind === 'host') {
        const { runHostCommand } = await import('./host-command.ts');
        await runHostCommand(line.command, this);
      } else if (line.kind === 'inline') {
        const { hostCommandLines } = await import('./host-command.ts');
        const lines = await hostCommandLines(line.command, this);
        return (await this.runLines(lines)) || ignoreError;
      } else if (line.pipe === undefined) {
        await this.runCommand(line.name, line.words);
      } else {
        const { runPiped } = await import('./host-command.ts');
        await runPiped(this, line.pipe, () => this.runCommand(line.name, line.words));
      }
      await this.out.flush();
      return true;
    } catch (error) {
      await this.report(error);
      return ignoreError;
    }
  }

  /** Carry out the commands of our own command line, separated by words that are a colon, up to the first failure. */
  async runCommandLine(operands: readonly string[]): Promise<boolean> {
    for (const [name = '', ...words] of splitCommands(operands)) {
      if (!(await this.runWords(name, words))) return false;
      if (this.quit) break;
    }
    return true;
  }

  /** Carry out a command given as words of our own command line. False if it failed and that ends the run. */
  async runWords(name: string, words: readonly string[]): Promise<boolean> {
    const bare = name.replace(/^-+/, '');
    this.ignoreError = bare !== name;
    try {
      await this.runCommand(
        bare,
        words.map((text) => ({ text, quoted: false })),
      );
      await this.out.flush();
      return true;
    } catch (error) {
      await this.report(error);
      return bare !== name;
    }
  }

  /**
   * Carry out a command: one of the shell's own, or an action of the API.
   *
   * @throws ShellError, GuestfsError: it failed.
   */
  async runCommand(name: string, words: readonly Word[]): Promise<void> {
    const canonical = canonicalName(name);
    const own = findOwnCommand(canonical);
    if (own !== undefined) {
      await own.run(this, words, canonical);
      return;
    }
    const action = findAction(canonical);
    if (action === undefined) {
      throw new ShellError(`${name}: unknown command ('help' lists all; 'guestfish DISK' opens a disk)`);
    }
    await this.runAction(action, words);
  }

  /** Call an action with words as its arguments and print what it returns. */
  async runAction(action: ActionEntry, words: readonly Word[]): Promise<void> {
    const { positional, options } = await buildArguments(action, words, this.argumentContext());
    await this.out.flush();
    const result = await callAction(this.handle, action.name, [...positional, options]);
    await printResult(action, result, this.out);
  }

  /** What arguments mean here. */
  argumentContext(): ArgumentContext {
    return {
      standardInput: () => asBytes(this.source.rest()),
      standardOutput: (): FileOutput | Promise<FileOutput> => this.out.fileOutput(),
      hereDocument: (mark) => this.#hereDocument(mark),
      askKey: async (name) => {
        const { askKey } = await import('../common/keys.ts');
        return askKey(`Enter key or passphrase ("${name}"): `, this.options, this.source);
      },
      windowsPath: async (path) => {
        const { windowsPath } = await import('../common/windows-path.ts');
        const [root] = await this.handle.inspectGetRoots();
        if (root === undefined)
          throw new ShellError('win: paths need an inspected guest (option -i, or inspect-os)');
        return windowsPath(this.handle, root, path);
      },
    };
  }

  async #hereDocument(mark: string): Promise<string> {
    let text = '';
    for (;;) {
      const line = await this.source.next();
      if (line === undefined) throw new ShellError(`the input ended before the line '${mark}'`);
      if (line === mark) return text;
      text += `${line}\n`;
    }
  }

  /** Say on standard error what went wrong, with the place in the script. */
  async report(error: unknown): Promise<void> {
    // A vanished reader of our own output ends everything, as SIGPIPE would.
    if (isClosedOutput(error)) throw error;
    await this.out.flush();
    const { name, number } = this.source;
    const place = name === undefined || this.options.interactive ? '' : `${name}:${number}: `;
    const readOnly = error instanceof GuestfsError && error.code === 'EROFS';
    // A disk that libvirt has as read-only is refused as such when it is added, whatever guestfish is started with.
    const refused = this.options.refusesWrites && readOnly && !error.action?.startsWith('add_');
    const hint = refused
      ? '\n(disks are read-only unless guestfish is started with --rw; --ro keeps changes for this run only)'
      : '';
    this.err.write(`${place}${errorText(error)}${hint}\n`);
    await this.err.flush();
  }
}

/** An error in words, without the line end. */
export function errorText(error: unknown): string {
  if (error instanceof GuestfsError) {
    const hint = /call launch/.test(error.message) ? "\n(use the 'run' command first)" : '';
    return libraryErrorLine(error) + hint;
  }
  if (error instanceof ShellError || error instanceof ToolError || error instanceof UsageError)
    return error.message;
  return `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** Call an action by its API name. */
export async function callAction(handle: Handle, name: string, args: readonly unknown[]): Promise<unknown> {
  const method = (handle as unknown as Record<string, unknown>)[camelCase(name)];
  if (typeof method !== 'function') throw new ShellError(`${name}: this build has no such action`);
  return (method as (...rest: unknown[]) => unknown).apply(handle, [...args]);
}

async function* asBytes(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Commands are separated by arguments that are a colon. */
function splitCommands(operands: readonly string[]): string[][] {
  const lists: string[][] = [];
  let current: string[] = [];
  for (const operand of [...operands, ':']) {
    if (operand !== ':') {
      current.push(operand);
      continue;
    }
    if (current.length === 0)
      throw new UsageError('there is no command before a colon, or after the last one');
    lists.push(current);
    current = [];
  }
  return lists;
}
