/** The lists of commands that engine and appliance are compared over, and the differences that are known. */
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { chooseKernel } from '../../src/backends/appliance/build/kernel-choice.ts';
import { daemonBundle } from '../../src/backends/appliance/build/locate.ts';
import { Guestfs } from '../../src/handle/index.ts';
import { backendDifferences } from './backend-differences.ts';
import { copyFolder, differences, outcomes, type Difference } from './compare-backends.ts';
import { goldenQuestions, shellWords } from './golden-questions.ts';
import { makeRoot } from './small-root.ts';
import { needsTool, run as runTool, temporaryFolder } from './tools.ts';
import { makeWriteInputs, writeDrives } from './write-inputs.ts';

const GOLDEN = join(import.meta.dirname, '../../src/daemon/actions/golden');

/** Commands, and what they are run on. */
interface List {
  readonly commands: readonly { command: string; words: readonly string[] }[];
  /** Makes the images in a folder. */
  make(folder: string): void;
  readonly drives: readonly { name: string; readonly: boolean }[];
}

const lists = {
  read: (): List => ({
    commands: [
      { command: 'mount-ro /dev/sda /', words: ['mount-ro', '/dev/sda', '/'] },
      ...goldenQuestions(GOLDEN),
    ],
    make(folder) {
      mkdirSync(join(folder, 'OUT'));
      writeFileSync(join(folder, 'sda'), gunzipSync(readFileSync(join(GOLDEN, 'files.img.gz'))));
    },
    drives: [{ name: 'sda', readonly: true }],
  }),
  write: (): List => ({
    commands: goldenQuestions(GOLDEN, 'write-'),
    make: makeWriteInputs,
    drives: writeDrives,
  }),
  system: (): List => ({
    commands: readFileSync(join(import.meta.dirname, 'system-commands.txt'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((command) => ({ command, words: shellWords(command) })),
    make(folder) {
      for (const name of ['IN', 'OUT']) mkdirSync(join(folder, name));
      makeRoot(join(folder, 'IN'));
      rmSync(join(folder, 'IN', 'root'), { recursive: true });
      writeFileSync(join(folder, 'IN', 'text.gz'), gzipSync('one\ntwo\nthree\n'));
      runTool('mke2fs', '-q', '-F', join(folder, 'IN', 'loop.img'), '1M');
      for (const name of ['sda', 'sdb']) {
        writeFileSync(join(folder, name), '');
        truncateSync(join(folder, name), 500 * 1024 * 1024);
      }
    },
    drives: [
      { name: 'sda', readonly: false },
      { name: 'sdb', readonly: false },
    ],
  }),
};

export type ListName = keyof typeof lists;
export const listNames = Object.keys(lists) as ListName[];

/** Why no appliance can be started here, or false. */
export function obstacle(): string | false {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs Linux on x86_64';
  if (daemonBundle() === undefined) return 'dist/bin/guestfsd.cjs is not built';
  try {
    chooseKernel();
  } catch (error) {
    return (error as Error).message;
  }
  return needsTool('qemu-system-x86_64', 'modprobe', 'mke2fs', 'debugfs', 'lvm', 'tar', 'xz', 'ldd');
}

/** Run the list on both; `only` picks commands, and the others are not run. */
export async function compareLists(
  name: ListName,
  only: (command: string, index: number) => boolean = () => true,
): Promise<{ commands: number; unlisted: Difference[]; listed: number }> {
  const { path, remove } = temporaryFolder();
  try {
    const { commands: all, make, drives } = lists[name]();
    const commands = all.filter(({ command }, index) => only(command, index));
    const words = commands.map((one) => one.words);
    const folders = [join(path, 'engine'), join(path, 'appliance')] as const;
    mkdirSync(folders[0]);
    make(folders[0]);
    copyFolder(...folders);
    const run = async (backend: string, folder: string): Promise<Awaited<ReturnType<typeof outcomes>>> => {
      const g = new Guestfs();
      try {
        await g.setBackend(backend);
        if (backend === 'appliance') await g.setBackendSettings(['force_tcg']);
        for (const drive of drives) {
          await g.addDrive(join(folder, drive.name), { format: 'raw', readonly: drive.readonly });
        }
        await g.launch();
        return await outcomes(g, folder, words);
      } finally {
        await g.close();
      }
    };
    const engine = await run('engine', folders[0]);
    const appliance = await run('appliance', folders[1]);
    const found = differences(
      commands.map(({ command }) => command),
      engine,
      appliance,
    );
    const unlisted = found.filter(({ command }) => backendDifferences[command] === undefined);
    return { commands: commands.length, unlisted, listed: found.length - unlisted.length };
  } finally {
    remove();
  }
}
