import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, openSync, closeSync, readFileSync, statSync, writeFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { patternByte } from '../../test/support/fake-engine.ts';
import { launchedFake } from '../../test/support/fake-handle.ts';
import { temporaryFolder } from '../../test/support/tools.ts';
import type { GuestfsError } from '../errors/index.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string): string => join(folder.path, name);

function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = patternByte(i);
  return bytes;
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (sum + byte) % 1_000_003;
  return sum;
}

/** A Writable that takes its time and remembers what it got. */
class Slow extends Writable {
  readonly chunks: Buffer[] = [];
  readonly #each: ((count: number) => void) | undefined;

  constructor(each?: (count: number) => void) {
    super({ highWaterMark: 1000 });
    this.#each = each;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    this.#each?.(this.chunks.length);
    setImmediate(done);
  }
}

for (const thread of ['own', 'worker'] as const) {
  describe(`streams with the engine in ${thread} thread`, () => {
    const size = 5_000_001;

    test('a call writes to a path, a descriptor and a Writable', async () => {
      const g = await launchedFake(thread);
      const path = at(`out-${thread}`);
      await g.download(`/${size}`, path);
      assert.ok(readFileSync(path).equals(pattern(size)));
      await g.download('/3', path);
      assert.ok(readFileSync(path).equals(pattern(3)), 'an old file is cut');
      await g.download('/0', path);
      assert.equal(statSync(path).size, 0);
      const fd = openSync(at(`fd-${thread}`), 'w');
      await g.download('/10', `/dev/fd/${fd}`);
      await g.download('/5', `/dev/fd/${fd}`);
      closeSync(fd);
      assert.ok(readFileSync(at(`fd-${thread}`)).equals(Buffer.concat([pattern(10), pattern(5)])));
      const slow = new Slow();
      await g.download(`/${size}`, slow);
      assert.ok(Buffer.concat(slow.chunks).equals(pattern(size)));
      assert.equal(slow.writableEnded, false, 'the stream is left open');
      assert.equal(slow.listenerCount('error') + slow.listenerCount('close'), 0);
      await g.close();
    });

    test('a call reads from a path, a descriptor, bytes, a Readable and an AsyncIterable', async () => {
      const g = await launchedFake(thread);
      const bytes = pattern(2_000_003);
      const path = at(`in-${thread}`);
      writeFileSync(path, bytes);
      const check = async (length: number, sum: number): Promise<void> => {
        assert.equal(await g.filesize('/x'), length);
        assert.equal(await g.wcC('/x'), sum);
      };
      await g.upload(path, '/x');
      await check(bytes.length, sumOf(bytes));
      const fd = openSync(path, 'r');
      await g.upload(`/dev/fd/${fd}`, '/x');
      closeSync(fd);
      await check(bytes.length, sumOf(bytes));
      await g.upload(bytes, '/x');
      await check(bytes.length, sumOf(bytes));
      await g.upload(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]), '/x');
      await check(bytes.length, sumOf(bytes));
      async function* chunks(): AsyncGenerator<Uint8Array> {
        for (let i = 0; i < bytes.length; i += 300_000) {
          await new Promise(setImmediate);
          yield bytes.subarray(i, i + 300_000);
          yield new Uint8Array(0);
        }
      }
      await g.upload(chunks(), '/x');
      await check(bytes.length, sumOf(bytes));
      await g.upload(Readable.from([]), '/x');
      await check(0, 0);
      await g.close();
    });

    test('host files that cannot be used fail with their errno and path', async () => {
      const g = await launchedFake(thread);
      await assert.rejects(g.upload(at('missing'), '/x'), { code: 'ENOENT', path: at('missing') });
      await assert.rejects(g.download('/5', at('no/such/folder')), { code: 'ENOENT' });
      await assert.rejects(g.download('/5', folder.path), { code: 'EISDIR' });
      await assert.rejects(g.download('/5', ''), { code: 'EINVAL' });
      await assert.rejects(g.download('/5', 5 as never), TypeError);
      await assert.rejects(g.upload({} as never, '/x'), TypeError);
      await g.close();
    });

    test('a failing stream ends the call with its error', async () => {
      const g = await launchedFake(thread);
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(10);
        throw new Error('source broke');
      }
      await assert.rejects(g.upload(broken(), '/x'), { code: 'EIO', message: /^upload: .*source broke/ });
      const sink = new Writable({ write: (_chunk, _encoding, done) => done(new Error('sink broke')) });
      await assert.rejects(g.download(`/${size}`, sink), { code: 'EIO', message: /^download: .*sink broke/ });
      const closed = new PassThrough();
      closed.destroy();
      await assert.rejects(g.download('/5', closed), { code: 'EPIPE' });
      const closing: Slow = new Slow((count) => count === 2 && closing.destroy());
      await assert.rejects(g.download(`/${size}`, closing), { code: 'EPIPE' });
      assert.equal(await g.cat('/still'), '/still');
      await g.close();
    });

    test('a call from within the stream of a running call rejects with EDEADLK', async () => {
      const g = await launchedFake(thread);
      const codes: unknown[] = [];
      async function* asking(): AsyncGenerator<Uint8Array> {
        codes.push(await g.cat('/a').catch((error: GuestfsError) => error.code));
        codes.push(await g.close().catch((error: GuestfsError) => error.code));
        codes.push(await g.isBusy());
        yield new Uint8Array(3);
      }
      await g.upload(asking(), '/x');
      assert.deepEqual(codes, ['EDEADLK', 'EDEADLK', true]);
      assert.equal(await g.filesize('/x'), 3);
      const other = await launchedFake('own');
      async function* elsewhere(): AsyncGenerator<Uint8Array> {
        codes.push(await other.cat('/other'));
        yield new Uint8Array(4);
      }
      await g.upload(elsewhere(), '/x');
      assert.equal(codes.at(-1), '/other');
      await other.close();
      await g.close();
    });

    test('cancelled from within a stream, the call ends with EINTR', async () => {
      const g = await launchedFake(thread);
      const controller = new AbortController();
      const slow = new Slow((count) => count === 2 && controller.abort());
      await assert.rejects(g.download(`/${size}`, slow, { signal: controller.signal }), { code: 'EINTR' });
      let returned = false;
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (let i = 0; ; i++) {
            if (i === 3) void g.userCancel();
            await new Promise(setImmediate);
            yield new Uint8Array(1000);
          }
        } finally {
          returned = true;
        }
      }
      await assert.rejects(g.upload(endless(), '/x'), { code: 'EINTR' });
      await new Promise(setImmediate);
      assert.equal(returned, true, 'the source was told that nobody reads on');
      assert.equal(await g.cat('/still'), '/still');
      await g.close();
    });
  });
}

describe('downloads to a path', () => {
  test('that fail before the first byte leave the file as it was, later ones remove only what they made', async () => {
    const g = await launchedFake('own');
    writeFileSync(at('kept'), 'old');
    await assert.rejects(g.download('relative', at('kept')), { code: 'EINVAL' });
    assert.equal(readFileSync(at('kept'), 'utf8'), 'old');
    await g.close();
    const w = await launchedFake('worker');
    const signal = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(50) });
    await assert.rejects(w.download('/50000000000', at('new'), signal()), { code: 'EINTR' });
    assert.equal(existsSync(at('new')), false);
    await assert.rejects(w.download('/50000000000', at('kept'), signal()), { code: 'EINTR' });
    assert.equal(existsSync(at('kept')), true);
    await w.close();
  });

  test('go through links and to devices', async () => {
    const g = await launchedFake('own');
    symlinkSync(at('target'), at('link'));
    await g.download('/9', at('link'));
    assert.ok(readFileSync(at('target')).equals(pattern(9)));
    await g.download('/9', '/dev/null');
    await g.close();
  });
});

test('- and /dev/stdout are standard output, also where it is a pipe that is read slowly', () => {
  const script = `
    const { launchedFake } = await import('./test/support/fake-handle.ts');
    const g = await launchedFake(process.argv[1]);
    await g.download('/3000000', '-');
    await g.download('/10', '/dev/stdout');
    await g.upload('-', '/x');
    await g.close();
    process.stderr.write('done');
  `;
  for (const thread of ['own', 'worker']) {
    const result = spawnSync(
      'sh',
      [
        '-c',
        'echo some input | "$0" --import tsx --input-type=module -e "$1" "$2" | (sleep 0.3; cat)',
        process.execPath,
        script,
        thread,
      ],
      { maxBuffer: 10_000_000, cwd: join(import.meta.dirname, '..', '..') },
    );
    assert.equal(result.stderr.toString(), 'done');
    assert.ok(result.stdout.equals(Buffer.concat([pattern(3_000_000), pattern(10)])), thread);
  }
});
