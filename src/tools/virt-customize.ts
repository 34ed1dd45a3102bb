import { readFileSync } from 'node:fs';
import { EXIT } from './common/errors.ts';
import { SharedOptions } from './common/request.ts';
import { runTool, type ToolContext } from './common/run.ts';
import type { ToolSpec } from './common/spec.ts';
import { positive } from './common/positive.ts';
import { ToolError, UsageError } from './common/usage-error.ts';
import { openGuestForWriting, writeIntoGuest } from './common/writing.ts';
import type { CustomizeContext } from './customize/context.ts';
import { operations, type Operation } from './customize/operations.ts';
import { virtCustomizeSpec } from './specs/virt-customize.ts';

/** An operation with its argument, ready to run. */
interface Step {
  operation: Operation;
  argument: string;
  run(context: CustomizeContext): Promise<void>;
}

interface CustomizeOptions {
  shared: SharedOptions;
  steps: Step[];
  dryRun: boolean;
  quiet: boolean;
  passwordCrypto: 'sha256' | 'sha512';
  /** Programs of the guest may make connections to the outside. */
  network: boolean;
  machine: { memsize?: number; smp?: number };
}

/** virt-customize: change a guest that is not running. */
export async function main(args: readonly string[], spec: ToolSpec = virtCustomizeSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options = readOptions(context);
    const { shared, steps, dryRun } = options;
    if (shared.disks.length === 0) {
      throw new UsageError('no disk was named: give at least one with -a');
    }
    const started = performance.now();
    const tell = (line: string): void => {
      if (options.quiet) return;
      const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
      context.out.write(`[${seconds}] ${line}\n`);
      context.out.flush();
    };
    tell('Examining the guest ...');
    const handle = await openGuestForWriting(spec.name, shared, {
      dryRun,
      prepare: async (handle) => {
        const { memsize, smp } = options.machine;
        if (memsize !== undefined) await handle.setMemsize(memsize);
        if (smp !== undefined) await handle.setSmp(smp);
        if (options.network && steps.some(({ operation }) => operation.runsPrograms)) {
          await handle.setNetwork(true);
        }
      },
    });
    try {
      const [root] = shared.mounts.length > 0 ? [] : await handle.inspectGetRoots();
      await writeIntoGuest(handle, async (made) => {
        const customize: CustomizeContext = {
          handle,
          root,
          passwordCrypto: options.passwordCrypto,
          say: (line) => void context.out.write(`${line}\n`),
          made: (path) => void made.push(path),
        };
        for (const { operation, argument, run } of steps) {
          tell(describe(operation, argument));
          await run(customize);
        }
        tell(dryRun ? 'Dropping the changes: this was a dry run' : 'Finishing off');
      });
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}

/** What is told of a step; never a password. */
function describe({ name, message }: Operation, argument: string): string {
  if (name === 'root-password') return `${message}: root`;
  const shown = /^(password|write|append-line|edit|ssh-inject)$/.test(name)
    ? argument.split(':')[0]
    : argument;
  return shown === '' ? message : `${message}: ${shown}`;
}

function readOptions({ line }: ToolContext): CustomizeOptions {
  const options: CustomizeOptions = {
    shared: new SharedOptions(),
    steps: [],
    dryRun: false,
    quiet: false,
    passwordCrypto: 'sha512',
    network: true,
    machine: {},
  };
  for (const option of line.options) {
    const { name, value = '' } = option;
    if (options.shared.take(option)) continue;
    switch (name) {
      case 'commands-from-file':
        for (const [command, argument] of commandsOf(value)) options.steps.push(stepOf(command, argument));
        break;
      case 'dry-run':
        options.dryRun = true;
        break;
      case 'memsize':
      case 'smp':
        options.machine[name] = positive(name, value);
        break;
      case 'network':
      case 'no-network':
        options.network = name === 'network';
        break;
      case 'quiet':
        options.quiet = true;
        break;
      case 'password-crypto':
        if (value !== 'sha256' && value !== 'sha512') {
          throw new UsageError(`--password-crypto ${value}: expected sha256 or sha512`);
        }
        options.passwordCrypto = value;
        break;
      default:
        options.steps.push(stepOf(name, value));
    }
  }
  if (line.operands.length > 0) throw new UsageError(`unexpected argument ${line.operands[0]}`);
  return options;
}

function stepOf(name: string, argument: string): Step {
  const operation = operations.find((known) => known.name === name);
  if (operation === undefined) throw new UsageError(`'${name}' is no operation of virt-customize`);
  if (operation.argument !== undefined && argument === '') {
    throw new UsageError(`'${name}' needs an argument: ${operation.argument}`);
  }
  return { operation, argument, run: operation.prepare(argument) };
}

/** Lines `OPERATION ARGUMENT`; a backslash at the end goes on in the next line, `#` begins a comment. */
function commandsOf(path: string): [string, string][] {
  let text: string;
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new ToolError(`cannot read ${path}: ${(error as Error).message}`);
  }
  const lines = text.replace(/\\\n/g, '').split('\n');
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const space = line.search(/\s/);
      return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space).trim()];
    });
}
