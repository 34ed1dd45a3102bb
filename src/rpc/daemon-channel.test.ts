import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryTransport } from '../../test/support/memory-transport.ts';
import { DaemonChannel } from './daemon-channel.ts';
import { FrameParser } from './frames.ts';
import { MESSAGE_MAX, WORD, wordBytes } from './messages.ts';

/** A channel whose peer says some bytes, and whose next read then fails with a code of the system. */
function failing(
  code: string,
  bytes: Uint8Array = new Uint8Array(0),
): { channel: DaemonChannel; reads: () => number } {
  const transport = new MemoryTransport([bytes]);
  let reads = 0;
  const read = transport.read.bind(transport);
  transport.read = (into) => {
    reads++;
    const got = read(into);
    if (got === 0) throw Object.assign(new Error(`read ${code}`), { code });
    return got;
  };
  return { channel: new DaemonChannel(transport), reads: () => reads };
}

describe('what the daemon hears of its peer', () => {
  test('a reset is the end, and another failure is told', () => {
    for (const code of ['ECONNRESET', 'EOF']) {
      const { channel } = failing(code);
      assert.equal(channel.word(), undefined);
      assert.equal(channel.closed, 'the peer ended the connection');
    }
    const { channel } = failing('EIO');
    assert.throws(() => channel.word(), {
      name: 'ChannelClosed',
      message: 'cannot read from the peer: read EIO',
    });
    assert.equal(channel.closed, 'cannot read from the peer: read EIO');
  });

  test('so is a failure while it waits for something to read, or looks whether there is', () => {
    for (const act of ['waitReadable', 'cancelWordCame'] as const) {
      const transport = new MemoryTransport([]);
      const broken = (): never => {
        throw Object.assign(new Error('poll EBADF'), { code: 'EBADF' });
      };
      Object.assign(transport, { waitReadable: broken, readable: broken });
      const channel = new DaemonChannel(transport);
      assert.throws(() => channel[act](), { message: 'cannot read from the peer: poll EBADF' });
      assert.equal(channel.closed, 'cannot read from the peer: poll EBADF');
    }
  });

  test('nothing is read or written once it is closed', () => {
    const { channel, reads } = failing('EIO', wordBytes(WORD.LAUNCH));
    assert.equal(channel.word(), WORD.LAUNCH);
    assert.throws(() => channel.take(1, 'a message'), { name: 'ChannelClosed' });
    assert.equal(reads(), 2);
    assert.throws(() => channel.take(1, 'a message'), { message: 'cannot read from the peer: read EIO' });
    assert.throws(() => channel.write(Uint8Array.of(1)), { message: 'cannot read from the peer: read EIO' });
    assert.equal(channel.cancelWordCame(), false);
    assert.equal(reads(), 2);
  });

  test('messages of any size, wherever the pieces end', () => {
    const sizes = [1, 4, 4096, 256 * 1024 - 4, 256 * 1024, 256 * 1024 + 1, 700_001];
    const messages = sizes.map((size, at) => new Uint8Array(size).fill(at + 1));
    const all = messages.flatMap((bytes) => [wordBytes(bytes.length), bytes]);
    for (const piece of [4093, 65_536, 1 << 20]) {
      const channel = new DaemonChannel(new MemoryTransport([Uint8Array.from(Buffer.concat(all))], piece));
      for (const bytes of messages) {
        assert.equal(channel.word(), bytes.length);
        assert.ok(Buffer.from(channel.take(bytes.length, 'a message')).equals(bytes));
      }
      assert.equal(channel.word(), undefined);
    }
  });
});

test('a message may be as long as is allowed, and not a byte longer', () => {
  const longest = new FrameParser();
  longest.push(wordBytes(MESSAGE_MAX));
  assert.equal(longest.next(), undefined);
  longest.push(new Uint8Array(MESSAGE_MAX));
  const frame = longest.next();
  assert.ok(frame?.kind === 'message' && frame.bytes.length === MESSAGE_MAX);
  const longer = new FrameParser();
  longer.push(wordBytes(MESSAGE_MAX + 1));
  assert.throws(() => longer.next(), { code: 'EPROTO' });
});
