import { buildInto } from '../backends/appliance/build/build.ts';
import { dropCache, listCache } from '../backends/appliance/build/cache.ts';
import { cachedAppliance, daemonBundle } from '../backends/appliance/build/locate.ts';
import { type AppliancePlan, type BuildInputs, planAppliance } from '../backends/appliance/build/plan.ts';
import { GuestfsError } from '../errors/index.ts';
import { probeHypervisor } from '../backends/appliance/launch/probe.ts';
import { Settings } from '../handle/settings.ts';
import { EXIT } from './common/errors.ts';
import { createHandle } from './common/handle.ts';
import { humanSize } from './common/human.ts';
import { runTool, type ToolContext } from './common/run.ts';
import type { ToolSpec } from './common/spec.ts';
import { UsageError } from './common/usage-error.ts';
import { guestfsApplianceSpec } from './specs/guestfs-appliance.ts';

/** guestfs appliance: make, check, list and drop the machines that the appliance backend boots. */
export async function main(args: readonly string[], spec: ToolSpec = guestfsApplianceSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const [command, directory, ...more] = context.line.operands;
    if (more.length > 0 || (directory !== undefined && command !== 'build')) {
      throw new UsageError(`'${more[0] ?? directory}' is one argument too many`);
    }
    switch (command) {
      case 'build':
        await build(context, directory);
        return EXIT.ok;
      case 'check':
        await check(context);
        return EXIT.ok;
      case 'save':
        await save(context);
        return EXIT.ok;
      case 'list':
        for (const { folder, used } of listCache(environmentSettings().cachedir)) {
          context.out.write(`${folder}  last used ${used.toISOString().slice(0, 16)}\n`);
        }
        return EXIT.ok;
      case 'drop':
        dropCache(environmentSettings().cachedir);
        return EXIT.ok;
      default:
        throw new UsageError(
          command === undefined ? 'say build, check, save, list or drop' : `there is no command '${command}'`,
        );
    }
  });
}

/** Bytes of the disk of a machine that is only to be saved. */
const SCRATCH = 1024 * 1024;

/** Settings as the environment has them. */
function environmentSettings(): Settings {
  const settings = new Settings();
  settings.parseEnvironment(process.env);
  return settings;
}

function inputsOf({ line }: ToolContext): BuildInputs {
  const inputs: Partial<BuildInputs> = {};
  for (const { name, value } of line.options) {
    if (name === 'kernel' || name === 'daemon') inputs[name] = value ?? '';
  }
  const daemon = inputs.daemon ?? daemonBundle();
  if (daemon === undefined) {
    throw new GuestfsError(
      'ENOENT',
      'the daemon guestfsd.cjs is not beside this program: build the package, or give one with --daemon',
    );
  }
  return { ...inputs, daemon };
}

async function build(context: ToolContext, directory: string | undefined): Promise<void> {
  const { out } = context;
  const inputs = inputsOf(context);
  if (directory === undefined) {
    const verbose = context.line.options.some(({ name }) => name === 'verbose');
    const folder = await cachedAppliance(environmentSettings().cachedir, inputs, (message) => {
      if (verbose) context.err.write(`${message}\n`);
    });
    context.err.flush();
    out.write(`${folder}\n`);
    return;
  }
  const plan = planAppliance(inputs);
  const { kernel, initrd, root, took, notCompiled } = buildInto(directory, plan);
  const sizes = [kernel, initrd, root].map((size) => humanSize(size));
  out.write(
    `${directory}: kernel ${sizes[0]}, initrd ${sizes[1]}, root ${sizes[2]}, in ${(took / 1000).toFixed(1)} s\n`,
  );
  if (notCompiled !== undefined) out.write(`not compiled, starts more slowly: ${notCompiled}\n`);
  out.write(shortcomings(plan));
}

async function check(context: ToolContext): Promise<void> {
  const plan = planAppliance(inputsOf(context));
  context.out.write(`kernel: ${plan.kernel.path} with the modules in ${plan.kernel.modules}\n`);
  context.out.write(`root: ${plan.root.entries().length} files, ${humanSize(plan.root.size)}\n`);
  context.out.write(shortcomings(plan));
  const settings = environmentSettings();
  const { version, acceleration, warning, note } = await probeHypervisor(settings.machine());
  context.out.write(
    `qemu: ${settings.hv}, version ${version}, ${acceleration}${note === undefined ? '' : `, as ${note}`}\n`,
  );
  if (warning !== undefined) context.out.write(`${warning}\n`);
}

/** Leave a saved machine behind: what the first launch does. */
async function save({ out }: ToolContext): Promise<void> {
  const handle = await createHandle({ thread: 'own' });
  const started = performance.now();
  try {
    await handle.setBackend('appliance');
    await handle.addDriveScratch(SCRATCH);
    await handle.launch();
  } finally {
    await handle.close();
  }
  out.write(`a machine came up in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

/** What the appliance cannot do because the host lacks something. */
function shortcomings({ missing, missingLibraries, missingModules }: AppliancePlan): string {
  const lines = missing.map(({ group, programs }) => `missing for ${group}: ${programs.join(', ')}`);
  lines.push(...missingLibraries.map((words) => `missing library: ${words}`));
  if (missingModules.length > 0)
    lines.push(`missing kernel modules, done without: ${missingModules.join(', ')}`);
  return lines.map((line) => `${line}\n`).join('');
}
