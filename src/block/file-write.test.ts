import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { blockContract } from '../../test/support/block-contract.ts';
import { random } from '../../test/support/fuzz.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { openFile } from './file.ts';
import { openGrowingFile } from './file-growing.ts';
import { lockBeside } from './file-lock-beside.ts';
import { nativeCalls, withoutNative } from './file-native.ts';
import { spillingOverlay } from './file-overlay.ts';
import { memoryDevice } from './memory.ts';
import { GuestfsError } from '../errors/index.ts';

const folder = temporaryFolder();
after(() => folder.remove());
let files = 0;
const fresh = (): string => join(folder.path, `file${files++}`);
const noKoffi = nativeCalls() === undefined ? 'koffi is not installed' : false;

describe('zeroes and holes', () => {
  const MIB = 1024 * 1024;
  const sparse = (): string => {
    const path = fresh();
    const fd = openSync(path, 'w');
    ftruncateSync(fd, 64 * MIB);
    closeSync(fd);
    return path;
  };
  const allocated = (path: string): number => statSync(path).blocks * 512;

  test('zero keeps a sparse file sparse, without koffi too', () => {
    withoutNative(() => {
      const path = sparse();
      const device = openFile(path, { writable: true });
      device.zero(0, device.size);
      device.writeAt(5 * MIB + 3, new Uint8Array(10_000).fill(7));
      device.zero(5 * MIB, MIB);
      device.flush();
      const back = new Uint8Array(MIB);
      device.readAt(5 * MIB, back);
      assert.ok(back.every((byte) => byte === 0));
      device.close();
      assert.ok(allocated(path) < MIB, String(allocated(path)));
      assert.equal(statSync(path).size, 64 * MIB);
    });
  });

  test('zero and discard punch holes', { skip: noKoffi }, () => {
    const path = sparse();
    const device = openFile(path, { writable: true });
    device.writeAt(0, new Uint8Array(8 * MIB).fill(1));
    device.flush();
    assert.ok(allocated(path) >= 8 * MIB);
    device.zero(0, 4 * MIB);
    device.discard(4 * MIB, 3 * MIB);
    device.flush();
    assert.ok(allocated(path) < 2 * MIB);
    const back = new Uint8Array(8 * MIB);
    device.readAt(0, back);
    assert.ok(back.subarray(0, 7 * MIB).every((byte) => byte === 0));
    assert.ok(back.subarray(7 * MIB).every((byte) => byte === 1));
    device.close();
  });

  test('a full file stays full', { skip: noKoffi }, () => {
    const path = fresh();
    writeFileSync(path, new Uint8Array(4 * MIB).fill(3));
    const device = openFile(path, { writable: true });
    device.zero(0, 4 * MIB);
    device.flush();
    device.close();
    assert.ok(allocated(path) >= 4 * MIB);
    assert.ok(readFileSync(path).every((byte) => byte === 0));
  });
});

describe('a growing file', () => {
  test('follows its size', () => {
    const path = fresh();
    writeFileSync(path, 'abc');
    const file = openGrowingFile(path);
    assert.equal(file.size, 3);
    file.writeAt(10, Uint8Array.of(1, 2));
    assert.equal(file.size, 12);
    file.resize(4);
    assert.equal(file.size, 4);
    file.release(0, 4);
    file.flush();
    file.close();
    file.close();
    assert.equal(statSync(path).size, 4);
  });
});

describe('a full host', () => {
  test('says so, with path and offset', { skip: existsSync('/dev/full') ? false : 'no /dev/full' }, (t) => {
    if (process.getuid?.() !== 0) {
      t.skip('mounting a small filesystem needs root');
      return;
    }
    const mount = join(folder.path, 'small');
    run('mkdir', mount);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'guestfs-test', mount]).status !== 0) {
      t.skip('no tmpfs can be mounted here');
      return;
    }
    try {
      const path = join(mount, 'disk');
      const fd = openSync(path, 'w');
      ftruncateSync(fd, 4 * 1024 * 1024);
      closeSync(fd);
      const device = openFile(path, { writable: true });
      device.writeAt(0, new Uint8Array(4096).fill(1));
      assert.throws(
        () => device.writeAt(65536, new Uint8Array(2 * 1024 * 1024).fill(2)),
        (error: GuestfsError) =>
          error.code === 'ENOSPC' &&
          error.path === path &&
          (error.offset ?? 0) >= 65536 &&
          /cannot write .* at \d+: the host's filesystem is full/.test(error.message),
      );
      // What was there is there, and the device can be used.
      const back = new Uint8Array(4096);
      device.readAt(0, back);
      assert.ok(back.every((byte) => byte === 1));
      device.writeAt(0, back);
      device.flush();
      device.close();
    } finally {
      run('umount', mount);
    }
  });
});

describe('locks', { skip: process.platform === 'linux' ? false : 'only Linux has flock(1)' }, () => {
  const busy = (path: string, message: RegExp): void =>
    assert.throws(() => openFile(path, { writable: true }), { code: 'EBUSY', message });
  const image = (): string => {
    const path = fresh();
    writeFileSync(path, new Uint8Array(65536));
    return path;
  };

  for (const native of [true, false]) {
    const skip = native ? noKoffi : needsTool('flock');
    const under = native ? <T>(f: () => T): T => f() : withoutNative;
    const title = native ? 'with koffi' : 'with flock(1)';

    test(`${title}: a second writer is refused, a reader is not`, { skip }, () => {
      under(() => {
        const path = image();
        const first = openFile(path, { writable: true });
        busy(path, /cannot open .* for writing: it is in use by .*this program itself/);
        openFile(path).close();
        assert.equal(spawnSync('flock', ['-n', path, 'true']).status, 1);
        first.close();
        openFile(path, { writable: true }).close();
        assert.equal(spawnSync('flock', ['-n', path, 'true']).status, 0);
      });
    });

    test(
      `${title}: another process that holds it is named`,
      { skip: skip || needsTool('flock') },
      async () => {
        const path = image();
        const other = spawn('flock', [path, 'sh', '-c', 'echo ready; read line'], {
          stdio: ['pipe', 'pipe', 'ignore'],
        });
        await new Promise((resolve) => other.stdout.once('data', resolve));
        under(() => busy(path, /in use by .*process \d+ \((flock|sh)\)/));
        other.stdin.end();
        await new Promise((resolve) => other.on('close', resolve));
        under(() => openFile(path, { writable: true }).close());
      },
    );

    test(`${title}: a running QEMU holds it`, { skip: skip || needsTool('qemu-io') }, async () => {
      for (const args of [[], ['-r']]) {
        const path = fresh();
        run('qemu-img', 'create', '-q', '-f', 'qcow2', path, '1M');
        const qemu = spawn('qemu-io', ['-f', 'qcow2', ...args, path], {
          stdio: ['pipe', 'ignore', 'ignore'],
        });
        try {
          // It says nothing when it has the image.
          let refused = false;
          for (let tries = 0; tries < 400 && !refused; tries++) {
            await new Promise((resolve) => setTimeout(resolve, 25));
            try {
              under(() => openFile(path, { writable: true }).close());
            } catch {
              refused = true;
            }
          }
          under(() => busy(path, /in use by a running QEMU.*qemu-io/));
        } finally {
          qemu.stdin.end();
          await new Promise((resolve) => qemu.on('close', resolve));
        }
        under(() => openFile(path, { writable: true }).close());
      }
    });
  }

  test('a QEMU that starts later is refused', { skip: noKoffi || needsTool('qemu-io') }, () => {
    const path = image();
    const device = openFile(path, { writable: true });
    const args = ['-f', 'raw', '-c', 'write 0 512', path];
    const refused = spawnSync('qemu-io', args, { encoding: 'utf8' });
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /Failed to get .* lock/);
    device.close();
    assert.equal(spawnSync('qemu-io', args).status, 0);
  });

  test('a lock file, where there is no other way', () => {
    const path = image();
    const fd = openSync(path, 'r');
    const refuse = (who: string): GuestfsError => new GuestfsError('EBUSY', who);
    const unlock = lockBeside(fd, path, refuse);
    assert.throws(() => lockBeside(fd, path, refuse), { code: 'EBUSY', message: /process \d+ \(lock file/ });
    unlock();
    assert.equal(existsSync(`${path}.lock`), false);
    // Of a process that is gone.
    const gone = spawnSync('true').pid;
    writeFileSync(`${path}.lock`, `${gone} ${run('hostname').trim()}\n`);
    lockBeside(fd, path, refuse)();
    assert.equal(existsSync(`${path}.lock`), false);
    assert.ok(fstatSync(fd).size > 0);
    closeSync(fd);
  });
});

describe('the overlay of a read-only drive', () => {
  const SIZE = 9 * 1024 * 1024 + 512;
  const next = random(5);
  const content = Uint8Array.from({ length: SIZE }, () => next() * 256);
  const make = (memory: number): { device: ReturnType<typeof memoryDevice>; content: Uint8Array } => ({
    device: spillingOverlay(memoryDevice(content.slice(), { writable: false }), 'overlay', { memory }).device,
    content,
  });
  blockContract('in memory', () => make(64 * 1024 * 1024));
  blockContract('in a file', () => make(0));
  blockContract('in both', () => make(1024 * 1024));

  test('random writes and zeroes, over memory into the file', () => {
    const below = content.slice();
    const { device, overlay } = spillingOverlay(memoryDevice(below, { writable: false }), 'overlay', {
      memory: 2 * 1024 * 1024,
    });
    assert.equal(overlay.isChanged, false);
    const model = content.slice();
    const pick = random(8);
    for (let i = 0; i < 600; i++) {
      const offset = Math.floor(pick() * SIZE);
      const length = Math.floor(pick() * Math.min(i % 9 === 0 ? 6_000_000 : 40_000, SIZE - offset));
      if (i % 4 === 3) {
        device.zero(offset, length);
        model.fill(0, offset, offset + length);
      } else {
        const bytes = new Uint8Array(length).fill(i);
        device.writeAt(offset, bytes);
        model.set(bytes, offset);
      }
      if (i % 50 === 0) {
        const all = new Uint8Array(SIZE);
        device.readAt(0, all);
        assert.equal(Buffer.compare(all, model), 0);
        for (const extent of device.extents(0, SIZE)) {
          if (extent.kind === 'data') continue;
          const part = model.subarray(extent.offset, extent.offset + extent.length);
          assert.ok(part.every((byte) => byte === 0));
        }
      }
    }
    assert.equal(Buffer.compare(below, content), 0);
    // What it says has changed makes the whole out of what is below.
    const whole = below.slice();
    let end = 0;
    for (const { offset, length, kind } of overlay.changes()) {
      assert.ok(offset >= end);
      end = offset + length;
      if (kind === 'zero') whole.fill(0, offset, end);
      else device.readAt(offset, whole.subarray(offset, end));
    }
    assert.ok(overlay.isChanged);
    assert.equal(Buffer.compare(whole, model), 0);
    device.close();
  });
});
