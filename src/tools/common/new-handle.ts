import { createHandle, type Handle, type HandleOptions } from './handle.ts';
import { showWarnings } from './show-warnings.ts';

/** What is told on standard error besides. */
export interface Talk {
  verbose: boolean;
  trace: boolean;
}

/** A handle of a tool with the verbosity that was asked for, without disks. Its warnings are shown. */
export async function newHandle(
  tool: string,
  { verbose, trace }: Talk,
  options: HandleOptions = { thread: 'own' },
): Promise<Handle> {
  const handle = await createHandle(options);
  await handle.setProgram(tool);
  showWarnings(handle, tool);
  if (verbose) await handle.setVerbose(true);
  if (trace) await handle.setTrace(true);
  return handle;
}
