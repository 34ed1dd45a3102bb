import { EXIT } from './common/errors.ts';
import { fileOutput } from './common/file-output.ts';
import { GuestPaths } from './common/guest-paths.ts';
import { readShared } from './common/operands.ts';
import { runTool } from './common/run.ts';
import { openMounted } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { maybeShowProgress } from './common/show-progress.ts';
import { UsageError } from './common/usage-error.ts';
import { virtTarOutSpec } from './specs/wrappers.ts';

interface TarOptions {
  compress?: string;
  numericowner?: boolean;
  excludes?: string[];
  xattrs?: boolean;
  acls?: boolean;
}

/** virt-tar-out: pack a directory of a guest. */
export async function main(args: readonly string[], spec: ToolSpec = virtTarOutSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options: TarOptions = {};
    let progress: boolean | undefined;
    const { shared, operands } = readShared(
      context,
      ({ name, value = '' }) => {
        if (name === 'compress') options.compress = value;
        else if (name === 'exclude') (options.excludes ??= []).push(value);
        else if (name === 'numeric-owner') options.numericowner = true;
        else if (name === 'xattrs') options.xattrs = true;
        else if (name === 'acls') options.acls = true;
        else if (name === 'progress-bars') progress = true;
        else if (name === 'no-progress-bars') progress = false;
      },
      2,
    );
    const [directory, archive, ...more] = operands;
    if (directory === undefined || archive === undefined || more.length > 0) {
      throw new UsageError('give a directory of the guest and the archive to write (- is standard output)');
    }
    const handle = await openMounted(spec.name, shared);
    try {
      maybeShowProgress(handle, progress, archive === '-');
      const path = await new GuestPaths(handle).resolve(directory);
      await handle.tarOut(path, archive === '-' ? await fileOutput(context.out) : archive, options);
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}
