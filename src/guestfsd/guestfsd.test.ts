import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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
    const once = { ...defaults, listen: { path: '/run/s', once: true } };
    assert.deepEqual(parseOptions(['-c', '/run/s', '-l']), once);
    assert.deepEqual(parseOptions(['--channel', 'unix:/run/s', '--listen']), once);
    assert.deepEqual(parseOptions(['--listen', '--channel', '/run/s']), once);
    const always = { ...defaults, listen: { path: '/run/s', once: false } };
    assert.deepEqual(parseOptions(['--listen', 'unix:/run/s']), always);
    assert.equal(parseOptions(['--help']), 'help');
    assert.equal(parseOptions(['-?']), 'help');
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

/** A daemon in a process of its own, when it listens at a socket. */
async function listening(path: string, ...args: string[]): Promise<Listening> {
  const child = spawn(process.execPath, ['--import', 'tsx', DAEMON, '-v', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const daemon = {
    child,
    said: '',
    ended: new Promise<number | null>((resolve) => child.on('close', resolve)),
  };
  child.stderr.setEncoding('utf8').on('data', (text: string) => (daemon.said += text));
  while (!existsSync(path) && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return daemon;
}

interface Listening {
  child: ChildProcess;
  said: string;
  ended: Promise<number | null>;
}

async function attached(path: string): Promise<Guestfs> {
  const g = new Guestfs({ environment: false });
  await g.setBackend(`unix:${path}`);
  await g.launch();
  return g;
}

describe('a daemon that listens', () => {
  test('serves one library after the other, and only this user', async () => {
    const path = join(folder.path, 'sock');
    const daemon = await listening(path, '--listen', `unix:${path}`);
    try {
      assert.equal(statSync(path).mode & 0o777, 0o600);
      for (const name of ['/first', '/second']) {
        const g = await attached(path);
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
      const g = await attached(path);
      const warnings: string[] = [];
      g.on('warning', (message) => warnings.push(message));
      assert.equal(await g.debug('warn', ['odd']), 'ok');
      assert.deepEqual(warnings, ['odd']);
      const other = world();
      assert.equal(await guestfsd(['--listen', `unix:${path}`], other), 1);
      assert.match(other.lines[0] ?? '', /another program, or a file, is there/);
      // The next library waits for its turn.
      const next = attached(path);
      await g.pingDaemon();
      await g.close();
      await (await next).close();
    } finally {
      daemon.child.kill('SIGKILL');
      await daemon.ended;
    }
    assert.match(daemon.said, /guestfsd: cat\n/);
    assert.match(daemon.said, /guestfsd: cat: ENOENT: /);
    assert.match(daemon.said, /guestfsd: a message of \d+ bytes was announced/);
    assert.doesNotMatch(daemon.said, /warning/);
    // What it left behind does not keep the next one away.
    assert.ok(existsSync(path));
    assert.equal(await guestfsd(['--listen', `unix:${path}`], { ...world(), stop: (end) => end() }), 0);
    assert.ok(!existsSync(path));
  });

  test('ends in order when it is told to, idle or with a library', async () => {
    for (const busy of [false, true]) {
      const path = join(folder.path, `stop-${busy}`);
      const daemon = await listening(path, '--listen', `unix:${path}`);
      const g = busy ? await attached(path) : undefined;
      daemon.child.kill('SIGTERM');
      assert.equal(await daemon.ended, 0);
      assert.ok(!existsSync(path), 'the socket is gone');
      if (busy) assert.match(daemon.said, /guestfsd: the daemon was stopped\n/);
      await g?.close();
    }
  });

  test('with -l serves one library and ends', async () => {
    const path = join(folder.path, 'once');
    const daemon = await listening(path, '-l', '--channel', path);
    const g = await attached(path);
    assert.equal(await g.cat('/x'), '/x');
    await g.close();
    assert.equal(await daemon.ended, 0);
    assert.ok(!existsSync(path));
  });

  test('a file in the place of its socket stays', async () => {
    const path = join(folder.path, 'precious');
    writeFileSync(path, 'content');
    const said = world();
    assert.equal(await guestfsd(['--listen', `unix:${path}`], said), 1);
    assert.match(said.lines[0] ?? '', /a file, is there/);
    assert.equal(readFileSync(path, 'utf8'), 'content');
  });
});
