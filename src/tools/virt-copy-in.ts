import { existsSync } from 'node:fs';
import { EXIT } from './common/errors.ts';
import { GuestPaths } from './common/guest-paths.ts';
import { readShared } from './common/operands.ts';
import { runTool } from './common/run.ts';
import { openGuestForWriting, writeIntoGuest } from './common/writing.ts';
import type { ToolSpec } from './common/spec.ts';
import { maybeShowProgress } from './common/show-progress.ts';
import { UsageError } from './common/usage-error.ts';
import { virtCopyInSpec } from './specs/writing-wrappers.ts';

/** virt-copy-in: copy files of the host into a guest. */
export async function main(args: readonly string[], spec: ToolSpec = virtCopyInSpec): Promise<number> {
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
      throw new UsageError(
        'give at least one file or directory of the host and the directory of the guest to copy to',
      );
    }
    const handle = await openGuestForWriting(spec.name, shared);
    try {
      maybeShowProgress(handle, progress, false);
      const directory = await new GuestPaths(handle).resolve(target);
      await writeIntoGuest(handle, async (made) => {
        for (const path of operands) {
          // What is not there leaves nothing that needs a label.
          if (existsSync(path)) made.push(`${directory}/${baseName(path)}`);
          await handle.copyIn(path, directory);
        }
      });
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}

function baseName(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) ?? '';
}
