import assert from 'node:assert/strict';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { listenForDaemons } from '../../../test/support/rpc-peers.ts';
import { temporaryFolder } from '../../../test/support/tools.ts';
import { GuestfsError, type ErrorCode } from '../../errors/index.ts';
import { Guestfs } from '../../handle/guestfs.ts';
import { emptyReply } from '../../rpc/messages.ts';
import { HELLO } from '../../rpc/own-protocol.ts';
import { SocketBackend } from './index.ts';

const MIB = 1024 * 1024;
const fails =
  (code: ErrorCode, message = /./) =>
  (error: unknown) =>
    error instanceof GuestfsError && error.code === code && message.test(error.message);

type Daemons = Awaited<ReturnType<typeof listenForDaemons>>;

/** `length` bytes that are not the same everywhere. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE((i * 2654435761) >>> 0, i);
  return bytes;
}

/** A Writable that calls `seen` with the number of bytes so far. */
function counting(seen: (bytes: number) => void): Writable {
  let bytes = 0;
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      seen(bytes);
      done();
    },
  });
}

for (const plain of [false, true]) {
  describe(`a daemon ${plain ? 'that speaks only the protocol of libguestfs' : 'of ours'}, over a real ext4`, () => {
    const folder = temporaryFolder();
    const disk = join(folder.path, 'disk.img');
    const big = join(folder.path, 'big');
    const size = plain ? 20 * MIB : 100 * MIB;
    let daemons: Daemons;
    let g: Guestfs;

    before(async () => {
      writeFileSync(disk, '');
      truncateSync(disk, 300 * MIB);
      writeFileSync(big, pattern(size));
      daemons = await listenForDaemons(folder.path, ...(plain ? ['--plain'] : []), disk);
      g = new Guestfs({ environment: false });
      await g.setBackend(`unix:${daemons.path}`);
      await g.launch();
      await g.mkfs('ext4', '/dev/sda');
      await g.mount('/dev/sda', '/');
    });
    after(async () => {
      await g.close();
      await daemons.close();
      folder.remove();
    });

    test('whole files and lists, of any size', async () => {
      const text = 'x'.repeat(9 * MIB);
      await g.write('/nine', text);
      await g.writeAppend('/nine', 'end\n');
      assert.equal((await g.readFile('/nine')).length, 9 * MIB + 4);
      assert.equal(await g.cat('/nine'), `${text}end\n`);
      assert.equal((await g.readLines('/nine')).length, 1);
      await g.mkdir('/many');
      const names = Array.from({ length: 1500 }, (_, i) => `name-${String(i).padStart(5, '0')}`);
      for (const name of names.slice(0, 20)) await g.touch(`/many/${name}`);
      const many = await g.lstatnslist('/many', names);
      assert.equal(many.length, 1500);
      assert.equal(many.filter(({ stIno }) => stIno > 0).length, 20);
      assert.deepEqual(await g.ls('/many'), names.slice(0, 20));
      assert.deepEqual(await g.find('/many'), names.slice(0, 20));
      assert.equal((await g.readdir('/many')).length, 22);
      assert.deepEqual(await g.stat('/nine'), await g.lstat('/nine'));
      assert.equal((await g.lstatlist('/many', names))[0]?.size, 0);
    });

    test(`upload and download of ${size / MIB} MiB, by path, stream and bytes`, async () => {
      await g.upload(big, '/big');
      assert.equal(await g.filesize('/big'), size);
      const back = join(folder.path, 'back');
      await g.download('/big', back);
      assert.ok(readFileSync(back).equals(readFileSync(big)));
      const parts: Buffer[] = [];
      const sink = new Writable({
        write(chunk: Buffer, _encoding, done) {
          parts.push(chunk);
          setImmediate(done);
        },
      });
      await g.downloadOffset('/big', sink, 12_345, 3 * MIB);
      assert.ok(Buffer.concat(parts).equals(readFileSync(big).subarray(12_345, 12_345 + 3 * MIB)));
      await g.upload(
        Readable.from([Buffer.from('a'), Buffer.alloc(0), 'b', Buffer.alloc(70_000, 'c')]),
        '/streamed',
      );
      assert.equal(await g.filesize('/streamed'), 70_002);
      await g.upload(Buffer.from('bytes'), '/bytes');
      assert.equal(await g.cat('/bytes'), 'bytes');
      await g.upload(Buffer.alloc(0), '/bytes');
      assert.equal(await g.filesize('/bytes'), 0);
    });

    test('an upload is cancelled at any stage, and the file is as it was', async () => {
      await g.write('/kept', 'kept');
      for (const stage of [0, 1, 3]) {
        async function* endless(): AsyncGenerator<Buffer> {
          for (let i = 0; ; i++) {
            if (i === stage) await g.userCancel();
            yield Buffer.alloc(100_000);
          }
        }
        await assert.rejects(g.upload(endless(), '/kept'), fails('EINTR'));
        assert.equal(await g.cat('/kept'), 'kept');
      }
      const never = new Readable({ read: () => undefined });
      await assert.rejects(g.upload(never, '/kept', { signal: AbortSignal.timeout(30) }), fails('EINTR'));
      never.destroy();
      async function* broken(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(100_000);
        throw new Error('the source broke');
      }
      await assert.rejects(g.upload(broken(), '/kept'), fails('EIO', /the source broke/));
      await assert.rejects(g.upload(join(folder.path, 'no such file'), '/kept'), fails('ENOENT'));
      assert.equal(await g.cat('/kept'), 'kept');
    });

    test('a download is cancelled at any stage', async () => {
      for (const limit of [1, 300_000, 2 * MIB]) {
        await assert.rejects(
          g.download(
            '/big',
            counting((bytes) => void (bytes >= limit && g.userCancel())),
          ),
          fails('EINTR'),
        );
        await g.pingDaemon();
      }
      const closed = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no room')) });
      await assert.rejects(g.download('/big', closed), fails('EIO', /no room/));
      const stuck = new Writable({ write: () => undefined });
      await assert.rejects(g.download('/big', stuck, { signal: AbortSignal.timeout(30) }), fails('EINTR'));
      await g.pingDaemon();
    });

    test('the daemon refuses before, within and after an upload', async () => {
      await assert.rejects(g.upload(big, '/no/such/folder/x'), fails('ENOENT'));
      async function* endless(): AsyncGenerator<Buffer> {
        for (;;) yield Buffer.alloc(MIB, 1);
      }
      await assert.rejects(g.upload(endless(), '/full'), fails('ENOSPC'));
      await assert.rejects(g.upload(Buffer.from('no base64!'), '/x/y'), GuestfsError);
      await assert.rejects(g.base64In(Buffer.from('no base64!'), '/b64'), fails('EINVAL'));
      await assert.rejects(g.download('/none', join(folder.path, 'none')), fails('ENOENT'));
      assert.equal(existsSync(join(folder.path, 'none')), false);
      await g.pingDaemon();
    });

    test('progress events come, and the last is the total', async () => {
      const seen: [number, number][] = [];
      const listener = ({ position, total }: { position: number; total: number }): void =>
        void seen.push([position, total]);
      g.on('progress', listener);
      assert.equal(await g.debug('progress', ['2.4']), 'ok');
      g.off('progress', listener);
      assert.ok(seen.length > 0);
      assert.equal(seen.at(-1)?.[0], seen.at(-1)?.[1]);
    });

    test('a call without a stream can be cancelled too', async () => {
      const sleeping = g.sleep(60);
      setTimeout(() => void g.userCancel(), 50);
      await assert.rejects(sleeping, fails('EINTR'));
      await g.pingDaemon();
    });

    test('errors, features and structs', async () => {
      await assert.rejects(g.cat('/missing'), fails('ENOENT', /missing/));
      await assert.rejects(g.augClose(), fails('ENOTSUP'));
      assert.equal((await g.lastError())?.code, 'ENOTSUP');
      assert.equal(await g.featureAvailable(['lvm2']), true);
      assert.equal((await g.statvfs('/')).namemax, 255);
      assert.equal(typeof (await g.statvfs('/')).fsid, 'bigint');
      assert.deepEqual(await g.getxattrs('/kept'), []);
      await assert.rejects(g.inspectListApplications2('/dev/sda'), fails('EINVAL'));
      const icon = g.inspectGetIcon('/dev/sda');
      await assert.rejects(icon, plain ? fails('ENOTSUP', /one of libguestfs/) : fails('EINVAL'));
    });

    test('a tar in and out', async () => {
      await g.mkdir('/tar');
      await g.tarOut('/many', join(folder.path, 'many.tar'));
      await g.tarIn(join(folder.path, 'many.tar'), '/tar');
      assert.equal((await g.ls('/tar')).length, 20);
      await g.copyOut('/tar', folder.path);
      assert.ok(existsSync(join(folder.path, 'tar', 'name-00003')));
      await g.copyIn(join(folder.path, 'tar'), '/many');
      assert.equal((await g.ls('/many/tar')).length, 20);
    });
  });
}

const silentEvents = { warning() {}, library() {}, appliance() {}, progress() {}, quit() {} };

describe('attaching', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  test('by set_attach_method, without drives, to a socket that is there', async () => {
    const g = new Guestfs({ environment: false });
    const path = join(folder.path, 'none');
    await g.setAttachMethod(`unix:${path}`);
    await assert.rejects(g.launch(), fails('ENOENT', /none: cannot connect to the daemon/));
    assert.equal(await g.isConfig(), true);
    await g.addDrive('/dev/null', { format: 'raw', readonly: true });
    await assert.rejects(g.launch(), fails('EINVAL', /drives cannot be added/));
    await g.close();
  });

  test('a daemon that dies while it is idle, or in a call, brings the handle back to CONFIG', async () => {
    const disk = join(folder.path, 'disk.img');
    writeFileSync(disk, Buffer.alloc(MIB));
    const daemons = await listenForDaemons(folder.path, disk);
    const g = new Guestfs({ environment: false });
    let quits = 0;
    g.on('subprocess_quit', () => quits++);
    await g.setBackend(`unix:${daemons.path}`);
    await g.launch();
    assert.equal(await g.isReady(), true);
    const sleeping = g.sleep(60);
    const queued = g.pingDaemon();
    await new Promise((resolve) => setTimeout(resolve, 20));
    daemons.daemons[0]?.process.kill('SIGKILL');
    await assert.rejects(sleeping, fails('ENOTCONN', /the daemon ended the connection/));
    await assert.rejects(queued, fails('EINVAL', /call launch/));
    assert.equal(await g.isConfig(), true);
    assert.equal(quits, 1);
    await g.launch();
    await g.pingDaemon();
    const quit = new Promise((resolve) => {
      g.once('subprocess_quit', () => resolve(undefined));
    });
    daemons.daemons[1]?.process.kill('SIGKILL');
    await quit;
    assert.equal(await g.isConfig(), true);
    await g.close();
    await daemons.close();
  });

  test('terminate and shutdown end the connection', async () => {
    const path = join(folder.path, 'sock2');
    const disk = join(folder.path, 'disk2.img');
    writeFileSync(disk, Buffer.alloc(MIB));
    const daemons = await listenForDaemons(join(path, '..'), disk);
    const g = new Guestfs({ environment: false });
    await g.setBackend(`unix:${daemons.path}`);
    await g.launch();
    const sleeping = g.sleep(60);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const stopped = assert.rejects(sleeping, fails('EINTR'));
    await g.terminate();
    await stopped;
    assert.equal(await g.isConfig(), true);
    await g.launch();
    await g.shutdown();
    assert.equal(await g.isConfig(), true);
    await g.close();
    await daemons.close();
  });

  test('a daemon that has said before that it is ready is asked', async () => {
    const disk = join(folder.path, 'disk3.img');
    writeFileSync(disk, Buffer.alloc(MIB));
    const daemons = await listenForDaemons(folder.path, disk);
    const path = join(folder.path, 'port');
    // As a port does it when one library takes the place of another: the word went to the other, what it had asked for comes
    // to this one, before it asks anything and as if it were the answer to its own first call.
    const port = createServer((library) => {
      const daemon = createConnection(daemons.path);
      daemon.once('data', (word) => {
        assert.equal(word.length, 4);
        library.write(emptyReply(HELLO, 0x0012_3400));
        library.write(Buffer.from('0000000c000000000000000000000000', 'hex'));
        library.once('data', () => library.write(emptyReply(HELLO, 0x0012_3400)));
        library.pipe(daemon).pipe(library);
      });
      library.on('close', () => daemon.destroy());
    });
    await new Promise<void>((resolve) => {
      port.listen(path, resolve);
    });
    const backend = new SocketBackend(path, silentEvents, { askAfter: 30 });
    await backend.launch({ drives: [], verbose: false });
    const call = { action: 'list_devices', args: [], options: {}, serial: 1 };
    assert.deepEqual(await backend.call(call), ['/dev/sda']);
    await backend.close();
    port.close();
    await daemons.close();
  });

  /** A server that says what it is given to everybody, and hangs up if it shall. */
  async function saying(bytes: Uint8Array, end = false): Promise<{ server: Server; path: string }> {
    const path = join(folder.path, `s${Math.floor(performance.now() * 1000)}`);
    const server = createServer((socket) => {
      socket.on('error', () => undefined).resume();
      socket.write(bytes);
      if (end) socket.end();
    });
    await new Promise<void>((resolve) => {
      server.listen(path, resolve);
    });
    return { server, path };
  }

  test('what is no daemon is refused, what says nothing in time too', async () => {
    const events = { ...silentEvents, quit: () => assert.fail('no quit before the launch') };
    const config = { drives: [], verbose: false };
    const http = await saying(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await assert.rejects(
      new SocketBackend(http.path, events).launch(config),
      fails('EPROTO', /broke the protocol/),
    );
    http.server.close();
    const silent = await saying(new Uint8Array(0));
    await assert.rejects(
      new SocketBackend(silent.path, events, { readyWithin: 30 }).launch(config),
      fails('ETIMEDOUT', /nothing was heard of a daemon within 0.03 s/),
    );
    silent.server.close();
    const dying = await saying(Uint8Array.of(0xf5, 0xf5, 0x5f, 0xf5), true);
    await assert.rejects(new SocketBackend(dying.path, events).launch(config), fails('ENOTCONN'));
    dying.server.close();
  });
});
