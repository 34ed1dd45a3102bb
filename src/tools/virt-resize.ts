import { existsSync, rmSync, statSync } from 'node:fs';
import { EXIT } from './common/errors.ts';
import { humanSize } from './common/human.ts';
import { newHandle } from './common/new-handle.ts';
import { runTool, type ToolContext } from './common/run.ts';
import { maybeShowProgress } from './common/show-progress.ts';
import { parseSize } from './common/size.ts';
import type { ToolSpec } from './common/spec.ts';
import { ToolError, UsageError } from './common/usage-error.ts';
import { checkExpandable, expandContent, shrinkContent, type UnknownPolicy } from './resize/content.ts';
import { copyBootLoader, copyPartitions, makeTable, readSource, type SourceDisk } from './resize/disk.ts';
import { newSize, planLayout, type Plan, type Request, type SourcePartition } from './resize/plan.ts';
import { virtResizeSpec } from './specs/virt-resize.ts';

interface ResizeOptions {
  alignFirst: boolean;
  alignment: number;
  /** Which backing files the source may open. */
  backing: 'none' | 'folder' | 'any' | undefined;
  bootLoader: boolean;
  content: boolean;
  dryRun: boolean;
  extra: boolean;
  quiet: boolean;
  sparse: boolean;
  format: string | undefined;
  outputFormat: string | undefined;
  /** Make the target of this size. */
  size: number | undefined;
  unknown: UnknownPolicy;
  volumes: string[];
  /** Options about partitions, in order: name and value. */
  partitions: [name: string, value: string][];
  verbose: boolean;
  trace: boolean;
}

const SOURCE = '/dev/sda';
const TARGET = '/dev/sdb';

/** virt-resize: copy a disk onto a larger or smaller one, its partitions resized with what is in them. */
export async function main(args: readonly string[], spec: ToolSpec = virtResizeSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options = readOptions(context);
    const [source, target, ...more] = context.line.operands;
    if (source === undefined || target === undefined || more.length > 0) {
      throw new UsageError('give the disk to copy and the disk to copy it to');
    }
    const tell = (line: string): void => {
      if (options.quiet) return;
      context.out.write(`${line}\n`);
      context.out.flush();
    };
    const warn = (line: string): void => {
      context.err.write(`${spec.name}: warning: ${line}\n`);
      context.err.flush();
    };
    checkTarget(source, target, options);
    try {
      const targets = await copyDisk(spec.name, source, target, options, tell);
      if (targets === undefined) return EXIT.ok;
      await finish(spec.name, target, options, targets, tell, warn);
    } catch (error) {
      // What we made and did not finish is of no use, and would be in the way of the next try.
      if (options.size !== undefined && !options.dryRun) rmSync(target, { force: true });
      throw error;
    }
    tell('Resize operation completed with no errors. Check the new disk before you delete the old one.');
    return EXIT.ok;
  });
}

/** Throws ToolError where the new disk would take the place of one that must stay. */
function checkTarget(source: string, target: string, { size, dryRun }: ResizeOptions): void {
  const [old, now] = [source, target].map((path) => statSync(path, { throwIfNoEntry: false }));
  if (old !== undefined && now !== undefined && now.dev === old.dev && now.ino === old.ino) {
    throw new ToolError(`${target} is the disk to copy itself: the resized disk must be another one`);
  }
  if (size !== undefined && !dryRun && existsSync(target)) {
    throw new ToolError(`${target} is there already: leave --size away to use it, or name another`);
  }
}

/** Plan and copy. Returns the new devices of partitions that are to be expanded; undefined after a dry run. */
async function copyDisk(
  tool: string,
  source: string,
  target: string,
  options: ResizeOptions,
  tell: (line: string) => void,
): Promise<string[] | undefined> {
  const handle = await newHandle(tool, options);
  try {
    if (options.size !== undefined && !options.dryRun) {
      await handle.diskCreate(target, options.outputFormat ?? 'raw', options.size);
    }
    // Changes to the source, for shrinking what is in it, go to an overlay.
    const { backing } = options;
    await handle.addDrive(source, {
      readonly: true,
      ...formatOption(options.format),
      ...(backing === undefined ? {} : { backing }),
    });
    const planOnly = options.dryRun && options.size !== undefined;
    if (!planOnly) {
      await handle.addDrive(target, { readonly: options.dryRun, ...formatOption(options.outputFormat) });
    }
    await handle.launch();
    maybeShowProgress(handle, options.quiet ? false : undefined, false);
    const disk = await readSource(handle, SOURCE);
    const targetSize = planOnly ? (options.size as number) : await handle.blockdevGetsize64(TARGET);
    const requests = requestsOf(options, disk);
    const plan = planLayout({
      partitions: disk.partitions,
      requests,
      targetSize,
      sectorSize: disk.sectorSize,
      alignment: options.alignment,
      table: disk.table,
      alignFirst: options.alignFirst,
      extra: options.extra,
    });
    for (const line of summary(disk, plan, requests)) tell(line);
    if (options.dryRun) return undefined;
    if (options.content) {
      for (const { device } of grownOf(plan)) await checkExpandable(handle, device, options.unknown);
    }
    for (const { source: old, request, size } of plan.partitions) {
      const cut = request.kind === 'resize' && request.force;
      if (size < old.size && request.kind !== 'ignore' && !cut) await shrinkContent(handle, old.device, size);
    }
    // Zeroes of the source may be left out only where the target reads as zeroes.
    const sparse = options.sparse && (await handle.isZeroDevice(TARGET));
    if (options.bootLoader) await copyBootLoader(handle, disk, SOURCE, TARGET);
    const devices = await makeTable(handle, disk, plan, {
      from: SOURCE,
      to: TARGET,
      bootLoader: options.bootLoader,
    });
    await copyPartitions(handle, plan, SOURCE, TARGET, sparse);
    await handle.sync();
    return grownOf(plan).map(({ device }) => (devices.get(device) as string).replace(TARGET, SOURCE));
  } finally {
    await handle.close();
  }
}

/** The partitions of the source that become larger, with what is in them. */
function grownOf(plan: Plan): SourcePartition[] {
  return plan.partitions
    .filter(({ source, size, request }) => size > source.size && request.kind !== 'ignore')
    .map(({ source }) => source);
}

/** On the new disk alone, where names of volumes are unique: make what is in the partitions fill them. */
async function finish(
  tool: string,
  target: string,
  options: ResizeOptions,
  grown: readonly string[],
  tell: (line: string) => void,
  warn: (line: string) => void,
): Promise<void> {
  if (!options.content && options.volumes.length === 0) return;
  const handle = await newHandle(tool, options);
  try {
    await handle.addDrive(target, formatOption(options.outputFormat));
    await handle.launch();
    if (options.content) {
      for (const device of grown) {
        tell(`Expanding what is in ${device} ...`);
        await expandContent(handle, device, options.unknown, warn);
      }
    }
    for (const volume of options.volumes) {
      tell(`Expanding ${volume} ...`);
      await handle.lvresizeFree(volume, 100);
      if (options.content) await expandContent(handle, volume, options.unknown, warn);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function formatOption(format: string | undefined): { format?: string } {
  return format === undefined ? {} : { format };
}

function requestsOf(options: ResizeOptions, disk: SourceDisk): Map<string, Request> {
  const requests = new Map<string, Request>();
  let flexible: string | undefined;
  for (const [name, value] of options.partitions) {
    const [device = '', size = ''] = name.startsWith('resize') ? splitSize(name, value) : [value];
    const canonical = device.startsWith('/dev/')
      ? device.replace(/^\/dev\/[hv]d/, '/dev/sd')
      : `/dev/${device}`;
    const partition = disk.partitions.find((candidate) => candidate.device === canonical);
    if (partition === undefined) {
      const known = disk.partitions.map((candidate) => candidate.device).join(', ');
      throw new UsageError(`--${name} ${value}: there is no partition ${device}, there are ${known}`);
    }
    if (requests.has(canonical)) throw new UsageError(`${device} is named by two options`);
    if (partition.extended && name !== 'delete') {
      throw new UsageError(`--${name} ${device}: an extended partition can only be copied as it is`);
    }
    if (name === 'expand' || name === 'shrink') {
      if (flexible !== undefined)
        throw new UsageError('only one partition can be expanded or shrunk to what is left');
      flexible = canonical;
    }
    requests.set(
      canonical,
      name === 'resize' || name === 'resize-force'
        ? { kind: 'resize', size: newSize(size, partition.size, `--${name}`), force: name === 'resize-force' }
        : { kind: name as 'delete' | 'ignore' | 'expand' | 'shrink' },
    );
  }
  return requests;
}

function splitSize(name: string, value: string): [device: string, size: string] {
  const equals = value.indexOf('=');
  if (equals <= 0) throw new UsageError(`--${name} ${value}: expected PARTITION=SIZE`);
  return [value.slice(0, equals), value.slice(equals + 1)];
}

function* summary(disk: SourceDisk, plan: Plan, requests: ReadonlyMap<string, Request>): Generator<string> {
  yield 'Summary of changes:';
  for (const { device, size } of disk.partitions) {
    const planned = plan.partitions.find(({ source }) => source.device === device);
    if (planned === undefined) yield `${device}: this partition is deleted.`;
    else if (requests.get(device)?.kind === 'ignore')
      yield `${device}: this partition is made, but left empty.`;
    else if (planned.size === size) yield `${device}: this partition is left alone.`;
    else yield `${device}: this partition is resized from ${humanSize(size)} to ${humanSize(planned.size)}.`;
  }
  if (plan.extra !== undefined)
    yield `An extra partition is made of the ${humanSize(plan.extra.size)} that are left over.`;
  else if (plan.surplus > 0) yield `${humanSize(plan.surplus)} at the end of the disk are not used.`;
}

function readOptions({ line }: ToolContext): ResizeOptions {
  const options: ResizeOptions = {
    alignFirst: false,
    alignment: 128,
    backing: undefined,
    bootLoader: true,
    content: true,
    dryRun: false,
    extra: true,
    quiet: false,
    sparse: true,
    format: undefined,
    outputFormat: undefined,
    size: undefined,
    unknown: 'warn',
    volumes: [],
    partitions: [],
    verbose: false,
    trace: false,
  };
  for (const { name, value = '' } of line.options) take(options, name, value);
  return options;
}

function take(options: ResizeOptions, name: string, value: string): void {
  switch (name) {
    case 'align-first':
      if (!['auto', 'never', 'always'].includes(value))
        throw new UsageError(`--align-first ${value}: expected auto, never or always`);
      options.alignFirst = value === 'always';
      return;
    case 'allow-backing':
      if (value !== 'none' && value !== 'folder' && value !== 'any') {
        throw new UsageError(`--allow-backing ${value}: expected none, folder or any`);
      }
      options.backing = value;
      return;
    case 'alignment':
      options.alignment = Number(value);
      if (!Number.isInteger(options.alignment) || options.alignment < 1) {
        throw new UsageError(`--alignment ${value}: expected a number of sectors`);
      }
      return;
    case 'unknown-filesystems':
      if (value !== 'ignore' && value !== 'warn' && value !== 'error') {
        throw new UsageError(`--unknown-filesystems ${value}: expected ignore, warn or error`);
      }
      options.unknown = value;
      return;
    case 'lv-expand':
      options.volumes.push(value);
      return;
    case 'size':
      options.size = parseSize(value, '--size');
      return;
    case 'format':
      options.format = value;
      return;
    case 'output-format':
      options.outputFormat = value;
      return;
    case 'no-copy-boot-loader':
      options.bootLoader = false;
      return;
    case 'no-expand-content':
      options.content = false;
      return;
    case 'no-extra-partition':
      options.extra = false;
      return;
    case 'no-sparse':
      options.sparse = false;
      return;
    case 'dry-run':
      options.dryRun = true;
      return;
    case 'quiet':
    case 'verbose':
    case 'trace':
      options[name] = true;
      return;
    default:
      options.partitions.push([name, value]);
  }
}
