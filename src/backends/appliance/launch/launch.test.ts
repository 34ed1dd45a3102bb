import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { machineSettings } from '../../../../test/support/machine-settings.ts';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { isAlive } from '../build/cache.ts';
import { type MachinePlan, qemuArguments } from './arguments.ts';
import { driveSource } from './drive-source.ts';
import { launchMachine, type LaunchEvents } from './launch.ts';
import { Listener } from './listener.ts';
import { type KeptSecret, PrivateFolder, type Secret } from './private-folder.ts';
import { MachineProcess } from './process.ts';
import { checkRemote, type KeepSecret } from './remote-disk.ts';
import type { MachineDrive, MachineSettings } from './settings.ts';

let folder: { path: string; remove: () => void };
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const settings = (changes: Partial<MachineSettings> = {}): MachineSettings =>
  machineSettings(folder.path, changes);
const noSecret = (): string => assert.fail('no secret is expected');
const canRun = process.arch === 'x64' || process.arch === 'arm64' ? false : 'no machine for this processor';

describe('arguments of qemu', { skip: canRun }, () => {
  const argumentsFor = (changes: Partial<MachinePlan>): string[] =>
    qemuArguments({
      settings: settings(),
      acceleration: 'tcg',
      sandbox: true,
      appliance: { kernel: '/a/kernel', initrd: '/a/initrd', root: '/a/ro,ot', uuid: 'U-U', own: true },
      drives: [],
      verbose: false,
      sockets: { channel: '/s/channel', control: '/s/control' },
      secrets: new Map(),
      ...changes,
    });
  const after = (args: readonly string[], name: string): string[] =>
    args.filter((_, index) => args[index - 1] === name);

  test('commas in names are doubled', () => {
    assert.ok(after(argumentsFor({}), '-drive').some((text) => text.startsWith('file=/a/ro,,ot,')));
  });

  test('a drive has what was asked for', () => {
    const drive: MachineDrive = {
      path: '/d',
      readonly: true,
      cachemode: 'unsafe',
      discard: 'besteffort',
      copyonread: true,
      label: 'one',
      blockSize: 4096,
    };
    const source = { file: { driver: 'file', filename: '/d' }, format: 'raw' };
    const args = argumentsFor({
      drives: [
        { drive, source },
        { drive: { path: '/e', readonly: false, iface: 'virtio' }, source },
      ],
    });
    assert.equal(
      after(args, '-drive')[0],
      'file.driver=file,file.filename=/d,format=raw,id=drive0,if=none,cache=unsafe,snapshot=on,discard=unmap,copy-on-read=on',
    );
    const devices = after(args, '-device');
    assert.ok(
      devices.includes(
        'scsi-hd,drive=drive0,serial=one,logical_block_size=4096,physical_block_size=4096,scsi-id=0,lun=0',
      ),
    );
    // Whatever interface is wished for: the order of the drives is that of their names.
    assert.ok(devices.includes('scsi-hd,drive=drive1,scsi-id=1,lun=0'));
    assert.ok(devices.includes('scsi-hd,drive=appliance,scsi-id=255'));
    assert.doesNotMatch(after(args, '-drive')[1] as string, /snapshot/);
  });

  test('the root of another appliance is a snapshot, our own is read-only', () => {
    const appliance = { kernel: 'k', initrd: 'i', root: 'r', uuid: 'U', own: false };
    assert.match(after(argumentsFor({ appliance }), '-drive')[0] as string, /snapshot=on/);
    assert.match(after(argumentsFor({}), '-drive')[0] as string, /readonly=on/);
  });

  test('words for the kernel', () => {
    const words = (changes: Partial<MachinePlan>): string[] =>
      (after(argumentsFor(changes), '-append')[0] as string).split(' ');
    const loud = words({
      verbose: true,
      settings: settings({ network: true, selinux: true, identifier: 'me', append: 'extra=1' }),
    });
    for (const word of [
      'root=UUID=U-U',
      'guestfs_verbose=1',
      'guestfs_network=1',
      'selinux=1',
      'guestfs_identifier=me',
      'extra=1',
    ]) {
      assert.ok(loud.includes(word), word);
    }
    assert.ok(words({}).includes('quiet'));
    assert.ok(
      !words({ settings: settings({ identifier: 'a b' }) }).some((word) => word.includes('identifier')),
    );
  });

  test('secrets are named by their files', () => {
    const secrets = new Map([['secret0', { file: '/s/0', format: 'base64' as const }]]);
    assert.ok(
      after(argumentsFor({ secrets }), '-object').includes('secret,id=secret0,file=/s/0,format=base64'),
    );
  });

  test(
    'a microvm',
    { skip: process.arch === 'x64' && existsSync('/proc/cpuinfo') ? false : 'needs Linux on x86_64' },
    () => {
      const micro = (acceleration: 'kvm' | 'tcg'): string[] =>
        argumentsFor({
          acceleration,
          settings: settings({ backendSettings: ['machine=microvm'], network: true }),
          memory: { file: '/m', share: false },
        });
      const args = micro('tcg');
      assert.match(after(args, '-machine')[0] as string, /^microvm,.*accel=tcg/);
      assert.ok(!args.some((text) => text.includes('-pci') || text.includes('vmgenid')));
      assert.ok(after(args, '-device').includes('virtio-net-device,netdev=network'));
      // Without it the kernel waits for a clock that is not there.
      assert.match(after(args, '-append')[0] as string, / tsc_early_khz=\d{5,} /);
      assert.doesNotMatch(after(micro('kvm'), '-append')[0] as string, /tsc_early_khz/);
      assert.throws(() => argumentsFor({ settings: settings({ backendSettings: ['machine=pc'] }) }), {
        code: 'EINVAL',
        message: /q35 or microvm/,
      });
    },
  );

  test('the sandbox, no network, and what config() says', () => {
    const args = argumentsFor({
      settings: settings({
        parameters: [
          { name: '-foo', value: null },
          { name: '-bar', value: 'x' },
        ],
      }),
    });
    assert.match(after(args, '-sandbox')[0] as string, /^on,/);
    assert.ok(!args.includes('-netdev'));
    assert.deepEqual(args.slice(-3), ['-foo', '-bar', 'x']);
    assert.ok(!argumentsFor({ sandbox: false }).includes('-sandbox'));
  });
});

describe('sources of drives', () => {
  const remote = (path: string, protocol: string, server: string[], more = {}): MachineDrive => ({
    path,
    readonly: true,
    remote: { protocol, server, ...more },
  });

  test('files are probed, and foreign backing files refused', { skip: needsTool('qemu-img') }, () => {
    const [base, image] = [join(folder.path, 'base'), join(folder.path, 'image')];
    run('qemu-img', 'create', '-q', '-f', 'raw', base, '1M');
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', base, '-F', 'raw', image);
    const file = { driver: 'file', filename: base };
    assert.deepEqual(driveSource({ path: base, readonly: true }, noSecret), { file, format: 'raw' });
    assert.deepEqual(driveSource({ path: base, readonly: false }, noSecret), { file, format: 'raw' });
    // For qemu this is a vmdk image, for the engine it is not.
    const text = join(folder.path, 'text');
    writeFileSync(text, '# x\nversion=1\ncreateType="monolithicFlat"\nRW 8 FLAT "/etc/passwd" 0\n');
    assert.equal(driveSource({ path: text, readonly: false }, noSecret).format, 'raw');
    assert.deepEqual(driveSource({ path: base, readonly: false, format: 'raw' }, noSecret), {
      file,
      format: 'raw',
    });
    assert.throws(() => driveSource({ path: image, readonly: true }, noSecret), { code: 'EPERM' });
    assert.equal(driveSource({ path: image, readonly: true, backing: 'folder' }, noSecret).format, 'qcow2');
    assert.throws(() => driveSource({ path: image, readonly: true, snapshot: 's' }, noSecret), {
      code: 'ENOTSUP',
    });
  });

  test('files that images of other formats name are refused', { skip: needsTool('qemu-img') }, () => {
    const base = join(folder.path, 'base');
    run('qemu-img', 'create', '-q', '-f', 'raw', base, '1M');
    run('qemu-img', 'create', '-q', '-f', 'vmdk', `${base}.vmdk`, '1M');
    for (const format of ['qcow', 'qed', 'vmdk']) {
      const [plain, over] = [join(folder.path, `plain.${format}`), join(folder.path, `over.${format}`)];
      run('qemu-img', 'create', '-q', '-f', format, plain, '1M');
      const below = format === 'vmdk' ? `${base}.vmdk` : base;
      run(
        'qemu-img',
        'create',
        '-q',
        '-f',
        format,
        '-b',
        below,
        '-F',
        format === 'vmdk' ? 'vmdk' : 'raw',
        over,
      );
      assert.equal(driveSource({ path: plain, readonly: true, format }, noSecret).format, format);
      assert.throws(() => driveSource({ path: over, readonly: true, format }, noSecret), {
        code: 'EPERM',
        message: new RegExp(`its backing file ${below} is not opened`),
      });
      assert.equal(
        driveSource({ path: over, readonly: true, format, backing: 'any' }, noSecret).format,
        format,
      );
    }
    const flat = join(folder.path, 'flat.vmdk');
    run('qemu-img', 'create', '-q', '-f', 'vmdk', '-o', 'subformat=monolithicFlat', flat, '1M');
    assert.equal(driveSource({ path: flat, readonly: true, format: 'vmdk' }, noSecret).format, 'vmdk');
    writeFileSync(flat, readFileSync(flat, 'latin1').replace('"flat-flat.vmdk"', '"/etc/passwd"'));
    assert.throws(() => driveSource({ path: flat, readonly: true, format: 'vmdk' }, noSecret), {
      code: 'EPERM',
      message: /its extent \/etc\/passwd is not opened/,
    });
  });

  test('disks of servers', () => {
    const source = (drive: MachineDrive): Record<string, string> => driveSource(drive, noSecret).file;
    assert.deepEqual(source(remote('/d.img', 'https', ['example.com:444'])), {
      driver: 'https',
      url: 'https://example.com:444/d.img',
    });
    assert.deepEqual(source(remote('', 'nbd', ['unix:/s'])), {
      driver: 'nbd',
      'server.type': 'unix',
      'server.path': '/s',
    });
    assert.deepEqual(source(remote('/x', 'nbd', ['[::1]:1'])), {
      driver: 'nbd',
      'server.type': 'inet',
      'server.host': '::1',
      'server.port': '1',
      export: 'x',
    });
    assert.equal(source(remote('/d', 'ssh', ['h'], { username: 'u' }))['user'], 'u');
    for (const drive of [
      remote('d', 'nbd', []),
      remote('d', 'http', ['a', 'b']),
      remote('d', 'http', ['unix:/s']),
      remote('d', 'nbd', ['a:b']),
      remote('d', 'nbd', ['a:65536']),
      remote('d', 'nbd', ['a'], { username: 'u' }),
      remote('d', 'nbd', ['a'], { secret: 's' }),
    ]) {
      assert.throws(() => source(drive), { code: 'EINVAL' });
    }
    checkRemote('d', { protocol: 'nbd', server: ['h'] }, 'enable');
    checkRemote('/d', { protocol: 'http', server: ['h'] }, 'besteffort');
    assert.throws(() => checkRemote('/d', { protocol: 'http', server: ['h'] }, 'enable'), {
      code: 'EINVAL',
    });
    assert.throws(() => source(remote('d', 'sheepdog', ['a'])), { code: 'ENOTSUP' });
  });

  test('a secret is in no argument', () => {
    const kept: Secret[] = [];
    const keep: KeepSecret = (text, format) => {
      kept.push({ text, format });
      return 'secret0';
    };
    const { file } = driveSource(
      remote('pool/disk', 'rbd', ['a', 'b:1'], { username: 'u', secret: 'aGlkZGVu' }),
      keep,
    );
    // qemu writes what it has in base64 for Ceph: it must have the bytes.
    assert.deepEqual(kept, [{ text: 'aGlkZGVu', format: 'base64' }]);
    assert.equal(file['key-secret'], 'secret0');
    assert.doesNotMatch(JSON.stringify(file), /aGlkZGVu/);
    assert.throws(
      () => driveSource(remote('pool/disk', 'rbd', [], { username: 'u', secret: 'no base64' }), keep),
      { code: 'EINVAL', message: /base64/ },
    );
    const web = driveSource(remote('/d', 'http', ['h'], { username: 'u', secret: 'plain, "odd"' }), keep);
    assert.deepEqual(kept[1], { text: 'plain, "odd"', format: 'raw' });
    assert.equal(web.file['password-secret'], 'secret0');
    const place = new PrivateFolder([folder.path]);
    const secrets = place.keepSecrets(new Map([['secret0', { text: 'hidden', format: 'base64' }]]));
    const { file: path, format } = secrets.get('secret0') as KeptSecret;
    assert.equal(format, 'base64');
    assert.equal(readFileSync(path, 'utf8'), 'hidden');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(place.path).mode & 0o777, 0o700);
    place.remove();
    assert.ok(!existsSync(place.path));
  });
});

test('a listener takes one connection, on a socket for the user alone', async () => {
  const path = join(folder.path, 'socket');
  const listener = await Listener.at(path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const client = createConnection(path);
  const socket = await listener.connection();
  client.destroy();
  socket.destroy();
});

describe(
  'a machine that does not come up',
  { skip: process.platform === 'win32' ? 'needs sh' : canRun },
  () => {
    const events: LaunchEvents = {
      appliance: () => {},
      warning: () => {},
      library: () => {},
      progress: () => {},
      started: () => {},
      cancelled: () => false,
    };
    /** A hypervisor that knows its version and then does what `script` says. */
    const launchWith = (script: string): Promise<unknown> => {
      const hv = join(folder.path, 'hv');
      writeFileSync(
        hv,
        `#!/bin/sh\ncase "$*" in -version) echo version 0; exit;; *help*) exit;; esac\n${script}\n`,
      );
      chmodSync(hv, 0o755);
      const appliance = join(folder.path, 'appliance');
      mkdirSync(appliance);
      const root = Buffer.alloc(4096);
      root.writeUInt16LE(0xef53, 0x438);
      writeFileSync(join(appliance, 'root'), root);
      for (const name of ['kernel', 'initrd', 'README.fixed']) writeFileSync(join(appliance, name), '');
      const backendSettings = ['force_tcg', 'launch_timeout=2'];
      return launchMachine(
        { settings: settings({ hv, path: appliance, backendSettings }), drives: [], verbose: false, connect },
        events,
      );
    };
    const left = (): string[] => readdirSync(folder.path).filter((name) => name.startsWith('guestfs-'));

    test('ends at once: the error says what it printed', async () => {
      await assert.rejects(launchWith('echo cannot do this >&2; exit 3'), {
        code: 'EIO',
        message: /exit status 3.*cannot do this/,
      });
      assert.deepEqual(left(), []);
    });

    test('is killed', async () => {
      await assert.rejects(launchWith('kill -9 $$'), { code: 'EIO', message: /signal SIGKILL/ });
      assert.deepEqual(left(), []);
    });

    test('never speaks', async () => {
      await assert.rejects(launchWith('exec sleep 60'), { code: 'ETIMEDOUT' });
      assert.deepEqual(left(), []);
    });

    test('cannot be described for this host', async () => {
      const { arch } = process;
      Object.defineProperty(process, 'arch', { value: 'sparc' });
      try {
        await assert.rejects(launchWith(''), { code: 'ENOTSUP', message: /processor sparc/ });
      } finally {
        Object.defineProperty(process, 'arch', { value: arch });
      }
      assert.deepEqual(left(), []);
    });

    test('is no program', async () => {
      const wanted = settings({ hv: join(folder.path, 'none') });
      await assert.rejects(launchMachine({ settings: wanted, drives: [], verbose: false, connect }, events), {
        code: 'ENOENT',
      });
    });
  },
);

/** No machine of these tests speaks. */
const connect = (): never => assert.fail('a line came up');

describe('processes', { skip: process.platform === 'linux' ? false : 'needs Linux' }, () => {
  const start = (script: string): MachineProcess =>
    new MachineProcess('/bin/sh', ['-c', script], { environment: process.env, output: () => {} });

  test('stop ends one that listens, and in time one that does not', async () => {
    const polite = start('exec sleep 60');
    await polite.stop();
    assert.equal((await polite.ended).signal, 'SIGTERM');
    assert.equal(polite.alive, false);
    polite.killNow();
  });

  test('the whole group is killed', async () => {
    const pidFile = join(folder.path, 'pid');
    const family = start(`sleep 60 & echo $! >${pidFile}; wait`);
    while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '')
      await new Promise((resolve) => setTimeout(resolve, 5));
    family.killNow();
    await family.ended;
    const child = Number(readFileSync(pidFile, 'utf8'));
    while (isRunning(child)) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  /** A program in a process group of its own that runs a machine, with a folder `place` to be removed. */
  const startProgram = async (
    more: string,
  ): Promise<{ program: ChildProcess; pid: number; place: string }> => {
    const place = join(folder.path, 'a place');
    mkdirSync(place);
    const [module, other] = ['./process.ts', './watchdog.ts'].map(
      (name) => new URL(name, import.meta.url).href,
    );
    const script = `
      import { MachineProcess } from ${JSON.stringify(module)};
      import { Watchdog } from ${JSON.stringify(other)};
      const watchdog = new Watchdog();
      watchdog.folder(${JSON.stringify(place)});
      const machine = new MachineProcess('/bin/sleep', ['60'], { environment: process.env, watchdog, output() {} });
      ${more}
      process.stdout.write(String(machine.pid) + '\\n');`;
    const program = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    const pid = await new Promise<number>((resolve) =>
      program.stdout.once('data', (text) => resolve(Number(text))),
    );
    assert.ok(isRunning(pid));
    return { program, pid, place };
  };
  const gone = async (pid: number, place: string): Promise<void> => {
    while (isRunning(pid) || existsSync(place)) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  test('a killed program takes its machine and its folder along', async () => {
    const { program, pid, place } = await startProgram('');
    program.kill('SIGKILL');
    await gone(pid, place);
  });

  test('Ctrl-C does not reach the machine of a program that goes on, and ends that of one that does not', async () => {
    const { program, pid, place } = await startProgram(
      `process.once('SIGINT', () => process.stdout.write('heard'));`,
    );
    // What a terminal does: the whole group gets it.
    const heard = new Promise((resolve) => program.stdout?.once('data', resolve));
    process.kill(-(program.pid as number), 'SIGINT');
    await heard;
    assert.ok(isRunning(pid));
    process.kill(-(program.pid as number), 'SIGINT');
    await gone(pid, place);
  });

  test("the group of a machine that has ended is not killed: its number may be another's", async () => {
    const bystander = spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore' });
    const number = bystander.pid as number;
    const { program, pid, place } = await startProgram(
      `watchdog.group(${number}); watchdog.ended(${number});`,
    );
    program.kill('SIGKILL');
    await gone(pid, place);
    assert.ok(isRunning(number));
    bystander.kill();
  });
});

/** Runs, and is not only waiting for somebody to ask for its status. */
function isRunning(pid: number): boolean {
  return (
    isAlive(pid) &&
    !/^[ZX]/.test(spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout)
  );
}
