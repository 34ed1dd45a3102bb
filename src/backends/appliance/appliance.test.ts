import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { applianceObstacle } from '../../../test/support/appliance.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { Guestfs } from '../../handle/guestfs.ts';
import { isAlive } from './build/cache.ts';

/** Why disks of servers cannot be tried here, or false. */
function serverObstacle(): string | false {
  const missing = needsTool('qemu-nbd', 'qemu-img');
  if (missing !== false) return missing;
  const { stderr } = spawnSync('qemu-img', ['info', '--image-opts', 'driver=http,url=http://127.0.0.1:1/'], {
    encoding: 'utf8',
  });
  return /Unknown driver|Unknown protocol/.test(stderr) ? "qemu's driver for http is not installed" : false;
}

const MIB = 1024 * 1024;
const folder = temporaryFolder();
after(() => folder.remove());

describe(
  'the appliance, without KVM',
  { skip: applianceObstacle() || needsTool('qemu-img', 'mke2fs', 'lvm') },
  () => {
    const disk = join(folder.path, 'disk.img');
    const emptyHandle = async (more: readonly string[] = []): Promise<Guestfs> => {
      const g = new Guestfs({ environment: false });
      await g.setBackend('appliance');
      await g.setBackendSettings(['force_tcg', ...more]);
      await g.setPath(folder.path);
      await g.setCachedir(folder.path);
      await g.setTmpdir(folder.path);
      return g;
    };
    const handle = async (more: readonly string[] = []): Promise<Guestfs> => {
      const g = await emptyHandle(more);
      await g.addDrive(disk, { format: 'raw', label: 'mine' });
      return g;
    };

    test('it is built, saved, restored, writes, and is gone afterwards', { timeout: 600_000 }, async () => {
      writeFileSync(disk, '');
      truncateSync(disk, 64 * 1024 * 1024);
      const g = await handle();
      await g.launch();
      assert.deepEqual(await g.listDevices(), ['/dev/sda']);
      assert.deepEqual(await g.listDiskLabels(), { mine: '/dev/sda' });
      await g.pvcreate('/dev/sda');
      await g.vgcreate('group', ['/dev/sda']);
      await g.lvcreate('volume', 'group', 32);
      await g.mkfs('ext4', '/dev/group/volume');
      await g.mount('/dev/group/volume', '/');
      await g.write('/hello', 'from the machine\n');
      assert.equal(Buffer.from(await g.readFile('/hello')).toString(), 'from the machine\n');
      assert.deepEqual(
        (await g.lstatlist('/', ['hello', 'none'])).map(({ size }) => size),
        [17, 0],
      );
      await g.walkOut('/', join(folder.path, 'walk'));
      assert.match(readFileSync(join(folder.path, 'walk'), 'latin1'), /hello/);
      const pid = await g.getPid();
      assert.ok(isAlive(pid));
      await g.close();
      assert.ok(!isAlive(pid));

      // What it wrote is there for the engine.
      const engine = new Guestfs({ environment: false });
      await engine.addDrive(disk, { readonly: true, format: 'raw' });
      await engine.launch();
      await engine.mountRo('/dev/group/volume', '/');
      assert.equal(await engine.cat('/hello'), 'from the machine\n');
      await engine.close();
    });

    test('auto moves from the engine to it, and nothing is lost', { timeout: 600_000 }, async () => {
      const before = readFileSync(disk);
      const more = join(folder.path, 'more.img');
      writeFileSync(more, '');
      truncateSync(more, 16 * 1024 * 1024);
      const g = new Guestfs({ environment: false, backend: 'auto', thread: 'own' });
      const warnings: string[] = [];
      g.on('warning', (message) => warnings.push(message));
      await g.setBackendSettings(['force_tcg']);
      await g.setPath(folder.path);
      await g.setCachedir(folder.path);
      await g.setTmpdir(folder.path);
      await g.addDrive(disk, { format: 'raw', label: 'mine', readonly: true });
      await g.addDrive(more, { format: 'raw' });
      await g.launch();
      await g.mkfs('ext4', '/dev/sdb');
      await g.umask(0o077);
      await g.mountOptions('noatime', '/dev/group/volume', '/');
      await g.mkdir('/more');
      await g.mount('/dev/sdb', '/more');
      await g.write('/over', 'on a read-only drive\n');
      await g.write('/more/through', 'on the drive\n');
      assert.equal(await g.getPid(), process.pid);

      assert.match(await g.dmesg(), /Linux version/);
      assert.ok(
        warnings.some((message) => /the appliance was started on the same drives: dmesg/.test(message)),
      );
      const pid = await g.getPid();
      assert.ok(isAlive(pid));
      assert.deepEqual(await g.mountpoints(), { '/dev/group/volume': '/', '/dev/sdb': '/more' });
      assert.deepEqual(await g.listDiskLabels(), { mine: '/dev/sda' });
      assert.equal(await g.getUmask(), 0o077);
      assert.equal(await g.cat('/hello'), 'from the machine\n');
      assert.equal(await g.cat('/over'), 'on a read-only drive\n');
      assert.equal(await g.cat('/more/through'), 'on the drive\n');
      await g.write('/more/kernel', 'too\n');
      await g.close();
      assert.ok(!isAlive(pid));
      assert.ok(before.equals(readFileSync(disk)));
      run('e2fsck', '-fn', more);
      assert.deepEqual(
        readdirSync(folder.path).filter((name) => name.startsWith('guestfs-')),
        [],
      );
    });

    test(
      'one that dies in the middle of a call leaves the handle to be launched again',
      { timeout: 600_000 },
      async () => {
        const g = await handle();
        let quits = 0;
        g.on('subprocess_quit', () => quits++);
        await g.launch();
        const pid = await g.getPid();
        const call = g.zeroDevice('/dev/sda').then(
          () => undefined,
          (error: unknown) => error,
        );
        process.kill(pid, 'SIGKILL');
        assert.match(String(await call), /zero_device: .*daemon/);
        assert.equal(await g.isConfig(), true);
        assert.equal(quits, 1);
        await g.addDriveScratch(1024 * 1024);
        await g.launch();
        assert.deepEqual(await g.listDevices(), ['/dev/sda']);
        await g.terminate();
        await g.close();
        const left = readdirSync(folder.path).filter((name) => name.startsWith('guestfs-'));
        assert.deepEqual(left, []);
      },
    );

    test(
      'drives are what their options say, and have the names of their order',
      { timeout: 600_000 },
      async () => {
        const image = (name: string, size: number): string => {
          const path = join(folder.path, name);
          writeFileSync(path, '');
          truncateSync(path, size);
          return path;
        };
        const thin = image('thin.img', 64 * MIB);
        const kept = image('kept.img', 16 * MIB);
        run('mke2fs', '-q', '-t', 'ext4', kept);
        const before = readFileSync(kept);
        const over = join(folder.path, 'over.qcow2');
        run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', kept, '-F', 'raw', over);
        const g = await emptyHandle();
        await g.addDrive(thin, { format: 'raw', discard: 'enable', cachemode: 'unsafe', label: 'thin' });
        await g.addDrive(kept, { readonly: true });
        await g.addDrive(image('advanced.img', MIB), { format: 'raw', blocksize: 4096, iface: 'virtio' });
        await g.addDrive(over, { format: 'qcow2', readonly: true, copyonread: true, backing: 'any' });
        while ((await g.debugDrives()).length < 27) await g.addDriveScratch(MIB);
        await g.addDriveScratch(2 * MIB, { label: 'last' });
        await g.launch();

        const devices = await g.listDevices();
        assert.equal(devices.length, 28);
        assert.deepEqual(devices.slice(24), ['/dev/sdy', '/dev/sdz', '/dev/sdaa', '/dev/sdab']);
        assert.deepEqual(await g.listDiskLabels(), { thin: '/dev/sda', last: '/dev/sdab' });
        for (const name of ['/dev/sdab', '/dev/vdab', '/dev/hdab', '/dev/disk/guestfs/last'])
          assert.equal(await g.blockdevGetsize64(name), 2 * MIB, name);
        assert.equal(await g.blockdevGetss('/dev/sda'), 512);
        assert.equal(await g.blockdevGetss('/dev/sdc'), 4096);
        // The appliance's own disk is nowhere.
        assert.deepEqual(Object.keys(await g.listFilesystems()), devices);
        assert.deepEqual(await g.listPartitions(), []);

        await g.mount('/dev/vdb', '/');
        await g.write('/forgotten', 'by the image\n');
        assert.equal(await g.cat('/forgotten'), 'by the image\n');
        assert.deepEqual(await g.mountpoints(), { '/dev/sdb': '/' });
        await g.umount('/');
        await g.mount('/dev/sdd', '/');
        assert.deepEqual(await g.ls('/'), ['lost+found']);
        await g.umount('/');

        await g.mkfs('ext4', '/dev/sda');
        await g.mount('/dev/sda', '/');
        await g.fill(65, 20 * MIB, '/large');
        await g.sync();
        const full = statSync(thin).blocks;
        await g.rm('/large');
        // What is freed may be trimmed once that is written.
        await g.sync();
        await g.fstrim('/');
        await g.sync();
        assert.ok(statSync(thin).blocks < full - (19 * MIB) / 512, 'the image gave the space back');

        // A process group of its own, a sandbox, and nothing that others can enter.
        const pid = await g.getPid();
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        assert.match(status, /^NSpgid:\t(\d+)$/m);
        assert.equal(/^NSpgid:\t(\d+)$/m.exec(status)?.[1], String(pid));
        assert.match(status, /^Seccomp:\t2$/m);
        const place = dirname(
          /[^=,\0]*\/channel\.sock/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[0] as string,
        );
        assert.equal(statSync(place).mode & 0o777, 0o700);
        await g.close();
        assert.ok(!existsSync(place));
        assert.ok(before.equals(readFileSync(kept)));
      },
    );

    test(
      'disks of servers, with a secret that no argument shows',
      { timeout: 600_000, skip: serverObstacle() },
      async () => {
        const shared = join(folder.path, 'shared.img');
        writeFileSync(shared, '');
        truncateSync(shared, MIB);
        run('mke2fs', '-q', shared);
        const secret = 'sEcReT, "odd" =';
        const web = createServer((request, response) => {
          const wanted = `Basic ${Buffer.from(`me:${secret}`).toString('base64')}`;
          if (request.headers.authorization !== wanted) {
            response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end();
            return;
          }
          const bytes = readFileSync(shared);
          const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
          const part = bytes.subarray(Number(from ?? 0), to ? Number(to) + 1 : undefined);
          response.writeHead(from === undefined ? 200 : 206, {
            'Accept-Ranges': 'bytes',
            'Content-Length': part.length,
          });
          response.end(request.method === 'HEAD' ? undefined : part);
        });
        await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
        const socket = join(folder.path, 'nbd.sock');
        const nbd = spawn('qemu-nbd', ['-t', '-f', 'raw', '-k', socket, '-x', 'it', disk], {
          stdio: 'ignore',
        });
        try {
          while (!existsSync(socket)) await pause();
          const g = await emptyHandle();
          const server = [`127.0.0.1:${(web.address() as AddressInfo).port}`];
          const http = { protocol: 'http', server, username: 'me', secret };
          await g.addDrive('/shared', { ...http, format: 'raw', readonly: true });
          await g.addDrive('/it', { protocol: 'nbd', server: [`unix:${socket}`], format: 'raw' });
          await g.launch();
          assert.deepEqual(await g.listFilesystems(), { '/dev/sda': 'ext2', '/dev/group/volume': 'ext4' });
          await g.mount('/dev/group/volume', '/');
          await g.write('/by', 'the server\n');
          const line = readFileSync(`/proc/${await g.getPid()}/cmdline`, 'utf8');
          assert.ok(line.includes('file.username=me'));
          assert.ok(!line.includes('sEcReT'));
          await g.close();
        } finally {
          nbd.kill();
          web.closeAllConnections();
          web.close();
        }
      },
    );

    test(
      'images of servers, and the files of this host that they name',
      { timeout: 600_000, skip: serverObstacle() },
      async () => {
        const secret = join(folder.path, 'served-secret');
        writeFileSync(secret, Buffer.alloc(MIB, 'secret '));
        const made: [name: string, ...options: string[]][] = [
          ['plain'],
          ['over', '-b', secret, '-F', 'raw'],
          ['beside', '-o', `data_file=${join(folder.path, 'served-data')}`],
        ];
        const imageOf = (name: string): string => join(folder.path, `served-${name}.qcow2`);
        const servers: ChildProcess[] = [];
        const launched = async (name: string, readonly: boolean, backing?: 'any'): Promise<Guestfs> => {
          const socket = `${imageOf(name)}.sock`;
          while (!existsSync(socket)) await pause();
          const g = await emptyHandle();
          const nbd = { protocol: 'nbd', server: [`unix:${socket}`], format: 'qcow2' };
          await g.addDrive('/it', { ...nbd, readonly, ...(backing === undefined ? {} : { backing }) });
          await g.launch();
          return g;
        };
        try {
          for (const [name, ...options] of made) {
            const image = imageOf(name);
            run('qemu-img', 'create', '-q', '-f', 'qcow2', ...options, image, '1M');
            const args = ['-t', '-f', 'raw', '-k', `${image}.sock`, '-x', 'it', image];
            servers.push(spawn('qemu-nbd', args, { stdio: 'ignore' }));
          }
          for (const name of ['over', 'beside']) {
            for (const readonly of [true, false]) {
              await assert.rejects(launched(name, readonly), { code: 'EPERM', message: /names the file/ });
            }
          }
          for (const [name, content] of [
            ['plain', '\0'],
            ['over', 's'],
          ] as const) {
            const g = await launched(name, true, name === 'over' ? 'any' : undefined);
            assert.equal(Buffer.from(await g.preadDevice('/dev/sda', 1, 0)).toString(), content);
            await g.close();
          }
        } finally {
          for (const server of servers) server.kill();
        }
      },
    );

    test('settings reach a machine that boots, a microvm here', { timeout: 600_000 }, async () => {
      const g = await handle(['machine=microvm']);
      await g.setAppend('guestfs_test=1');
      await g.setIdentifier('me-1');
      await g.config('-name', 'guestfs test');
      await g.setNetwork(true);
      await g.setSelinux(true);
      await g.setSmp(2);
      await g.setMemsize(700);
      let console_ = '';
      g.on('appliance', (text) => (console_ += text));
      await g.launch();
      assert.notEqual(console_, '');
      const words = await g.dmesg();
      for (const word of [
        'guestfs_test=1',
        'guestfs_identifier=me-1',
        'guestfs_network=1',
        'selinux=1',
        '2 CPUs',
        '/716408K available',
      ]) {
        assert.ok(words.includes(word), word);
      }
      assert.equal(typeof (await g.getcon()), 'string');
      assert.match(readFileSync(`/proc/${await g.getPid()}/cmdline`, 'utf8'), /\0-name\0guestfs test/);
      await g.close();
    });

    for (const [what, setting, call] of [
      ['boots', 'saved_machine=0', ''],
      ['is restored', 'saved_machine=1', ''],
      ['is in the middle of a call', 'saved_machine=1', "for (;;) await g.zeroDevice('/dev/sda')"],
    ] as const) {
      test(
        `a program that is killed while its machine ${what} leaves nothing`,
        { timeout: 600_000 },
        async () => {
          const place = mkdtempSync(join(folder.path, 'killed-'));
          const module = new URL('../../handle/guestfs.ts', import.meta.url).href;
          const script = `
        import { Guestfs } from ${JSON.stringify(module)};
        const g = new Guestfs({ environment: false });
        await g.setBackend('appliance');
        await g.setBackendSettings(['force_tcg', ${JSON.stringify(setting)}]);
        await g.setPath(${JSON.stringify(place)});
        await g.setCachedir(${JSON.stringify(folder.path)});
        await g.setTmpdir(${JSON.stringify(place)});
        await g.addDriveScratch(${64 * MIB});
        await g.launch();
        console.log('launched');
        ${call}`;
          const program = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
            stdio: ['ignore', 'pipe', 'inherit'],
            env: { ...process.env, XDG_RUNTIME_DIR: place },
          });
          const ended = new Promise((resolve) => program.once('exit', resolve));
          try {
            if (call !== '') await new Promise((resolve) => program.stdout.once('data', resolve));
            // A program that begins another in its own place has no arguments for a moment.
            let machines = machinesIn(place);
            for (; machines.length === 0 && program.exitCode === null; machines = machinesIn(place)) {
              await pause();
            }
            assert.equal(program.exitCode, null);
            assert.notDeepEqual(machines, []);
          } finally {
            program.kill('SIGKILL');
          }
          await ended;
          while (machinesIn(place).length > 0 || readdirSync(place).length > 0) await pause();
        },
      );
    }
  },
);

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** Processes whose arguments name files in a folder, and that run. */
function machinesIn(place: string): number[] {
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return numbers.map(Number).filter((pid) => {
    if (pid === process.pid) return false;
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      return line.includes('-nodefaults') && line.includes(`${place}/`);
    } catch {
      // It ended meanwhile.
      return false;
    }
  });
}
