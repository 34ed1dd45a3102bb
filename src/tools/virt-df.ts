import { basename } from 'node:path';
import type { Statvfs } from '../actions/generated/structs.ts';
import { GuestfsError } from '../errors/index.ts';
import { csvLine } from './common/csv.ts';
import { EXIT } from './common/errors.ts';
import type { Handle } from './common/handle.ts';
import { humanSize } from './common/human.ts';
import { readShared } from './common/operands.ts';
import { runTool, type ToolContext } from './common/run.ts';
import { openLaunched } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { UsageError } from './common/usage-error.ts';
import { virtDfSpec } from './specs/virt-df.ts';

interface DfOptions {
  form: 'text' | 'csv' | 'json';
  human: boolean;
  inodes: boolean;
  /** The guest is running. */
  live: boolean;
}

/** One filesystem's numbers: of blocks (in bytes) or of inodes. */
interface Usage {
  total: number;
  used: number;
  available: number;
  /** Used out of all, 0 to 100. */
  percent: number;
}

/** virt-df: free space of a guest's filesystems. */
export async function main(args: readonly string[], spec: ToolSpec = virtDfSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options: DfOptions = { form: 'text', human: false, inodes: false, live: false };
    const { shared } = readShared(context, ({ name }) => takeOption(options, name), 0);
    if (options.form === 'csv' && options.human) throw new UsageError('-h and --csv exclude each other');
    options.live = shared.live;
    const handle = await openLaunched(spec.name, shared);
    try {
      const [first] = shared.disks;
      const guest = basename(first?.disk ?? '') + (shared.disks.length > 1 ? '+' : '');
      return await show(context, handle, guest, options);
    } finally {
      await handle.close();
    }
  });
}

function takeOption(options: DfOptions, name: string): void {
  if (name === 'csv') options.form = 'csv';
  else if (name === 'json') options.form = 'json';
  else if (name === 'human-readable') options.human = true;
  else if (name === 'inodes') options.inodes = true;
}

async function show(
  { out, err, spec }: ToolContext,
  handle: Handle,
  guest: string,
  options: DfOptions,
): Promise<number> {
  const { form, inodes } = options;
  if (form === 'csv') {
    out.write(
      csvLine([
        'VirtualMachine',
        'Filesystem',
        ...(inodes ? ['Inodes', 'IUsed', 'IFree', 'IUse%'] : ['1K-blocks', 'Used', 'Available', 'Use%']),
      ]),
    );
  } else if (form === 'text') {
    out.write(titleLine(options));
  }
  const measure = options.live ? await mountedStatistics(handle) : statisticsOf;
  const documents: Record<string, unknown>[] = [];
  for (const [device, type] of Object.entries(await handle.listFilesystems())) {
    if (type === 'swap' || type === 'unknown') continue;
    const statistics = await measure(handle, device, (line) => {
      err.write(`${spec.name}: ${line}\n`);
      err.flush();
    });
    if (statistics === undefined) continue;
    const usage = inodes ? inodeUsage(statistics) : blockUsage(statistics);
    if (form === 'json') documents.push({ guest, filesystem: device, type, ...usage });
    else if (form === 'csv') out.write(csvLine([guest, device, ...csvNumbers(usage, inodes)]));
    else out.write(line(`${guest}:${device}`, usage, options));
  }
  if (form === 'json') {
    const { jsonDocument } = await import('./common/json.ts');
    out.write(jsonDocument(documents));
  }
  return EXIT.ok;
}

/** Numbers of a filesystem, mounted for the moment; undefined for what cannot be mounted. */
async function statisticsOf(
  handle: Handle,
  device: string,
  warn: (line: string) => void,
): Promise<Statvfs | undefined> {
  try {
    await handle.mountRo(device, '/');
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    // What is no filesystem after all has no numbers; what could have been mounted with a machine should be missed.
    if (error.code === 'ENOTSUP') warn(`${device} is left out: ${error.message}`);
    return undefined;
  }
  try {
    return await handle.statvfs('/');
  } finally {
    await handle.umountAll();
  }
}

/** As {@link statisticsOf} in a running guest: numbers of what it has mounted. */
async function mountedStatistics(
  handle: Handle,
): Promise<(handle: Handle, device: string) => Promise<Statvfs | undefined>> {
  const mountpoints = new Map(Object.entries(await handle.mountpoints()));
  return async (_handle, device) => {
    const mountpoint = mountpoints.get(device);
    return mountpoint === undefined ? undefined : handle.statvfs(mountpoint);
  };
}

function blockUsage({ frsize, bsize, blocks, bfree, bavail }: Statvfs): Usage {
  const size = frsize > 0 ? frsize : bsize;
  return usage(blocks * size, (blocks - bfree) * size, bavail * size);
}

function inodeUsage({ files, ffree }: Statvfs): Usage {
  return usage(files, files - ffree, ffree);
}

function usage(total: number, used: number, available: number): Usage {
  return { total, used, available, percent: total > 0 ? (100 * used) / total : 0 };
}

const kibibytes = (bytes: number): string => String(Math.round(bytes / 1024));

function csvNumbers({ total, used, available, percent }: Usage, inodes: boolean): string[] {
  const text = inodes ? String : kibibytes;
  return [text(total), text(used), text(available), percent.toFixed(1)];
}

/** Width of the name's column; a longer name gets a line of its own, as df(1) once did. */
const NAME = 35;

function titleLine({ human, inodes }: DfOptions): string {
  const titles = inodes
    ? ['Inodes', 'IUsed', 'IFree', 'IUse%']
    : [human ? 'Size' : '1K-blocks', 'Used', 'Available', 'Use%'];
  return columns('Filesystem', titles);
}

function line(
  name: string,
  { total, used, available, percent }: Usage,
  { human, inodes }: DfOptions,
): string {
  const text = human ? humanSize : inodes ? String : kibibytes;
  return columns(name, [text(total), text(used), text(available), `${Math.ceil(percent)}%`]);
}

function columns(name: string, [total = '', used = '', available = '', percent = '']: string[]): string {
  const head = name.length > NAME ? `${name}\n${' '.repeat(NAME)}` : name.padEnd(NAME);
  return `${head} ${total.padStart(10)} ${used.padStart(10)} ${available.padStart(10)} ${percent.padStart(5)}\n`;
}
