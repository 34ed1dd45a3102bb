import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { EXIT } from './common/errors.ts';
import type { Handle } from './common/handle.ts';
import { jsonLine } from './common/json.ts';
import { SharedOptions } from './common/request.ts';
import { runTool, type ToolContext } from './common/run.ts';
import { openMounted } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { withTemporaryFolder } from './common/temporary.ts';
import { ToolError, UsageError } from './common/usage-error.ts';
import { compareGuests, type CompareOptions, type Difference, type Side } from './diff/compare.ts';
import { RowFormat, type RowOptions } from './ls/row-format.ts';
import { virtDiffSpec } from './specs/virt-diff.ts';

interface DiffOptions extends CompareOptions, RowOptions {
  form: 'text' | 'csv' | 'json';
  xattrs: boolean;
}

/** virt-diff: what differs between the files of two guests. */
export async function main(args: readonly string[], spec: ToolSpec = virtDiffSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const { first, second, options } = readOptions(context);
    const old = await openMounted(spec.name, first);
    try {
      const now = await openMounted(spec.name, second);
      try {
        await report(context, old, now, options);
      } finally {
        await now.close();
      }
    } finally {
      await old.close();
    }
    return EXIT.ok;
  });
}

function readOptions({ line }: ToolContext): {
  first: SharedOptions;
  second: SharedOptions;
  options: DiffOptions;
} {
  const first = new SharedOptions();
  const second = new SharedOptions();
  const options: DiffOptions = {
    form: 'text',
    atime: false,
    dirLinks: false,
    dirTimes: false,
    checksum: undefined,
    human: false,
    uids: false,
    times: undefined,
    extraStats: false,
    xattrs: false,
  };
  for (const option of line.options) {
    const { name, value } = option;
    if (name === 'add-second') second.addDisk(value ?? '');
    else if (name === 'mount-second') second.take({ ...option, name: 'mount' });
    else if (first.take(option)) {
      // What holds for one guest's disks holds for the other's as well.
      if (!['add', 'mount', 'domain'].includes(name)) second.take(option);
    } else take(options, name, value);
  }
  if (line.operands.length > 0) throw new UsageError(`unexpected argument ${line.operands[0]}`);
  if (first.disks.length === 0 || second.disks.length === 0) {
    throw new UsageError('name the disks of both guests: -a for the first, -A for the second');
  }
  return { first, second, options };
}

function take(options: DiffOptions, name: string, value: string | undefined): void {
  switch (name) {
    case 'all':
      Object.assign(options, { extraStats: true, times: 'text', uids: true, xattrs: true });
      break;
    case 'atime':
      options.atime = true;
      break;
    case 'checksum':
      options.checksum = value ?? 'md5';
      break;
    case 'csv':
    case 'json':
      options.form = name;
      break;
    case 'dir-links':
      options.dirLinks = true;
      break;
    case 'dir-times':
      options.dirTimes = true;
      break;
    case 'extra-stats':
      options.extraStats = true;
      break;
    case 'human-readable':
      options.human = true;
      break;
    case 'times':
      options.times ??= 'text';
      break;
    case 'time-days':
      options.times = 'days';
      break;
    case 'time-relative':
      options.times = 'relative';
      break;
    case 'time-t':
      options.times = 'seconds';
      break;
    case 'uids':
      options.uids = true;
      break;
    case 'xattrs':
      options.xattrs = true;
      break;
    default:
      break;
  }
}

/** Marks at the beginning of a line. */
const MARK = { removed: '-', added: '+', content: '=' } as const;
const END_OF_DIFF = '@@ End of diff @@';

async function report({ out }: ToolContext, old: Handle, now: Handle, options: DiffOptions): Promise<void> {
  const format = new RowFormat(options);
  const line = (mark: string, { file, checksum, xattrs }: Side): void => {
    if (options.form === 'csv') out.write(`${mark},${format.csv(file, checksum)}`);
    else {
      out.write(`${mark} ${format.text(file, checksum)}`);
      if (options.xattrs) for (const attribute of xattrs) out.write(`# ${attribute}\n`);
    }
  };
  let count = 0;
  for await (const difference of compareGuests(old, now, options)) {
    if (options.form === 'json') {
      out.write(`${count++ === 0 ? '[' : ','}\n${jsonLine(record(difference, format, options))}`);
      continue;
    }
    switch (difference.kind) {
      case 'removed':
        line(MARK.removed, difference.old);
        break;
      case 'added':
        line(MARK.added, difference.now);
        break;
      case 'content':
        line(MARK.content, difference.old);
        if (options.form === 'text') out.write(await contentDiff(old, now, difference.old.file.path));
        break;
      case 'attributes':
        line(MARK.removed, difference.old);
        line(MARK.added, difference.now);
        if (options.form === 'text') out.write(`# changed: ${difference.changed.join(' ')}\n`);
        break;
    }
  }
  if (options.form === 'json') out.write(count === 0 ? '[]\n' : '\n]\n');
}

function record(difference: Difference, format: RowFormat, { xattrs }: DiffOptions): Record<string, unknown> {
  const side = (which: Side): Record<string, unknown> => ({
    ...format.record(which.file, which.checksum),
    ...(xattrs ? { xattrs: which.xattrs } : {}),
  });
  return {
    change: difference.kind,
    ...('old' in difference ? { old: side(difference.old) } : {}),
    ...('now' in difference ? { new: side(difference.now) } : {}),
    ...('changed' in difference ? { changed: difference.changed } : {}),
  };
}

/** How two versions of a file differ, in the unified form of the host's diff(1). */
async function contentDiff(old: Handle, now: Handle, path: string): Promise<string> {
  return withTemporaryFolder(async (folder) => {
    const [before, after] = [join(folder, 'old'), join(folder, 'new')];
    await old.download(path, before);
    await now.download(path, after);
    const run = spawnSync('diff', ['-u', '--label', `old${path}`, '--label', `new${path}`, before, after], {
      encoding: 'latin1',
      maxBuffer: 1024 * 1024 * 1024,
    });
    if (run.error !== undefined) {
      return `the content differs (diff is not on this host to show how: ${run.error.message})\n${END_OF_DIFF}\n`;
    }
    if (run.status !== 0 && run.status !== 1) throw new ToolError(`diff: ${run.stderr}`);
    const text = Buffer.from(run.stdout, 'latin1').toString('utf8');
    // The two lines that name the files say nothing that is not above.
    const lines = text.split('\n');
    const body = lines[0]?.startsWith('---') ? lines.slice(2) : ['the content differs, and is no text', ''];
    return `${body.join('\n')}${END_OF_DIFF}\n`;
  });
}
