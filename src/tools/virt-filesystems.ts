import { csvLine } from './common/csv.ts';
import { EXIT } from './common/errors.ts';
import { humanSize } from './common/human.ts';
import { readShared } from './common/operands.ts';
import type { Output } from './common/output.ts';
import { runTool } from './common/run.ts';
import { openLaunched } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { tableText } from './common/table.ts';
import { filesystemRows, type Row, type Wanted } from './filesystems/rows.ts';
import { virtFilesystemsSpec } from './specs/virt-filesystems.ts';

interface Options {
  form: 'text' | 'csv' | 'json';
  long: boolean;
  human: boolean;
  title: boolean;
  uuid: boolean;
}

/** virt-filesystems: what is on the disks of a guest. */
export async function main(args: readonly string[], spec: ToolSpec = virtFilesystemsSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options: Options = { form: 'text', long: false, human: false, title: true, uuid: false };
    const wanted: Wanted = {
      filesystems: false,
      extra: false,
      logicalVolumes: false,
      volumeGroups: false,
      physicalVolumes: false,
      partitions: false,
      blockDevices: false,
    };
    const { shared } = readShared(context, ({ name }) => takeOption(options, wanted, name), 0);
    if (!Object.values(wanted).includes(true)) wanted.filesystems = true;
    const handle = await openLaunched(spec.name, shared);
    try {
      const rows: Row[] = [];
      for await (const row of filesystemRows(handle, wanted, {
        long: options.long || options.form === 'json',
        uuid: options.uuid || options.form === 'json',
      })) {
        rows.push(row);
      }
      await print(context.out, rows, wanted, options);
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}

function takeOption(options: Options, wanted: Wanted, name: string): void {
  switch (name) {
    case 'csv':
      options.form = 'csv';
      break;
    case 'json':
      options.form = 'json';
      break;
    case 'long':
      options.long = true;
      break;
    case 'human-readable':
      options.human = true;
      break;
    case 'no-title':
      options.title = false;
      break;
    case 'uuid':
      options.uuid = true;
      break;
    case 'all':
      for (const key of Object.keys(wanted) as (keyof Wanted)[]) wanted[key] = true;
      break;
    case 'extra':
      wanted.filesystems = true;
      wanted.extra = true;
      break;
    case 'filesystems':
      wanted.filesystems = true;
      break;
    case 'logical-volumes':
      wanted.logicalVolumes = true;
      break;
    case 'volume-groups':
      wanted.volumeGroups = true;
      break;
    case 'physical-volumes':
      wanted.physicalVolumes = true;
      break;
    case 'partitions':
      wanted.partitions = true;
      break;
    case 'block-devices':
      wanted.blockDevices = true;
      break;
    default:
      break;
  }
}

async function print(out: Output, rows: readonly Row[], wanted: Wanted, options: Options): Promise<void> {
  if (options.form === 'json') {
    const { jsonDocument } = await import('./common/json.ts');
    out.write(jsonDocument(rows));
    return;
  }
  const columns = columnsOf(wanted, options);
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  if (options.long && options.title) cells.unshift(columns.map(({ title }) => title));
  if (options.form === 'csv') for (const line of cells) out.write(csvLine(line.map((cell) => cell ?? '')));
  else if (options.long) out.write(tableText(cells.map((line) => line.map((cell) => cell ?? '-'))));
  else for (const [name] of cells) out.write(`${name}\n`);
}

interface Column {
  title: string;
  cell: (row: Row) => string | undefined;
}

/** Which columns there are depends on what is shown. */
function columnsOf(wanted: Wanted, { long, human, uuid }: Options): Column[] {
  const name: Column = { title: 'Name', cell: (row) => row.name };
  if (!long) return [name];
  const size = (bytes: number | undefined): string | undefined =>
    bytes === undefined ? undefined : human ? humanSize(bytes) : String(bytes);
  return [
    name,
    { title: 'Type', cell: (row) => row.type },
    ...(wanted.filesystems
      ? [
          { title: 'VFS', cell: (row: Row) => row.vfs },
          { title: 'Label', cell: (row: Row) => row.label },
        ]
      : []),
    ...(wanted.partitions ? [{ title: 'MBR', cell: (row: Row) => row.mbr }] : []),
    { title: 'Size', cell: (row) => size(row.size) },
    { title: 'Parent', cell: (row) => row.parents?.join(',') },
    ...(uuid ? [{ title: 'UUID', cell: (row: Row) => row.uuid }] : []),
  ];
}
