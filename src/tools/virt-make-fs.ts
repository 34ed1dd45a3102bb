import { realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { GuestfsError } from '../errors/index.ts';
import { fillBlankDisk } from './common/blank-disk.ts';
import { EXIT } from './common/errors.ts';
import { createHandle, type Handle } from './common/handle.ts';
import { newHandle } from './common/new-handle.ts';
import { runTool, type ToolContext } from './common/run.ts';
import { parseSize } from './common/size.ts';
import type { ToolSpec } from './common/spec.ts';
import { ToolError, UsageError } from './common/usage-error.ts';
import { measureInput } from './make-fs/measure.ts';
import { estimateSize, inodesFor, roundToMib } from './make-fs/size.ts';
import { virtMakeFsSpec } from './specs/virt-make-fs.ts';

interface MakeOptions {
  format: string;
  type: string;
  label: string | undefined;
  table: string | undefined;
  /** As given: `10G`, `+200M`. */
  size: string | undefined;
  blocksize: number | undefined;
  verbose: boolean;
  trace: boolean;
}

const FLOPPY_SIZE = '1440K';
/** Tries with a larger disk, each time by a tenth, where the estimate was too low. */
const TRIES = 5;

/** virt-make-fs: make a filesystem out of a folder or a tar archive of the host. */
export async function main(args: readonly string[], spec: ToolSpec = virtMakeFsSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options = readOptions(context);
    const [input, named, ...more] = context.line.operands;
    if (input === undefined || named === undefined || more.length > 0) {
      throw new UsageError('give a folder or a tar archive, and the disk image to make');
    }
    const output = await replaceable(spec.name, named);
    const measured = measureInput(input);
    const extra = options.size?.startsWith('+') ? parseSize(options.size.slice(1), '--size') : 0;
    const fixed =
      options.size !== undefined && !options.size.startsWith('+')
        ? parseSize(options.size, '--size')
        : undefined;
    let size = fixed ?? estimateSize(measured, options.type, options.table !== undefined) + roundToMib(extra);
    // Made beside the target and given its name at the end: no half image is ever there under the name.
    const unfinished = `${output}.${process.pid}.part`;
    try {
      for (let tries = 1; ; tries++) {
        try {
          await make(spec.name, input, unfinished, size, measured, options);
          break;
        } catch (error) {
          const full = error instanceof GuestfsError && error.code === 'ENOSPC';
          if (!full || fixed !== undefined || tries === TRIES) throw error;
          size = roundToMib(size * 1.1);
        }
      }
      renameSync(unfinished, output);
    } catch (error) {
      rmSync(unfinished, { force: true });
      throw error;
    }
    return EXIT.ok;
  });
}

/**
 * Where the image is to be, links followed. Throws where something is there that is no file, or a file that another
 * process holds: a running machine would go on with a disk that has no name any more.
 */
async function replaceable(tool: string, path: string): Promise<string> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return path;
  if (!found.isFile()) {
    throw new ToolError(
      `${path} is no file: an image file is made here; to fill a device, use virt-format and then virt-tar-in`,
    );
  }
  const handle = await createHandle({ thread: 'own' });
  try {
    await handle.setProgram(tool);
    await handle.addDrive(path, { format: 'raw' });
    await handle.launch();
  } finally {
    await handle.close();
  }
  return realpathSync(path);
}

function readOptions({ line }: ToolContext): MakeOptions {
  const options: MakeOptions = {
    format: 'raw',
    type: 'ext2',
    label: undefined,
    table: undefined,
    size: undefined,
    blocksize: undefined,
    verbose: false,
    trace: false,
  };
  for (const { name, value } of line.options) {
    switch (name) {
      case 'blocksize':
        options.blocksize = Number(value);
        break;
      case 'floppy':
        Object.assign(options, { size: FLOPPY_SIZE, table: 'mbr', type: 'vfat' });
        break;
      case 'format':
      case 'type':
      case 'label':
      case 'size':
        options[name] = value ?? '';
        break;
      case 'partition':
        options.table = value ?? 'mbr';
        if (!['gpt', 'mbr', 'msdos', 'efi'].includes(options.table)) {
          throw new UsageError(`--partition=${value}: expected gpt or mbr`);
        }
        break;
      case 'verbose':
      case 'trace':
        options[name] = true;
        break;
      default:
        break;
    }
  }
  if (options.blocksize !== undefined && options.blocksize !== 512 && options.blocksize !== 4096) {
    throw new UsageError(`--blocksize=${options.blocksize}: expected 512 or 4096`);
  }
  return options;
}

/** SOURCE_DATE_EPOCH, if it is set: images are then the same each time. */
function sourceDate(): number | undefined {
  const text = process.env['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return undefined;
  if (!/^\d+$/.test(text))
    throw new UsageError(`SOURCE_DATE_EPOCH is '${text}', expected seconds since 1970`);
  return Number(text);
}

async function make(
  tool: string,
  input: string,
  output: string,
  size: number,
  measured: ReturnType<typeof measureInput>,
  options: MakeOptions,
): Promise<void> {
  const date = sourceDate();
  const reproducible = date === undefined ? {} : { reproducible: { time: date } };
  const handle = await newHandle(tool, options, { thread: 'own', ...reproducible });
  try {
    await handle.diskCreate(output, options.format, size);
    const { blocksize, format } = options;
    await handle.addDrive(output, { format, ...(blocksize === undefined ? {} : { blocksize }) });
    await handle.launch();
    await fill(handle, input, measured, options, date);
  } finally {
    await handle.close();
  }
}

async function fill(
  handle: Handle,
  input: string,
  measured: ReturnType<typeof measureInput>,
  { table, type, label }: MakeOptions,
  latest: number | undefined,
): Promise<void> {
  const ext = /^ext[234]$/.test(type);
  const device = await fillBlankDisk(handle, '/dev/sda', {
    table,
    volume: undefined,
    filesystem: ext ? undefined : type,
    label: ext ? undefined : label,
  });
  if (ext) {
    const inodes = { numberofinodes: inodesFor(measured) };
    await handle.mke2fs(device, { fstype: type, ...inodes, ...(label === undefined ? {} : { label }) });
  }
  await handle.mount(device, '/');
  if (measured.kind === 'folder') {
    await handle.tarIn({ pack: input, contents: true, ...(latest === undefined ? {} : { latest }) }, '/');
  } else {
    await handle.tarIn(input, '/', measured.compress === undefined ? {} : { compress: measured.compress });
  }
  await handle.umountAll();
}
