import { EXIT } from './common/errors.ts';
import { parseOptions } from './common/options.ts';
import { Output } from './common/output.ts';
import { reportError, versionLine } from './common/run.ts';
import type { ToolSpec } from './common/spec.ts';
import { UsageError } from './common/usage-error.ts';
import { commandUsage, guestfsHelp, guestfsSpec, isImageCommand } from './specs/guestfs.ts';

type Main = (args: readonly string[], spec: ToolSpec) => Promise<number>;

/** One subcommand: a tool under another name, in which the first operand is the disk. */
interface Subcommand {
  load: () => Promise<{ main: Main; spec: ToolSpec }>;
  /** Whether all operands are disks, or only the first one. */
  disks: 'all' | 'first';
  /** Operands that stand for those that were left out. */
  otherwise?: readonly string[];
}

const subcommands: Readonly<Record<string, Subcommand>> = {
  appliance: {
    disks: 'all',
    load: async () => ({
      main: (await import('./guestfs-appliance.ts')).main,
      spec: (await import('./specs/guestfs-appliance.ts')).guestfsApplianceSpec,
    }),
  },
  cat: {
    disks: 'first',
    load: async () => ({
      main: (await import('./virt-cat.ts')).main,
      spec: (await import('./specs/virt-cat.ts')).virtCatSpec,
    }),
  },
  'copy-out': {
    disks: 'first',
    load: async () => ({
      main: (await import('./virt-copy-out.ts')).main,
      spec: (await import('./specs/wrappers.ts')).virtCopyOutSpec,
    }),
  },
  df: {
    disks: 'all',
    load: async () => ({
      main: (await import('./virt-df.ts')).main,
      spec: (await import('./specs/virt-df.ts')).virtDfSpec,
    }),
  },
  filesystems: {
    disks: 'all',
    load: async () => ({
      main: (await import('./virt-filesystems.ts')).main,
      spec: (await import('./specs/virt-filesystems.ts')).virtFilesystemsSpec,
    }),
  },
  inspect: {
    disks: 'all',
    load: async () => {
      const { main } = await import('./virt-inspector.ts');
      const { virtInspectorSpec } = await import('./specs/virt-inspector.ts');
      const { inspectOptions } = await import('./specs/guestfs.ts');
      return {
        main: (args, spec) => main(args, spec, 'summary'),
        spec: { ...virtInspectorSpec, options: inspectOptions(virtInspectorSpec.options) },
      };
    },
  },
  log: {
    disks: 'all',
    load: async () => ({
      main: (await import('./virt-log.ts')).main,
      spec: (await import('./specs/virt-log.ts')).virtLogSpec,
    }),
  },
  ls: {
    disks: 'first',
    otherwise: ['/'],
    load: async () => ({
      main: (await import('./virt-ls.ts')).main,
      spec: (await import('./specs/virt-ls.ts')).virtLsSpec,
    }),
  },
  tail: {
    disks: 'first',
    load: async () => ({
      main: (await import('./virt-tail.ts')).main,
      spec: (await import('./specs/virt-tail.ts')).virtTailSpec,
    }),
  },
  'tar-out': {
    disks: 'first',
    load: async () => ({
      main: (await import('./virt-tar-out.ts')).main,
      spec: (await import('./specs/wrappers.ts')).virtTarOutSpec,
    }),
  },
};

/** guestfs: one command for all the tools; with a disk alone it opens the shell on it, for looking. */
export async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  const out = new Output(1);
  const err = new Output(2);
  try {
    if (first === undefined || first === '--help' || first === 'help') {
      const [topic] = rest;
      if (topic !== undefined && (isImageCommand(topic) || Object.hasOwn(subcommands, topic)))
        return await runSubcommand(topic, ['--help']);
      (first === undefined ? err : out).write(guestfsHelp());
      out.flush();
      err.flush();
      return first === undefined ? EXIT.failure : EXIT.ok;
    }
    if (first === '--version' || first === '-V') {
      out.write(await versionLine('guestfs'));
      out.flush();
      return EXIT.ok;
    }
    if (isImageCommand(first) || Object.hasOwn(subcommands, first)) return await runSubcommand(first, rest);
    const { main: guestfish } = await import('./guestfish.ts');
    if (first === 'shell') return await guestfish(rest);
    await refuseMistyped(first);
    return await guestfish(args);
  } catch (error) {
    return reportError(guestfsSpec.name, error, out, err);
  }
}

/** A word that is neither an option, a subcommand nor a file is more likely a mistake than a disk. */
async function refuseMistyped(word: string): Promise<void> {
  if (word.startsWith('-') || word.includes('/') || word.includes('.')) return;
  const { existsSync } = await import('node:fs');
  if (existsSync(word)) return;
  throw new UsageError(`there is neither a command nor a disk '${word}'`);
}

async function runSubcommand(name: string, args: readonly string[]): Promise<number> {
  if (isImageCommand(name)) return (await import('./images/commands.ts')).runImageCommand(name, args);
  const { load, disks, otherwise } = subcommands[name] as Subcommand;
  const { main: run, spec } = await load();
  const named: ToolSpec = { ...spec, name: `guestfs ${name}`, usage: commandUsage(name), examples: [] };
  return run(disks === 'all' ? args : withDiskOption(spec, args, otherwise ?? []), named);
}

/** `DISK REST...` as `-a DISK REST...`, unless disks are named with options. */
function withDiskOption(spec: ToolSpec, args: readonly string[], otherwise: readonly string[]): string[] {
  let line;
  try {
    line = parseOptions(spec.options, args);
  } catch {
    // The tool itself says what is wrong.
    return [...args];
  }
  const named = line.options.some(({ name }) => name === 'add' || name === 'domain');
  const missing = line.operands.length === (named ? 0 : 1) ? otherwise : [];
  const [position] = line.positions;
  if (named || position === undefined) return [...args, ...missing];
  const disk = args[position] as string;
  // Behind `--` options are operands, so the disk goes before it.
  const dashes = args.indexOf('--');
  const end = dashes >= 0 && dashes < position ? dashes : position;
  return [
    ...args.slice(0, end),
    `--add=${disk}`,
    ...args.slice(end, position),
    ...args.slice(position + 1),
    ...missing,
  ];
}
