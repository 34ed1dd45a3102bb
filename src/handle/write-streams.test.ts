/** Streams into a guest on a real image: from everything they can come from, failing, cancelled and slow. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  createReadStream,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { debugfs, modeAndOwner } from '../../test/support/linux-guest.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { Guestfs } from './index.ts';

const MIB = 1024 * 1024;
/** Long enough for many pieces, and larger than what waits in memory. */
const BYTES = Buffer.alloc(9 * MIB + 7, 'some content, ');

async function* chunks(bytes: Uint8Array, each?: (index: number) => void): AsyncGenerator<Uint8Array> {
  for (let at = 0, index = 0; at < bytes.length; at += 300_001, index++) {
    await new Promise(setImmediate);
    each?.(index);
    yield bytes.subarray(at, at + 300_001);
  }
}

/** A stream that gives one chunk and then nothing, ever. */
async function* silent(first: Uint8Array, asked: () => void): AsyncGenerator<Uint8Array> {
  yield first;
  asked();
  await new Promise(() => undefined);
}

for (const thread of ['own', 'worker'] as const) {
  describe(
    `streams into a guest, the engine in ${thread} thread`,
    { skip: needsTool('mke2fs', 'e2fsck', 'debugfs', 'tar', 'cmp', 'mkfifo') },
    () => {
      const folder = temporaryFolder();
      const at = (...names: string[]): string => join(folder.path, ...names);
      const image = at('image');
      let g: Guestfs;
      const free = async (): Promise<number[]> => {
        await g.sync();
        const { bfree, ffree } = await g.statvfs('/');
        return [Number(bfree), Number(ffree)];
      };
      /** What a call that fails leaves: its error, no block and no inode taken, and a handle that works. */
      const failsWith = async (code: string, call: () => Promise<unknown>, message = /./): Promise<void> => {
        const taken = await free();
        await assert.rejects(call(), { code, message });
        assert.deepEqual(await free(), taken, 'nothing stays of it');
        assert.equal(await g.readFile('/kept').then((bytes) => Buffer.from(bytes).toString()), 'kept');
      };
      const equal = (path: string): void => {
        run('debugfs', '-R', `dump ${path} ${at('dump')}`, image);
        assert.ok(readFileSync(at('dump')).equals(BYTES), path);
      };

      before(async () => {
        run('mke2fs', '-q', '-F', '-t', 'ext4', image, '120M');
        writeFileSync(at('bytes'), BYTES);
        mkdirSync(at('tree', 'deep'), { recursive: true });
        writeFileSync(at('tree', 'deep', 'bytes'), BYTES);
        chmodSync(at('tree', 'deep', 'bytes'), 0o2750);
        symlinkSync('nowhere', at('tree', 'link'));
        run('tar', '-C', at('tree'), '--owner=3', '--group=4', '-cf', at('tree.tar'), '.');
        g = new Guestfs({ thread });
        await g.addDrive(image, { format: 'raw' });
        await g.launch();
        await g.mount('/dev/sda', '/');
        await g.write('/kept', 'kept');
      });
      after(async () => {
        await g.close();
        const { status, stdout } = spawnSync('e2fsck', ['-fn', image], { encoding: 'utf8' });
        for (const path of [
          '/stream',
          '/iterable',
          '/path',
          '/fd',
          '/base64',
          '/a/deep/bytes',
          '/b/deep/bytes',
        ])
          equal(path);
        equal('/tree/deep/bytes');
        const owner = modeAndOwner(image, '/a/deep/bytes');
        const link = debugfs(image, 'stat /b/link');
        folder.remove();
        assert.equal(status, 0, stdout);
        assert.equal(owner, '02750 3:4');
        assert.match(link, /Fast link dest: "nowhere"/);
      });

      test('upload, tar-in, copy-in and base64-in from streams, iterables, paths and descriptors', async () => {
        await g.upload(createReadStream(at('bytes')), '/stream');
        await g.upload(chunks(BYTES), '/iterable');
        await g.upload(at('bytes'), '/path');
        const fd = openSync(at('bytes'), 'r');
        await g.upload(`/dev/fd/${fd}`, '/fd');
        closeSync(fd);
        await g.base64In(Readable.from(chunks(Buffer.from(BYTES.toString('base64')))), '/base64');
        for (const name of ['/a', '/b']) await g.mkdir(name);
        await g.tarIn(chunks(readFileSync(at('tree.tar'))), '/a');
        await g.tarIn({ pack: at('tree'), contents: true }, '/b');
        await g.copyIn(at('tree'), '/');
      });

      test('a source that fails ends the call with its error', async () => {
        const failing = (bytes: Uint8Array): AsyncGenerator<Uint8Array> =>
          chunks(bytes, (index) => {
            if (index === 20) throw new Error('the cable was cut');
          });
        await failsWith('EIO', () => g.upload(failing(BYTES), '/failed'), /the cable was cut/);
        await failsWith('EIO', () => g.upload(failing(BYTES), '/kept'), /the cable was cut/);
        const text = Buffer.from(BYTES.toString('base64'));
        await failsWith('EIO', () => g.base64In(failing(text), '/failed'), /the cable was cut/);
        await failsWith('EINVAL', () => g.base64In(chunks(BYTES), '/failed'), /is not base64/);
        await failsWith(
          'EINVAL',
          () => g.upload(Readable.from([5]), '/failed'),
          /neither bytes nor a string/,
        );
        await failsWith('ENOENT', () => g.upload(at('nowhere'), '/failed'), /nowhere/);
        await failsWith('EISDIR', () => g.upload(at('tree'), '/failed'));
        await failsWith('ENOENT', () => g.upload(chunks(BYTES), '/no/such/directory'));
        await failsWith('ENOTDIR', () => g.tarIn(chunks(readFileSync(at('tree.tar'))), '/kept'));
        assert.equal(await g.exists('/failed'), false);
      });

      test('cancelled in the middle, by a signal or userCancel, a call ends with EINTR and leaves nothing', async () => {
        for (const how of ['signal', 'userCancel']) {
          const control = new AbortController();
          const cancelled = (bytes: Uint8Array): AsyncGenerator<Uint8Array> =>
            chunks(bytes, (index) => {
              if (index !== 15) return;
              if (how === 'signal') control.abort();
              else g.userCancel();
            });
          const options = { signal: control.signal };
          await failsWith('EINTR', () => g.upload(cancelled(BYTES), '/failed', options));
          if (how === 'userCancel') {
            await failsWith('EINTR', () => g.upload(cancelled(BYTES), '/kept'));
            const text = Buffer.from(BYTES.toString('base64'));
            await failsWith('EINTR', () => g.base64In(cancelled(text), '/failed'));
          }
          assert.equal(await g.exists('/failed'), false);
        }
      });

      test('a tar that is cancelled leaves whole files only', async () => {
        const bytes = readFileSync(at('tree.tar'));
        await g.mkdir('/t');
        await assert.rejects(
          g.tarIn(
            chunks(bytes, (index) => {
              if (index === 20) g.userCancel();
            }),
            '/t',
          ),
          { code: 'EINTR' },
        );
        assert.equal(await g.exists('/t/deep/bytes'), false);
        await g.rmRf('/t');
      });

      test('a source that never goes on can be cancelled', async () => {
        const control = new AbortController();
        const stuck = silent(Buffer.from('x'), () => setImmediate(() => control.abort()));
        await failsWith('EINTR', () => g.upload(stuck, '/failed', { signal: control.signal }));
        assert.equal(await g.exists('/failed'), false);
      });

      test('a source that is larger than the filesystem is ENOSPC', async () => {
        async function* many(): AsyncGenerator<Uint8Array> {
          for (let count = 0; count < 11; count++) yield BYTES;
        }
        await failsWith('ENOSPC', () => g.upload(many(), '/failed'));
      });

      if (thread === 'worker') {
        test('a pipe that nobody writes to can be cancelled, and is read to its end', async () => {
          run('mkfifo', at('fifo'));
          const fd = openSync(at('fifo'), 'r+');
          for (const place of [`/dev/fd/${fd}`, at('fifo')]) {
            const control = new AbortController();
            await failsWith('EINTR', () => {
              const call = g.upload(place, '/failed', { signal: control.signal });
              setTimeout(() => control.abort(), 50);
              return call;
            });
          }
          closeSync(fd);
          const written = once(spawn('cp', [at('bytes'), at('fifo')]), 'exit');
          await g.upload(at('fifo'), '/pipe');
          assert.ok(Buffer.from(await g.readFile('/pipe')).equals(BYTES));
          await written;
        });
      }
    },
  );
}
