import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { GuestfsError } from '../../src/errors/index.ts';
import { engineDaemon } from '../support/engine-daemon.ts';
import { needsTool, run, temporaryFolder } from '../support/tools.ts';

const MIB = 1024 * 1024;

/** Why no filesystem of a few megabytes can be mounted here, or false. */
function needsSmallHost(): string | false {
  const missing = needsTool('mount', 'umount', 'mke2fs', 'e2fsck', 'qemu-img');
  if (missing !== false) return missing;
  if (process.getuid?.() !== 0) return 'mounting needs root';
  const folder = temporaryFolder();
  try {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder.path]);
    if (status !== 0) return 'tmpfs cannot be mounted';
    run('umount', folder.path);
    return false;
  } finally {
    folder.remove();
  }
}

/** Run with a folder on a host filesystem of 24 MiB. */
function onSmallHost(body: (host: string, folder: string) => void): void {
  const folder = temporaryFolder();
  const host = join(folder.path, 'host');
  mkdirSync(host);
  run('mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', host);
  try {
    body(host, folder.path);
  } finally {
    run('umount', host);
    folder.remove();
  }
}

/** An image of 64 MiB with a filesystem on it. */
function makeImage(path: string, format: 'raw' | 'qcow2', make: readonly string[]): void {
  const raw = format === 'raw' ? path : `${path}.raw`;
  writeFileSync(raw, '');
  truncateSync(raw, 64 * MIB);
  run(make[0] as string, ...make.slice(1), raw);
  if (raw === path) return;
  run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, path);
  rmSync(raw);
}

/** What checkers say of an image. */
function check(path: string, format: 'raw' | 'qcow2', folder: string, program: string): void {
  let raw = path;
  if (format === 'qcow2') {
    const { status, stdout } = spawnSync('qemu-img', ['check', '-f', 'qcow2', path], { encoding: 'utf8' });
    // 3: clusters are lost.
    assert.ok(status === 0 || status === 3, stdout);
    raw = join(folder, 'extracted');
    run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', path, raw);
  }
  const { status, stdout } = spawnSync(program, [program === 'e2fsck' ? '-fn' : '-n', raw], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout.slice(0, 2000));
}

const KINDS: readonly { name: string; make: readonly string[]; checker: string }[] = [
  { name: 'ext4', make: ['mke2fs', '-q', '-F', '-t', 'ext4'], checker: 'e2fsck' },
  { name: 'ext2', make: ['mke2fs', '-q', '-F', '-t', 'ext2'], checker: 'e2fsck' },
  { name: 'fat', make: ['mkfs.fat'], checker: 'fsck.fat' },
];

const full = (error: unknown): boolean =>
  error instanceof GuestfsError && error.code === 'ENOSPC' && /host's filesystem is full/.test(error.message);

describe('a host without space', () => {
  const skip = needsSmallHost();
  for (const { name, make, checker } of KINDS) {
    for (const format of ['raw', 'qcow2'] as const) {
      test(`${name} in ${format}`, { skip: skip || needsTool(make[0] as string, checker) }, () => {
        onSmallHost((host, folder) => {
          const image = join(host, 'image');
          const filler = join(host, 'filler');
          makeImage(image, format, make);
          const daemon = engineDaemon({ path: image, format, readonly: false });
          daemon.call('mount', '/dev/sda', '/');
          daemon.call('write', '/old', 'x'.repeat(100_000));
          daemon.call('sync');
          const free =
            Number(run('stat', '-f', '-c', '%a', host)) * Number(run('stat', '-f', '-c', '%S', host));
          writeFileSync(filler, new Uint8Array(Math.max(0, free - 3 * MIB)));
          assert.throws(() => daemon.call('fill', 65, 8 * MIB, '/big'), full);
          assert.equal(daemon.call('cat', '/old'), 'x'.repeat(100_000));
          rmSync(filler);
          // With room again it goes on.
          daemon.call('rm_f', '/big');
          daemon.call('write', '/after', 'written afterwards');
          daemon.call('sync');
          assert.equal(daemon.call('cat', '/after'), 'written afterwards');
          assert.equal(daemon.call('cat', '/old'), 'x'.repeat(100_000));
          daemon.close();
          check(image, format, folder, checker);
          const again = engineDaemon({ path: image, format });
          again.call('mount_ro', '/dev/sda', '/');
          assert.equal(again.call('cat', '/after'), 'written afterwards');
          again.close();
        });
      });
    }
  }

  test('keeps what was there when the session ends without room', { skip }, () => {
    for (const format of ['raw', 'qcow2'] as const) {
      onSmallHost((host, folder) => {
        const image = join(host, 'image');
        makeImage(image, format, ['mke2fs', '-q', '-F', '-t', 'ext4']);
        const daemon = engineDaemon({ path: image, format, readonly: false });
        daemon.call('mount', '/dev/sda', '/');
        daemon.call('write', '/old', 'x'.repeat(100_000));
        daemon.call('sync');
        const free =
          Number(run('stat', '-f', '-c', '%a', host)) * Number(run('stat', '-f', '-c', '%S', host));
        writeFileSync(join(host, 'filler'), new Uint8Array(free));
        try {
          for (let i = 0; i < 300; i++) daemon.call('mkdir', `/directory${i}`);
        } catch (error) {
          assert.ok(error instanceof GuestfsError && error.code === 'ENOSPC', String(error));
        }
        assert.throws(() => daemon.close(), full);
        rmSync(join(host, 'filler'));
        check(image, format, folder, 'e2fsck');
        const again = engineDaemon({ path: image, format });
        again.call('mount_ro', '/dev/sda', '/');
        assert.equal(again.call('cat', '/old'), 'x'.repeat(100_000));
        again.close();
      });
    }
  });

  test('a host that became read-only', { skip }, () => {
    onSmallHost((host) => {
      const image = join(host, 'image');
      makeImage(image, 'raw', ['mke2fs', '-q', '-F', '-t', 'ext4']);
      run('mount', '-o', 'remount,ro', host);
      assert.throws(
        () => engineDaemon({ path: image, format: 'raw', readonly: false }).call('list_devices'),
        (error) =>
          error instanceof GuestfsError &&
          ['EROFS', 'EACCES'].includes(error.code) &&
          error.message.includes(image),
      );
      const daemon = engineDaemon({ path: image, format: 'raw' });
      daemon.call('mount_ro', '/dev/sda', '/');
      assert.deepEqual(daemon.call('ls', '/'), ['lost+found']);
      daemon.close();
    });
  });
});

describe('a host that lets files be so large and no larger', () => {
  const program = [process.execPath, '--import', 'tsx', join(import.meta.dirname, '../support/tool-main.ts')];
  const skip = needsTool('bash', 'mke2fs', 'e2fsck', 'qemu-img');
  for (const format of ['raw', 'qcow2'] as const) {
    test(format, { skip }, () => {
      const folder = temporaryFolder();
      try {
        const image = join(folder.path, 'image');
        makeImage(image, format, ['mke2fs', '-q', '-F', '-t', 'ext4']);
        // 8 MiB; a raw image is larger already, and may be written in its beginning.
        const { status, signal, stderr } = spawnSync(
          'bash',
          [
            '-c',
            'ulimit -f 8192; exec "$@"',
            'bash',
            ...program,
            'guestfish',
            '--rw',
            `--format=${format}`,
          ].concat([
            '-a',
            image,
            'run',
            ':',
            'mount',
            '/dev/sda',
            '/',
            ':',
            'fill',
            '65',
            '40000000',
            '/big',
          ]),
          { encoding: 'utf8', cwd: join(import.meta.dirname, '../..') },
        );
        assert.equal(signal, null);
        assert.equal(status, 1, stderr);
        assert.match(stderr, /larger than the host's filesystem or limits allow \(EFBIG\)/);
        check(image, format, folder.path, 'e2fsck');
      } finally {
        folder.remove();
      }
    });
  }
});
