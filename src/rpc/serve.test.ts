import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { emptyPlatform, fakeActions } from '../../test/support/fake-engine.ts';
import { fuzz } from '../../test/support/fuzz.ts';
import { MemoryTransport, type Saying } from '../../test/support/memory-transport.ts';
import { CANCEL, callMessage, chunk, joined, rawMessage, spoken } from '../../test/support/wire-messages.ts';
import type { ActionContext, ByteSink, ByteSource } from '../daemon/context.ts';
import { Daemon } from '../daemon/daemon.ts';
import { GuestfsError } from '../errors/index.ts';
import { DaemonChannel } from './daemon-channel.ts';
import { FrameParser } from './frames.ts';
import { CHUNK_MAX } from './messages.ts';
import { ATTACH, HELLO, OWN_ACTIONS, writeAttachment } from './own-protocol.ts';
import { XdrWriter } from './xdr/writer.ts';
import { DaemonServer } from './serve.ts';

/** Actions beside the fake engine's: streams that fail when they are asked to. */
const actions = {
  ...fakeActions,

  download(_context: ActionContext, from: { path: string }, out: ByteSink): void {
    if (from.path === '/missing') throw new GuestfsError('ENOENT', '/missing: no such file');
    if (from.path === '/empty') return;
    const part = new Uint8Array(CHUNK_MAX).fill(0x61);
    for (let i = 0; i < 40; i++) {
      if (from.path === '/fails' && i === 30) throw new GuestfsError('EIO', 'the disk broke');
      out.write(part);
      out.writeZeroes?.(1);
    }
  },

  upload(context: ActionContext, input: ByteSource, to: { path: string }): void {
    const into = new Uint8Array(100);
    if (to.path === '/refused') throw new GuestfsError('EROFS', 'read-only');
    for (let read = input.read(into), sum = 0; read > 0; read = input.read(into)) {
      sum += read;
      if (to.path === '/full' && sum > 150) throw new GuestfsError('ENOSPC', 'full');
      if (to.path === '/enough') return;
      context.state.slot('sum', () => ({ sum: 0 })).sum += read;
    }
  },

  filesize: (context: ActionContext): number => context.state.slot('sum', () => ({ sum: 0 })).sum,

  inspect_get_icon: (): Uint8Array => new Uint8Array(5 * 1024 * 1024).fill(9),
  read_lines: (): string[] => ['one', 'two'],
};

interface Session {
  transport: MemoryTransport;
  /** Why the server stopped. */
  reason: string;
  log: string[];
}

function serve(script: readonly Saying[], options: { piece?: number; writable?: number } = {}): Session {
  const transport = new MemoryTransport(script, options.piece);
  if (options.writable !== undefined) transport.writable = options.writable;
  const log: string[] = [];
  const server = new DaemonServer(new DaemonChannel(transport), { log: (message) => log.push(message) });
  const platform = emptyPlatform({ drives: [], warn: () => undefined });
  const reason = server.serve(new Daemon(platform, server.hooks, actions));
  return { transport, reason, log };
}

const heard = (script: readonly Saying[], ...calls: string[]): unknown[] =>
  spoken(serve(script).transport.received, calls);

const ping = callMessage('ping_daemon');
const upload = (path: string): Uint8Array => callMessage('upload', [{ path }]);
const download = (path: string): Uint8Array => callMessage('download', [{ path }]);
const OK = { ok: undefined };

describe('warnings', () => {
  const warn = callMessage('debug', ['warn', ['odd']]);
  const hello = (version: number): Uint8Array =>
    rawMessage({ procedure: HELLO }, Uint8Array.of(0, 0, 0, version, 0, 1, 0, 0));

  test('go to a library that knows of them, before the answer', () => {
    const { transport, log } = serve([hello(2), warn]);
    const parser = new FrameParser();
    parser.push(transport.received);
    const kinds = [];
    for (let frame = parser.next(); frame !== undefined; frame = parser.next())
      kinds.push(frame.kind === 'warning' ? Buffer.from(frame.bytes).toString() : frame.kind);
    assert.deepEqual(kinds, ['launch', 'message', 'odd', 'message']);
    assert.deepEqual(log, []);
  });

  test('go to the log where the library does not', () => {
    for (const script of [[warn], [hello(1), warn]]) assert.deepEqual(serve(script).log, ['warning: odd']);
  });
});

describe('calls', () => {
  test('the launch word, then an answer to each call, until the peer is gone', () => {
    const { transport, reason } = serve([ping, callMessage('echo_daemon', [['a', 'b']]), ping]);
    assert.deepEqual(spoken(transport.received, ['ping_daemon', 'echo_daemon', 'ping_daemon']), [
      'launch',
      OK,
      { ok: 'a b' },
      OK,
    ]);
    assert.match(reason, /the peer ended the connection$/);
  });

  test('however the bytes are cut', () => {
    const script = [
      joined(ping, upload('/x'), chunk('abc'), chunk('defgh'), chunk(''), callMessage('filesize', ['/x'])),
    ];
    for (const piece of [1, 3, 4, 7, 64]) {
      const { transport } = serve(script, { piece });
      assert.deepEqual(spoken(transport.received, ['', '', 'filesize']), ['launch', OK, OK, { ok: 8 }]);
    }
  });

  test('errors have errno and message', () => {
    assert.deepEqual(heard([callMessage('mkdir', ['relative'])]).slice(1), [
      { error: 'EINVAL', message: "path: 'relative': a guest path must begin with /" },
    ]);
    assert.deepEqual(heard([callMessage('aug_close')]).slice(1), [
      {
        error: 'ENOTSUP',
        message: 'this daemon does not have this action',
      },
    ]);
  });

  test('an unknown procedure, a wrong direction and wrong arguments are errors, and it goes on', () => {
    const said = heard(
      [
        rawMessage({ procedure: 9999 }),
        callMessage('ping_daemon', [], {}, { direction: 1 }),
        callMessage('ping_daemon', [], {}, { optargs: 1n }),
        rawMessage({ procedure: 32 }, Uint8Array.of(0, 0, 0, 9, 1, 2, 3, 4)),
        ping,
      ],
      '',
      '',
      '',
      '',
      'ping_daemon',
    );
    const errors = said
      .filter((item) => typeof item === 'object')
      .map((item) => (item as { error?: string }).error);
    assert.deepEqual(errors, ['ENOSYS', 'EPROTO', 'EINVAL', 'EPROTO', undefined]);
  });

  test('procedure 138 is readdir as libguestfs 1.48 has it', () => {
    const readdir = {
      ...actions,
      readdir: () => [{ ino: 5, ftyp: 'r', name: 'x' }],
    };
    const transport = new MemoryTransport([
      rawMessage({ procedure: 138 }, Uint8Array.of(0, 0, 0, 1, 0x2f, 0, 0, 0)),
    ]);
    const server = new DaemonServer(new DaemonChannel(transport), { log: () => undefined });
    server.serve(new Daemon(emptyPlatform({ drives: [], warn: () => undefined }), server.hooks, readdir));
    assert.deepEqual(spoken(transport.received, ['readdir']).slice(1), [
      { ok: [{ ino: 5, ftyp: 'r', name: 'x' }] },
    ]);
  });

  test('a result that is larger than a message is an error', () => {
    const large = callMessage('echo_daemon', [Array.from({ length: 3 }, () => 'x'.repeat(1_390_000))]);
    const [, said] = heard([large, ping], 'echo_daemon') as [unknown, { error?: string; ok?: string }];
    assert.equal(said.ok?.length, 3 * 1_390_000 + 2);
    const [, answer] = heard([callMessage('pread', ['/5000000', 5_000_000, 0])]) as [
      unknown,
      { error: string },
    ];
    assert.notEqual(answer.error, undefined);
  });
});

describe('garbage', () => {
  test('lengths and headers that cannot be end the connection', () => {
    assert.match(serve([Uint8Array.of(0, 0x40, 0, 1)]).reason, /4194305 bytes was announced/);
    assert.match(serve([Uint8Array.of(0, 0, 0, 4, 1, 2, 3, 4)]).reason, /a header alone has 40/);
    assert.match(
      serve([joined(Uint8Array.of(0, 0, 0, 40), new Uint8Array(40).fill(7))]).reason,
      /program 0x7070707/,
    );
    assert.match(serve([ping.subarray(0, 30)]).reason, /ended the connection within a message/);
    assert.match(serve([ping.subarray(0, 2)]).reason, /within a length word/);
  });

  test('stray words and chunks mean nothing', () => {
    const { transport, log } = serve([
      joined(CANCEL, CANCEL, ping, chunk('late'), chunk('', true), CANCEL, ping),
    ]);
    assert.deepEqual(spoken(transport.received), ['launch', OK, OK]);
    assert.equal(log.length, 2);
  });

  test('mutated, in any order, however cut: it answers, or it ends', () => {
    const image = joined(
      ping,
      upload('/x'),
      chunk('some data'),
      chunk('more'),
      chunk(''),
      callMessage('echo_daemon', [['a', 'bc']]),
      download('/y'),
      callMessage('tar_in', ['/'], { compress: 'gzip' }),
      chunk('x', true),
      ping,
    );
    fuzz({
      seed: 4711,
      rounds: 400,
      image,
      mutations: 6,
      read(bytes) {
        const { transport, reason } = serve([bytes], { piece: 1 + (bytes.length % 97) });
        assert.notEqual(reason, '');
        assert.equal(spoken(transport.received)[0], 'launch');
      },
    });
  });

  test('a peer that dies between any two bytes, or does not take what it is sent', () => {
    const script = joined(ping, upload('/x'), chunk('abc'), chunk(''), download('/y'));
    for (let length = 0; length <= script.length; length++) {
      assert.match(serve([script.subarray(0, length)]).reason, /ended the connection/);
    }
    for (let writable = 0; writable < 400_000; writable += 1 + Math.floor(writable / 5)) {
      assert.match(serve([script], { writable }).reason, /cannot write to the peer|ended the connection/);
    }
  });
});

describe('FileIn', () => {
  const stream = [chunk('x'.repeat(100)), chunk('y'.repeat(100)), chunk('z')];

  test('is read to its end', () => {
    assert.deepEqual(
      heard([upload('/x'), ...stream, chunk(''), callMessage('filesize', ['/x'])], '', 'filesize'),
      ['launch', OK, { ok: 201 }],
    );
  });

  test('what an action does not want is read and dropped', () => {
    assert.deepEqual(heard([upload('/enough'), ...stream, chunk(''), ping]), ['launch', OK, OK]);
  });

  test('a cancel of the library makes the call an error', () => {
    assert.deepEqual(heard([upload('/x'), ...stream, chunk('', true), ping]).slice(1), [
      { error: 'EINTR', message: 'the transfer was cancelled by the caller' },
      OK,
    ]);
  });

  test('a failure sends the word, drains to the end, then answers', () => {
    const failed = { error: 'ENOSPC', message: 'full' };
    assert.deepEqual(heard([upload('/full'), ...stream, chunk(''), ping]).slice(1), ['cancel', failed, OK]);
    assert.deepEqual(heard([upload('/full'), ...stream, chunk('', true), ping]).slice(1), [
      'cancel',
      failed,
      OK,
    ]);
    assert.deepEqual(heard([upload('/full'), ...stream, CANCEL, chunk('', true), ping]).slice(1), [
      'cancel',
      failed,
      OK,
    ]);
  });

  test('so do arguments that are refused before any chunk is read', () => {
    const [, word, error, next] = heard([upload('relative'), ...stream, chunk('', true), ping]);
    assert.deepEqual([word, (error as { error: string }).error, next], ['cancel', 'EINVAL', OK]);
    const [, second, bits, after] = heard([
      callMessage('upload', [{ path: '/x' }], {}, { optargs: 4n }),
      ...stream,
      chunk(''),
      ping,
    ]);
    assert.deepEqual([second, (bits as { error: string }).error, after], ['cancel', 'EINVAL', OK]);
  });

  test('the word is there before the rest of the stream is', () => {
    let before: unknown[] = [];
    const rest = (received: Uint8Array): Uint8Array => {
      before = spoken(received);
      return chunk('', true);
    };
    serve([upload('/refused'), rest, ping]);
    assert.deepEqual(before, ['launch', 'cancel']);
  });

  test('chunks that cannot be end the connection', () => {
    const reason = (...script: Uint8Array[]): string => serve([upload('/x'), ...script]).reason;
    assert.match(reason(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0)), /a chunk of 4 bytes came/);
    assert.match(reason(chunk('x'.repeat(CHUNK_MAX + 1))), /a chunk of 8204 bytes came/);
    assert.match(reason(Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 0)), /cancel word is 2/);
    assert.match(reason(Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9)), /9 bytes are announced/);
  });

  test('keys do not stay in the memory of the channel', () => {
    const call = callMessage('luks_open', ['/dev/sda', Buffer.from('very secret'), 'm']);
    let left: Uint8Array | undefined;
    const transport = new MemoryTransport([call]);
    const read = transport.read.bind(transport);
    transport.read = (into) => {
      left ??= into;
      return read(into);
    };
    const server = new DaemonServer(new DaemonChannel(transport), { log: () => undefined });
    server.serve(new Daemon(emptyPlatform({ drives: [], warn: () => undefined }), server.hooks, actions));
    assert.equal(Buffer.from(left as Uint8Array).includes('very secret'), false);
  });
});

describe('FileOut', () => {
  const data = (said: unknown[]): string =>
    said.filter((item) => typeof item === 'string' && item.length > 20).join('');

  test('the reply, chunks, the end', () => {
    const said = heard([download('/x'), ping], 'download', 'ping_daemon');
    assert.deepEqual([...said.slice(0, 2), ...said.slice(-2)], ['launch', OK, 'chunk: end', OK]);
    assert.equal(data(said), `${'a'.repeat(CHUNK_MAX)}\0`.repeat(40));
    assert.deepEqual(heard([download('/empty')], 'download'), ['launch', OK, 'chunk: end']);
  });

  test('a failure before the first byte is an error, one after it a chunk that cancels', () => {
    assert.deepEqual(heard([download('/missing'), ping], 'download'), [
      'launch',
      { error: 'ENOENT', message: '/missing: no such file' },
      OK,
    ]);
    const said = heard([download('/fails'), ping], 'download');
    assert.deepEqual([...said.slice(0, 2), ...said.slice(-2)], ['launch', OK, 'chunk: cancel', OK]);
  });

  test('a cancel of the library ends it with a chunk that cancels, or before it has begun with an error', () => {
    const said = heard([download('/x'), CANCEL, ping], 'download');
    assert.deepEqual(said.at(-1), OK);
    assert.ok(data(said).length < 40 * CHUNK_MAX);
    assert.deepEqual((said[1] as { error: string }).error, 'EINTR');
  });

  test('a cancel that comes after the end is left out', () => {
    const late = (received: Uint8Array): Uint8Array => {
      assert.equal(spoken(received, ['download']).at(-1), 'chunk: end');
      return joined(CANCEL, ping);
    };
    const transport = new MemoryTransport([download('/x'), late]);
    transport.readable = () => false;
    const server = new DaemonServer(new DaemonChannel(transport), { log: () => undefined });
    server.serve(new Daemon(emptyPlatform({ drives: [], warn: () => undefined }), server.hooks, actions));
    assert.deepEqual(spoken(transport.received, ['download']).slice(-2), ['chunk: end', OK]);
  });
});

describe('between our own peers', () => {
  const hello = rawMessage({ procedure: HELLO }, Uint8Array.of(0, 0, 0, 1, 0, 1, 0, 0));

  test('larger chunks, and actions without a number whose result is a stream of any size', () => {
    const transport = new MemoryTransport([hello, download('/x')]);
    const server = new DaemonServer(new DaemonChannel(transport), { log: () => undefined });
    server.serve(new Daemon(emptyPlatform({ drives: [], warn: () => undefined }), server.hooks, actions));
    const said = spoken(transport.received, ['', 'download']);
    const chunks = said.filter((item): item is string => typeof item === 'string' && item.length > 20);
    assert.deepEqual(chunks.map(({ length }) => length).slice(0, 2), [65536, 65536]);
  });

  test('numbers that were not agreed on are unknown procedures', () => {
    const said = heard([
      rawMessage({ procedure: OWN_ACTIONS }),
      hello,
      rawMessage({ procedure: OWN_ACTIONS + 4000 }),
    ]);
    assert.deepEqual(
      said.filter((item) => typeof item === 'object').map((item) => (item as { error?: string }).error),
      ['ENOSYS', undefined, 'ENOSYS'],
    );
  });

  test('a machine that goes on elsewhere hears what is new, where it is an appliance', () => {
    const told = { seconds: 1_800_000_000, nanoseconds: 250_000_000, seed: Uint8Array.of(1, 2, 3), disks: 4 };
    const attach = (change: Partial<typeof told> = {}): Uint8Array => {
      const writer = new XdrWriter(1024);
      writeAttachment(writer, { ...told, ...change });
      return rawMessage({ procedure: ATTACH }, writer.bytes());
    };
    const heard: unknown[] = [];
    const answers = (script: readonly Saying[], appliance: boolean): unknown[] => {
      const transport = new MemoryTransport(script);
      const server = new DaemonServer(new DaemonChannel(transport), {
        log: () => undefined,
        ...(appliance
          ? {
              attach(attachment) {
                if (attachment.disks === 5) throw new GuestfsError('ETIMEDOUT', 'one is missing');
                heard.push({ ...attachment, seed: [...attachment.seed] });
              },
            }
          : {}),
      });
      server.serve(new Daemon(emptyPlatform({ drives: [], warn: () => undefined }), server.hooks, actions));
      return spoken(transport.received, ['', '', '', 'ping_daemon'])
        .filter((item) => typeof item === 'object')
        .map((item) => (item as { error?: string }).error);
    };
    const script = [attach(), attach({ disks: 5 }), attach({ nanoseconds: 1e9 }), ping];
    assert.deepEqual(answers(script, true), [undefined, 'ETIMEDOUT', 'EPROTO', undefined]);
    assert.deepEqual(heard, [{ ...told, seed: [1, 2, 3] }]);
    assert.deepEqual(answers(script, false), ['ENOSYS', 'ENOSYS', 'ENOSYS', undefined]);
  });
});
