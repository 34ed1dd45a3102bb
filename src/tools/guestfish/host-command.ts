import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { encodeText } from '../../bytes/text.ts';
import type { FileOutput } from '../../handle/arguments.ts';
import { TextLines, type LineSource } from './lines.ts';
import { ShellError } from './shell-error.ts';
import type { Shell } from './shell.ts';
import type { Sink } from './sinks.ts';

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

/** Host shells that a sink of ours cannot hand a descriptor get pipes, which are copied to the sink. */
function outputOf(sink: Sink): 'inherit' | 'pipe' {
  return 'output' in sink ? 'inherit' : 'pipe';
}

function copyOutput(child: ChildProcess, shell: Shell, to: Sink): void {
  child.stdout?.on('data', (chunk: Buffer) => to.writeBytes(chunk));
  child.stderr?.on('data', (chunk: Buffer) => shell.err.writeBytes(chunk));
}

/**
 * `!command`: run it in the host's shell with our standard descriptors.
 *
 * @throws ShellError if it fails.
 */
export async function runHostCommand(command: string, shell: Shell): Promise<void> {
  await shell.out.flush();
  const child = spawn('/bin/sh', ['-c', command], {
    stdio: ['inherit', outputOf(shell.out), outputOf(shell.err)],
  });
  copyOutput(child, shell, shell.out);
  checkEnded(command, await ended(child));
}

function checkEnded(command: string, { code, signal }: Ended): void {
  if (signal !== null) throw new ShellError(`!${command}: ended by ${signal}`);
  if (code !== 0) throw new ShellError(`!${command}: exit status ${code}`);
}

/**
 * `<!command`: the lines that the host command prints.
 *
 * @throws ShellError if it fails.
 */
export async function hostCommandLines(command: string, shell: Shell): Promise<LineSource> {
  await shell.out.flush();
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['inherit', 'pipe', outputOf(shell.err)] });
  child.stderr?.on('data', (chunk: Buffer) => shell.err.writeBytes(chunk));
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  checkEnded(command, await ended(child));
  return new TextLines(Buffer.concat(chunks).toString('utf8'), `<!${command.trim()}`);
}

/** Output into a host command. */
class PipeSink implements Sink {
  readonly terminal = false;
  readonly #to: Writable;
  #text = '';
  broken = false;

  constructor(to: Writable) {
    this.#to = to;
    to.on('error', () => {
      this.broken = true;
    });
  }

  write(text: string): void {
    this.#text += text;
  }

  writeBytes(bytes: Uint8Array): void {
    this.#push();
    // The producer may use its buffer again.
    if (!this.broken) this.#to.write(Buffer.from(bytes));
  }

  #push(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (!this.broken) this.#to.write(encodeText(text));
  }

  async flush(): Promise<void> {
    this.#push();
    while (!this.broken && this.#to.writableNeedDrain) {
      await new Promise<void>((resolve) => {
        this.#to.once('drain', resolve);
        this.#to.once('close', resolve);
      });
    }
  }

  async fileOutput(): Promise<FileOutput> {
    await this.flush();
    return this.#to;
  }
}

/**
 * `command | host command`: run `body` with the shell's output going into the host command.
 *
 * @throws what `body` throws; a host command that stops reading is only a failure with --pipe-error.
 */
export async function runPiped(shell: Shell, command: string, body: () => Promise<void>): Promise<void> {
  const before = shell.out;
  await before.flush();
  const child = spawn('/bin/sh', ['-c', command], {
    stdio: ['pipe', outputOf(before), outputOf(shell.err)],
  });
  copyOutput(child, shell, before);
  const end = ended(child);
  const sink = new PipeSink(child.stdin as Writable);
  shell.out = sink;
  let failure: unknown;
  try {
    await body();
    await sink.flush();
  } catch (error) {
    failure = error;
  } finally {
    shell.out = before;
  }
  child.stdin?.end();
  await end;
  if (sink.broken) {
    // What failed then is the writing, which people do not want to hear of after `| head`.
    if (shell.options.pipeError) throw new ShellError(`|${command}: it ended before it had read everything`);
    return;
  }
  if (failure !== undefined) throw failure;
}
