import { existsSync } from 'node:fs';
import { EXIT } from './common/errors.ts';
import { fileOutput } from './common/file-output.ts';
import { readShared } from './common/operands.ts';
import { runTool } from './common/run.ts';
import { openMounted } from './common/session.ts';
import { openGuestForWriting, writeIntoGuest } from './common/writing.ts';
import type { ToolSpec } from './common/spec.ts';
import { UsageError } from './common/usage-error.ts';
import { virtTarSpec } from './specs/wrappers.ts';

/** virt-tar, the old form of virt-tar-out. */
export async function main(args: readonly string[], spec: ToolSpec = virtTarSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    let direction: 'out' | 'in' | undefined;
    let gzip = false;
    const { shared, operands } = readShared(
      context,
      ({ name }) => {
        if (name === 'gzip') gzip = true;
        else if (name === 'extract') direction = 'out';
        else if (name === 'upload') direction = 'in';
      },
      2,
    );
    if (direction === undefined)
      throw new UsageError('say what to do: -x packs a directory of the guest, -u unpacks into it');
    const [directory, archive, ...more] = operands;
    if (directory === undefined || archive === undefined || more.length > 0) {
      throw new UsageError(
        'give the disks, a directory of the guest and the archive (- is standard output or input)',
      );
    }
    if (direction === 'in') {
      const written = await openGuestForWriting(spec.name, shared);
      try {
        await writeIntoGuest(written, async (made) => {
          if (archive === '-' || existsSync(archive)) made.push(directory);
          await written.tarIn(archive, directory, gzip ? { compress: 'gzip' } : {});
        });
      } finally {
        await written.close();
      }
      return EXIT.ok;
    }
    const handle = await openMounted(spec.name, shared);
    try {
      const target = archive === '-' ? await fileOutput(context.out) : archive;
      await handle.tarOut(directory, target, gzip ? { compress: 'gzip' } : {});
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}
