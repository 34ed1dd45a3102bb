import { spawnSync } from 'node:child_process';
import { ToolError } from './usage-error.ts';

/**
 * Run a program of the host on a file, at the same terminal; the program is a command line for the shell, as $EDITOR
 * may be. Throws ToolError where it cannot be run or fails.
 */
export function runProgram(program: string, file: string): void {
  const run = spawnSync('/bin/sh', ['-c', `${program} "$1"`, program, file], { stdio: 'inherit' });
  if (run.error !== undefined) throw new ToolError(`cannot run ${program}: ${run.error.message}`);
  if (run.status !== 0) {
    throw new ToolError(
      `${program}: ${run.signal === null ? `exit status ${run.status}` : `ended by ${run.signal}`}`,
    );
  }
}
