import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { random } from '../../test/support/fuzz.ts';
import type { Extent } from '../block/device.ts';
import { GuestfsError } from '../errors/index.ts';
import { copyDevice, type Content } from './content.ts';
import type { ActionContext, ByteSink } from './context.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Runs of 512 bytes to 3 MiB, with bytes in those that are data and in small holes' neighbours only. */
function disk(): { bytes: Uint8Array; content: Content; reads: () => number } {
  const next = random(11);
  const extents: Extent[] = [];
  let size = 0;
  const kinds = ['data', 'hole', 'zero', 'data'] as const;
  while (size < 40 * MIB) {
    const scale = next() < 0.5 ? 64 : 6 * KIB;
    const length = 512 * (1 + Math.floor(next() * scale));
    extents.push({ offset: size, length, kind: kinds[Math.floor(next() * 4)] ?? 'data' });
    size += length;
  }
  const bytes = new Uint8Array(size);
  for (const { offset, length, kind } of extents) {
    if (kind === 'data') for (let i = 0; i < length; i += 7) bytes[offset + i] = 1 + next() * 255;
  }
  let read = 0;
  const content: Content = {
    name: '/dev/sda',
    size,
    read(offset, into) {
      read += into.length;
      into.set(bytes.subarray(offset, offset + into.length));
      return into.length;
    },
    *extents(offset, length) {
      for (const extent of extents) {
        const from = Math.max(offset, extent.offset);
        const to = Math.min(offset + length, extent.offset + extent.length);
        if (from < to) yield { offset: from, length: to - from, kind: extent.kind };
      }
    },
  };
  return { bytes, content, reads: () => read };
}

function contextWith(cancelAfter = Infinity): { context: ActionContext; progress: [number, number][] } {
  const progress: [number, number][] = [];
  let checks = 0;
  const context = {
    checkCancelled() {
      if (++checks > cancelAfter) throw new GuestfsError('EINTR', 'cancelled');
    },
    progress: (at: number, total: number) => void progress.push([at, total]),
  } as unknown as ActionContext;
  return { context, progress };
}

function collector(): { sink: Required<ByteSink>; bytes: () => Buffer } {
  const parts: Buffer[] = [];
  return {
    sink: {
      write: (chunk) => void parts.push(Buffer.from(chunk)),
      writeZeroes: (length) => void parts.push(Buffer.alloc(length)),
    },
    bytes: () => Buffer.concat(parts),
  };
}

describe('a copy of a device', () => {
  const { bytes, content, reads } = disk();

  test('is the same with and without holes, and does not read them', () => {
    const { context, progress } = contextWith();
    const { sink, bytes: copied } = collector();
    copyDevice(context, content, sink);
    assert.ok(copied().equals(bytes));
    assert.ok(reads() < bytes.length * 0.8, `${reads()} of ${bytes.length} bytes were read`);
    assert.deepEqual(progress.at(-1), [bytes.length, bytes.length]);
    const plain = collector();
    copyDevice(context, content, { write: plain.sink.write });
    assert.ok(plain.bytes().equals(bytes));
  });

  test('may be of a stretch', () => {
    const { context, progress } = contextWith();
    for (const [offset, length] of [
      [0, 0],
      [1, 1],
      [12_345, 5_000_001],
      [bytes.length - 99, 99],
    ] as const) {
      const { sink, bytes: copied } = collector();
      copyDevice(context, content, sink, { offset, length });
      assert.ok(copied().equals(bytes.subarray(offset, offset + length)), `${length} at ${offset}`);
      if (length > 0) assert.deepEqual(progress.at(-1), [length, length]);
    }
  });

  test('stops when it is cancelled', () => {
    const { context } = contextWith(5);
    const { sink, bytes: copied } = collector();
    assert.throws(() => copyDevice(context, content, sink), { code: 'EINTR' });
    assert.ok(copied().equals(bytes.subarray(0, copied().length)));
  });
});
