import { spawn } from 'node:child_process';
import { EXIT } from '../../common/errors.ts';
import type { ToolContext } from '../../common/run.ts';
import { ToolError } from '../../common/usage-error.ts';
import { writeFully } from '../../common/output.ts';

/**
 * `--listen`: start the server as a process of its own, wait until it takes commands, and print what the user's
 * shell has to evaluate.
 */
export async function startListening(
  { out }: ToolContext,
  args: readonly string[],
  csh: boolean,
): Promise<number> {
  // What stands before our arguments: the program, and for `guestfs shell` the command.
  const program = process.argv.slice(1, process.argv.length - args.length);
  if (program.length === 0) throw new ToolError('--listen: cannot tell which program to start');
  const child = spawn(process.execPath, [...process.execArgv, ...program, '--listening-server', ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  child.stderr?.on('data', (chunk: Buffer) => writeFully(2, chunk));
  const status = await new Promise<number | undefined>((resolve, reject) => {
    child.once('error', reject);
    child.once('message', () => resolve(undefined));
    child.once('close', (code) => resolve(code ?? EXIT.failure));
  });
  // The server has said on its standard error why it did not start.
  if (status !== undefined) return status === EXIT.ok ? EXIT.failure : status;
  out.write(
    csh ? `setenv GUESTFISH_PID ${child.pid}\n` : `GUESTFISH_PID=${child.pid}; export GUESTFISH_PID\n`,
  );
  out.flush();
  child.stderr?.destroy();
  child.unref();
  return EXIT.ok;
}
