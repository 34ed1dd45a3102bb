import { isTerminal } from '../common/terminal.ts';
import { EXIT } from '../common/errors.ts';
import type { Handle } from '../common/handle.ts';
import type { ToolContext } from '../common/run.ts';
import { completeLine } from './complete.ts';
import { TerminalLines } from './interactive.ts';
import { prepareHandle, refusesWrites, type Request } from './prepare.ts';
import { promptTexts, WELCOME } from './prompt.ts';
import { Shell } from './shell.ts';
import { showProgress } from '../common/show-progress.ts';
import { OutputSink } from './sinks.ts';

/** The shell at a terminal: prompt, history, completion, Ctrl-C that stops the running command only. */
export async function runInteractive(
  { out, err }: ToolContext,
  request: Request,
  newHandle: () => Promise<Handle>,
): Promise<number> {
  const texts = promptTexts(process.env);
  const handle = await newHandle();
  const lines = new TerminalLines(texts.prompt, (line) =>
    completeLine(line, { handle: shell.handle, destPaths: request.destPaths }),
  );
  const shell: Shell = new Shell(handle, new OutputSink(out), new OutputSink(err), lines, {
    interactive: true,
    pipeError: request.pipeError,
    keysFromStdin: request.shared.keysFromStdin,
    echoKeys: request.shared.echoKeys,
    refusesWrites: refusesWrites(request),
    newHandle,
  });
  const stop = (): void => {
    void shell.handle.userCancel();
  };
  process.on('SIGINT', stop);
  try {
    if (request.progressBars !== false && isTerminal(2)) showProgress(handle);
    out.writeRaw(texts.init);
    for (const note of await prepareHandle(handle, request)) err.write(`guestfish: ${note}\n`);
    err.flush();
    out.write(WELCOME);
    await describe(shell, request);
    out.flush();
    const echoing = {
      name: undefined,
      number: 0,
      next: async (): Promise<string | undefined> => {
        out.flush();
        const line = await lines.next();
        if (line === undefined) out.writeRaw('\n');
        else out.writeRaw(texts.output);
        return line;
      },
      rest: () => lines.rest(),
    };
    await shell.runLines(echoing);
    out.writeRaw(texts.restore);
    return EXIT.ok;
  } finally {
    process.off('SIGINT', stop);
    lines.close();
    await shell.handle.close();
  }
}

/** What was found in the disk, where the options made us look. */
async function describe({ handle, out }: Shell, { open, inspector }: Request): Promise<void> {
  if (!open && !inspector) return;
  try {
    const [root] = await handle.inspectGetRoots();
    if (root !== undefined) out.write(`Operating system: ${await handle.inspectGetProductName(root)}\n`);
  } catch {
    // Nothing was found, or it has no name: the mounts below say enough.
  }
  for (const [device, mountpoint] of Object.entries(await handle.mountpoints())) {
    out.write(`${device} mounted on ${mountpoint}\n`);
  }
  out.write('\n');
}
