import assert from 'node:assert/strict';
import { duplexPair, type Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { fuzz, random } from '../../test/support/fuzz.ts';
import { CANCEL, chunk, joined, rawMessage } from '../../test/support/wire-messages.ts';
import { GuestfsError, type ErrorCode } from '../errors/index.ts';
import type { AsyncSource, WireCall } from './library-call.ts';
import { LibraryConnection } from './library-connection.ts';
import { FrameParser } from './frames.ts';
import {
  DIRECTION,
  progressMessage,
  readChunk,
  readHeader,
  STATUS,
  warningMessage,
  WORD,
  wordBytes,
  writeError,
} from './messages.ts';
import { XdrReader } from './xdr/reader.ts';
import { XdrWriter } from './xdr/writer.ts';

const LAUNCH = wordBytes(WORD.LAUNCH);
const REPLY = { direction: DIRECTION.REPLY, procedure: 305, serial: 0x00123400 };

/** A daemon that a test plays, and the connection to it. */
class Played {
  readonly connection: LibraryConnection;
  readonly closed: GuestfsError[] = [];
  readonly #daemon: Duplex;
  readonly #parser = new FrameParser();
  #wake: (() => void) | undefined;
  #gone = false;

  constructor() {
    const [library, daemon] = duplexPair();
    this.#daemon = daemon;
    daemon.on('data', (bytes: Uint8Array) => {
      this.#parser.push(bytes);
      this.#wake?.();
    });
    daemon.on('error', () => undefined);
    library.on('close', () => {
      this.#gone = true;
      this.#wake?.();
    });
    this.connection = new LibraryConnection(library, (reason) => this.closed.push(reason));
  }

  say(...parts: readonly Uint8Array[]): void {
    this.#daemon.write(joined(...parts));
  }

  /** End the connection. */
  die(): void {
    this.#daemon.end();
  }

  /** The next thing that the library says: `cancel`, a call's procedure, or a chunk. */
  async heard(): Promise<string> {
    for (;;) {
      const frame = this.#parser.next();
      if (frame === undefined) {
        if (this.#gone) return 'gone';
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      if (frame.kind !== 'message') return frame.kind;
      const view = new DataView(frame.bytes.buffer, frame.bytes.byteOffset);
      if (view.getUint32(0) > 1) return `call ${readHeader(new XdrReader(frame.bytes)).procedure}`;
      const { cancel, data } = readChunk(frame.bytes, 1 << 20);
      return cancel ? 'chunk: cancel' : data.length === 0 ? 'chunk: end' : `chunk: ${data.length}`;
    }
  }

  /** Hear everything until one of these. */
  async until(...ends: readonly string[]): Promise<string[]> {
    const all: string[] = [];
    for (;;) {
      const item = await this.heard();
      all.push(item);
      if (ends.includes(item) || item === 'gone') return all;
    }
  }

  static async ready(): Promise<Played> {
    const played = new Played();
    played.say(LAUNCH);
    await played.connection.ready();
    return played;
  }
}

const base: WireCall = { procedure: 305, name: 'ping_daemon', body: new Uint8Array(0), optargs: 0n };
const ok = rawMessage(REPLY);

function failure(code: ErrorCode, text: string, header = REPLY): Uint8Array {
  const writer = new XdrWriter(1 << 17);
  writeError(writer, code, text);
  return rawMessage({ ...header, status: STATUS.ERROR }, writer.bytes());
}

const fails =
  (code: ErrorCode, message = /./) =>
  (error: unknown) =>
    error instanceof GuestfsError && error.code === code && message.test(error.message);

function sourceOf(...pieces: (Uint8Array | Error | 'never')[]): AsyncSource {
  return {
    next: async () => {
      const piece = pieces.shift();
      if (piece === 'never') return new Promise(() => undefined);
      if (piece instanceof Error) throw piece;
      return piece;
    },
  };
}

describe('warnings of a daemon of ours', () => {
  test('are heard before the answer of their call, however they are cut', async () => {
    for (const piece of [1, 3, 5, 1000]) {
      const played = await Played.ready();
      const heard: string[] = [];
      played.connection.onWarning = (message) => heard.push(message);
      const call = played.connection.call(base);
      const bytes = joined(warningMessage('odd'), warningMessage(''), ok);
      for (let at = 0; at < bytes.length; at += piece) played.say(bytes.subarray(at, at + piece));
      await call;
      assert.deepEqual(heard, ['odd', '']);
    }
  });

  test('that are too long end the connection', async () => {
    const played = await Played.ready();
    const call = played.connection.call(base);
    played.say(wordBytes(WORD.WARNING), wordBytes(65537));
    await assert.rejects(call, fails('EPROTO', /a warning of 65537 bytes/));
  });
});

describe('calls', () => {
  test('one after the other, each with its serial; the result is what follows the header', async () => {
    const played = await Played.ready();
    const first = played.connection.call(base);
    assert.equal(await played.heard(), 'call 305');
    played.say(rawMessage(REPLY, Uint8Array.of(1, 2, 3, 4)));
    assert.deepEqual(Buffer.from(await first), Buffer.of(1, 2, 3, 4));
    const second = played.connection.call(base);
    await played.heard();
    await assert.rejects(played.connection.call(base), fails('EBUSY'));
    played.say(rawMessage({ ...REPLY, serial: REPLY.serial + 1 }));
    assert.equal((await second).length, 0);
  });

  test('that are rehearsed are asked several at once, and the last answer of each pile counts', async () => {
    const played = await Played.ready();
    const rehearsal = played.connection.rehearse(base, 11);
    assert.deepEqual(await played.until('gone', 'call 305'), ['call 305']);
    for (let n = 1; n < 8; n++) assert.equal(await played.heard(), 'call 305');
    await assert.rejects(played.connection.call(base), fails('EBUSY'));
    await assert.rejects(played.connection.rehearse(base, 2), fails('EBUSY'));
    for (let n = 0; n < 8; n++) played.say(ok);
    for (let n = 8; n < 11; n++) assert.equal(await played.heard(), 'call 305');
    const second = { ...REPLY, serial: REPLY.serial + 1 };
    played.say(rawMessage(second), rawMessage(second), failure('EIO', 'it broke', second));
    await assert.rejects(rehearsal, fails('EIO', /^it broke$/));
    assert.deepEqual(played.closed, []);
  });

  test('errors, those without an errno and with an unknown one', async () => {
    const cases: [string, ErrorCode][] = [
      ['ENOENT', 'ENOENT'],
      ['', 'EIO'],
      ['EWHATEVER', 'EINVAL'],
      ['EOPNOTSUPP', 'ENOTSUP'],
    ];
    for (const [name, code] of cases) {
      const played = await Played.ready();
      const call = played.connection.call(base);
      const writer = new XdrWriter(1000);
      writer.string(name);
      writer.string('it broke');
      played.say(rawMessage({ ...REPLY, status: 1 }, writer.bytes()));
      await assert.rejects(call, fails(code, /^it broke$/));
      assert.deepEqual(played.closed, []);
    }
  });

  test('progress and stray words between any two messages', async () => {
    const played = await Played.ready();
    const progress: number[] = [];
    const call = played.connection.call({ ...base, progress: ({ position }) => progress.push(position) });
    const report = (position: number): Uint8Array =>
      progressMessage({ procedure: 305, serial: 1, position, total: 10 });
    played.say(CANCEL, report(1), report(2), CANCEL, ok);
    await call;
    assert.deepEqual(progress, [1, 2]);
    played.say(CANCEL, report(3));
    const second = played.connection.call(base);
    played.say(rawMessage({ ...REPLY, serial: REPLY.serial + 1 }));
    await second;
    assert.deepEqual(progress, [1, 2]);
  });

  test('arguments that are larger than a message are E2BIG, and nothing is sent', async () => {
    const played = await Played.ready();
    await assert.rejects(
      played.connection.call({ ...base, body: new Uint8Array(4 * 1024 * 1024 - 36) }),
      fails('E2BIG'),
    );
    const call = played.connection.call(base);
    assert.equal(await played.heard(), 'call 305');
    played.say(rawMessage({ ...REPLY, serial: REPLY.serial + 1 }));
    await call;
  });
});

describe('FileIn', () => {
  test('chunks, the end, the reply', async () => {
    const played = await Played.ready();
    const call = played.connection.call({
      ...base,
      input: sourceOf(new Uint8Array(20_000), new Uint8Array(1)),
    });
    assert.deepEqual(await played.until('chunk: end'), [
      'call 305',
      'chunk: 8192',
      'chunk: 8192',
      'chunk: 3616',
      'chunk: 1',
      'chunk: end',
    ]);
    played.say(ok);
    await call;
  });

  test('the user cancels: a chunk says so, and the error that must follow is read', async () => {
    const played = await Played.ready();
    const call = played.connection.call({ ...base, input: sourceOf(new Uint8Array(5), 'never') });
    await played.until('chunk: 5');
    played.connection.cancel();
    assert.deepEqual(await played.until('chunk: cancel'), ['chunk: cancel']);
    played.say(failure('EIO', 'cancelled'));
    await assert.rejects(call, fails('EINTR'));
  });

  test('the user cancels when everything is sent: too late, the answer counts', async () => {
    const played = await Played.ready();
    const call = played.connection.call({ ...base, input: sourceOf(new Uint8Array(5)) });
    await played.until('chunk: end');
    played.connection.cancel();
    played.say(ok);
    await call;
  });

  test('the source fails: its error is what the caller hears', async () => {
    const played = await Played.ready();
    const call = played.connection.call({
      ...base,
      input: sourceOf(new Uint8Array(5), new Error('source broke')),
    });
    await played.until('chunk: cancel');
    played.say(failure('EINTR', 'cancelled'));
    await assert.rejects(call, fails('EIO', /source broke/));
  });

  test('the daemon stops it: the word, a chunk that cancels, its error', async () => {
    const played = await Played.ready();
    const call = played.connection.call({ ...base, input: sourceOf(new Uint8Array(5), 'never') });
    await played.until('chunk: 5');
    played.say(CANCEL);
    assert.deepEqual(await played.until('chunk: cancel'), ['chunk: cancel']);
    played.say(failure('ENOSPC', 'full'));
    await assert.rejects(call, fails('ENOSPC', /full/));
  });

  test('the word comes when everything is sent', async () => {
    const played = await Played.ready();
    const call = played.connection.call({ ...base, input: sourceOf(new Uint8Array(5)) });
    await played.until('chunk: end');
    played.say(CANCEL, failure('ENOSPC', 'full'));
    await assert.rejects(call, fails('ENOSPC', /full/));
  });

  test('an error without the word before it ends the stream too', async () => {
    const played = await Played.ready();
    const call = played.connection.call({ ...base, input: sourceOf(new Uint8Array(5), 'never') });
    await played.until('chunk: 5');
    played.say(failure('ENOSYS', 'unknown procedure'));
    await assert.rejects(call, fails('ENOSYS'));
    assert.deepEqual(await played.until('chunk: cancel'), ['chunk: cancel']);
  });

  test('a success before the end is no protocol', async () => {
    const played = await Played.ready();
    const call = played.connection.call({ ...base, input: sourceOf(new Uint8Array(5), 'never') });
    await played.until('chunk: 5');
    played.say(ok);
    await assert.rejects(call, fails('EPROTO', /before the stream had ended/));
    assert.equal(played.closed.length, 1);
  });
});

describe('FileOut', () => {
  interface Gathered {
    bytes: number;
    call: Promise<Uint8Array>;
    played: Played;
  }

  async function begun(write?: (bytes: Uint8Array) => Promise<void> | undefined): Promise<Gathered> {
    const played = await Played.ready();
    const gathered = { bytes: 0, played } as Gathered;
    gathered.call = played.connection.call({
      ...base,
      output: {
        write(bytes) {
          gathered.bytes += bytes.length;
          return write?.(bytes);
        },
      },
    });
    gathered.call.catch(() => undefined);
    await played.heard();
    return gathered;
  }

  test('chunks to the end', async () => {
    const run = await begun();
    run.played.say(ok, chunk('abc'), chunk('d'), chunk(''));
    await run.call;
    assert.equal(run.bytes, 4);
  });

  test('nothing more is read while the target has no room', async () => {
    let release: () => void = () => undefined;
    let waiting = 0;
    const run = await begun(() => {
      waiting++;
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    run.played.say(ok, chunk('abc'), chunk('de'), chunk(''));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual([waiting, run.bytes], [1, 3]);
    release();
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual([waiting, run.bytes], [2, 5]);
    release();
    await run.call;
  });

  test('the user cancels: the word, then all is dropped to the chunk that cancels, or to the end', async () => {
    for (const last of [chunk('', true), chunk('')]) {
      const run = await begun();
      run.played.say(ok, chunk('abc'));
      await new Promise((resolve) => setTimeout(resolve, 5));
      run.played.connection.cancel();
      run.played.connection.cancel();
      assert.equal(await run.played.heard(), 'cancel');
      run.played.say(chunk('dropped'), last);
      await assert.rejects(run.call, fails('EINTR'));
      assert.equal(run.bytes, 3);
      const next = run.played.connection.call(base);
      run.played.say(rawMessage({ ...REPLY, serial: REPLY.serial + 1 }));
      await next;
    }
  });

  test('the user cancels while a target never has room', async () => {
    const run = await begun(() => new Promise(() => undefined));
    run.played.say(ok, chunk('abc'), chunk('de'));
    await new Promise((resolve) => setTimeout(resolve, 5));
    run.played.connection.cancel();
    assert.equal(await run.played.heard(), 'cancel');
    run.played.say(chunk('', true));
    await assert.rejects(run.call, fails('EINTR'));
  });

  test('the user cancels before the reply', async () => {
    const run = await begun();
    run.played.connection.cancel();
    assert.equal(await run.played.heard(), 'cancel');
    run.played.say(failure('EINTR', 'cancelled by the caller'));
    await assert.rejects(run.call, fails('EINTR'));
  });

  test('the target fails: the word, and its error is what the caller hears', async () => {
    for (const write of [
      () => Promise.reject(new Error('no room')),
      () => {
        throw new Error('no room');
      },
    ]) {
      const run = await begun(write);
      run.played.say(ok, chunk('abc'));
      assert.equal(await run.played.heard(), 'cancel');
      run.played.say(chunk('more'), chunk('', true));
      await assert.rejects(run.call, fails('EIO', /no room/));
    }
  });

  test('the daemon fails: an error before, a chunk that cancels after its reply', async () => {
    const before = await begun();
    before.played.say(failure('ENOENT', 'no such file'));
    await assert.rejects(before.call, fails('ENOENT'));
    const after = await begun();
    after.played.say(ok, chunk('abc'), chunk('', true));
    await assert.rejects(after.call, fails('EIO', /in the middle of the transfer/));
    assert.deepEqual(after.played.closed, []);
  });
});

describe('a daemon that breaks the protocol or goes away', () => {
  test('fails the call, ends the connection, and is told of once', async () => {
    const cases: [string, Uint8Array][] = [
      ['a length beyond the limit', Uint8Array.of(0, 0x40, 0, 1)],
      ['another program', joined(Uint8Array.of(0, 0, 0, 40), new Uint8Array(40).fill(9))],
      ['a call instead of a reply', rawMessage({ ...REPLY, direction: DIRECTION.CALL })],
      ['another serial', rawMessage({ ...REPLY, serial: 5 })],
      ['another procedure', rawMessage({ ...REPLY, procedure: 5 })],
      ['a status that is none', rawMessage({ ...REPLY, status: 2 })],
      ['a message that is no header', Uint8Array.of(0, 0, 0, 4, 0x20, 0, 0xf5, 0xf5)],
      ['a second launch word', LAUNCH],
      ['an error that is none', rawMessage({ ...REPLY, status: 1 }, Uint8Array.of(0, 0, 0, 99))],
    ];
    for (const [what, bytes] of cases) {
      const played = await Played.ready();
      const call = played.connection.call(base);
      await played.heard();
      played.say(bytes);
      await assert.rejects(call, fails('EPROTO', /broke the protocol/), what);
      assert.equal(played.closed.length, 1, what);
      await assert.rejects(played.connection.call(base), fails('EPROTO'), what);
      assert.equal(await played.heard(), 'gone', what);
    }
  });

  test('a message without a call ends the connection too', async () => {
    const played = await Played.ready();
    played.say(ok);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(fails('EPROTO', /while no call was on its way/)(played.closed[0]));
  });

  test('dying between any two bytes', async () => {
    const replies = joined(
      progressMessage({ procedure: 1, serial: 1, position: 1, total: 2 }),
      ok,
      chunk('abc'),
    );
    for (let length = 0; length <= replies.length; length++) {
      const played = await Played.ready();
      const call = played.connection.call({ ...base, output: { write: () => undefined } });
      await played.heard();
      played.say(replies.subarray(0, length));
      played.die();
      await assert.rejects(call, fails('ENOTCONN', /ended the connection|failed/));
      assert.equal(played.closed.length, 1);
    }
    for (let length = 0; length < 4; length++) {
      const played = new Played();
      const ready = played.connection.ready();
      played.say(LAUNCH.subarray(0, length));
      played.die();
      await assert.rejects(ready, fails('ENOTCONN'));
      assert.equal(played.closed.length, 0);
    }
  });

  test('dying while a stream is sent', async () => {
    const played = await Played.ready();
    const call = played.connection.call({ ...base, input: sourceOf(new Uint8Array(5), 'never') });
    await played.until('chunk: 5');
    played.die();
    await assert.rejects(call, fails('ENOTCONN'));
  });

  test('mutated answers: a call gives something or a GuestfsError, and never hangs once the daemon is gone', async () => {
    const image = joined(
      progressMessage({ procedure: 1, serial: 1, position: 1, total: 2 }),
      CANCEL,
      ok,
      chunk('abcdefgh'),
      chunk('i'),
      chunk(''),
    );
    const mutated: Uint8Array[] = [];
    fuzz({
      seed: 99,
      rounds: 300,
      image,
      mutations: 5,
      read: (bytes) => void mutated.push(Uint8Array.from(bytes)),
    });
    const next = random(5);
    for (const bytes of mutated) {
      const played = await Played.ready();
      const call = played.connection.call(
        next() < 0.5
          ? { ...base, output: { write: () => undefined } }
          : { ...base, input: sourceOf(new Uint8Array(9000)) },
      );
      const cut = Math.floor(next() * bytes.length);
      played.say(bytes.subarray(0, cut));
      played.say(bytes.subarray(cut));
      played.die();
      await call.catch((error: unknown) => assert.ok(error instanceof GuestfsError, String(error)));
    }
  });
});
