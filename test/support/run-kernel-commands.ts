/** What only a kernel does, run in the appliance: every command must lead to what kernel-commands.txt says. */
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuestfsError } from '../../src/errors/index.ts';
import { Guestfs } from '../../src/handle/index.ts';
import { askHandle } from './ask-handle.ts';
import { shellWords } from './golden-questions.ts';
import { makeRoot } from './small-root.ts';
import { hasTool, temporaryFolder } from './tools.ts';

const MIB = 1024 * 1024;
const DISKS: Readonly<Record<string, number>> = { sda: 400, sdb: 400, sdc: 400, sdd: 400, sde: 100 };

/** Run the commands; gives how many were run, what went otherwise than it says, and what was left out. */
export async function runKernelCommands(
  only: (command: string) => boolean = () => true,
): Promise<{ commands: number; failures: string[]; leftOut: string[] }> {
  const { path, remove } = temporaryFolder();
  const failures: string[] = [];
  const leftOut: string[] = [];
  let commands = 0;
  try {
    for (const name of ['IN', 'OUT']) mkdirSync(join(path, name));
    writeFileSync(join(path, 'IN', 'text'), Buffer.alloc(20_000, 'text\n'));
    makeRoot(join(path, 'IN'));
    const g = new Guestfs();
    await g.setBackend('appliance');
    await g.setBackendSettings(['force_tcg']);
    for (const [name, size] of Object.entries(DISKS)) {
      writeFileSync(join(path, name), '');
      truncateSync(join(path, name), size * MIB);
      await g.addDrive(join(path, name), { format: 'raw' });
    }
    try {
      await g.launch();
      for (const line of readFileSync(join(import.meta.dirname, 'kernel-commands.txt'), 'utf8').split('\n')) {
        const [, program, wanted, command = ''] = /^(?:\?(\S+) )?(?:!(\S*) )?(.*)$/.exec(line) ?? [];
        if (command === '' || line.startsWith('#') || !only(command)) continue;
        if (program !== undefined && !hasTool(program)) {
          leftOut.push(`${command}: ${program} is not installed`);
          continue;
        }
        commands++;
        const failure = await attempt(g, path, command, wanted);
        if (failure !== undefined) failures.push(`${command}: ${failure}`);
      }
    } finally {
      await g.close();
    }
    return { commands, failures, leftOut };
  } finally {
    remove();
  }
}

/** Undefined where a command led to what was wanted. */
async function attempt(
  g: Guestfs,
  folder: string,
  command: string,
  wanted: string | undefined,
): Promise<string | undefined> {
  try {
    await askHandle(g, folder, shellWords(command));
    return wanted === undefined ? undefined : `it succeeded, ${wanted || 'a failure'} was expected`;
  } catch (error) {
    if (!(error instanceof GuestfsError)) return String(error);
    if (wanted === error.code || wanted === '') return undefined;
    return `${error.code}: ${error.message}`;
  }
}
