import { EXIT } from './common/errors.ts';
import { readShared } from './common/operands.ts';
import { runTool } from './common/run.ts';
import { openLaunched } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { virtListFilesystemsSpec } from './specs/wrappers.ts';

/** virt-list-filesystems, an old and simple form of virt-filesystems. */
export async function main(
  args: readonly string[],
  spec: ToolSpec = virtListFilesystemsSpec,
): Promise<number> {
  return runTool(spec, args, async (context) => {
    let long = false;
    let all = false;
    let json = false;
    const { shared } = readShared(
      context,
      ({ name }) => {
        if (name === 'long') long = true;
        else if (name === 'all') all = true;
        else if (name === 'json') json = true;
      },
      0,
    );
    const handle = await openLaunched(spec.name, shared);
    try {
      const found = Object.entries(await handle.listFilesystems()).filter(
        ([, type]) => all || (type !== 'swap' && type !== 'unknown'),
      );
      if (json) {
        const { jsonDocument } = await import('./common/json.ts');
        context.out.write(jsonDocument(found.map(([name, type]) => ({ name, type }))));
      } else {
        for (const [name, type] of found) context.out.write(long ? `${name} ${type}\n` : `${name}\n`);
      }
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}
