import { GuestfsError } from '../errors/index.ts';
import { EXIT } from './common/errors.ts';
import { fileOutput } from './common/file-output.ts';
import { GuestPaths } from './common/guest-paths.ts';
import type { Handle } from './common/handle.ts';
import { readShared } from './common/operands.ts';
import type { SharedOptions } from './common/request.ts';
import { runTool, type ToolContext } from './common/run.ts';
import { openMounted } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { ToolError, UsageError } from './common/usage-error.ts';
import { virtTailSpec } from './specs/virt-tail.ts';

/** How often the disk is looked at. */
const INTERVAL = 1000;
/** How much of the end is shown at first. */
const FIRST = 2000;

interface Followed {
  path: string;
  /** Bytes that were shown. */
  shown: number;
  inode: number;
  gone: boolean;
}

/** virt-tail: follow files of a guest. */
export async function main(args: readonly string[], spec: ToolSpec = virtTailSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const { shared, operands } = readShared(context, () => undefined, context.line.operands.length);
    if (operands.length === 0) throw new UsageError('no file was named');
    return follow(context, shared, operands, interrupted());
  });
}

/** Settles at Ctrl-C. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  process.once('SIGTERM', () => controller.abort());
  return controller.signal;
}

/**
 * Look at the files again and again until `signal` aborts or all are gone. Each look opens the disk anew: a running
 * guest writes to it, and nothing read before can be trusted.
 */
export async function follow(
  context: ToolContext,
  shared: SharedOptions,
  paths: readonly string[],
  signal: AbortSignal,
  interval = INTERVAL,
): Promise<number> {
  const files = paths.map((path): Followed => ({ path, shown: -1, inode: 0, gone: false }));
  let lastShown: string | undefined;
  for (let round = 0; !signal.aborted; round++) {
    const handle = await openMounted(context.spec.name, shared);
    try {
      for (const file of files) lastShown = await look(context, handle, file, files.length > 1, lastShown);
    } finally {
      await handle.close();
    }
    context.out.flush();
    if (files.every(({ gone }) => gone)) {
      throw new ToolError(round === 0 ? 'none of the files is there' : 'all the files are gone');
    }
    await pause(interval, signal);
  }
  return EXIT.ok;
}

/** Show what a file has more than before. Returns the path whose text stands last in the output. */
async function look(
  context: ToolContext,
  handle: Handle,
  file: Followed,
  headings: boolean,
  lastShown: string | undefined,
): Promise<string | undefined> {
  const path = await new GuestPaths(handle).resolve(file.path);
  let size: number;
  let inode: number;
  try {
    const stat = await handle.statns(path);
    size = stat.stSize;
    inode = stat.stIno;
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code !== 'ENOENT') throw error;
    if (!file.gone) {
      context.err.write(
        `${context.spec.name}: ${file.path}: the file is ${file.shown < 0 ? 'not there' : 'gone'}\n`,
      );
      context.err.flush();
    }
    file.gone = true;
    return lastShown;
  }
  file.gone = false;
  let from = file.shown;
  if (from < 0) from = Math.max(0, size - FIRST);
  else if (size < from || inode !== file.inode) from = 0;
  file.inode = inode;
  file.shown = size;
  if (size <= from) return lastShown;
  if (headings && lastShown !== file.path) {
    context.out.write(`${lastShown === undefined ? '' : '\n'}--- ${file.path} ---\n\n`);
  }
  await handle.downloadOffset(path, await fileOutput(context.out), from, size - from);
  return file.path;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
