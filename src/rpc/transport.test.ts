import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { needsTool, temporaryFolder } from '../../test/support/tools.ts';
import { DescriptorTransport } from './transport.ts';

const folder = temporaryFolder();
after(() => folder.remove());

/** A pipe whose reading end does not block. */
function pipe(name: string): { read: number; write: number } {
  const path = join(folder.path, name);
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { read, write: openSync(path, 'w') };
}

for (const native of [true, false]) {
  describe(
    `a descriptor that does not block, ${native ? 'with' : 'without'} poll(2)`,
    { skip: needsTool('mkfifo') },
    () => {
      test('tells whether there is anything, and loses none of it', () => {
        const { read, write } = pipe(`tells-${native}`);
        const transport = new DescriptorTransport(read, { native, nonBlocking: true });
        const into = new Uint8Array(16);
        assert.equal(transport.readable(), false);
        writeSync(write, 'abcdefgh');
        assert.equal(transport.readable(), true);
        assert.equal(transport.readable(), true);
        let got = '';
        while (got.length < 8) got += Buffer.from(into.subarray(0, transport.read(into))).toString();
        assert.equal(got, 'abcdefgh');
        assert.equal(transport.readable(), false);
        closeSync(write);
        assert.equal(transport.read(into), 0);
        closeSync(read);
      });

      test('writes little and much, waits where there is no room, and says when nobody reads', () => {
        const path = join(folder.path, `writes-${native}`);
        assert.equal(spawnSync('mkfifo', [path]).status, 0);
        const read = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
        const write = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
        const transport = new DescriptorTransport(write, { native, nonBlocking: true });
        transport.write(Buffer.from('little').subarray(1, 4));
        transport.write(Buffer.alloc(65_533, 'much'));
        // The pipe is full now: another process makes room later.
        const reader = spawn('dd', [`if=${path}`, 'bs=65536', 'count=1', 'of=/dev/null', 'status=none']);
        transport.write(Buffer.from('a word'));
        reader.kill();
        closeSync(read);
        const alone = new DescriptorTransport(write, { native, nonBlocking: true });
        assert.throws(() => {
          for (;;) alone.write(Buffer.alloc(8));
        }, /EPIPE/);
        closeSync(write);
      });

      test('is read page by page where it is a port', () => {
        const { read, write } = pipe(`pages-${native}`);
        const transport = new DescriptorTransport(read, { native, nonBlocking: true, pages: true });
        const sent = Buffer.alloc(30_000, 'page');
        writeSync(write, sent);
        const into = new Uint8Array(40_000);
        let got = 0;
        while (got < sent.length) got += transport.read(into.subarray(got));
        assert.ok(sent.equals(into.subarray(0, got)));
        closeSync(write);
        closeSync(read);
      });
    },
  );
}
