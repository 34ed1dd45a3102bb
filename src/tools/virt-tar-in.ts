import { existsSync } from 'node:fs';
import { EXIT } from './common/errors.ts';
import { GuestPaths } from './common/guest-paths.ts';
import { readShared } from './common/operands.ts';
import { runTool } from './common/run.ts';
import { openGuestForWriting, writeIntoGuest } from './common/writing.ts';
import type { ToolSpec } from './common/spec.ts';
import { maybeShowProgress } from './common/show-progress.ts';
import { UsageError } from './common/usage-error.ts';
import { virtTarInSpec } from './specs/writing-wrappers.ts';

interface TarInOptions {
  compress?: string;
  xattrs?: boolean;
  selinux?: boolean;
  acls?: boolean;
}

/** virt-tar-in: unpack an archive into a directory of a guest. */
export async function main(args: readonly string[], spec: ToolSpec = virtTarInSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options: TarInOptions = {};
    let progress: boolean | undefined;
    const { shared, operands } = readShared(
      context,
      ({ name, value = '' }) => {
        if (name === 'compress') options.compress = value;
        else if (name === 'xattrs') options.xattrs = true;
        else if (name === 'selinux') options.selinux = true;
        else if (name === 'acls') options.acls = true;
        else if (name === 'progress-bars') progress = true;
        else if (name === 'no-progress-bars') progress = false;
      },
      2,
    );
    const [archive, directory, ...more] = operands;
    if (directory === undefined || archive === undefined || more.length > 0) {
      throw new UsageError('give the archive to read (- is standard input) and a directory of the guest');
    }
    const handle = await openGuestForWriting(spec.name, shared);
    try {
      maybeShowProgress(handle, progress, false);
      const path = await new GuestPaths(handle).resolve(directory);
      await writeIntoGuest(handle, async (made) => {
        const isThere = archive === '-' || existsSync(archive);
        if (isThere && options.selinux !== true) made.push(path);
        await handle.tarIn(archive, path, options);
      });
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}
