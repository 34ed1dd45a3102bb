import { mkdtempSync, realpathSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeCalls } from '../block/file-native.ts';
import {
  compactImage,
  convertImage,
  createOverlay,
  diskFormat,
  openImage,
  type BackingPolicy,
} from '../images/index.ts';
import { EXIT } from './common/errors.ts';
import { humanSize } from './common/human.ts';
import { readByte } from './common/read-byte.ts';
import { newHandle } from './common/new-handle.ts';
import { runTool, type ToolContext } from './common/run.ts';
import { maybeShowProgress } from './common/show-progress.ts';
import type { ToolSpec } from './common/spec.ts';
import { isTerminal } from './common/terminal.ts';
import { ToolError, UsageError } from './common/usage-error.ts';
import { choice, given, has, openingOptions, valueOf, withProgress } from './images/context.ts';
import { clearFreeSpace } from './sparsify/free-space.ts';
import { parseImageOptions } from './sparsify/image-options.ts';
import { virtSparsifySpec } from './specs/virt-sparsify.ts';

const NEWLINE = 10;
/** Where the system cannot give back the space of a part of a file. */
const EXIT_NO_DISCARD = 3;
/** What `--machine-readable` says of this program. */
const ABILITIES = ['virt-sparsify', 'linux-swap', 'zero', 'check-tmpdir', 'in-place', 'tmp-option'];
/** Options that make no sense without a second image. */
const COPY_ONLY = ['check-tmpdir', 'compress', 'convert', 'option', 'tmp'];

type Tell = (line: string) => void;

/** virt-sparsify: copy a disk without what is free in it, or give back the space of that. */
export async function main(args: readonly string[], spec: ToolSpec = virtSparsifySpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const { operands } = context.line;
    if (has(context, 'machine-readable') && operands.length === 0) {
      for (const ability of ABILITIES) context.out.write(`${ability}\n`);
      return EXIT.ok;
    }
    const started = performance.now();
    const tell: Tell = (line) => {
      if (has(context, 'quiet')) return;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      context.out.write(`[${seconds.padStart(6)}] ${line}\n`);
      context.out.flush();
    };
    if (has(context, 'in-place')) {
      const [disk, ...more] = operands;
      if (disk === undefined || more.length > 0) throw new UsageError('give the one disk to change');
      const wrong = context.line.options.find(({ name }) => COPY_ONLY.includes(name));
      if (wrong !== undefined) throw new UsageError(`${wrong.written} cannot be used with --in-place`);
      return sparsifyInPlace(context, disk, tell);
    }
    const [source, target, ...more] = operands;
    if (source === undefined || target === undefined || more.length > 0) {
      throw new UsageError('give the disk to copy and the new disk, or --in-place and a disk');
    }
    await sparsifyCopy(context, source, target, tell);
    tell('Done. Check that the new disk boots and works before you delete the old one.');
    return EXIT.ok;
  });
}

/** The image of a handle, launched, its free space cleared. */
async function clear(
  context: ToolContext,
  disk: string,
  drive: { format: string; backing?: BackingPolicy },
  trim: boolean,
  tell: Tell,
): Promise<void> {
  const values = (name: string): string[] =>
    context.line.options.filter((option) => option.name === name).map(({ value = '' }) => value);
  const talk = { verbose: has(context, 'verbose'), trace: has(context, 'trace') };
  const handle = await newHandle(context.spec.name, talk);
  try {
    await handle.addDrive(disk, { ...drive, readonly: false, ...(trim ? { discard: 'enable' } : {}) });
    await handle.launch();
    maybeShowProgress(handle, has(context, 'quiet') ? false : undefined, false);
    await clearFreeSpace(handle, {
      ignore: new Set(values('ignore')),
      zero: values('zero'),
      trim,
      tell,
      warn: openingOptions(context).warn,
    });
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sparsifyInPlace(context: ToolContext, disk: string, tell: Tell): Promise<number> {
  if (nativeCalls() === undefined) {
    context.err.write(
      `${context.spec.name}: this system cannot give back the space of a part of a file (that takes Linux and the ` +
        'package koffi): leave out --in-place and name a new disk\n',
    );
    return EXIT_NO_DISCARD;
  }
  const format = valueOf(context, 'format') ?? diskFormat(disk);
  const { backing, warn } = openingOptions(context);
  tell(`Look for free space in ${disk}`);
  await clear(context, disk, { format, ...given({ backing }) }, true, tell);
  const { before, after } = await compactImage(disk, { format, inPlace: true, warn, ...given({ backing }) });
  tell(`${disk}: ${humanSize(after.allocated)} on the host, ${humanSize(before.allocated)} before`);
  return EXIT.ok;
}

async function sparsifyCopy(context: ToolContext, source: string, target: string, tell: Tell): Promise<void> {
  const { backing, warn } = openingOptions(context);
  const stated = valueOf(context, 'format');
  // Says whether the source can be opened, and its backing files may be.
  const image = openImage(source, { readonly: true, warn, ...given({ format: stated, backing }) });
  const size = image.device.size;
  image.device.close();
  const sourceFormat = image.format;
  const format = choice(context, 'convert', ['raw', 'qcow2'] as const) ?? sourceFormat;
  const { compress: method = 'zlib', ...extra } = imageOptions(context);
  if (has(context, 'compress') && format !== 'qcow2') {
    throw new UsageError('--compress needs a new disk in the format qcow2: add --convert qcow2');
  }
  checkTarget(source, target);
  const { overlay, remove } = makeOverlay(context, source, sourceFormat, size, tell);
  try {
    tell(`Look for free space in ${source}`);
    await clear(context, overlay, { format: 'qcow2', backing: 'any' }, false, tell);
    tell(`Copy what is in use to ${target}`);
    await withProgress(context, ({ signal, onProgress }) =>
      convertImage(overlay, target, {
        format,
        ...extra,
        sourceFormat: 'qcow2',
        backing: 'any',
        signal,
        ...given({ onProgress: machineProgress(context) ?? onProgress }),
        ...(has(context, 'compress') ? { compress: method } : {}),
      }),
    );
  } finally {
    remove();
  }
}

function imageOptions(context: ToolContext): ReturnType<typeof parseImageOptions> {
  const text = valueOf(context, 'option');
  return text === undefined ? {} : parseImageOptions(text);
}

/** `N/100` lines on standard output for a program that reads them. */
function machineProgress(context: ToolContext): ((position: number, total: number) => void) | undefined {
  if (!has(context, 'machine-readable')) return undefined;
  return (position, total) => {
    context.out.write(`${Math.floor((position / total) * 100)}/100\n`);
    context.out.flush();
  };
}

function checkTarget(source: string, target: string): void {
  const stat = statSync(target, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (stat.isCharacterDevice()) {
    throw new ToolError(
      `${target} is a character device such as /dev/null: what is written to it would be lost`,
    );
  }
  if (realpathSync(source) === realpathSync(target)) {
    throw new ToolError(`${target} is the disk to copy: name another new disk, or use --in-place`);
  }
}

function makeOverlay(
  context: ToolContext,
  source: string,
  sourceFormat: string,
  size: number,
  tell: Tell,
): { overlay: string; remove: () => void } {
  const tmp = valueOf(context, 'tmp');
  if (tmp?.startsWith('prebuilt:')) return { overlay: tmp.slice('prebuilt:'.length), remove() {} };
  const parent = tmp ?? tmpdir();
  const kind = statSync(parent, { throwIfNoEntry: false });
  if (kind?.isBlockDevice()) {
    throw new ToolError(
      `--tmp ${parent}: a block device cannot hold the temporary overlay here; name a folder`,
    );
  }
  if (kind?.isDirectory() !== true) throw new ToolError(`${parent} is no folder for the temporary overlay`);
  checkSpace(context, parent, size);
  const folder = makeFolder(parent);
  const overlay = join(folder, 'overlay.qcow2');
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    tell(`Make an overlay in ${parent}, so that ${source} stays as it is`);
    createOverlay(overlay, source, { baseFormat: sourceFormat });
    return { overlay, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function makeFolder(parent: string): string {
  try {
    return mkdtempSync(join(parent, 'virt-sparsify-'));
  } catch (error) {
    throw new ToolError(
      `cannot make a folder in ${parent} for the temporary overlay: ${(error as Error).message}`,
    );
  }
}

/** Tables for the whole disk and room for blocks that are not zeroed as wholes. */
function checkSpace(context: ToolContext, folder: string, size: number): void {
  const what = choice(context, 'check-tmpdir', ['ignore', 'continue', 'warn', 'fail'] as const) ?? 'warn';
  if (what === 'ignore') return;
  const { bavail, bsize } = statfsSync(folder);
  const needed = 16 * 1024 * 1024 + size / 100;
  if (bavail * bsize >= needed) return;
  const words =
    `${folder} has ${humanSize(bavail * bsize)} free, and the temporary overlay may need ${humanSize(needed)}; ` +
    'name another folder with --tmp';
  if (what === 'fail') throw new ToolError(words);
  openingOptions(context).warn(words);
  if (what === 'warn' && isTerminal(0)) {
    context.err.write('Press RETURN to go on, or Ctrl-C to stop: ');
    context.err.flush();
    for (let byte = readByte(0); byte !== undefined && byte !== NEWLINE;) byte = readByte(0);
  }
}
