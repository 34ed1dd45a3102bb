import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { diskContent } from '../../../test/support/disk-content.ts';
import { assertSameDisk, checkQcow2, imageInfo } from '../../../test/support/qemu-images.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { deflatePublic, deflateRawInto, packer } from '../../compression/pack.ts';
import { inflateRawInto } from '../../compression/deflate.ts';
import { GuestfsError } from '../../errors/index.ts';
import { convertImage, type ConvertOptions } from '../index.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string): string => join(folder.path, name);
const SIZE = 5 * 1024 * 1024 + 1536;

const check = (name: string): { allocated: number; compressed: number } => checkQcow2(at(name));
const identical = (a: string, formatA: string, b: string, formatB: string): void =>
  assertSameDisk([at(a), formatA], [at(b), formatB]);
const leftOver = (): string[] => readdirSync(folder.path).filter((name) => name.includes('.part'));

function hasZstd(): boolean {
  try {
    packer(true);
    return true;
  } catch {
    return false;
  }
}

describe('conversion', { skip: needsTool('qemu-img') }, () => {
  before(() => writeFileSync(at('disk.raw'), diskContent(SIZE)));

  const forms: (Partial<ConvertOptions> & { name: string })[] = [
    { name: 'as it comes' },
    { name: 'compat 0.10', compat: '0.10', clusterSize: 4096 },
    { name: 'compressed, compat 0.10', compat: '0.10', compress: 'zlib', clusterSize: 4096 },
    { name: 'small clusters', clusterSize: 512 },
    { name: 'large clusters', clusterSize: 2 ** 21 },
    { name: 'extended', extendedL2: true, clusterSize: 65536 },
    { name: 'lazy', lazyRefcounts: true },
    { name: 'compressed', compress: 'zlib' },
    { name: 'compressed by one thread', compress: 'zlib', threads: 1 },
    { name: 'compressed, small clusters', compress: 'zlib', clusterSize: 512 },
    { name: 'compressed, large clusters', compress: 'zlib', clusterSize: 2 ** 21 },
    { name: 'compressed, extended', compress: 'zlib', extendedL2: true },
    { name: 'compressed, refcounts of one bit', compress: 'zlib', refcountBits: 1, clusterSize: 4096 },
    { name: 'compressed, refcounts of two bits', compress: 'zlib', refcountBits: 2, clusterSize: 65536 },
    { name: 'preallocated tables', preallocation: 'metadata' },
    { name: 'preallocated', preallocation: 'full', clusterSize: 4096 },
    ...(hasZstd()
      ? [
          { name: 'zstd', compress: 'zstd' as const },
          { name: 'zstd, small clusters', compress: 'zstd' as const, clusterSize: 4096 },
        ]
      : []),
  ];
  for (const { name, ...options } of forms) {
    test(`raw to qcow2 and back: ${name}`, async () => {
      const made = await convertImage(at('disk.raw'), at('form.qcow2'), {
        format: 'qcow2',
        sourceFormat: 'raw',
        ...options,
      });
      assert.equal(made.virtualSize, SIZE);
      assert.equal(made.fileSize, statSync(at('form.qcow2')).size);
      const { compressed } = check('form.qcow2');
      if (options.compress !== undefined) assert.ok(compressed > 0, 'compressed clusters');
      identical('disk.raw', 'raw', 'form.qcow2', 'qcow2');
      await convertImage(at('form.qcow2'), at('back.raw'), { format: 'raw', sourceFormat: 'qcow2' });
      assert.equal(Buffer.compare(readFileSync(at('back.raw')), readFileSync(at('disk.raw'))), 0);
      assert.deepEqual(leftOver(), []);
    });
  }

  test('any number of threads makes the same image', async () => {
    const images: Buffer[] = [];
    for (const threads of [1, 2, 3]) {
      await convertImage(at('disk.raw'), at('threads.qcow2'), {
        format: 'qcow2',
        sourceFormat: 'raw',
        compress: 'zlib',
        threads,
      });
      images.push(readFileSync(at('threads.qcow2')));
    }
    assert.ok(images.every((image) => image.equals(images[0] as Buffer)));
  });

  test('as small as qemu-img makes it', async () => {
    const options = { format: 'qcow2', sourceFormat: 'raw' } as const;
    await convertImage(at('disk.raw'), at('plain.qcow2'), options);
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', at('disk.raw'), at('peer.qcow2'));
    assert.equal(check('plain.qcow2').allocated, check('peer.qcow2').allocated);
    await convertImage(at('disk.raw'), at('packed.qcow2'), { ...options, compress: 'zlib' });
    run('qemu-img', 'convert', '-c', '-f', 'raw', '-O', 'qcow2', at('disk.raw'), at('peer.qcow2'));
    const [ours, peer] = [statSync(at('packed.qcow2')).size, statSync(at('peer.qcow2')).size];
    assert.ok(ours <= peer * 1.05, `${ours} bytes against ${peer}`);
  });

  test('holes stay', async () => {
    writeFileSync(at('sparse.raw'), 'x');
    truncateSync(at('sparse.raw'), 300 * 1024 * 1024);
    const qcow2 = await convertImage(at('sparse.raw'), at('sparse.qcow2'), {
      format: 'qcow2',
      sourceFormat: 'raw',
    });
    assert.ok(qcow2.fileSize <= 6 * 65536, `${qcow2.fileSize} bytes`);
    const raw = await convertImage(at('sparse.qcow2'), at('sparse-again.raw'), {
      format: 'raw',
      sourceFormat: 'qcow2',
    });
    assert.equal(raw.fileSize, 300 * 1024 * 1024);
    assert.ok(raw.allocated <= 65536, `${raw.allocated} bytes`);
  });

  describe('backing chains', () => {
    before(() => {
      run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', at('disk.raw'), at('base.qcow2'));
      run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', at('top.qcow2'));
      const io = (command: string): void => {
        run('qemu-io', '-f', 'qcow2', '-c', command, at('top.qcow2'));
      };
      io('write -P 0x5a 100k 300k');
      io('write -z 1M 200k');
      io('write -z 2001408 512');
      io('write -P 0 3M 128k');
    });
    const source = { format: 'qcow2', sourceFormat: 'qcow2', backing: 'folder' } as const;

    test('flattened', async () => {
      await convertImage(at('top.qcow2'), at('flat.qcow2'), source);
      assert.equal(imageInfo(at('flat.qcow2'))['backing-filename'], undefined);
      identical('top.qcow2', 'qcow2', 'flat.qcow2', 'qcow2');
      check('flat.qcow2');
    });

    for (const more of [
      {},
      { clusterSize: 4096 },
      { clusterSize: 2 ** 20 },
      { extendedL2: true },
      { compat: '0.10' },
      { compress: 'zlib' },
      { compress: 'zlib', clusterSize: 2 ** 20 },
    ] as const) {
      test(`kept: ${JSON.stringify(more)}`, async () => {
        await convertImage(at('top.qcow2'), at('kept.qcow2'), { ...source, ...more, keepBacking: true });
        assert.equal(imageInfo(at('kept.qcow2'))['backing-filename'], 'base.qcow2');
        identical('top.qcow2', 'qcow2', 'kept.qcow2', 'qcow2');
        const { allocated } = check('kept.qcow2');
        if (!('clusterSize' in more)) assert.ok(allocated < check('base.qcow2').allocated);
      });
    }

    test('kept, in another folder', async () => {
      const other = temporaryFolder();
      try {
        const target = join(other.path, 'kept.qcow2');
        await convertImage(at('top.qcow2'), target, { ...source, keepBacking: true });
        assert.match(
          run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'qcow2', at('top.qcow2'), target),
          /identical/,
        );
      } finally {
        other.remove();
      }
    });

    test('a base is not replaced by what is made of it', async () => {
      await assert.rejects(
        convertImage(at('top.qcow2'), at('base.qcow2'), source),
        /one of its backing files/,
      );
      await assert.rejects(
        convertImage(at('top.qcow2'), at('top.qcow2'), source),
        /is the image that is read/,
      );
    });

    test('without a backing file there is nothing to keep', async () => {
      const refused = convertImage(at('base.qcow2'), at('kept.qcow2'), { ...source, keepBacking: true });
      await assert.rejects(refused, /cannot be kept: the image has none/);
    });
  });

  test('a snapshot', async () => {
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', at('disk.raw'), at('snap.qcow2'));
    run('qemu-img', 'snapshot', '-c', 'one', at('snap.qcow2'));
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 7 0 4M', at('snap.qcow2'));
    await convertImage(at('snap.qcow2'), at('one.raw'), {
      format: 'raw',
      sourceFormat: 'qcow2',
      snapshot: 'one',
    });
    assert.equal(Buffer.compare(readFileSync(at('one.raw')), readFileSync(at('disk.raw'))), 0);
  });

  describe('the target', () => {
    const plain = { format: 'qcow2', sourceFormat: 'raw' } as const;

    test('keeps its permissions, and a link to it stays one', async () => {
      writeFileSync(at('old.qcow2'), 'old');
      chmodSync(at('old.qcow2'), 0o640);
      rmSync(at('link.qcow2'), { force: true });
      symlinkSync('old.qcow2', at('link.qcow2'));
      await convertImage(at('disk.raw'), at('link.qcow2'), plain);
      assert.ok(lstatSync(at('link.qcow2')).isSymbolicLink());
      assert.equal(statSync(at('old.qcow2')).mode & 0o777, 0o640);
      identical('disk.raw', 'raw', 'old.qcow2', 'qcow2');
    });

    test('stays as it was where the call is stopped, and nothing is left', async () => {
      writeFileSync(at('stays.qcow2'), 'old');
      const controller = new AbortController();
      controller.abort();
      const stopped = convertImage(at('disk.raw'), at('stays.qcow2'), {
        ...plain,
        signal: controller.signal,
      });
      await assert.rejects(stopped, (error) => error instanceof GuestfsError && error.code === 'EINTR');
      assert.equal(readFileSync(at('stays.qcow2'), 'utf8'), 'old');
      assert.deepEqual(leftOver(), []);
    });

    test('stays as it was where the source cannot be read', async () => {
      run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-c', at('disk.raw'), at('broken.qcow2'));
      const bytes = readFileSync(at('broken.qcow2'));
      bytes.fill(0xff, 5 * 65536);
      writeFileSync(at('broken.qcow2'), bytes);
      writeFileSync(at('stays.raw'), 'old');
      await assert.rejects(
        convertImage(at('broken.qcow2'), at('stays.raw'), { format: 'raw', sourceFormat: 'qcow2' }),
        (error) => error instanceof GuestfsError && error.code === 'EUCLEAN',
      );
      assert.equal(readFileSync(at('stays.raw'), 'utf8'), 'old');
      assert.deepEqual(leftOver(), []);
    });

    test('must be in a folder that is there', async () => {
      await assert.rejects(convertImage(at('disk.raw'), at('none/new.qcow2'), plain), (error) => {
        assert.ok(error instanceof GuestfsError);
        assert.equal(error.code, 'ENOENT');
        assert.match(error.message, /none\/new\.qcow2/);
        assert.doesNotMatch(error.message, /\.part/);
        return true;
      });
    });
  });

  test('progress ends with all', async () => {
    const seen: [number, number][] = [];
    await convertImage(at('disk.raw'), at('progress.qcow2'), {
      format: 'qcow2',
      sourceFormat: 'raw',
      compress: 'zlib',
      clusterSize: 512,
      onProgress: (position, total) => seen.push([position, total]),
    });
    for (const [position, total] of seen) assert.ok(position >= 0 && position <= total);
    if (seen.length > 0) assert.deepEqual(seen.at(-1), [SIZE, SIZE]);
  });

  test('options that contradict each other', async () => {
    const refused = (options: object, message: RegExp): Promise<void> =>
      assert.rejects(
        convertImage(at('disk.raw'), at('refused'), {
          format: 'qcow2',
          sourceFormat: 'raw',
          ...options,
        } as ConvertOptions),
        message,
      );
    await refused({ format: 'raw', compress: 'zlib' }, /raw images cannot be compressed/);
    await refused({ format: 'raw', keepBacking: true }, /no backing file/);
    await refused({ format: 'raw', clusterSize: 4096 }, /no clustersize/);
    await refused({ format: 'vmdk' }, /format vmdk cannot be made/);
    await refused({ clusterSize: 1000 }, /power of two/);
    await refused({ compress: 'lzma' }, /expected zlib or zstd/);
    await refused({ compress: 'zlib', preallocation: 'full' }, /allocates less/);
    await refused({ threads: 0 }, /expected 1 or more/);
    assert.equal(existsSync(at('refused')), false);
    assert.deepEqual(leftOver(), []);
  });
});

describe('compressing pieces', () => {
  const content = diskContent(65536, 3);
  const into = new Uint8Array(65536);

  test('both ways give a window that QEMU can read', () => {
    for (const pack of [deflateRawInto, deflatePublic]) {
      const length = pack(content, into);
      const back = new Uint8Array(65536);
      assert.ok(length > 0);
      assert.equal(inflateRawInto(into.subarray(0, length), back), 65536);
      assert.equal(Buffer.compare(back, content), 0);
      assert.equal(pack(content, into.subarray(0, 100)), -1);
    }
  });
});
