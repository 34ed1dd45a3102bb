import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fakeHandle, launchedFake } from '../../test/support/fake-handle.ts';
import { structs } from '../actions/structs.ts';
import { camelCase } from '../actions/table.ts';
import { decodeText } from '../bytes/text.ts';
import { EventRegistry, type ProgressEvent } from './events.ts';
import { Guestfs } from './guestfs.ts';
import { fieldName } from './trace.ts';

describe('event callbacks', () => {
  test('are called for the events of their mask, in the order they were registered', () => {
    const events = new EventRegistry();
    const seen: unknown[] = [];
    const one = events.setCallback((...args) => seen.push(['one', ...args]), Guestfs.EVENT_CLOSE);
    const two = events.setCallback((event, handle) => seen.push(['two', event, handle]), Guestfs.EVENT_ALL);
    assert.notEqual(one, two);
    events.emit('close');
    events.emitMessage('library', 'héllo');
    events.deleteCallback(one);
    events.deleteCallback(99);
    events.emit('close');
    assert.deepEqual(seen, [
      ['one', 1, one, new Uint8Array(0), []],
      ['two', 1, two],
      ['two', 32, two],
      ['two', 1, two],
    ]);
  });

  test('get message bytes, and four integers for progress', () => {
    const events = new EventRegistry();
    let message = '';
    let integers: readonly number[] = [];
    events.setCallback((_event, _handle, bytes) => (message = decodeText(bytes)), Guestfs.EVENT_WARNING);
    events.setCallback((_event, _handle, _bytes, values) => (integers = values), Guestfs.EVENT_PROGRESS);
    events.emitMessage('warning', 'h\udcffllo');
    events.emitProgress({ procedure: 1, serial: 2, position: 3, total: 4 });
    assert.equal(message, 'h\udcffllo');
    assert.deepEqual(integers, [1, 2, 3, 4]);
  });

  test('refuse masks that are none', () => {
    const g = new Guestfs({ environment: false });
    for (const mask of [0, 1024, 1.5, Number.NaN]) {
      assert.throws(() => g.setEventCallback(() => undefined, mask), { code: 'EINVAL' });
    }
    assert.throws(() => g.setEventCallback(null as never, 1), TypeError);
    assert.throws(() => g.on('nope' as never, () => undefined), TypeError);
    assert.equal(Guestfs.EVENT_ALL, 0x3ff);
  });

  test('on, once and off are those of Node', async () => {
    const g = fakeHandle('own');
    const seen: string[] = [];
    const listener = (action: string): void => void seen.push(action);
    g.on('enter', listener);
    g.once('enter', (action) => seen.push(`once ${action}`));
    await g.getTrace();
    await g.getVerbose();
    g.off('enter', listener);
    await g.getMemsize();
    assert.deepEqual(seen, ['get_trace', 'once get_trace', 'get_verbose']);
  });

  test('one that throws disturbs neither the call nor the others', async () => {
    const script = `
      const { Guestfs } = await import('./src/handle/guestfs.ts');
      const g = new Guestfs({ environment: false });
      process.on('uncaughtException', ({ message }) => console.log(message));
      g.on('enter', () => { throw new Error('listener failed'); });
      g.on('enter', (action) => console.log(action));
      console.log(await g.getMemsize());
    `;
    const root = join(import.meta.dirname, '..', '..');
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
    const { stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    assert.deepEqual(stdout.trim().split('\n').sort(), ['1280', 'get_memsize', 'listener failed']);
  });

  test('the five older setters keep one callback each, null takes it away', async () => {
    const g = fakeHandle('own');
    const seen: unknown[] = [];
    g.setCloseCallback(() => seen.push('old close'));
    g.setCloseCallback(() => seen.push('close'));
    g.setLaunchDoneCallback(() => seen.push('launched'));
    g.setLogMessageCallback((message) => seen.push(message.split(':')[0]));
    g.setSubprocessQuitCallback(() => seen.push('quit'));
    g.setProgressCallback((progress: ProgressEvent) => seen.push(progress));
    g.setProgressCallback(null);
    await g.setVerbose(true);
    await g.addDrive('/dev/null');
    await g.launch();
    await g.close();
    assert.deepEqual([...new Set(seen)], ['launch', 'launched', 'close']);
  });
});

describe('trace', () => {
  async function traced(run: (g: Guestfs) => Promise<unknown>): Promise<string[]> {
    const g = await launchedFake('own');
    const lines: string[] = [];
    g.on('trace', (line) => lines.push(line));
    await g.setTrace(true);
    await run(g).catch(() => undefined);
    await g.setTrace(false);
    await g.close();
    return lines.slice(0, -1);
  }

  test('has the form that libguestfs gives it', async () => {
    assert.deepEqual(await traced((g) => g.cat('/etc/hosts')), ['cat "/etc/hosts"', 'cat = "/etc/hosts"']);
    assert.deepEqual(await traced((g) => g.cat('/missing')), ['cat "/missing"', 'cat = NULL (error)']);
    assert.deepEqual(await traced((g) => g.isConfig()), ['is_config', 'is_config = 0']);
    assert.deepEqual(await traced((g) => g.setVerbose(false)), ['set_verbose false', 'set_verbose = 0']);
    assert.deepEqual(await traced((g) => g.setMemsize(100)), ['set_memsize 100', 'set_memsize = -1 (error)']);
    assert.deepEqual(await traced((g) => g.echoDaemon(['a', 'b'])), [
      'echo_daemon "a b"',
      'echo_daemon = "a b"',
    ]);
    assert.deepEqual(await traced((g) => g.getBackendSettings()), [
      'get_backend_settings',
      'get_backend_settings = []',
    ]);
    assert.deepEqual(await traced((g) => g.getAppend()), ['get_append', 'get_append = "NULL"']);
    assert.deepEqual(
      (await traced((g) => g.version()))[1]?.replace(/release.*/, ''),
      'version = <struct guestfs_version = major: 1, minor: 61, ',
    );
    assert.deepEqual(
      await traced((g) => g.isFile('/a', { followsymlinks: true })).then((lines) => lines[0]),
      'is_file "/a" "followsymlinks:true"',
    );
    assert.deepEqual(
      await traced((g) => g.write('/x', new Uint8Array([97, 1, 98]))).then((lines) => lines[0]),
      'write "/x" "a\\x01b"',
    );
    assert.equal(
      (await traced((g) => g.readFile('/1000')))[1],
      `read_file = "${'\\x07'.repeat(256)}"<truncated, original size 1000 bytes>`,
    );
    assert.deepEqual(await traced((g) => g.download('/5', '/dev/null')), [
      'download "/5" "/dev/null"',
      'download = 0',
    ]);
  });

  test('never shows a key, and has no control characters', async () => {
    const lines = await traced((g) => g.luksOpen('/dev/sda', 'secret', 'map\u001b[2J'));
    assert.equal(lines[0], 'luks_open "/dev/sda" "***" "map\\x1b[2J"');
    assert.ok(!lines.join('').includes('secret'));
  });

  test('carries the identifier, and names fields as the API does', async () => {
    const g = fakeHandle('own');
    const lines: string[] = [];
    g.on('trace', (line) => lines.push(line));
    await g.setIdentifier('left');
    await g.setTrace(true);
    await g.getSmp();
    assert.deepEqual(lines, ['left: get_smp', 'left: get_smp = 1']);
    for (const struct of structs) {
      for (const { name } of struct.fields) assert.equal(fieldName(camelCase(name)), name);
    }
  });
});
