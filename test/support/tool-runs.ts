import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunResult, Work } from './tool-runner.ts';

export type { RunResult } from './tool-runner.ts';

/** Run our tools one after the other in `cwd`; what they read from standard input and print is latin1. */
export function runTools(
  cwd: string,
  runs: readonly { argv: readonly string[]; stdin?: string; env?: Record<string, string> }[],
): RunResult[] {
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
