import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TINY_GUEST } from '../../test/support/engine-daemon.ts';
import { fakeHandle, launchedFake } from '../../test/support/fake-handle.ts';
import { temporaryFolder } from '../../test/support/tools.ts';
import { actionNames, camelCase, methodAliases } from '../actions/table.ts';
import { GuestfsError } from '../errors/index.ts';
import { Guestfs } from './guestfs.ts';

/** Rejects with a GuestfsError of a code and a message. */
function failure(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof GuestfsError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

describe('methods', () => {
  test('every action and every other name of one is a method', () => {
    const g = new Guestfs({ environment: false }) as unknown as Record<string, unknown>;
    for (const name of [...actionNames, ...methodAliases().keys()]) {
      assert.equal(typeof g[camelCase(name)], 'function', name);
    }
    assert.equal(typeof g['noSuchAction'], 'undefined');
  });

  test('a wrong call is a TypeError that names action and argument', async () => {
    const g = fakeHandle('own') as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const rejects = (name: string, args: unknown[], message: RegExp): Promise<void> =>
      assert.rejects(() => g[name]?.(...args) as Promise<unknown>, { name: 'TypeError', message });
    await rejects('cat', [], /^cat: wrong number of arguments: found 0, expected 1 \(path\)/);
    await rejects('cat', ['/a', {}, 1], /^cat: wrong number of arguments: found 3/);
    await rejects(
      'mountRo',
      ['/dev/sda', 5],
      /^mount_ro: argument 'mountpoint' must be a string, found a number/,
    );
    await rejects('headN', ['3', '/a'], /^head_n: argument 'nrlines' must be a number, found a string/);
    await rejects('cat', ['/a', 'x'], /^cat: the options, argument 2, must be an object/);
    await rejects('cat', ['/a', { nope: 1 }], /^cat: unknown option 'nope'/);
    await rejects(
      'isFile',
      ['/a', { followsymlinks: 1 }],
      /^is_file: argument 'followsymlinks' must be a boolean/,
    );
    await rejects('echoDaemon', ['a'], /^echo_daemon: argument 'words' must be an array of strings/);
    await rejects('echoDaemon', [['a', 2]], /^echo_daemon: argument 'words'/);
    await rejects('cat', ['/a', { signal: 1 }], /^cat: option 'signal' must be an AbortSignal/);
    assert.equal((g as unknown as Guestfs).lastError(), null);
  });

  test('other names run the same action', async () => {
    const g = await launchedFake('own');
    await assert.rejects(g.mkfsBtrfs(['/dev/sda']), failure('ENOTSUP', /^mkfs_btrfs: /));
    await assert.rejects(g.isFileOpts('relative'), failure('EINVAL', /^is_file: /));
    await g.close();
  });
});

for (const thread of ['own', 'worker'] as const) {
  describe(`a handle with the engine in ${thread} thread`, () => {
    test('goes from CONFIG to READY and back', async () => {
      const g = fakeHandle(thread);
      assert.equal(await g.isConfig(), true);
      assert.equal(await g.getState(), 0);
      await assert.rejects(g.cat('/a'), failure('EINVAL', /call launch before/));
      await assert.rejects(g.waitReady(), failure('EINVAL', /call launch before/));
      await assert.rejects(g.launch(), failure('EINVAL', /no drive was added/));
      await g.addDrive('/dev/null');
      const launching = g.launch();
      assert.equal(await g.isLaunching(), true);
      await launching;
      assert.equal(await g.isReady(), true);
      assert.equal(await g.getState(), 2);
      await g.waitReady();
      await assert.rejects(g.addDrive('/dev/null'), failure('EINVAL', /before launch/));
      await assert.rejects(g.setMemsize(512), failure('EINVAL', /before launch/));
      await assert.rejects(g.launch(), failure('EINVAL', /already been launched/));
      const call = g.cat('/a');
      assert.equal(await g.isBusy(), true);
      assert.equal(await call, '/a');
      await g.shutdown();
      assert.equal(await g.isConfig(), true);
      await assert.rejects(g.launch(), failure('EINVAL', /no drive/));
      await g.addDrive('/dev/null');
      await g.launch();
      assert.equal(await g.cat('/b'), '/b');
      await g.close();
      await assert.rejects(g.cat('/a'), failure('EBADF', /closed/));
      await g.close();
    });

    test('runs the calls of a handle in their order, launch among them', async () => {
      const g = fakeHandle(thread);
      const order: string[] = [];
      const note = (name: string) => (): void => void order.push(name);
      await Promise.all([
        g.addDrive('/dev/null').then(note('add')),
        g.launch().then(note('launch')),
        g.cat('/1').then(note('cat 1')),
        g.cat('/2').then(note('cat 2')),
        g.setIdentifier('x').then(note('set')),
        g.shutdown().then(note('shutdown')),
        g.setMemsize(300).then(note('memsize')),
        g.close().then(note('close')),
      ]);
      assert.deepEqual(order, ['add', 'launch', 'cat 1', 'cat 2', 'set', 'shutdown', 'memsize', 'close']);
    });

    test('errors carry code, errno and action, and are the last error', async () => {
      const g = await launchedFake(thread);
      const handled: GuestfsError[] = [];
      assert.equal(g.getErrorHandler(), null);
      g.setErrorHandler((error) => handled.push(error));
      assert.equal(g.lastError(), null);
      assert.equal(g.lastErrno(), 0);
      await assert.rejects(g.cat('/missing'), failure('ENOENT', /^cat: \/missing: there is no such file$/));
      assert.equal(g.lastError()?.action, 'cat');
      assert.equal(g.lastError()?.path, '/missing');
      assert.equal(g.lastErrno(), 2);
      await assert.rejects(g.cat('relative'), failure('EINVAL', /must begin with \//));
      await assert.rejects(g.cat('/a\0b'), failure('EINVAL', /NUL/));
      await assert.rejects(g.cat('/bug'), failure('EFAULT', /internal error/));
      await assert.rejects(
        g.btrfsScrubStart('/'),
        failure('ENOTSUP', /^btrfs_scrub_start: .*appliance backend has it/),
      );
      assert.equal(handled.length, 5);
      assert.equal(handled[0]?.code, 'ENOENT');
      g.setErrorHandler(null);
      await g.close();
    });

    test('a launch that fails leaves the handle in CONFIG with its drives', async () => {
      const g = fakeHandle(thread);
      await g.addDrive('/dev/null', { label: 'bad' });
      await assert.rejects(g.launch(), failure('EUCLEAN', /^launch: the drive is bad/));
      assert.equal(await g.isConfig(), true);
      assert.equal((await g.debugDrives()).length, 1);
      await g.close();
    });

    test('warnings of the platform and of actions are events that come before the call ends', async () => {
      const g = fakeHandle(thread);
      const seen: string[] = [];
      g.on('warning', (message) => seen.push(message));
      await g.addDrive('/dev/null', { label: 'odd' });
      await g.launch();
      assert.deepEqual(seen, ['the drive is odd']);
      await g.debug('warn', ['careful']);
      assert.deepEqual(seen, ['the drive is odd', 'careful']);
      await g.close();
    });

    test('a signal that was aborted before, or while the call waits, keeps it from running', async () => {
      const g = await launchedFake(thread);
      await assert.rejects(g.cat('/a', { signal: AbortSignal.abort() }), failure('EINTR', /cancelled/));
      const controller = new AbortController();
      const first = g.cat('/1');
      const second = assert.rejects(
        g.cat('/2', { signal: controller.signal }),
        failure('EINTR', /cancelled/),
      );
      controller.abort();
      assert.equal(await first, '/1');
      await second;
      assert.equal(await g.cat('/3'), '/3');
      await g.close();
    });

    test('large results and results with bytes come whole', async () => {
      const g = await launchedFake(thread);
      const bytes = await g.readFile('/3000000');
      assert.equal(bytes.length, 3_000_000);
      assert.ok(bytes.every((byte) => byte === 7));
      assert.equal((await g.readFile('/0')).length, 0);
      await g.close();
    });

    test('await using closes', async () => {
      let closed = 0;
      {
        await using g = await launchedFake(thread);
        g.on('close', () => closed++);
      }
      assert.equal(closed, 1);
    });
  });
}

describe('a handle with a worker', () => {
  test('is cancelled while the engine runs, by userCancel and by a signal', async () => {
    const g = await launchedFake('worker');
    const spinning = g.debug('spin', ['politely']);
    setTimeout(() => void g.userCancel(), 30);
    await assert.rejects(spinning, failure('EINTR', /^debug: the call was cancelled/));
    await assert.rejects(
      g.debug('spin', ['politely'], { signal: AbortSignal.timeout(30) }),
      failure('EINTR', /cancelled/),
    );
    assert.equal(await g.cat('/still'), '/still');
    await g.close();
  });

  test('is killed by terminate, whatever the engine does', async () => {
    const g = await launchedFake('worker');
    const spinning = g.debug('spin', []);
    const waiting = g.cat('/later');
    const both = Promise.all([
      assert.rejects(spinning, failure('EINTR', /terminated/)),
      assert.rejects(waiting, failure('EINVAL', /call launch/)),
    ]);
    setTimeout(() => void g.terminate(), 30);
    await both;
    assert.equal(await g.isConfig(), true);
    assert.deepEqual(await g.debugDrives(), []);
    await g.addDrive('/dev/null');
    await g.launch();
    assert.equal(await g.cat('/again'), '/again');
    await g.close();
  });

  for (const how of ['crash', 'exit']) {
    test(`survives a worker that ends by ${how}`, async () => {
      const g = await launchedFake('worker');
      const quit = new Promise<void>((resolve) => g.once('subprocess_quit', resolve));
      // The crash comes when the worker is idle and keeps nothing alive any more.
      const alive = setInterval(() => undefined, 1000);
      if (how === 'crash') await g.debug('crash', []);
      else await assert.rejects(g.debug('exit', []), failure('ENOTCONN', /ended with code 3/));
      await quit;
      clearInterval(alive);
      assert.equal(await g.isConfig(), true);
      await assert.rejects(g.cat('/a'), failure('EINVAL', /call launch/));
      await assert.rejects(g.launch(), failure('EINVAL', /no drive/));
      await g.addDrive('/dev/null');
      await g.launch();
      assert.equal(await g.cat('/a'), '/a');
      await g.close();
    });
  }

  test('says that the worker ran out of memory and calls the handler', async () => {
    const g = await launchedFake('worker', { heapLimit: 64 });
    let called = 0;
    let quits = 0;
    assert.equal(g.getOutOfMemoryHandler(), null);
    g.setOutOfMemoryHandler(() => called++);
    g.on('subprocess_quit', () => quits++);
    await assert.rejects(g.debug('oom', []), failure('ENOMEM', /ran out of memory.*64 MiB of heap/));
    assert.equal(called, 1);
    assert.equal(quits, 1);
    await g.close();
  });

  test('fails a call whose buffers are too many together, and lives on', async () => {
    const g = await launchedFake('worker', { bufferLimit: 100 });
    await assert.rejects(
      g.debug('buffers', []),
      failure('ENOMEM', /^debug: the fake asks for 16777216 bytes, .*at most 104857600/),
    );
    assert.equal(await g.cat('/a'), '/a');
    await g.close();
  });

  test('many handles run side by side', async () => {
    const handles = await Promise.all([1, 2, 3].map(() => launchedFake('worker')));
    const [first, second, third] = handles as [Guestfs, Guestfs, Guestfs];
    const spinning = first.debug('spin', ['politely']);
    assert.equal(await second.cat('/2'), '/2');
    assert.equal(await third.cat('/3'), '/3');
    const stopped = assert.rejects(spinning, failure('EINTR', /cancelled/));
    await first.userCancel();
    await stopped;
    await Promise.all(handles.map((g) => g.close()));
  });
});

describe('backends', () => {
  test('those that are not built fail at launch and say so', async () => {
    for (const name of ['libvirt', 'libvirt:qemu:///session']) {
      const g = new Guestfs({ environment: false });
      await g.setBackend(name);
      assert.equal(await g.getBackend(), name);
      await g.addDrive('/dev/null');
      await assert.rejects(
        g.launch(),
        failure('ENOTSUP', /is not part of this version.*engine, auto, appliance or unix:PATH/),
      );
      await g.close();
    }
    const g = new Guestfs({ environment: false });
    for (const name of ['', 'bogus', 'unix:', 'Engine']) {
      await assert.rejects(g.setBackend(name), failure('EINVAL', /is no backend/));
    }
  });

  test('auto is the engine, and says what is missing for the appliance', async () => {
    const g = new Guestfs({ environment: false, thread: 'own', backend: 'auto' });
    const folder = temporaryFolder();
    await g.setCachedir(folder.path);
    await g.setHv(join(folder.path, 'no-qemu'));
    await g.addDrive('/dev/null');
    await g.launch();
    await assert.rejects(
      g.sh('ls'),
      failure('ENOTSUP', /^sh: .*the appliance backend has it .*no-qemu: cannot be run as a virtual machine/),
    );
    assert.equal(await g.featureAvailable(['btrfs']), false);
    assert.deepEqual(await g.listDevices(), ['/dev/sda']);
    await g.close();
    folder.remove();
  });
});

describe('private data', () => {
  test('is kept by name, walked without nulls, and the walk ends at a change', () => {
    const g = fakeHandle('own');
    assert.equal(g.getPrivate('a'), null);
    assert.equal(g.firstPrivate(), null);
    assert.equal(g.nextPrivate(), null);
    g.setPrivate('a', 1);
    g.setPrivate('b', { x: 2 });
    g.setPrivate('c', 3);
    g.setPrivate('c', null);
    assert.deepEqual(g.getPrivate('b'), { x: 2 });
    assert.deepEqual(g.firstPrivate(), ['a', 1]);
    assert.deepEqual(g.nextPrivate(), ['b', { x: 2 }]);
    assert.equal(g.nextPrivate(), null);
    g.firstPrivate();
    g.setPrivate('d', 4);
    assert.equal(g.nextPrivate(), null);
    assert.deepEqual(
      [...g.privateEntries()].map(([key]) => key),
      ['a', 'b', 'd'],
    );
    assert.throws(() => g.setPrivate(5 as unknown as string, 1), TypeError);
  });
});

test('files of the host are looked at before launch, on every backend', async () => {
  const g = new Guestfs({ environment: false });
  assert.equal(await g.diskFormat(TINY_GUEST), 'qcow2');
  assert.equal(await g.diskVirtualSize(TINY_GUEST), 64 * 1024 * 1024);
  assert.equal(await g.diskHasBackingFile(TINY_GUEST), false);
  await assert.rejects(g.diskFormat('/no/such/file'), { code: 'ENOENT', action: 'disk_format' });
  await g.setBackend('appliance');
  assert.equal(await g.diskFormat(fileURLToPath(import.meta.url)), 'raw');
  assert.equal(await g.diskHasBackingFile(fileURLToPath(import.meta.url)), false);
  await g.addDriveRo(TINY_GUEST);
  const cache = temporaryFolder();
  await g.setCachedir(cache.path);
  await g.setHv('/no/such/hypervisor');
  await assert.rejects(g.launch(), failure('ENOENT', /hypervisor: cannot be run as a virtual machine/));
  cache.remove();
  await g.setCachedir(null);
  await g.setBackend('engine');
  assert.equal(await g.diskFormat(TINY_GUEST), 'qcow2');
  await g.launch();
  assert.deepEqual(await g.listDevices(), ['/dev/sda']);
  assert.equal(await g.diskFormat(TINY_GUEST), 'qcow2');
  await g.close();
});

test('version tells the API level and, in extra, our own version', async () => {
  const { major, minor, extra } = await fakeHandle('own').version();
  assert.deepEqual([major, minor], [1, 61]);
  assert.match(extra, /^guestfs-\d+\.\d+\.\d+/);
});

test('c_pointer is another one in each handle', async () => {
  const [a, b] = await Promise.all([fakeHandle('own').cPointer(), fakeHandle('own').cPointer()]);
  assert.ok(a > 0 && b > 0 && a !== b);
});

test('what has no place in this version says ENOTSUP', async () => {
  const g = await launchedFake('own');
  for (const call of [
    () => g.addDomain('x'),
    () => g.mountLocal('/mnt'),
    () => g.mountLocalRun(),
    () => g.removeDrive('x'),
    () => g.setLibvirtSupportedCredentials([]),
  ]) {
    await assert.rejects(call, (error: GuestfsError) => error.code === 'ENOTSUP' || error.code === 'EINVAL');
  }
  assert.equal(await g.getPid(), process.pid);
  await g.killSubprocess();
  assert.equal(await g.isConfig(), true);
  await assert.rejects(g.getPid(), failure('EINVAL', /call launch/));
  await g.close();
});
