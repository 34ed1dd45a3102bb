import { GuestfsError } from '../errors/index.ts';
import { EXIT, isClosedOutput } from './common/errors.ts';
import { fileOutput } from './common/file-output.ts';
import { GuestPaths } from './common/guest-paths.ts';
import { readShared } from './common/operands.ts';
import { reportError, runTool } from './common/run.ts';
import { openMounted } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { UsageError } from './common/usage-error.ts';
import { virtCatSpec } from './specs/virt-cat.ts';

/** virt-cat: print files of a guest. */
export async function main(args: readonly string[], spec: ToolSpec = virtCatSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const { shared, operands } = readShared(context, () => undefined, 1);
    if (operands.length === 0) throw new UsageError('no file was named');
    const handle = await openMounted(spec.name, shared);
    const paths = new GuestPaths(handle);
    let status: number = EXIT.ok;
    try {
      for (const path of operands) {
        try {
          await handle.download(await paths.resolve(path), await fileOutput(context.out));
          context.out.flush();
        } catch (error) {
          // The other files are still wanted.
          if (!(error instanceof GuestfsError) || isClosedOutput(error)) throw error;
          status = reportError(spec.name, error, context.out, context.err);
        }
      }
    } finally {
      await handle.close();
    }
    return status;
  });
}
