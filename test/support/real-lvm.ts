import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSparse } from './partition-golden.ts';
import { needsTool, run, temporaryFolder } from './tools.ts';

/** The `skip` of a test that shows images to lvm(8): false, or the reason. */
export function needsLvm(): string | false {
  const missing = needsTool('lvm', 'losetup');
  if (missing !== false) return missing;
  if (process.getuid?.() !== 0) return 'loop devices need root';
  return spawnSync('losetup', ['-f'], { stdio: 'ignore' }).status === 0 ? false : 'there are no loop devices';
}

/** lvm(8) that sees some images and nothing else. */
export interface RealLvm {
  /** Names of the loop devices, one for each image. */
  devices: string[];
  /** Run a command; throws with its messages where it fails. Gives what it wrote to stdout and stderr. */
  lvm(...args: readonly string[]): string;
  /** The images as they are now. */
  images(): Uint8Array[];
}

/** Attach images to loop devices, run `body`, detach them. There is no device mapper: volumes stay inactive. */
export function withRealLvm<T>(images: readonly Uint8Array[], body: (real: RealLvm) => T): T {
  const folder = temporaryFolder();
  const devices: string[] = [];
  try {
    const paths = images.map((image, index) => {
      const path = join(folder.path, `${index}.img`);
      writeSparse(path, image);
      return path;
    });
    for (const path of paths) devices.push(run('losetup', '-f', '--show', path).trim());
    const system = join(folder.path, 'lvm');
    mkdirSync(system);
    const accepted = devices.map((device) => `"a|^${device}$|"`).join(', ');
    writeFileSync(
      join(system, 'lvm.conf'),
      `devices { filter=[${accepted}, "r|.*|"] use_devicesfile=0 }
global { locking_dir="${folder.path}/lock" event_activation=0 use_lvmpolld=0 }
activation { udev_sync=0 udev_rules=0 monitoring=0 }
backup { backup=0 archive=0 }
`,
    );
    const env = { ...process.env, LVM_SYSTEM_DIR: system, LVM_SUPPRESS_FD_WARNINGS: '1', LC_ALL: 'C' };
    return body({
      devices,
      lvm(...args) {
        const { status, stdout, stderr } = spawnSync('lvm', args, { env, encoding: 'utf8' });
        if (status !== 0) throw new Error(`lvm ${args.join(' ')}: ${stderr}${stdout}`);
        return stdout + stderr;
      },
      images() {
        for (const device of devices) run('blockdev', '--flushbufs', device);
        return paths.map((path) => new Uint8Array(readFileSync(path)));
      },
    });
  } finally {
    for (const device of devices) run('losetup', '-d', device);
    folder.remove();
  }
}
