import assert from 'node:assert/strict';
import { openSync, writeFileSync, writeSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { random } from '../../../test/support/fuzz.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { Ring, ringBytes } from '../../compression/ahead-ring.ts';
import { startAhead } from '../../compression/ahead.ts';
import { deflateRawSync } from 'node:zlib';
import { openImage } from '../index.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string): string => join(folder.path, name);

/** More than is read before helpers are started. */
const SIZE = 40 * 1024 * 1024 + 512;

function diskContent(): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  const next = random(8);
  // Each 4 KiB differ; a part does not compress, a part is missing.
  for (let block = 0; block * 4096 < SIZE; block++) {
    const start = block * 4096;
    if (start > 25_000_000 && start < 27_000_000) continue;
    const noisy = start > 30_000_000 && start < 31_000_000;
    for (let i = 0; i < 4096 && start + i < SIZE; i++) {
      bytes[start + i] = noisy || i < 40 ? next() * 256 : (block * 7 + (i >> 4)) & 0xff;
    }
  }
  return bytes;
}

describe('reading ahead of a sequential reader', { skip: needsTool('qemu-img') }, () => {
  const content = diskContent();
  before(() => writeFileSync(at('disk.raw'), content));

  const reads = (image: string, steps: Iterable<readonly [offset: number, length: number]>): void => {
    const { device } = openImage(at(image), { readonly: true, format: 'qcow2' });
    for (const [offset, length] of steps) {
      const bytes = new Uint8Array(length);
      device.readAt(offset, bytes);
      const same = Buffer.compare(bytes, content.subarray(offset, offset + length)) === 0;
      assert.ok(same, `${length} bytes at ${offset}`);
    }
    device.close();
  };

  function* sequence(from: number, to: number, length: number): Iterable<readonly [number, number]> {
    for (let offset = from; offset < to; offset += length) yield [offset, Math.min(length, to - offset)];
  }

  for (const options of [
    'cluster_size=65536',
    'cluster_size=65536,compression_type=zstd',
    'cluster_size=4096',
    'cluster_size=2M,compression_type=zstd',
    'cluster_size=65536,extended_l2=on',
  ]) {
    test(options, () => {
      run(
        'qemu-img',
        'convert',
        '-c',
        '-f',
        'raw',
        '-O',
        'qcow2',
        '-o',
        options,
        at('disk.raw'),
        at('a.qcow2'),
      );
      reads('a.qcow2', sequence(0, SIZE, 256 * 1024));
      // Odd pieces, with metadata read in between.
      const odd = [...sequence(1000, SIZE, 100_001)].flatMap(([offset, length], i) =>
        i % 5 === 0
          ? [[(i * 7_654_321) % (SIZE - 512), 512] as const, [offset, length] as const]
          : [[offset, length] as const],
      );
      reads('a.qcow2', odd);
      // Jumps: forward a little, forward far, back, and on.
      reads('a.qcow2', [
        ...sequence(0, 22_000_000, 256 * 1024),
        ...sequence(22_500_000, 24_000_000, 256 * 1024),
        ...sequence(32_000_000, 36_000_000, 256 * 1024),
        ...sequence(1_000_000, 19_000_000, 256 * 1024),
        ...sequence(18_500_000, SIZE, 256 * 1024),
      ]);
    });
  }

  test('a broken cluster ahead fails when it is reached, not before', () => {
    run('qemu-img', 'convert', '-c', '-f', 'raw', '-O', 'qcow2', at('disk.raw'), at('b.qcow2'));
    const bytes = readFileSync(at('b.qcow2'));
    const l1 = Number(bytes.readBigUInt64BE(40));
    const l2 = Number(bytes.readBigUInt64BE(l1) & 0x00fffffffffffe00n);
    const broken = 20 * 1024 * 1024;
    const host = Number(bytes.readBigUInt64BE(l2 + (broken / 65536) * 8) & ((1n << 54n) - 1n));
    const fd = openSync(at('b.qcow2'), 'r+');
    writeSync(fd, Buffer.alloc(16, 0xff), 0, 16, host);
    closeSync(fd);
    reads('b.qcow2', sequence(0, broken, 256 * 1024));
    assert.throws(() => reads('b.qcow2', sequence(0, SIZE, 256 * 1024)), {
      code: 'EUCLEAN',
      message: /deflate stream at \d+ .* is damaged/,
    });
  });
});

describe('the ring', () => {
  const plan = { zstd: false, pieces: 2, pieceSize: 1000, slots: 4, inputSize: 4096 };
  const piece = (value: number): Uint8Array => new Uint8Array(1000).fill(value);
  const fill = (ring: Ring, ticket: number): void => {
    const packed = deflateRawSync(piece(ticket));
    ring.input(ticket).set(packed);
    ring.describe(ticket, 0, 0, packed.length);
    ring.describe(ticket, 1, 0, 0);
    ring.submit(ticket);
  };

  test('the reader does all the work where no helper comes', () => {
    const ring = new Ring({ ...plan, memory: new SharedArrayBuffer(ringBytes(plan)) });
    for (let ticket = 0; ticket < 4; ticket++) fill(ring, ticket);
    for (let ticket = 0; ticket < 4; ticket++) {
      assert.ok(ring.wait(ticket));
      assert.deepEqual(ring.result(ticket, 0), piece(ticket));
      assert.equal(ring.result(ticket, 1), undefined);
    }
  });

  test('what is dropped is not done', () => {
    const ring = new Ring({ ...plan, memory: new SharedArrayBuffer(ringBytes(plan)) });
    for (let ticket = 0; ticket < 3; ticket++) fill(ring, ticket);
    assert.ok(ring.wait(0));
    assert.ok(ring.drop(1, 3));
    assert.equal(ring.wait(1), false);
    assert.equal(ring.help(), false);
    fill(ring, 3);
    assert.ok(ring.wait(3));
    assert.deepEqual(ring.result(3, 0), piece(3));
  });

  test('helpers do the work, and end when they are told to', async (t) => {
    const ahead = startAhead(plan);
    if (ahead === undefined) {
      t.skip('one processor');
      return;
    }
    const { ring } = ahead;
    for (let ticket = 0; ticket < 4; ticket++) fill(ring, ticket);
    // Nothing here helps: only helpers can finish the jobs.
    for (let tries = 0; tries < 600 && ring.result(3, 0) === undefined; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    assert.deepEqual(ring.result(3, 0), piece(3));
    ahead.close();
    for (let tries = 0; tries < 600 && ring.alive > 0; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    assert.equal(ring.alive, 0);
  });
});
