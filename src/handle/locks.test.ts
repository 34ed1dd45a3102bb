/** One writer at a time: other handles, other processes of ours, and every kind of QEMU that holds an image. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { Guestfs } from './index.ts';

const linux = process.platform === 'linux' ? false : 'only Linux tells who locks a file';

describe('an image that is written', { skip: linux || needsTool('mke2fs', 'e2fsck') }, () => {
  const folder = temporaryFolder();
  const image = join(folder.path, 'image');
  const qcow2 = join(folder.path, 'image.qcow2');
  before(() => run('mke2fs', '-q', '-F', '-t', 'ext4', image, '8M'));
  after(() => folder.remove());

  /** Launch on an image; gives the warnings that came, or throws what launch throws. */
  async function open(path: string, readonly: boolean): Promise<string[]> {
    const g = new Guestfs({ thread: 'own' });
    const warnings: string[] = [];
    g.on('warning', (message) => void warnings.push(String(message)));
    try {
      await g.addDrive(path, { readonly, format: path.endsWith('qcow2') ? 'qcow2' : 'raw' });
      await g.launch();
      return warnings;
    } finally {
      await g.close();
    }
  }
  const refused = (path: string, message: RegExp): Promise<void> =>
    assert.rejects(open(path, false), { code: 'EBUSY', message });

  test('has one handle that writes; the next one comes when that is closed', async () => {
    for (const name of ['first', 'second']) {
      const g = new Guestfs({ thread: 'own' });
      await g.addDrive(image, { format: 'raw' });
      await g.launch();
      await refused(image, /in use by this program itself/);
      await open(image, true);
      await g.mount('/dev/sda', '/');
      await g.write('/f', name);
      await g.close();
      assert.deepEqual(await open(image, false), []);
    }
    run('e2fsck', '-fn', image);
  });
  test('is no drive of a handle twice', async () => {
    const g = new Guestfs({ thread: 'own' });
    await g.addDrive(image, { format: 'raw' });
    await g.addDrive(image, { format: 'raw' });
    await assert.rejects(g.launch(), { code: 'EBUSY' });
    await g.close();
    await open(image, false);
  });
  test('is left alone where QEMU writes to it', { skip: needsTool('qemu-io', 'qemu-img') }, async () => {
    run('qemu-img', 'create', '-q', '-f', 'qcow2', qcow2, '8M');
    const bytes = readFileSync(qcow2);
    const holder = spawn('qemu-io', ['-f', 'qcow2', qcow2], { stdio: 'pipe' });
    const ended = once(holder, 'exit');
    try {
      // Its prompt comes when the image is open.
      await once(holder.stdout, 'data');
      await refused(qcow2, /a running QEMU, process \d+ \(qemu-io\)/);
      const warnings = await open(qcow2, true);
      assert.match(warnings.join('\n'), /QEMU/, 'a reader is warned');
    } finally {
      holder.stdin.end();
      await ended;
    }
    assert.ok(readFileSync(qcow2).equals(bytes), 'nobody wrote');
    assert.deepEqual(await open(qcow2, false), []);
  });
  test('is left alone where QEMU reads it', { skip: needsTool('qemu-io', 'qemu-img') }, async () => {
    run('qemu-img', 'create', '-q', '-f', 'qcow2', qcow2, '8M');
    const holder = spawn('qemu-io', ['-r', '-f', 'qcow2', qcow2], { stdio: 'pipe' });
    const ended = once(holder, 'exit');
    try {
      await once(holder.stdout, 'data');
      await refused(qcow2, /a running QEMU that reads it/);
      assert.deepEqual(await open(qcow2, true), [], 'two may read');
    } finally {
      holder.stdin.end();
      await ended;
    }
  });
  test('is left alone where qemu-nbd serves it', { skip: needsTool('qemu-nbd') }, async () => {
    const socket = join(folder.path, 'socket');
    const holder = spawn('qemu-nbd', ['-f', 'raw', '-k', socket, image], { stdio: 'ignore' });
    const ended = once(holder, 'exit');
    try {
      while (!existsSync(socket) && holder.exitCode === null) await pause(10);
      await refused(image, /a running QEMU/);
    } finally {
      holder.kill();
      await ended;
    }
  });
  test(
    'is left alone where a stopped machine has it',
    { skip: needsTool('qemu-system-x86_64') },
    async () => {
      const drive = `file=${image},format=raw,if=virtio`;
      const holder = spawn(
        'qemu-system-x86_64',
        [
          ...'-S -display none -nodefaults -no-user-config -M pc,accel=tcg -qmp stdio -drive'.split(' '),
          drive,
        ],
        { stdio: ['pipe', 'pipe', 'ignore'] },
      );
      const ended = once(holder, 'exit');
      try {
        // It greets before its devices are there, which is when it locks.
        holder.stdin.write('{"execute": "qmp_capabilities"}\n');
        for (let said = ''; !said.includes('"qdev"');) {
          holder.stdin.write('{"execute": "query-block"}\n');
          said = String((await once(holder.stdout, 'data'))[0]);
        }
        await refused(image, /a running QEMU, process \d+ \(qemu-system/);
      } finally {
        holder.kill();
        await ended;
      }
      await open(image, false);
      run('e2fsck', '-fn', image);
    },
  );
});
