import { EXIT } from './common/errors.ts';
import type { Handle } from './common/handle.ts';
import { humanSize } from './common/human.ts';
import { readShared } from './common/operands.ts';
import { runTool } from './common/run.ts';
import { openLaunched } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { tableText } from './common/table.ts';
import { virtListPartitionsSpec } from './specs/wrappers.ts';

interface Row {
  name: string;
  type: string;
  size: number;
}

/** virt-list-partitions, an old and simple form of virt-filesystems. */
export async function main(
  args: readonly string[],
  spec: ToolSpec = virtListPartitionsSpec,
): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options = new Set<string>();
    const { shared } = readShared(context, ({ name }) => options.add(name), 0);
    const handle = await openLaunched(spec.name, shared);
    try {
      const long = options.has('long');
      const rows = await partitions(handle, options.has('total') && long);
      if (options.has('json')) {
        const { jsonDocument } = await import('./common/json.ts');
        context.out.write(jsonDocument(rows));
      } else if (long) {
        const size = options.has('human-readable') ? humanSize : String;
        context.out.write(tableText(rows.map((row) => [row.name, row.type, size(row.size)])));
      } else {
        for (const { name } of rows) context.out.write(`${name}\n`);
      }
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}

async function partitions(handle: Handle, totals: boolean): Promise<Row[]> {
  const rows: Row[] = [];
  const physicalVolumes = new Set(await handle.pvs().catch(() => []));
  for (const name of await handle.listPartitions()) {
    const type = physicalVolumes.has(name) ? 'pv' : await handle.vfsType(name).catch(() => 'unknown');
    rows.push({ name, type: type === '' ? 'unknown' : type, size: await handle.blockdevGetsize64(name) });
  }
  if (totals) {
    for (const name of await handle.listDevices()) {
      rows.push({ name, type: 'device', size: await handle.blockdevGetsize64(name) });
    }
  }
  return rows;
}
