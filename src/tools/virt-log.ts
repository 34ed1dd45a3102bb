import { EXIT } from './common/errors.ts';
import { fileOutput } from './common/file-output.ts';
import type { Handle } from './common/handle.ts';
import { readShared } from './common/operands.ts';
import { runTool, type ToolContext } from './common/run.ts';
import { openMounted } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { ToolError } from './common/usage-error.ts';
import { virtLogSpec } from './specs/virt-log.ts';

/** Text logs of the system as a whole, by preference. */
const TEXT_LOGS = ['/var/log/syslog', '/var/log/messages', '/var/log/cloud-init-output.log'];

/** virt-log: the system log of a guest. */
export async function main(args: readonly string[], spec: ToolSpec = virtLogSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const { shared } = readShared(context, () => undefined, 0);
    const handle = await openMounted(spec.name, shared);
    try {
      const [root] = await handle.inspectGetRoots();
      const type = root === undefined ? 'unknown' : await handle.inspectGetType(root);
      if (type === 'windows') throw new ToolError('the event log of a Windows guest cannot be read yet');
      await printLog(context, handle);
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}

async function printLog(context: ToolContext, handle: Handle): Promise<void> {
  if (await hasJournal(handle)) {
    const { printJournal } = await import('./log/journal.ts');
    await printJournal(handle, context.out);
    return;
  }
  for (const path of TEXT_LOGS) {
    if (!(await handle.isFile(path, { followsymlinks: true }))) continue;
    await handle.download(path, await fileOutput(context.out));
    return;
  }
  throw new ToolError(
    `no log was found: there is no journal in /var/log/journal, and none of ${TEXT_LOGS.join(', ')}`,
  );
}

/** True where systemd keeps its journal on disk: a folder with journal files, in a folder of the machine's id. */
async function hasJournal(handle: Handle): Promise<boolean> {
  if (!(await handle.isDir('/var/log/journal'))) return false;
  const files = await handle.globExpand('/var/log/journal/*/*.journal');
  return files.length > 0;
}
