import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { emptyPlatform, fakeActions } from '../../test/support/fake-engine.ts';
import { temporaryFolder } from '../../test/support/tools.ts';
import { packageVersion } from '../actions/version.ts';
import { GuestfsError } from '../errors/index.ts';
import { Guestfs } from '../handle/guestfs.ts';
import { guestfsd, type DaemonWorld } from './guestfsd.ts';
import { parseOptions } from './options.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const DAEMON = fileURLToPath(new URL('../../test/support/fake-guestfsd.ts', import.meta.url));

interface Said extends DaemonWorld {
  text: string;
  lines: string[];
}

function world(): Said {
  const said: Said = {
    text: '',
    lines: [],
    createPlatform: (_options, warn) => emptyPlatform({ drives: [], warn }),
    attach: () => undefined,
    actions: fakeActions,
    out: (text) => (said.text += text),
    log: (line) => said.lines.push(line),
  };
  return said;
}

describe('the command line', () => {
  test('options of libguestfs and our own', () => {
    const defaults = { live: false, verbose: false, network: false, machine: false };
    assert.deepEqual(parseOptions([]), defaults);
    assert.deepEqual(parseOptions(['-r', '-v', '-n', '--channel', 'fd:3']), {
      live: true,
      verbose: true,
      network: true,
      channel: 'fd:3',
      machine: false,
    });
    assert.deepEqual(parseOptions(['-c', '/run/s', '-l']), { ...defaults, listen: '/run/s' });
    assert.deepEqual(parseOptions(['--listen', 'unix:/run/s']), { ...defaults, listen: '/run/s' });
    assert.equal(parseOptions(['--help']), 'help');
    for (const bad of [
      ['--listen', '/run/s'],
      ['-l'],
      ['--nope'],
      ['x'],
      ['-r', '--sysroot', '/s'],
      ['-c', 'fd:3', '--listen', 'unix:/s'],
    ]) {
      assert.throws(() => parseOptions(bad), GuestfsError, bad.join(' '));
    }
  });

  test('help, version, and what cannot be opened', async () => {
    const said = world();
    assert.equal(await guestfsd(['--help'], said), 0);
    for (const option of ['--channel', '--listen', '--root', '--network', '--verbose', '--version']) {
      assert.ok(said.text.includes(option), option);
    }
    said.text = '';
    assert.equal(await guestfsd(['--version'], said), 0);
    assert.equal(said.text, `guestfsd ${packageVersion}\n`);
    assert.equal(await guestfsd(['--channel', join(folder.path, 'none')], said), 1);
    assert.match(said.lines[0] ?? '', /none: cannot open the channel: ENOENT/);
    assert.equal(await guestfsd(['--channel', 'fd:99999'], said), 1);
    assert.equal(await guestfsd(['--bogus'], said), 1);
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    assert.equal(await guestfsd(['--listen', `unix:${file}/x`], said), 1);
    assert.match(said.lines.at(-1) ?? '', /cannot wait for libraries/);
  });
});

describe('a daemon that listens', () => {
  test('serves one library after the other, and only this user', async () => {
    const path = join(folder.path, 'sock');
    const child = spawn(process.execPath, ['--import', 'tsx', DAEMON, '-v', '--listen', `unix:${path}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const ended = new Promise((resolve) => {
      child.on('close', resolve);
    });
    try {
      while (!existsSync(path) && child.exitCode === null) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.equal(statSync(path).mode & 0o777, 0o600);
      for (const name of ['/first', '/second']) {
        const g = new Guestfs({ environment: false });
        await g.setBackend(`unix:${path}`);
        await g.launch();
        assert.equal(await g.cat(name), name);
        await assert.rejects(
          g.cat('/missing'),
          (error: unknown) => (error as GuestfsError).code === 'ENOENT',
        );
        await g.close();
      }
      // A stranger who says nothing of the protocol.
      await new Promise<void>((resolve) => {
        const socket = connect(path, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
        socket
          .on('close', () => resolve())
          .on('error', () => resolve())
          .resume();
      });
      const g = new Guestfs({ environment: false });
      await g.setBackend(`unix:${path}`);
      const warnings: string[] = [];
      g.on('warning', (message) => warnings.push(message));
      await g.launch();
      assert.equal(await g.debug('warn', ['odd']), 'ok');
      assert.deepEqual(warnings, ['odd']);
      await g.close();
      const other = world();
      assert.equal(await guestfsd(['--listen', `unix:${path}`], other), 1);
      assert.match(other.lines[0] ?? '', /another program is there/);
    } finally {
      child.kill();
      await ended;
    }
    assert.match(said, /guestfsd: cat\n/);
    assert.match(said, /guestfsd: cat: ENOENT: /);
    assert.match(said, /guestfsd: a message of \d+ bytes was announced/);
    assert.doesNotMatch(said, /warning/);
    // What it left behind does not keep the next one away.
    assert.ok(existsSync(path));
    assert.equal(await guestfsd(['--listen', `unix:${path}`], { ...world(), stop: (end) => end() }), 0);
  });
});
