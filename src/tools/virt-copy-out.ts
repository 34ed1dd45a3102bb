import { EXIT } from './common/errors.ts';
import { GuestPaths } from './common/guest-paths.ts';
import { readShared } from './common/operands.ts';
import { runTool } from './common/run.ts';
import { openMounted } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { maybeShowProgress } from './common/show-progress.ts';
import { UsageError } from './common/usage-error.ts';
import { virtCopyOutSpec } from './specs/wrappers.ts';

/** virt-copy-out: copy files of a guest to the host. */
export async function main(args: readonly string[], spec: ToolSpec = virtCopyOutSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    let progress: boolean | undefined;
    const { shared, operands } = readShared(
      context,
      ({ name }) => {
        if (name === 'progress-bars') progress = true;
        else if (name === 'no-progress-bars') progress = false;
      },
      context.line.operands.length,
    );
    const target = operands.pop();
    if (target === undefined || operands.length === 0) {
      throw new UsageError('give at least one path of the guest and the directory to copy to');
    }
    const handle = await openMounted(spec.name, shared);
    try {
      maybeShowProgress(handle, progress, false);
      const paths = new GuestPaths(handle);
      for (const path of operands) await handle.copyOut(await paths.resolve(path), target);
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}
