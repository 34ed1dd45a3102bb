import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { random } from '../../../test/support/fuzz.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import type { BlockDevice } from '../../block/device.ts';
import { openFile } from '../../block/file.ts';
import { openImage, type ImageOptions } from '../index.ts';
import { readHeader } from './index.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string): string => join(folder.path, name);
const skip = needsTool('qemu-img', 'qemu-io');

const SIZE = 6 * 1024 * 1024;

/** Noise, text, zeroes and gaps: what makes every kind of cluster. */
function diskContent(): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  const next = random(42);
  for (let i = 0; i < 1_000_000; i++) bytes[100_000 + i] = next() * 256;
  const text = new TextEncoder().encode('It was a bright cold day in April, and the clocks were striking. ');
  for (let i = 0; i < 1_500_000; i++) bytes[2_000_000 + i] = text[i % text.length] as number;
  for (let i = 0; i < 512; i++) bytes[5_000_000 + i * 777] = i & 0xff;
  bytes.fill(0, 500_000, 700_000);
  return bytes;
}

function content(device: BlockDevice, step = 1_000_003): Uint8Array {
  const all = new Uint8Array(device.size);
  for (let i = 0; i < all.length; i += step) device.readAt(i, all.subarray(i, i + step));
  return all;
}

function shown(name: string, options: Partial<ImageOptions> = {}): Uint8Array {
  const { device } = openImage(at(name), { readonly: true, format: 'qcow2', ...options });
  const all = content(device);
  device.close();
  return all;
}

/** What qemu-img shows of an image. */
function expected(name: string): Uint8Array {
  run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', at(name), at('expected.raw'));
  const bytes = readFileSync(at('expected.raw'));
  rmSync(at('expected.raw'));
  return bytes;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe('images that qemu-img makes', { skip }, () => {
  const raw = diskContent();
  before(() => writeFileSync(at('disk.raw'), raw));

  const forms: string[][] = [];
  for (const size of [9, 12, 14, 16, 18, 21]) {
    const clusterSize = `cluster_size=${2 ** size}`;
    forms.push(['-o', clusterSize], ['-c', '-o', clusterSize]);
    forms.push(['-c', '-o', `${clusterSize},compression_type=zstd`]);
    if (size >= 14) {
      forms.push(['-o', `${clusterSize},extended_l2=on`]);
      forms.push(['-c', '-o', `${clusterSize},extended_l2=on,compression_type=zstd`]);
    }
  }
  for (const bits of [1, 2, 4, 8, 16, 32, 64]) forms.push(['-o', `refcount_bits=${bits}`]);
  forms.push(
    ['-o', 'compat=0.10'],
    ['-c', '-o', 'compat=0.10,cluster_size=4096'],
    ['-o', 'lazy_refcounts=on'],
  );
  forms.push(['-S', '0'], ['-o', 'preallocation=metadata'], ['-o', 'preallocation=falloc,cluster_size=512']);
  forms.push(['-o', 'data_file=DATA'], ['-o', 'data_file=DATA,data_file_raw=on']);
  forms.push(['-o', 'data_file=DATA,cluster_size=4096,preallocation=metadata']);

  for (const form of forms) {
    test(form.join(' '), () => {
      const args = form.map((arg) => arg.replace('DATA', at('external.bin')));
      rmSync(at('external.bin'), { force: true });
      run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', ...args, at('disk.raw'), at('form.qcow2'));
      assert.ok(same(shown('form.qcow2'), raw));
    });
  }
});

describe('images that qemu-io writes', { skip }, () => {
  /** The same random writes, zeroes and discards through qemu-io, and what qemu-img says of the result. */
  const commands = (seed: number, size: number, unit: number): string[] => {
    const next = random(seed);
    return Array.from({ length: 60 }, () => {
      const offset = Math.floor((next() * size) / unit) * unit;
      const length = Math.min(size - offset, unit * (1 + Math.floor(next() * next() * 300)));
      const kind = next();
      const what =
        kind < 0.6
          ? `write -P ${1 + Math.floor(next() * 255)}`
          : kind < 0.8
            ? 'write -z'
            : kind < 0.9
              ? 'write -z -u'
              : 'discard';
      return `${what} ${offset} ${length}`;
    });
  };
  const write = (name: string, list: readonly string[]): void => {
    run('qemu-io', '-d', 'unmap', '-f', 'qcow2', ...list.flatMap((command) => ['-c', command]), at(name));
  };

  for (const [name, options] of [
    ['standard', 'cluster_size=65536'],
    ['small', 'cluster_size=512'],
    ['large', 'cluster_size=2M'],
    ['old', 'compat=0.10,cluster_size=4096'],
    ['extended', 'extended_l2=on,cluster_size=64k'],
    ['extended-16k', 'extended_l2=on,cluster_size=16k'],
    ['data', `data_file=DATA,cluster_size=4096`],
  ] as const) {
    test(`${name}, alone and over a backing file`, () => {
      const size = 8 * 1024 * 1024;
      const create = (image: string, ...more: string[]): void => {
        rmSync(at(`${image}.data`), { force: true });
        run(
          'qemu-img',
          'create',
          '-q',
          '-f',
          'qcow2',
          '-o',
          options.replace('DATA', at(`${image}.data`)),
          ...more,
        );
      };
      create('base', at('base.qcow2'), String(size));
      write('base.qcow2', commands(1, size, 512));
      assert.ok(same(shown('base.qcow2'), expected('base.qcow2')), 'base');
      // The overlay is larger than its backing file.
      create('top', '-b', 'base.qcow2', '-F', 'qcow2', at('top.qcow2'), String(size + 3 * 1024 * 1024));
      write('top.qcow2', commands(2, size + 3 * 1024 * 1024, 512));
      assert.ok(same(shown('top.qcow2'), expected('top.qcow2')), 'top');
      // And one that is smaller.
      create('small', '-b', 'top.qcow2', '-F', 'qcow2', at('small.qcow2'), String(5 * 1024 * 1024));
      write('small.qcow2', commands(3, 5 * 1024 * 1024, 512));
      assert.ok(same(shown('small.qcow2'), expected('small.qcow2')), 'small');
      compareMap('small.qcow2');
    });
  }

  /** Where qemu-img sees data we see data, and where we see none it sees zeroes. */
  function compareMap(name: string): void {
    const map = JSON.parse(run('qemu-img', 'map', '-f', 'qcow2', '--output=json', at(name))) as {
      start: number;
      length: number;
      zero: boolean;
      data: boolean;
    }[];
    const { device } = openImage(at(name), { readonly: true, format: 'qcow2' });
    for (const { start, length, zero } of map) {
      for (const extent of device.extents(start, length)) {
        assert.equal(extent.kind !== 'data', zero, `${extent.kind} at ${extent.offset}`);
      }
    }
    device.close();
  }
});

describe('headers', { skip }, () => {
  for (const options of [
    'compat=0.10',
    'compat=1.1,lazy_refcounts=on',
    'cluster_size=512,refcount_bits=1',
    'cluster_size=2M,refcount_bits=64,compression_type=zstd',
    'extended_l2=on,cluster_size=32k',
    'data_file=DATA,data_file_raw=on',
  ]) {
    test(`${options}: what qemu-img info shows`, () => {
      rmSync(at('info.bin'), { force: true });
      const args = ['-o', options.replace('DATA', at('info.bin')), at('info.qcow2'), '123456789'];
      run('qemu-img', 'create', '-q', '-f', 'qcow2', ...args);
      const info = JSON.parse(run('qemu-img', 'info', '--output=json', at('info.qcow2'))) as {
        'virtual-size': number;
        'cluster-size': number;
        'dirty-flag': boolean;
        'format-specific': { data: Record<string, unknown> };
      };
      const { data } = info['format-specific'];
      const file = openFile(at('info.qcow2'));
      const header = readHeader(file);
      file.close();
      assert.equal(header.size, info['virtual-size']);
      assert.equal(header.clusterSize, info['cluster-size']);
      assert.equal(header.dirty, info['dirty-flag']);
      assert.equal(header.version === 2 ? '0.10' : '1.1', data['compat']);
      assert.equal(header.refcountBits, data['refcount-bits']);
      assert.equal(header.compression, data['compression-type']);
      assert.equal(header.lazyRefcounts, data['lazy-refcounts'] ?? false);
      assert.equal(header.extendedL2, data['extended-l2'] ?? false);
      assert.equal(header.corrupt, data['corrupt'] ?? false);
      assert.equal(header.extensions.dataFile, data['data-file']);
      assert.equal(header.rawExternalData, data['data-file-raw'] ?? false);
    });
  }
});

describe('internal snapshots', { skip }, () => {
  before(() => {
    run('qemu-img', 'create', '-q', '-f', 'qcow2', at('snap.qcow2'), '3M');
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 1 0 1M', at('snap.qcow2'));
    run('qemu-img', 'snapshot', '-c', 'clean', at('snap.qcow2'));
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 2 512k 1M', at('snap.qcow2'));
    // A snapshot whose name is the id of another.
    run('qemu-img', 'snapshot', '-c', '1', at('snap.qcow2'));
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 3 0 3M', at('snap.qcow2'));
  });
  const byteAt = (offset: number, snapshot?: string): number | undefined =>
    shown('snap.qcow2', snapshot === undefined ? {} : { snapshot })[offset];

  test('are listed', () => {
    const { device, snapshots } = openImage(at('snap.qcow2'), { readonly: true });
    device.close();
    assert.deepEqual(
      snapshots?.map(({ id, name, size }) => ({ id, name, size })),
      [
        { id: '1', name: 'clean', size: 3 * 1024 * 1024 },
        { id: '2', name: '1', size: 3 * 1024 * 1024 },
      ],
    );
  });

  test('open by name or id, the id first', () => {
    assert.equal(byteAt(600_000), 3);
    assert.equal(byteAt(600_000, 'clean'), 1);
    assert.equal(byteAt(600_000, '1'), 1);
    assert.equal(byteAt(600_000, '2'), 2);
    assert.equal(byteAt(2_900_000, '2'), 0);
  });

  test('one that is not there is named with those that are', () => {
    assert.throws(() => shown('snap.qcow2', { snapshot: 'nope' }), {
      code: 'ENOENT',
      message: /no internal snapshot with the id or name nope; it has 1 \(clean\), 2 \(1\)/,
    });
    run('qemu-img', 'create', '-q', '-f', 'raw', at('flat.raw'), '1M');
    assert.throws(() => shown('flat.raw', { snapshot: 'nope', format: 'raw' }), { code: 'EINVAL' });
  });
});

describe('images of any size', { skip }, () => {
  test('2^50 bytes open and map without loading the tables', () => {
    run(
      'qemu-img',
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      'cluster_size=2M',
      at('huge.qcow2'),
      String(2 ** 50),
    );
    run('qemu-io', '-f', 'qcow2', '-c', `write -P 5 ${2 ** 49} 64k`, at('huge.qcow2'));
    const before = process.memoryUsage().arrayBuffers;
    const { device } = openImage(at('huge.qcow2'), { readonly: true });
    assert.equal(device.size, 2 ** 50);
    const bytes = new Uint8Array(4);
    device.readAt(2 ** 49 + 100, bytes);
    assert.deepEqual([...bytes], [5, 5, 5, 5]);
    device.readAt(2 ** 50 - 4, bytes);
    assert.deepEqual([...bytes], [0, 0, 0, 0]);
    const data = [...device.extents(0, device.size)].filter((extent) => extent.kind === 'data');
    assert.deepEqual(data, [{ offset: 2 ** 49, length: 2 * 1024 * 1024, kind: 'data' }]);
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
    device.close();
  });

  test('a disk of 0 bytes', () => {
    run('qemu-img', 'create', '-q', '-f', 'qcow2', at('none.qcow2'), '0');
    const { device } = openImage(at('none.qcow2'), { readonly: true });
    assert.equal(device.size, 0);
    device.close();
  });
});

describe('damaged and unusual images', { skip }, () => {
  before(() => {
    run('qemu-img', 'create', '-q', '-f', 'qcow2', at('plain.qcow2'), '4M');
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 7 0 1M', at('plain.qcow2'));
  });
  const patched = (
    name: string,
    patches: readonly (readonly [number, number])[],
    from = 'plain.qcow2',
  ): string => {
    const bytes = readFileSync(at(from));
    for (const [offset, value] of patches) bytes[offset] = value;
    writeFileSync(at(name), bytes);
    return name;
  };
  const warnings = (name: string): string[] => {
    const list: string[] = [];
    openImage(at(name), { readonly: true, format: 'qcow2', warn: (text) => list.push(text) }).device.close();
    return list;
  };

  test('the corrupt mark warns', () => {
    assert.match(warnings(patched('corrupt.qcow2', [[79, 2]])).join(), /marked as corrupt; "qemu-img check/);
    assert.ok(same(shown('corrupt.qcow2'), shown('plain.qcow2')));
  });

  test("unknown incompatible features are named, by the image's own table where it names them", () => {
    assert.throws(() => shown(patched('new.qcow2', [[77, 1]])), { code: 'ENOTSUP', message: /bit 16/ });
    const bytes = readFileSync(at('plain.qcow2'));
    // The first entry of the feature name table becomes a name for bit 16.
    const table = bytes.indexOf(Buffer.from('dirty bit')) - 2;
    bytes[table + 1] = 16;
    bytes[77] = 1;
    writeFileSync(at('new.qcow2'), bytes);
    assert.throws(() => shown('new.qcow2'), { message: /bit 16 \(dirty bit\)/ });
  });

  test('encryption is refused by name', () => {
    assert.throws(() => shown(patched('aes.qcow2', [[35, 1]])), {
      code: 'ENOTSUP',
      message: /encrypted \(AES\)/,
    });
    assert.throws(() => shown(patched('luks.qcow2', [[35, 2]])), {
      code: 'ENOTSUP',
      message: /encrypted \(LUKS\)/,
    });
  });

  test('an unknown version and unknown compression', () => {
    assert.throws(() => shown(patched('v9.qcow2', [[7, 9]])), { code: 'ENOTSUP', message: /version 9/ });
    const image = patched('lz.qcow2', [
      [104, 7],
      [79, 8],
    ]);
    assert.throws(() => shown(image), { code: 'ENOTSUP', message: /compression type 7/ });
    assert.throws(() => shown(patched('flag.qcow2', [[104, 1]])), { code: 'EUCLEAN' });
  });

  test('a table that lies outside the file or is not aligned', () => {
    assert.throws(() => shown(patched('l1.qcow2', [[45, 0x7f]])), { code: 'EUCLEAN', message: /L1 table/ });
    assert.throws(() => shown(patched('l1.qcow2', [[47, 0x20]])), {
      message: /not a multiple of the cluster size/,
    });
    const l1 = Number(readFileSync(at('plain.qcow2')).readBigUInt64BE(40));
    assert.throws(() => shown(patched('l2.qcow2', [[l1 + 3, 0x7f]])), {
      code: 'EUCLEAN',
      message: /ends after the file/,
    });
    assert.throws(() => shown(patched('l2.qcow2', [[l1 + 6, 2]])), {
      code: 'EUCLEAN',
      message: /expected a multiple/,
    });
  });

  test('a truncated file never shows other data: tables refuse, clusters behind the end read as zeroes', () => {
    const size = statSync(at('plain.qcow2')).size;
    copyFileSync(at('plain.qcow2'), at('short.qcow2'));
    truncateSync(at('short.qcow2'), size - 100_000);
    const whole = shown('plain.qcow2');
    const short = shown('short.qcow2');
    for (let i = 0; i < whole.length; i++) assert.ok(short[i] === whole[i] || short[i] === 0);
    truncateSync(at('short.qcow2'), 200_000);
    assert.throws(() => shown('short.qcow2'), { code: 'EUCLEAN' });
    truncateSync(at('short.qcow2'), 50);
    assert.throws(() => shown('short.qcow2'), { code: 'EUCLEAN' });
    truncateSync(at('short.qcow2'), 0);
    assert.throws(() => shown('short.qcow2'), { code: 'EUCLEAN' });
  });

  test('a damaged compressed cluster', () => {
    const args = ['-c', '-f', 'qcow2', '-O', 'qcow2'];
    for (const type of ['zlib', 'zstd']) {
      run(
        'qemu-img',
        'convert',
        ...args,
        '-o',
        `compression_type=${type}`,
        at('plain.qcow2'),
        at('packed.qcow2'),
      );
      const bytes = readFileSync(at('packed.qcow2'));
      const l1 = Number(bytes.readBigUInt64BE(40));
      const l2 = Number(bytes.readBigUInt64BE(l1) & 0x00fffffffffffe00n);
      const host = Number(bytes.readBigUInt64BE(l2) & ((1n << 54n) - 1n));
      bytes.fill(0xff, host, host + 16);
      writeFileSync(at('packed.qcow2'), bytes);
      assert.throws(() => shown('packed.qcow2'), {
        code: 'EUCLEAN',
        message: new RegExp(`the stream|${type}|deflate`),
      });
    }
  });

  test(
    'an image that a running QEMU uses warns',
    { skip: process.platform === 'linux' ? false : 'only Linux shows locks' },
    async () => {
      const qemu = spawn('qemu-io', ['-f', 'qcow2', at('plain.qcow2')], {
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      let told: string[] = [];
      for (let tries = 0; tries < 400 && told.length === 0; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 25));
        told = warnings('plain.qcow2');
      }
      qemu.stdin.end();
      await new Promise((resolve) => qemu.on('close', resolve));
      assert.match(told.join(), /plain\.qcow2 is in use by a running QEMU/);
      assert.deepEqual(warnings('plain.qcow2'), []);
    },
  );
});
