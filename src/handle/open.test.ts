import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { TINY_GUEST } from '../../test/support/engine-daemon.ts';
import { temporaryFolder } from '../../test/support/tools.ts';
import { Guestfs } from './guestfs.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const root = join(import.meta.dirname, '..', '..');
const own = { thread: 'own', environment: false } as const;

describe('Guestfs.open', () => {
  test('launches, read-only, with nothing mounted', async () => {
    await using g = await Guestfs.open(TINY_GUEST, own);
    assert.equal(await g.isReady(), true);
    assert.deepEqual(await g.mounts(), []);
    assert.match((await g.debugDrives())[0] as string, /readonly/);
  });

  test('mounts what the guest mounts', async () => {
    await using g = await Guestfs.open(TINY_GUEST, { ...own, inspect: true });
    assert.deepEqual((await g.mounts()).sort(), ['/dev/sda2', '/dev/tiny/root']);
    assert.equal(await g.cat('/boot/grub/grub.cfg'), 'set timeout=1\n');
  });

  test('takes several images, each with options of its own', async () => {
    const blank = join(folder.path, 'blank');
    writeFileSync(blank, Buffer.alloc(1024 * 1024));
    await using g = await Guestfs.open([TINY_GUEST, { path: blank, format: 'raw', label: 'blank' }], {
      ...own,
      mount: { '/boot': '/dev/sda2', '/': '/dev/tiny/root' },
    });
    assert.deepEqual(await g.listDevices(), ['/dev/sda', '/dev/sdb']);
    assert.deepEqual(await g.listDiskLabels(), { blank: '/dev/sdb' });
    assert.deepEqual((await g.mounts()).sort(), ['/dev/sda2', '/dev/tiny/root']);
  });

  test('says what is wrong, and leaves nothing open', async () => {
    const blank = join(folder.path, 'nothing');
    writeFileSync(blank, Buffer.alloc(1024 * 1024));
    await assert.rejects(Guestfs.open(join(folder.path, 'missing'), own), { code: 'ENOENT' });
    await assert.rejects(Guestfs.open(blank, { ...own, inspect: true }), {
      code: 'ENOENT',
      message: /no operating system/,
    });
    await assert.rejects(Guestfs.open(TINY_GUEST, { ...own, inspect: true, root: '/dev/sda2' }), {
      code: 'ENOENT',
      message: /only \/dev\/tiny\/root/,
    });
    await assert.rejects(Guestfs.open(TINY_GUEST, { ...own, mount: { '/': '/dev/sda9' } }), {
      code: 'ENOENT',
    });
  });
});

describe('a program that ends', () => {
  function run(script: string): { stdout: string; stderr: string; status: number | null } {
    const head =
      "const { Guestfs } = await import('./src/handle/guestfs.ts'); const image = process.argv[1];";
    return spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', head + script, TINY_GUEST],
      {
        cwd: root,
        encoding: 'utf8',
        timeout: 60_000,
      },
    );
  }

  test('is not kept alive by an idle handle, which is closed', () => {
    const { stdout, status } = run(`
      const g = await Guestfs.open(image);
      g.on('close', () => console.log('closed'));
      console.log('opened');
    `);
    assert.equal(stdout, 'opened\nclosed\n');
    assert.equal(status, 0);
  });

  test('may exit at once, and leaves no temporary file', () => {
    const { stdout, status } = run(`
      const g = new Guestfs();
      await g.setTmpdir(${JSON.stringify(folder.path)});
      await g.addDriveScratch(1000);
      await g.launch();
      console.log((await g.debugDrives())[0].split(' ')[0]);
      process.exit(3);
    `);
    assert.equal(status, 3);
    assert.notEqual(stdout.trim(), '');
    assert.equal(existsSync(stdout.trim()), false);
  });

  test('is kept alive by a call that runs', () => {
    const { stdout } = run(`
      const g = await Guestfs.open(image);
      void g.sleep(1).then(() => console.log('slept'));
    `);
    assert.equal(stdout, 'slept\n');
  });
});
