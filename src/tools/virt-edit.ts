import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { editGuestFile } from './common/edit-file.ts';
import { EXIT } from './common/errors.ts';
import { GuestPaths } from './common/guest-paths.ts';
import { readShared } from './common/operands.ts';
import { runProgram } from './common/run-program.ts';
import { runTool } from './common/run.ts';
import type { ToolSpec } from './common/spec.ts';
import { ToolError, UsageError } from './common/usage-error.ts';
import { finishGuest, openGuestForWriting } from './common/writing.ts';
import { virtEditSpec } from './specs/virt-edit.ts';

/** virt-edit: edit files of a guest with an editor of the host, or with a Perl expression. */
export async function main(args: readonly string[], spec: ToolSpec = virtEditSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    let backup: string | undefined;
    let expression: string | undefined;
    const { shared, operands } = readShared(
      context,
      ({ name, value = '' }) => {
        if (name === 'backup') backup = checkSuffix(value);
        else if (name === 'expression') expression = value;
      },
      1,
    );
    if (operands.length === 0) throw new UsageError('no file was named');
    const handle = await openGuestForWriting(spec.name, shared);
    try {
      const paths = new GuestPaths(handle);
      for (const operand of operands) {
        const path = await paths.resolve(operand);
        const edit =
          expression === undefined
            ? (file: string) => runProgram(process.env['EDITOR'] ?? 'vi', file)
            : (file: string) => applyPerl(expression as string, file);
        const changed = await editGuestFile(handle, path, edit, backup === undefined ? {} : { backup });
        if (!changed) {
          context.err.write(`${spec.name}: ${path}: nothing was changed\n`);
          context.err.flush();
        }
      }
      await finishGuest(handle);
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}

function checkSuffix(value: string): string {
  // As in perl -i: `~` or `.bak`; a star would stand for the name.
  if (value === '' || value.includes('/') || value.includes('*')) {
    throw new UsageError(`--backup ${value}: expected what is added to the name, as in .bak`);
  }
  return value;
}

/** Put every line of a host file through a Perl expression, which finds it in `$_` and changes it there. */
export function applyPerl(expression: string, file: string): void {
  const run = spawnSync('perl', ['-p', '-e', expression], {
    input: readFileSync(file),
    stdio: ['pipe', 'pipe', 'inherit'],
    maxBuffer: 1024 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (run.error !== undefined) {
    throw new ToolError(`cannot run perl, which expressions need: ${run.error.message}`);
  }
  if (run.status !== 0) throw new ToolError(`the expression failed: perl ended with status ${run.status}`);
  writeFileSync(file, run.stdout);
}
