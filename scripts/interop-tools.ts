/**
 * The tools of libguestfs with its own appliance and with ours: `tsx scripts/interop-tools.ts`. Makes a disk with a small
 * system, has virt-filesystems, virt-df and virt-inspector look at it twice, and compares what they print. LIBGUESTFS_PATH may
 * name our appliance; else one is made. Says so and ends well where libguestfs is not installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeAppliance } from '../src/backends/appliance/build/build.ts';
import { daemonBundle, fixedAppliance } from '../src/backends/appliance/build/locate.ts';
import { planAppliance } from '../src/backends/appliance/build/plan.ts';
import { Guestfs } from '../src/handle/index.ts';
import { makeRoot } from '../test/support/small-root.ts';
import { temporaryFolder } from '../test/support/tools.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
/** Stock programs by absolute path, because ours carry the same names. */
const COMMANDS: readonly (readonly string[])[] = [
  ['/usr/bin/virt-filesystems', '--all', '--long', '--uuid', '-a'],
  ['/usr/bin/virt-df', '--csv', '-a'],
  ['/usr/bin/virt-inspector', '-a'],
];

async function makeDisk(disk: string, input: string): Promise<void> {
  const g = new Guestfs({ environment: false });
  await g.diskCreate(disk, 'qcow2', 600 * 1024 * 1024);
  await g.addDrive(disk, { format: 'qcow2' });
  await g.launch();
  await g.partInit('/dev/sda', 'gpt');
  await g.partAdd('/dev/sda', 'p', 2048, 206847);
  await g.partAdd('/dev/sda', 'p', 206848, -34);
  await g.pvcreate('/dev/sda2');
  await g.vgcreate('group', ['/dev/sda2']);
  await g.lvcreate('root', 'group', 300);
  await g.lvcreate('swap', 'group', 50);
  await g.mkfs('ext4', '/dev/group/root', { label: 'root' });
  await g.mkswap('/dev/group/swap', { label: 'swap' });
  await g.mkfs('ext2', '/dev/sda1', { label: 'boot' });
  await g.mount('/dev/group/root', '/');
  await g.tarIn(join(input, 'root.tar'), '/');
  await g.mkdir('/boot');
  await g.write('/etc/fstab', '/dev/group/root / ext4 defaults 0 1\nLABEL=boot /boot ext2 defaults 0 2\n');
  await g.close();
}

/** What a tool of libguestfs prints with an appliance; its own where none is named. */
function ask(command: readonly string[], disk: string, appliance: string | undefined): string {
  const [program = '', ...args] = command;
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    LIBGUESTFS_BACKEND: 'direct',
    LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
  };
  delete environment['LIBGUESTFS_PATH'];
  if (appliance !== undefined) environment['LIBGUESTFS_PATH'] = appliance;
  const { status, stdout, stderr } = spawnSync(program, [...args, disk], {
    env: environment,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return status === 0 ? stdout : `status ${status}\n${stdout}${stderr}`;
}

const { path, remove } = temporaryFolder();
try {
  const missing = COMMANDS.map(([program = '']) => program).filter((program) => !existsSync(program));
  const daemon = daemonBundle();
  let appliance = fixedAppliance(process.env['LIBGUESTFS_PATH'] ?? '');
  if (missing.length > 0) say(`SKIPPED: ${missing.join(', ')} is not installed`);
  else if (appliance === undefined && daemon === undefined)
    say('SKIPPED: dist/bin/guestfsd.cjs is not built');
  else {
    if (appliance === undefined && daemon !== undefined) {
      appliance = join(path, 'appliance');
      mkdirSync(appliance);
      writeAppliance(appliance, planAppliance({ daemon }));
    }
    makeRoot(path);
    const disk = join(path, 'disk.qcow2');
    await makeDisk(disk, path);
    for (const command of COMMANDS) {
      const [theirs, ours] = [ask(command, disk, undefined), ask(command, disk, appliance)];
      if (theirs === ours) {
        say(`same     ${command.join(' ')} (${theirs.split('\n').length - 1} lines)`);
        continue;
      }
      process.exitCode = 1;
      say(`DIFFERS  ${command.join(' ')}\n--- with its own appliance\n${theirs}\n--- with ours\n${ours}`);
    }
  }
} finally {
  remove();
}
