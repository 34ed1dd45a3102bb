/** The lists of commands that engine and appliance are compared over, and the differences that are known. */
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Guestfs } from '../../src/handle/index.ts';
import { GUESTS, type Files } from '../../src/inspect/golden/guests.ts';
import { applianceObstacle } from './appliance.ts';
import { commandEntry } from './ask-handle.ts';
import { backendDifferences } from './backend-differences.ts';
import { copyFolder, differences, outcomes, type Difference } from './compare-backends.ts';
import { commonActions, failingCalls } from './failing-calls.ts';
import { goldenQuestions, shellWords } from './golden-questions.ts';
import { makeRoot } from './small-root.ts';
import { imageBytes, loadImage } from './sparse-image.ts';
import { needsTool, run as runTool, temporaryFolder } from './tools.ts';
import { makeWriteInputs, writeDrives } from './write-inputs.ts';

const GOLDEN = join(import.meta.dirname, '../../src/daemon/actions/golden');

/** Commands, and what they are run on. */
interface List {
  readonly commands: readonly { command: string; words: readonly string[] }[];
  /** Makes the images in a folder. */
  make(folder: string): void;
  readonly drives: readonly { name: string; readonly: boolean }[];
  /** Nothing is written, so that inode numbers and times are the same too. */
  readonly frozen?: boolean;
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
    frozen: true,
  }),
  write: (): List => ({
    commands: goldenQuestions(GOLDEN, 'write-'),
    make: makeWriteInputs,
    drives: writeDrives,
  }),
  system: (): List => ({
    commands: commandsOf('system-commands.txt'),
    make(folder) {
      for (const name of ['IN', 'OUT']) mkdirSync(join(folder, name));
      makeRoot(join(folder, 'IN'));
      rmSync(join(folder, 'IN', 'root'), { recursive: true });
      writeFileSync(join(folder, 'IN', 'text.gz'), gzipSync('one\ntwo\nthree\n'));
      runTool('mke2fs', '-q', '-F', join(folder, 'IN', 'loop.img'), '1M');
      makeDrives(folder, { sda: 500, sdb: 500 });
    },
    drives: writable('sda', 'sdb'),
  }),
  rest: (): List => ({
    commands: commandsOf('rest-commands.txt'),
    make(folder) {
      for (const name of ['IN', 'OUT']) mkdirSync(join(folder, name));
      writeFileSync(join(folder, 'IN', 'text'), 'text\n');
      writeFileSync(join(folder, 'IN', 'lines'), 'One two\nthree Four\n');
      runTool('tar', '-C', join(folder, 'IN'), '-cJf', join(folder, 'IN', 'dir.txz'), 'text', 'lines');
      makeDrives(folder, { sda: 200, sdb: 100 });
      const cd = join(import.meta.dirname, '../../src/filesystems/iso9660/golden/rock.img.gz');
      writeFileSync(join(folder, 'sdc'), imageBytes(loadImage(cd)));
      makeRpmGuest(folder, 'sdd');
    },
    drives: [...writable('sda', 'sdb'), { name: 'sdc', readonly: true }, { name: 'sdd', readonly: true }],
  }),
  errors: (): List => ({
    commands: failingCalls(),
    make(folder) {
      for (const name of ['IN', 'OUT']) mkdirSync(join(folder, name));
      writeFileSync(join(folder, 'IN', 'text'), 'text\n');
      makeDrives(folder, { sda: 64, sdb: 16, sdc: 16 });
    },
    drives: writable('sda', 'sdb', 'sdc'),
  }),
};

function commandsOf(file: string): List['commands'] {
  return readFileSync(join(import.meta.dirname, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((command) => ({ command, words: shellWords(command) }));
}

/** Make empty drives; their sizes are in MiB. */
function makeDrives(folder: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    writeFileSync(join(folder, name), '');
    truncateSync(join(folder, name), size * 1024 * 1024);
  }
}

function writable(...names: readonly string[]): List['drives'] {
  return names.map((name) => ({ name, readonly: false }));
}

/** An image of a guest whose packages are those of rpm. */
function makeRpmGuest(folder: string, name: string): void {
  const tree = join(folder, 'rpm');
  const database = join(import.meta.dirname, '../../src/formats/golden/rpmdb.sqlite.gz');
  const files: Files = {
    ...GUESTS['rhel92'],
    '/var/lib/rpm/rpmdb.sqlite': new Uint8Array(gunzipSync(readFileSync(database))),
  };
  for (const [path, content] of Object.entries(files)) {
    const at = join(tree, path);
    mkdirSync(dirname(at), { recursive: true });
    if (typeof content === 'string' || content instanceof Uint8Array) writeFileSync(at, content);
    else if ('link' in content) symlinkSync(content.link, at);
    else mkdirSync(at, { recursive: true });
  }
  runTool('mke2fs', '-q', '-F', '-t', 'ext4', '-d', tree, join(folder, name), '16M');
  rmSync(tree, { recursive: true });
}

export type ListName = keyof typeof lists;
export const listNames = Object.keys(lists) as ListName[];

/** Why no appliance can be started here, or the lists' inputs cannot be made; or false. */
export function obstacle(): string | false {
  return applianceObstacle() || needsTool('mke2fs', 'debugfs', 'lvm', 'tar', 'xz', 'ldd');
}

/** What came of a list. */
interface Comparison {
  readonly commands: number;
  readonly unlisted: Difference[];
  readonly listed: number;
  /** Names of the actions that ended well on both, and of those that failed on both. */
  readonly succeeded: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
}

/** Run the list on both; `only` picks commands, and the others are not run. */
export async function compareLists(
  name: ListName,
  only: (command: string, index: number) => boolean = () => true,
): Promise<Comparison> {
  const { path, remove } = temporaryFolder();
  try {
    const { commands: all, make, drives, frozen } = lists[name]();
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
        return await outcomes(g, folder, words, frozen);
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
    const actions = words.map(([command = '']) => commandEntry(command).name);
    const where = (wanted: boolean): ReadonlySet<string> =>
      new Set(
        actions.filter((_, i) =>
          [engine[i], appliance[i]].every((one) => (one?.code === undefined) === wanted),
        ),
      );
    return {
      commands: commands.length,
      unlisted,
      listed: found.length - unlisted.length,
      succeeded: where(true),
      failed: where(false),
    };
  } finally {
    remove();
  }
}

/** Actions that both platforms have but that need a guest that the engine does not read yet (Windows). */
const NEVER_WELL = /^inspect_get_windows_(systemroot|current_control_set|software_hive|system_hive)$/;
/** Actions that cannot be asked wrongly: they take nothing, or whatever they are given. */
const NEVER_FAILING =
  /^(list_(devices|partitions|dm_devices|md_devices|disk_labels|filesystems|9p)|nr_devices|(available_all|internal)_(groups|feature_available|autosync)|filesystem_available|utsname|inspect_os|inspect_get_roots|ping_daemon|echo_daemon|sleep|sync|(pv|vg|lv)s(_full)?|lvm_scan|vgscan|vg_activate_all|lvm_clear_filter|lvm_remove_all|umount_all|mounts|mountpoints|get_umask)$/;

/** The actions that are to be compared, in calls that end well and in calls that fail. */
export function uncompared(): { well: Set<string>; failing: Set<string> } {
  return {
    well: new Set(commonActions.filter((name) => !NEVER_WELL.test(name))),
    failing: new Set(commonActions.filter((name) => !NEVER_FAILING.test(name))),
  };
}
