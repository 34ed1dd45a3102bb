import {
  commitOverlay,
  compactImage,
  convertImage,
  createImage,
  createOverlay,
  discardOverlay,
  diskVirtualSize,
  resizeImage,
  type Compacted,
  type Preallocation,
} from '../../images/index.ts';
import { EXIT } from '../common/errors.ts';
import { humanSize } from '../common/human.ts';
import { runTool, type ToolBody, type ToolContext } from '../common/run.ts';
import { parseSize } from '../common/size.ts';
import { UsageError } from '../common/usage-error.ts';
import { imageSpecs, type ImageCommand } from '../specs/images.ts';
import {
  choice,
  given,
  has,
  openingOptions,
  operands,
  sizeOf,
  sizeWords,
  tell,
  valueOf,
  withProgress,
} from './context.ts';

const FORMATS = ['raw', 'qcow2'] as const;
const PREALLOCATION: readonly Preallocation[] = ['off', 'metadata', 'falloc', 'full', 'sparse'];
const COMPAT = ['0.10', '1.1'] as const;

const bodies: Readonly<Record<ImageCommand, ToolBody>> = {
  async create(context) {
    const [path = '', text = ''] = operands(context, 2, 2, 'the disk to make and its size');
    const format = choice(context, 'format', FORMATS) ?? (/\.qcow2$/i.test(path) ? 'qcow2' : 'raw');
    const size = parseSize(text, 'SIZE');
    const { existsSync } = await import('node:fs');
    if (existsSync(path)) throw new UsageError(`${path} is there already: remove it first, or name another`);
    createImage(path, size, {
      format,
      ...given({
        preallocation: choice(context, 'preallocation', PREALLOCATION),
        compat: choice(context, 'compat', COMPAT),
        clustersize: sizeOf(context, 'cluster-size'),
      }),
    });
    return EXIT.ok;
  },

  async convert(context) {
    const [source = '', target = ''] = operands(context, 2, 2, 'the disk to copy and the new disk');
    const compress = has(context, 'compress')
      ? (choice(context, 'compress', ['zlib', 'zstd'] as const) ?? 'zlib')
      : undefined;
    const format =
      choice(context, 'output-format', FORMATS) ??
      (compress === undefined && /\.(raw|img)$/i.test(target) ? 'raw' : 'qcow2');
    const threads = valueOf(context, 'threads');
    const made = await withProgress(context, (options) =>
      convertImage(source, target, {
        ...options,
        ...openingOptions(context),
        format,
        keepBacking: has(context, 'keep-backing'),
        ...given({
          compress,
          sourceFormat: valueOf(context, 'format'),
          threads: threads === undefined ? undefined : Number(threads),
          snapshot: valueOf(context, 'snapshot'),
          preallocation: choice(context, 'preallocation', PREALLOCATION),
          compat: choice(context, 'compat', COMPAT),
          clusterSize: sizeOf(context, 'cluster-size'),
        }),
      }),
    );
    tell(
      context,
      `${target}: a disk of ${sizeWords(made.virtualSize)}, ${humanSize(made.allocated)} on the host`,
    );
    return EXIT.ok;
  },

  async 'resize-image'(context) {
    const [path = '', text = ''] = operands(context, 2, 2, 'the disk and its new size');
    const sign = /^[+-]/.exec(text)?.[0];
    const change = parseSize(sign === undefined ? text : text.slice(1), 'SIZE');
    const present = sign === undefined ? 0 : diskVirtualSize(path);
    const size = sign === '-' ? present - change : present + change;
    if (size < 0) throw new UsageError(`${path} has ${present} bytes, it cannot be ${change} smaller`);
    const made = resizeImage(path, size, {
      ...openingOptions(context),
      shrink: has(context, 'shrink'),
      ...given({ format: valueOf(context, 'format') }),
    });
    tell(context, `${path}: a disk of ${sizeWords(made.virtualSize)}`);
    return EXIT.ok;
  },

  async compact(context) {
    const format = valueOf(context, 'format');
    for (const path of operands(context, 1, Infinity, 'a disk to compact')) {
      const made = await withProgress(context, (options) =>
        compactImage(path, {
          ...options,
          ...openingOptions(context),
          inPlace: has(context, 'in-place'),
          ...given({ format }),
        }),
      );
      tell(context, `${path}: ${savedWords(made)}`);
    }
    return EXIT.ok;
  },

  async overlay(context) {
    const [base = '', path = ''] = operands(context, 2, 2, 'the base and the overlay to make');
    createOverlay(
      path,
      base,
      given({
        baseFormat: valueOf(context, 'format'),
        size: sizeOf(context, 'size'),
        clusterSize: sizeOf(context, 'cluster-size'),
      }),
    );
    tell(context, `${path}: an overlay over ${base}; tools open it with --format=qcow2`);
    return EXIT.ok;
  },

  async commit(context) {
    const [path = ''] = operands(context, 1, 1, 'the overlay to commit');
    if (has(context, 'keep') && has(context, 'remove')) {
      throw new UsageError('--keep and --remove contradict each other');
    }
    const made = await withProgress(context, (options) =>
      commitOverlay(path, {
        ...options,
        ...openingOptions(context),
        overlay: has(context, 'keep') ? 'keep' : has(context, 'remove') ? 'remove' : 'empty',
      }),
    );
    tell(context, `${made.base}: ${sizeWords(made.bytes)} were written`);
    return EXIT.ok;
  },

  async discard(context) {
    for (const path of operands(context, 1, Infinity, 'the overlay to remove')) {
      discardOverlay(path);
      tell(context, `${path}: removed`);
    }
    return EXIT.ok;
  },
};

function savedWords({ before, after }: Compacted): string {
  const was = `${humanSize(before.allocated)} on the host, a file of ${humanSize(before.fileSize)}`;
  const now = `${humanSize(after.allocated)} on the host, a file of ${humanSize(after.fileSize)}`;
  return was === now ? `nothing to save; ${now}` : `now ${now}; before ${was}`;
}

/** Run a subcommand that works on images; resolves to the exit status. */
export function runImageCommand(name: ImageCommand, args: readonly string[]): Promise<number> {
  const words = name === 'resize-image' ? lessSizeLast(args) : args;
  return runTool(imageSpecs[name], words, (context: ToolContext) => bodies[name](context));
}

/** `-200M` is a size, not options: as the last operand, behind `--`, it is taken for one. */
function lessSizeLast(args: readonly string[]): readonly string[] {
  const at = args.findIndex((arg) => /^-\d/.test(arg));
  if (at < 0 || args.includes('--')) return args;
  return [...args.slice(0, at), ...args.slice(at + 1), '--', args[at] as string];
}
