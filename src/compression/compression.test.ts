import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { fuzz, random } from '../../test/support/fuzz.ts';
import { hasTool } from '../../test/support/tools.ts';
import { GuestfsError } from '../errors/index.ts';
import { inflateRawPublic } from './deflate.ts';
import {
  compressor,
  decompressAll,
  decompressor,
  detectCompression,
  inflateRawInto,
  type CompressionType,
  type Transform,
  zstdInto,
} from './index.ts';
import { zstdSteps } from './zstd.ts';

/** Text, noise, long runs and structured bytes: about 1.3 MB. */
function sample(): Buffer {
  const next = random(99);
  const words = ['disk', 'image', 'partition', 'inode', 'journal', 'mount', 'volume', ' ', '\n', 'the'];
  let text = '';
  while (text.length < 400_000) text += words[Math.floor(next() * words.length)] as string;
  const records = new Uint8Array(300_000);
  for (let i = 0; i < records.length; i++) records[i] = i % 12 < 8 ? (i >> 7) & 0xff : next() * 256;
  return Buffer.concat([
    Buffer.from(text),
    Buffer.from(Uint8Array.from({ length: 150_000 }, () => next() * 256)),
    Buffer.alloc(300_000),
    Buffer.from('abababab'.repeat(20_000)),
    records,
    Buffer.alloc(1003, 0x51),
  ]);
}

const SAMPLE = sample();
const SHORT = [
  Buffer.alloc(0),
  Buffer.from('a'),
  Buffer.from('aaaa'),
  Buffer.alloc(259, 7),
  Buffer.alloc(255 * 4 + 4, 1),
];

function feed(transform: Transform, bytes: Uint8Array, step: number): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    const piece = new Uint8Array(bytes.subarray(at, at + step));
    for (const chunk of transform.push(piece)) parts.push(chunk);
    // The caller may use its memory again.
    piece.fill(0xee);
  }
  for (const chunk of transform.end()) parts.push(chunk);
  return Buffer.concat(parts);
}

const tool = (command: string, input: Uint8Array): Buffer => {
  const [program, ...args] = command.split(' ') as [string, ...string[]];
  return execFileSync(program, args, {
    input,
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
};
const skipWithout = (command: string): string | false => {
  const program = command.split(' ')[0] as string;
  return hasTool(program) ? false : `${program} is not installed`;
};

const COMMANDS: readonly (readonly [CompressionType, string])[] = [
  ['gzip', 'gzip -c'],
  ['gzip', 'gzip -1 -c'],
  ['xz', 'xz -c'],
  ['xz', 'xz -9e --check=crc32 -c'],
  ['xz', 'xz -0 --check=sha256 -c'],
  ['xz', 'xz --check=none -c'],
  ['xz', 'xz --block-size=100KiB -T2 -c'],
  ['xz', 'xz --lzma2=preset=6,lc=0,lp=4,pb=0 -c'],
  ['xz', 'xz --lzma2=dict=4KiB -c'],
  ['xz', 'xz --x86 --lzma2 -c'],
  ['lzma', 'xz --format=lzma -c'],
  ['lzma', 'xz --format=lzma -0 -c'],
  ['bzip2', 'bzip2 -c'],
  ['bzip2', 'bzip2 -1 -c'],
  ['zstd', 'zstd -q -c'],
  ['zstd', 'zstd -q -19 -c'],
  ['zstd', 'zstd -q --fast=5 --no-check -c'],
  ['zstd', 'zstd -q --long=27 -c'],
  ['lzop', 'lzop -c'],
  ['lzop', 'lzop -1 -c'],
  ['lzop', 'lzop -9 -c'],
  ['lzop', 'lzop --crc32 -c'],
  ['lz4', 'lz4 -q -c'],
  ['lz4', 'lz4 -q -9 -BD -B4 -c'],
  ['lz4', 'lz4 -q -BX --content-size -c'],
  ['lz4', 'lz4 -q -l -c'],
];

describe('xz with the branch filter', { skip: skipWithout('xz') }, () => {
  const program = readFileSync(process.execPath);
  const middle = program.length >> 1;
  const code = program.subarray(middle, middle + 2_000_000);
  for (const filter of ['--x86', '--x86=start=4096']) {
    test(`${filter}: machine code`, () => {
      const packed = tool(`xz ${filter} --lzma2=preset=0 -c`, code);
      for (const step of [1 << 30, 65521]) assert.ok(feed(decompressor('xz'), packed, step).equals(code));
    });
  }
});

describe('what the tools compress is decompressed', () => {
  for (const [type, command] of COMMANDS) {
    test(command, { skip: skipWithout(command) }, () => {
      const packed = tool(command, SAMPLE);
      assert.equal(detectCompression(packed), type);
      for (const step of [1 << 30, 65536, 1021])
        assert.ok(feed(decompressor(type), packed, step).equals(SAMPLE));
      for (const input of SHORT) {
        // lz4 -l writes no frame at all for nothing.
        const small = tool(command, input);
        if (small.length > 4)
          assert.ok(feed(decompressor(type), small, 1).equals(input), `${input.length} bytes`);
      }
    });

    test(`${command}: two files one after another`, { skip: skipWithout(command) }, () => {
      const small = SAMPLE.subarray(0, 50_000);
      const packed = tool(command, small);
      const twice = Buffer.concat([packed, packed]);
      if (type === 'lzma') return;
      assert.ok(feed(decompressor(type), twice, 777).equals(Buffer.concat([small, small])));
    });

    test(`${command}: cut short`, { skip: skipWithout(command) }, () => {
      const packed = tool(command, SAMPLE.subarray(0, 300_000));
      // The end of lz4's legacy form is the end of the file.
      const cuts = command.includes('-l ') ? [5, 1000] : [3, 20, packed.length >> 1, packed.length - 1];
      for (const length of cuts) {
        assert.throws(() => feed(decompressor(type), packed.subarray(0, length), 4096), GuestfsError);
      }
    });
  }
});

describe('what we compress the tools decompress', () => {
  const backs: readonly (readonly [CompressionType, string])[] = [
    ['gzip', 'gzip -dc'],
    ['compress', 'gzip -dc'],
    ['xz', 'xz -dc'],
    ['lzma', 'xz -dc --format=lzma'],
    ['bzip2', 'bzip2 -dc'],
    ['lzop', 'lzop -dc'],
    ['zstd', 'zstd -dcq'],
  ];
  for (const [type, command] of backs) {
    test(type, { skip: skipWithout(command) }, () => {
      const packed = feed(compressor(type), SAMPLE, 70_000);
      assert.ok(packed.length < SAMPLE.length);
      assert.ok(tool(command, packed).equals(SAMPLE));
      assert.ok(feed(decompressor(type), packed, 5000).equals(SAMPLE));
      for (const input of SHORT) {
        assert.ok(tool(command, feed(compressor(type), input, 100)).equals(input), `${input.length} bytes`);
      }
    });
  }

  test('levels are checked', () => {
    assert.throws(() => compressor('gzip', 0), { code: 'EINVAL' });
    assert.throws(() => compressor('gzip', 10), { code: 'EINVAL' });
    assert.throws(() => compressor('compress', 3), { code: 'EINVAL' });
    assert.ok(
      feed(compressor('gzip', 9), SAMPLE, 1e6).length < feed(compressor('gzip', 1), SAMPLE, 1e6).length,
    );
  });

  test('a program that the host lacks is named', () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nonexistent';
    try {
      assert.throws(() => compressor('xz'), { code: 'ENOTSUP', message: /program xz.*choose gzip/ });
    } finally {
      process.env['PATH'] = path;
    }
  });
});

describe('decompressAll', () => {
  test('stops at the cap', () => {
    const packed = feed(compressor('gzip'), Buffer.alloc(10_000_000), 1e6);
    assert.throws(() => decompressAll('gzip', packed, 1_000_000), { code: 'ENOMEM' });
    assert.equal(decompressAll('gzip', packed, 10_000_000).length, 10_000_000);
  });
});

describe('inflateRawInto', () => {
  const deflated = tool('gzip -c', SAMPLE).subarray(10);
  const target = new Uint8Array(SAMPLE.length);

  test('fills, ignores what follows, and takes no more than there is room for', () => {
    assert.equal(inflateRawInto(deflated, target), SAMPLE.length);
    assert.ok(SAMPLE.equals(target));
    const room = new Uint8Array(1000);
    assert.equal(inflateRawInto(deflated, room), 1000);
    assert.ok(SAMPLE.subarray(0, 1000).equals(room));
    assert.equal(inflateRawInto(deflated, new Uint8Array(SAMPLE.length + 5)), SAMPLE.length);
  });

  test('tells damage from an early end', () => {
    const cut = inflateRawInto(deflated.subarray(0, 1000), target);
    assert.ok(cut > 0 && cut < SAMPLE.length);
    assert.equal(inflateRawInto(new Uint8Array(1000).fill(0xff), target), -1);
  });
});

describe('the two ways to decompress a buffer agree', () => {
  const room = [1, 100, 40_000, 65_536, 70_000];
  const sources = [SAMPLE.subarray(0, 65_536), SAMPLE.subarray(390_000, 455_536), Buffer.alloc(65_536)];

  test('deflate', () => {
    for (const source of sources) {
      const packed = deflateRawSync(source);
      for (const input of [
        packed,
        Buffer.concat([packed, Buffer.alloc(500, 0x77)]),
        packed.subarray(0, 60),
      ]) {
        for (const size of room) {
          const a = new Uint8Array(size);
          const b = new Uint8Array(size);
          const filled = inflateRawInto(input, a);
          assert.equal(filled, inflateRawPublic(input, b));
          if (filled > 0) assert.deepEqual(a.subarray(0, filled), b.subarray(0, filled));
        }
      }
    }
  });

  test('zstd', { skip: skipWithout('zstd') }, () => {
    for (const source of sources) {
      const packed = tool('zstd -q -c', source);
      const halves = Buffer.concat([
        tool('zstd -q -c', source.subarray(0, 30_000)),
        tool('zstd -q -c', source.subarray(30_000)),
      ]);
      for (const input of [
        packed,
        halves,
        Buffer.concat([packed, Buffer.alloc(500, 0x77)]),
        packed.subarray(0, 12),
      ]) {
        for (const size of [30_000, 65_536, 70_000]) {
          const a = new Uint8Array(size);
          const b = new Uint8Array(size);
          const filled = zstdInto(input, a);
          assert.equal(filled, zstdSteps(input, b));
          if (filled > 0) assert.deepEqual(a.subarray(0, filled), b.subarray(0, filled));
        }
      }
    }
  });
});

describe('foreign and mutated data', () => {
  const types: readonly CompressionType[] = [
    'gzip',
    'zstd',
    'xz',
    'lzma',
    'bzip2',
    'lzop',
    'lz4',
    'compress',
  ];

  for (const type of types) {
    test(`${type}: noise`, () => {
      for (const input of [Buffer.from('not compressed at all'), randomBytes(5000), Buffer.alloc(5000)]) {
        try {
          decompressAll(type, input, 1 << 24);
        } catch (error) {
          assert.ok(error instanceof GuestfsError, String(error));
        }
      }
    });
  }

  for (const [type, command] of COMMANDS.filter(
    ([, text]) => !text.includes('dict=') && !text.includes('none'),
  )) {
    test(`${command}: mutated`, { skip: skipWithout(command) }, () => {
      const image = new Uint8Array(tool(command, SAMPLE.subarray(380_000, 460_000)));
      const read = (bytes: Uint8Array): void => void decompressAll(type, bytes, 4 << 20);
      fuzz({ seed: 1, rounds: 25, image, regions: [[0, Math.min(80, image.length)]], read });
      fuzz({ seed: 2, rounds: 25, image, read });
    });
  }
});
