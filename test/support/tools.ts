import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const known = new Map<string, boolean>();

/** True if the host has a program of that name. */
export function hasTool(name: string): boolean {
  let found = known.get(name);
  if (found === undefined) {
    found = spawnSync('sh', ['-c', 'command -v "$0"', name], { stdio: 'ignore' }).status === 0;
    known.set(name, found);
  }
  return found;
}

/** The `skip` of a test that needs programs: false, or the reason. */
export function needsTool(...names: readonly string[]): string | false {
  const missing = names.filter((name) => !hasTool(name));
  return missing.length === 0 ? false : `${missing.join(', ')} is not installed`;
}

/** True if Perl has a module. */
export function hasPerlModule(name: string): boolean {
  return spawnSync('perl', [`-M${name}`, '-e', '1']).status === 0;
}

/** A new folder, and how it is removed with everything in it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'guestfs-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Run a program; throws with what it wrote to stderr where it fails. Gives what it wrote to stdout. */
export function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
