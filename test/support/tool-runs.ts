import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunResult, Work } from './tool-runner.ts';

export type { RunResult } from './tool-runner.ts';

/** A run of one of our tools. */
export interface ToolRun {
  argv: readonly string[];
  stdin?: string;
  env?: Record<string, string>;
}

/** Run our tools one after the other in `cwd`; what they read from standard input and print is latin1. */
export function runTools(cwd: string, runs: readonly ToolRun[]): RunResult[] {
  const folder = mkdtempSync(join(tmpdir(), 'tool-runs-'));
  try {
    const work: Work = {
      cwd,
      results: join(folder, 'results.json'),
      runs: runs.map(({ argv, stdin = '', env }) => ({
        argv: [...argv],
        stdin,
        ...(env === undefined ? {} : { env }),
      })),
    };
    const file = join(folder, 'work.json');
    writeFileSync(file, JSON.stringify(work));
    const run = spawnSync(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'tool-runner.ts'), file],
      {
        cwd: join(import.meta.dirname, '..', '..'),
        stdio: ['ignore', 'ignore', 'pipe'],
        encoding: 'utf8',
        env: { ...process.env, TZ: 'UTC', HOME: folder, GUESTFISH_PID: '' },
      },
    );
    if (run.status !== 0) throw new Error(`the tools did not run to the end: ${run.stderr}`);
    return JSON.parse(readFileSync(work.results, 'utf8')) as RunResult[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What runs gave, by their names. */
export class NamedRuns {
  readonly #results = new Map<string, RunResult>();

  /** Run all in `cwd`, in their order; `IMAGE` among the arguments stands for `NAME.img`. */
  run(cwd: string, runs: Readonly<Record<string, ToolRun>>): void {
    const all = Object.entries(runs).map(([name, { argv, stdin, env }]) => ({
      argv: argv.map((word) => (word === 'IMAGE' ? `${name}.img` : word)),
      ...(stdin === undefined ? {} : { stdin }),
      ...(env === undefined ? {} : { env }),
    }));
    const names = Object.keys(runs);
    for (const [index, result] of runTools(cwd, all).entries())
      this.#results.set(names[index] as string, result);
  }

  get(name: string): RunResult {
    return this.#results.get(name) as RunResult;
  }

  entries(): Iterable<[string, RunResult]> {
    return this.#results;
  }

  /** What a run gave that is to have succeeded. */
  succeeded(name: string): RunResult {
    const result = this.get(name);
    assert.equal(result.status, 0, `${name}: ${result.stderr}`);
    return result;
  }

  /** Checks that a run has failed, and how. */
  failed(name: string, message: RegExp): void {
    const { status, stderr } = this.get(name);
    assert.equal(status, 1, name);
    assert.match(stderr, message, name);
  }
}
