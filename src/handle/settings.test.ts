import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { temporaryFolder } from '../../test/support/tools.ts';
import { GuestfsError } from '../errors/index.ts';
import { Guestfs } from './guestfs.ts';

const folder = temporaryFolder();
after(() => folder.remove());

const fresh = (): Guestfs => new Guestfs({ environment: false });
const einval = { name: 'GuestfsError', code: 'EINVAL' };

describe('settings', () => {
  test('have the defaults of libguestfs', async () => {
    const g = fresh();
    assert.equal(await g.getAutosync(), true);
    assert.equal(await g.getVerbose(), false);
    assert.equal(await g.getTrace(), false);
    assert.equal(await g.getMemsize(), 1280);
    assert.equal(await g.getSmp(), 1);
    assert.equal(await g.getNetwork(), false);
    assert.equal(await g.getPgroup(), false);
    assert.equal(await g.getRecoveryProc(), true);
    assert.equal(await g.getSelinux(), false);
    assert.equal(await g.getDirect(), false);
    assert.equal(await g.getBackend(), 'engine');
    assert.equal(await g.getAttachMethod(), 'engine');
    assert.equal(await g.getAppend(), null);
    assert.equal(await g.getIdentifier(), '');
    assert.deepEqual(await g.getBackendSettings(), []);
    assert.equal(await g.getTmpdir(), '/tmp');
    assert.equal(await g.getCachedir(), '/var/tmp');
    assert.match(await g.getHv(), /^\/usr\/bin\/qemu-system-/);
    assert.equal(await g.getQemu(), await g.getHv());
    assert.equal(typeof (await g.getPath()), 'string');
    assert.equal(typeof (await g.getSockdir()), 'string');
    assert.equal(typeof (await g.getProgram()), 'string');
  });

  test('what a machine could not be launched with is refused', async () => {
    const g = fresh();
    for (const name of [
      '-kernel',
      '--kernel',
      '-initrd',
      '-append',
      '-nographic',
      '-display',
      '-serial',
      '-vnc',
      '-full-screen',
      '-std-vga',
      '-daemonize',
    ]) {
      await assert.rejects(g.config(name, 'x'), { code: 'EINVAL', message: /not allowed/ }, name);
    }
    for (const name of ['', 'kernel', '-', '--']) {
      await assert.rejects(g.config(name, null), { code: 'EINVAL', message: /no option/ }, name);
    }
    for (const identifier of ['a b', 'a,b', 'ä', 'a.b']) {
      await assert.rejects(g.setIdentifier(identifier), { code: 'EINVAL' }, identifier);
    }
    await g.setIdentifier('a-b_C9');
    assert.equal(await g.getIdentifier(), 'a-b_C9');
  });

  test('keep what is set', async () => {
    const g = fresh();
    await g.setAutosync(false);
    await g.setNetwork(true);
    await g.setPgroup(true);
    await g.setRecoveryProc(false);
    await g.setSelinux(true);
    await g.setDirect(true);
    await g.setSmp(4);
    await g.setMemsize(512);
    await g.setProgram('mine');
    await g.setHv('/q');
    await g.setQemu(null);
    await g.setAppend('a b');
    await g.setPath('/x');
    await g.setAttachMethod('auto');
    await g.config('-foo', null);
    assert.equal(await g.getAutosync(), false);
    assert.equal(await g.getNetwork(), true);
    assert.equal(await g.getPgroup(), true);
    assert.equal(await g.getRecoveryProc(), false);
    assert.equal(await g.getSelinux(), true);
    assert.equal(await g.getDirect(), true);
    assert.equal(await g.getSmp(), 4);
    assert.equal(await g.getMemsize(), 512);
    assert.equal(await g.getProgram(), 'mine');
    assert.equal(await g.getHv(), '/q');
    assert.equal(await g.getAppend(), 'a b');
    assert.equal(await g.getPath(), '/x');
    assert.equal(await g.getBackend(), 'auto');
    await g.setPath(null);
    assert.notEqual(await g.getPath(), '/x');
    await g.setAppend(null);
    assert.equal(await g.getAppend(), null);
  });

  test('refuse what is out of range', async () => {
    const g = fresh();
    for (const size of [255, 0, -1]) await assert.rejects(g.setMemsize(size), einval);
    for (const count of [0, 256]) await assert.rejects(g.setSmp(count), einval);
  });

  test('folders are made absolute and must exist', async () => {
    const g = fresh();
    mkdirSync(join(folder.path, 'real'));
    symlinkSync('real', join(folder.path, 'link'));
    await g.setTmpdir(join(folder.path, 'link'));
    assert.equal(await g.getTmpdir(), realpathSync(join(folder.path, 'real')));
    await g.setCachedir(folder.path);
    assert.equal(await g.getCachedir(), realpathSync(folder.path));
    await assert.rejects(g.setTmpdir(join(folder.path, 'missing')), { code: 'ENOENT' });
    await g.setTmpdir(null);
    assert.equal(await g.getTmpdir(), '/tmp');
  });

  test('backend settings have names and values', async () => {
    const g = fresh();
    await g.setBackendSettings(['a=b c', 'force_tcg']);
    assert.equal(await g.getBackendSetting('a'), 'b c');
    assert.equal(await g.getBackendSetting('force_tcg'), '1');
    await assert.rejects(g.getBackendSetting('nope'), { code: 'ESRCH' });
    await g.setBackendSetting('a', 'x');
    assert.deepEqual(await g.getBackendSettings(), ['force_tcg', 'a=x']);
    assert.equal(await g.clearBackendSetting('a'), 1);
    assert.equal(await g.clearBackendSetting('a'), 0);
  });
});

describe('the environment', () => {
  test('sets what it says, empty and unknown variables nothing', async () => {
    const g = fresh();
    await g.parseEnvironmentList([
      'LIBGUESTFS_DEBUG=1',
      'LIBGUESTFS_MEMSIZE=700',
      'LIBGUESTFS_BACKEND=auto',
      'LIBGUESTFS_BACKEND_SETTINGS=force_tcg:a=b',
      `LIBGUESTFS_CACHEDIR=${folder.path}`,
      `TMPDIR=${folder.path}`,
      'LIBGUESTFS_HV=/hv',
      'LIBGUESTFS_APPEND=x=y',
      'LIBGUESTFS_PATH=/p',
      'LIBGUESTFS_TRACE=',
      'LIBGUESTFS_SMP',
      'OTHER=1',
    ]);
    assert.equal(await g.getVerbose(), true);
    assert.equal(await g.getMemsize(), 700);
    assert.equal(await g.getBackend(), 'auto');
    assert.deepEqual(await g.getBackendSettings(), ['force_tcg', 'a=b']);
    assert.equal(await g.getCachedir(), realpathSync(folder.path));
    assert.equal(await g.getTmpdir(), folder.path);
    assert.equal(await g.getHv(), '/hv');
    assert.equal(await g.getAppend(), 'x=y');
    assert.equal(await g.getPath(), '/p');
    assert.equal(await g.getTrace(), false);
  });

  test("booleans are spelled in libguestfs's ways, nonsense is refused", async () => {
    const g = fresh();
    for (const [text, value] of [
      ['0', false],
      ['yes', true],
      ['F', false],
      ['On', true],
    ] as const) {
      await g.parseEnvironmentList([`LIBGUESTFS_DEBUG=${text}`]);
      assert.equal(await g.getVerbose(), value);
    }
    for (const item of [
      'LIBGUESTFS_TRACE=x',
      'LIBGUESTFS_MEMSIZE=x',
      'LIBGUESTFS_MEMSIZE=1',
      'LIBGUESTFS_BACKEND=bogus',
    ]) {
      await assert.rejects(g.parseEnvironmentList([item]), einval, item);
    }
    await assert.rejects(g.parseEnvironmentList(['LIBGUESTFS_TMPDIR=/no/such']), { code: 'ENOENT' });
  });

  test('is read when a handle is made, unless that is not wanted', async () => {
    process.env['LIBGUESTFS_MEMSIZE'] = '600';
    try {
      assert.equal(await new Guestfs().getMemsize(), 600);
      const g = fresh();
      assert.equal(await g.getMemsize(), 1280);
      await g.parseEnvironment();
      assert.equal(await g.getMemsize(), 600);
      process.env['LIBGUESTFS_MEMSIZE'] = 'x';
      assert.throws(
        () => new Guestfs(),
        (error: unknown) => error instanceof GuestfsError && error.code === 'EINVAL',
      );
    } finally {
      delete process.env['LIBGUESTFS_MEMSIZE'];
    }
  });
});
