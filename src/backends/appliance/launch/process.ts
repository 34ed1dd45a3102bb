/** The process of a machine, which never outlives its parent. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Watchdog } from './watchdog.ts';

/** How a process is started. */
export interface StartOptions {
  environment: Readonly<Record<string, string | undefined>>;
  /** Kills the process group when the parent is gone; without it nothing does. */
  watchdog?: Watchdog | undefined;
  /** What the machine's console and qemu itself print. */
  output(chunk: Uint8Array, from: 'console' | 'hypervisor'): void;
}

/** How a process ended. */
export interface ProcessEnd {
  status: number | null;
  signal: NodeJS.Signals | null;
  /** It could not be started at all. */
  error?: Error;
}

/** Milliseconds that a machine has to end when it is asked to. */
const PATIENCE = 10_000;
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'];

const running = new Set<MachineProcess>();
let listening = false;

/** Kill what still runs when the program ends without closing its handles. */
function killAtExit(process_: MachineProcess): void {
  if (!listening) {
    process.on('exit', () => {
      for (const each of running) each.killNow();
    });
  }
  listening = true;
  running.add(process_);
}

/** A running machine: its own process group, ended with the program even where that is killed. */
export class MachineProcess {
  readonly #child: ChildProcess;
  readonly #watchdog: Watchdog | undefined;
  /** Resolves when it has ended and everything that it printed was given out. */
  readonly ended: Promise<ProcessEnd>;
  #alive = true;

  constructor(program: string, args: readonly string[], options: StartOptions) {
    this.#watchdog = options.watchdog;
    const setpriv = this.#watchdog === undefined ? undefined : SETPRIV.find((path) => existsSync(path));
    // setpriv has the kernel kill the machine together with us, in whatever state it is.
    const line =
      setpriv === undefined ? [program, ...args] : [setpriv, '--pdeathsig', 'KILL', '--', program, ...args];
    this.#child = spawn(line[0] as string, line.slice(1), {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...options.environment },
    });
    // A machine that ends says so otherwise.
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.on('data', (chunk: Buffer) => options.output(chunk, 'console'));
    this.#child.stderr?.on('data', (chunk: Buffer) => options.output(chunk, 'hypervisor'));
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#end(resolve, { status: null, signal: null, error }));
      this.#child.once('close', (status, signal) => this.#end(resolve, { status, signal }));
    });
    if (this.#child.pid !== undefined) this.#watchdog?.group(this.#child.pid);
    killAtExit(this);
  }

  /** Process number; undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Type on the machine's console. */
  type(bytes: Uint8Array): void {
    this.#child.stdin?.write(bytes);
  }

  #end(resolve: (end: ProcessEnd) => void, end: ProcessEnd): void {
    if (!this.#alive) return;
    this.#alive = false;
    running.delete(this);
    if (this.#child.pid !== undefined) this.#watchdog?.ended(this.#child.pid);
    resolve(end);
  }

  /** Ask it to end, insist after a while; resolves when it has ended. */
  async stop(): Promise<void> {
    if (this.#alive) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.killNow(), PATIENCE);
    await this.ended;
    clearTimeout(timer);
  }

  /** Kill the whole process group. */
  killNow(): void {
    const { pid } = this.#child;
    if (!this.#alive || pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It ended by itself just now.
    }
  }

  /** Let the program end, or keep it from ending, while the machine runs. */
  keepsProgram(keep: boolean): void {
    const parts = [this.#child, this.#child.stdin, this.#child.stdout, this.#child.stderr];
    for (const part of parts as ({ ref?(): void; unref?(): void } | null | undefined)[]) {
      if (keep) part?.ref?.();
      else part?.unref?.();
    }
  }
}
