import { GuestfsError } from '../errors/index.ts';
import { EXIT, isClosedOutput } from './common/errors.ts';
import { GuestPaths } from './common/guest-paths.ts';
import type { Handle } from './common/handle.ts';
import { readShared } from './common/operands.ts';
import { reportError, runTool, type ToolContext } from './common/run.ts';
import { openMounted } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { UsageError } from './common/usage-error.ts';
import type { LongListing, LongOptions } from './ls/long-listing.ts';
import { virtLsSpec } from './specs/virt-ls.ts';

const CHECKSUMS = new Set(['crc', 'md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']);

interface LsOptions extends LongOptions {
  long: boolean;
  recursive: boolean;
  /** An option that only works with -lR, as written. */
  longOnly: string | undefined;
}

/** virt-ls: list files of a guest. */
export async function main(args: readonly string[], spec: ToolSpec = virtLsSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options: LsOptions = {
      long: false,
      recursive: false,
      longOnly: undefined,
      form: 'text',
      human: false,
      uids: false,
      times: undefined,
      extraStats: false,
      checksum: undefined,
    };
    const { shared, operands } = readShared(
      context,
      ({ name, value, written }) => takeOption(options, name, value, written),
      1,
    );
    if (operands.length === 0) throw new UsageError('no directory was named');
    const longRecursive = options.long && options.recursive;
    if (options.longOnly !== undefined && !longRecursive) {
      throw new UsageError(`${options.longOnly} only works with -lR`);
    }
    const handle = await openMounted(spec.name, shared);
    try {
      return await list(context, handle, options, operands);
    } finally {
      await handle.close();
    }
  });
}

function takeOption(options: LsOptions, name: string, value: string | undefined, written: string): void {
  switch (name) {
    case 'long':
      options.long = true;
      return;
    case 'recursive':
      options.recursive = true;
      return;
    case 'csv':
      options.form = 'csv';
      break;
    case 'json':
      options.form = 'json';
      return;
    case 'human-readable':
      options.human = true;
      break;
    case 'uids':
      options.uids = true;
      break;
    case 'times':
      options.times ??= 'text';
      break;
    case 'time-t':
      options.times = 'seconds';
      break;
    case 'time-relative':
      options.times = 'relative';
      break;
    case 'time-days':
      options.times = 'days';
      break;
    case 'extra-stats':
      options.extraStats = true;
      break;
    case 'checksum':
      options.checksum = value ?? 'md5';
      if (!CHECKSUMS.has(options.checksum)) {
        throw new UsageError(`--checksum=${options.checksum}: expected ${[...CHECKSUMS].join(', ')}`);
      }
      break;
    default:
      return;
  }
  options.longOnly ??= written;
}

async function list(
  context: ToolContext,
  handle: Handle,
  options: LsOptions,
  directories: readonly string[],
): Promise<number> {
  const { out, err } = context;
  const paths = new GuestPaths(handle);
  let listing: LongListing | undefined;
  const names: { directory: string; names: string[] }[] = [];
  if (options.long && options.recursive) {
    const { LongListing } = await import('./ls/long-listing.ts');
    listing = new LongListing(handle, out, options);
  }
  let status: number = EXIT.ok;
  for (const given of directories) {
    try {
      const directory = await paths.resolve(given);
      if (listing !== undefined) await listing.add(directory);
      else if (options.form === 'json')
        names.push({ directory, names: await namesOf(handle, directory, options) });
      else if (options.long) out.write(await handle.ll(directory));
      else for (const name of await namesOf(handle, directory, options)) out.write(`${name}\n`);
    } catch (error) {
      // The other directories are still wanted.
      if (!(error instanceof GuestfsError) || isClosedOutput(error)) throw error;
      status = reportError(context.spec.name, error, out, err);
    }
  }
  listing?.end();
  if (listing === undefined && options.form === 'json') {
    const { jsonDocument } = await import('./common/json.ts');
    out.write(jsonDocument(names));
  }
  return status;
}

async function namesOf(handle: Handle, directory: string, { recursive, form }: LsOptions): Promise<string[]> {
  if (!recursive) return handle.ls(directory);
  // Stock virt-ls shows a slash before the names, except where the directory was written with one at its end.
  const found = await handle.find(directory);
  return form === 'json' || directory.endsWith('/') ? found : found.map((name) => `/${name}`);
}
