import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ShellError } from './shell-error.ts';
import { runProgram } from '../common/run-program.ts';
import type { Shell } from './shell.ts';
import { hostName, withTemporaryFolder } from '../common/temporary.ts';

/** `more` and `less`. */
export async function pageFile(shell: Shell, path: string, pager: string): Promise<void> {
  if (!shell.out.terminal) {
    await shell.handle.download(path, await shell.out.fileOutput());
    return;
  }
  await withTemporaryFolder(async (folder) => {
    const file = join(folder, hostName(path));
    await shell.handle.download(path, file);
    await shell.out.flush();
    runProgram(pager, file);
  });
}

/** `display`. */
export async function displayFile(shell: Shell, path: string): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    const file = join(folder, hostName(path));
    await shell.handle.download(path, file);
    await shell.out.flush();
    runProgram(process.env['GUESTFISH_DISPLAY_IMAGE'] ?? 'display', file);
  });
}

/** `man`: our own page where this package lies, else what man(1) finds. */
export async function openManual(shell: Shell): Promise<void> {
  await shell.out.flush();
  const page = ownPage();
  const args = page === undefined ? ['guestfish'] : ['-l', page];
  const run = spawnSync('man', args, { stdio: 'inherit' });
  if (run.error !== undefined) throw new ShellError(`cannot run man: ${run.error.message}`);
  if (run.status !== 0) throw new ShellError(`man: exit status ${run.status}`);
}

function ownPage(): string | undefined {
  const program = process.argv[1];
  if (program === undefined || !existsSync(program)) return undefined;
  for (let folder = dirname(realpathSync(program)); folder !== dirname(folder); folder = dirname(folder)) {
    const page = join(folder, 'docs', 'man', 'guestfish.1');
    if (existsSync(page)) return page;
  }
  return undefined;
}
