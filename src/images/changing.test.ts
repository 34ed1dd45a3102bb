import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { diskContent } from '../../test/support/disk-content.ts';
import { assertSameDisk, checkQcow2, imageInfo, qemuIo } from '../../test/support/qemu-images.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { nativeCalls } from '../block/file-native.ts';
import {
  commitOverlay,
  compactImage,
  createOverlay,
  discardOverlay,
  openImage,
  resizeImage,
  type OpenedImage,
} from './index.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string): string => join(folder.path, name);
const SIZE = 4 * 1024 * 1024 + 512;
const MIB = 1024 * 1024;
const skip = needsTool('qemu-img', 'qemu-io');

const open = (name: string, readonly: boolean): OpenedImage =>
  openImage(at(name), { format: 'qcow2', readonly });

function shown(name: string, format = 'qcow2'): Uint8Array {
  const { device } = openImage(at(name), { format, readonly: true });
  const bytes = new Uint8Array(device.size);
  device.readAt(0, bytes);
  device.close();
  return bytes;
}

function make(name: string, ...options: readonly string[]): void {
  run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', ...options, at('disk.raw'), at(name));
}

before(() => writeFileSync(at('disk.raw'), diskContent(SIZE, 9)));

describe('resizing', { skip }, () => {
  const content = (): Uint8Array => new Uint8Array(readFileSync(at('disk.raw')));

  test('a raw image', () => {
    copyFileSync(at('disk.raw'), at('r.raw'));
    assert.equal(resizeImage(at('r.raw'), 6 * MIB, { format: 'raw' }).virtualSize, 6 * MIB);
    const grown = new Uint8Array(readFileSync(at('r.raw')));
    assert.deepEqual(grown.subarray(0, SIZE), content());
    assert.ok(grown.subarray(SIZE).every((byte) => byte === 0));
    assert.throws(() => resizeImage(at('r.raw'), MIB, { format: 'raw' }), /would be lost.*--shrink/);
    resizeImage(at('r.raw'), MIB - 1, { format: 'raw', shrink: true });
    assert.deepEqual(new Uint8Array(readFileSync(at('r.raw'))), content().subarray(0, MIB));
  });

  for (const options of [
    'cluster_size=65536',
    'cluster_size=512',
    'cluster_size=2M',
    'cluster_size=64k,extended_l2=on',
    'compat=0.10,cluster_size=4096',
    'cluster_size=4096,data_file=DATA',
    'cluster_size=4096,data_file=DATA,data_file_raw=on',
  ]) {
    test(`a qcow2 image: ${options}`, () => {
      make('q.qcow2', '-o', options.replace('DATA', at('q.data')));
      for (const size of [SIZE + 512, 5 * MIB, 700 * MIB]) {
        resizeImage(at('q.qcow2'), size);
        assert.equal(imageInfo(at('q.qcow2'))['virtual-size'], size);
        checkQcow2(at('q.qcow2'));
        const bytes = shown('q.qcow2').subarray(0, 8 * MIB);
        assert.equal(Buffer.compare(bytes.subarray(0, SIZE), content()), 0);
        assert.ok(bytes.subarray(SIZE).every((byte) => byte === 0));
      }
      assert.throws(() => resizeImage(at('q.qcow2'), SIZE), /would be lost/);
      resizeImage(at('q.qcow2'), MIB + 512, { shrink: true });
      checkQcow2(at('q.qcow2'));
      assert.equal(Buffer.compare(shown('q.qcow2'), content().subarray(0, MIB + 512)), 0);
      // What was cut off does not come back.
      resizeImage(at('q.qcow2'), 3 * MIB);
      checkQcow2(at('q.qcow2'));
      const again = shown('q.qcow2');
      assert.equal(Buffer.compare(again.subarray(0, MIB + 512), content().subarray(0, MIB + 512)), 0);
      assert.ok(again.subarray(MIB + 512).every((byte) => byte === 0));
      run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', at('q.qcow2'), at('q.raw'));
      assert.equal(Buffer.compare(readFileSync(at('q.raw')), again), 0);
    });
  }

  test('internal snapshots keep their size and content', () => {
    make('s.qcow2', '-o', 'cluster_size=4096');
    run('qemu-img', 'snapshot', '-c', 'before', at('s.qcow2'));
    resizeImage(at('s.qcow2'), 100 * MIB);
    checkQcow2(at('s.qcow2'));
    resizeImage(at('s.qcow2'), MIB, { shrink: true });
    checkQcow2(at('s.qcow2'));
    run('qemu-img', 'snapshot', '-a', 'before', at('s.qcow2'));
    checkQcow2(at('s.qcow2'));
    assertSameDisk([at('disk.raw'), 'raw'], [at('s.qcow2'), 'qcow2']);
    make('s2.qcow2', '-o', 'compat=0.10');
    run('qemu-img', 'snapshot', '-c', 'before', at('s2.qcow2'));
    assert.throws(() => resizeImage(at('s2.qcow2'), 100 * MIB), /version 2 and internal snapshots/);
  });

  test('a longer backing file does not show behind the old end', () => {
    make('back.qcow2');
    run(
      'qemu-img',
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      'back.qcow2',
      '-F',
      'qcow2',
      at('short.qcow2'),
      String(MIB + 512),
    );
    resizeImage(at('short.qcow2'), 2 * SIZE);
    checkQcow2(at('short.qcow2'));
    const bytes = shown('short.qcow2');
    assert.equal(Buffer.compare(bytes.subarray(0, MIB + 512), content().subarray(0, MIB + 512)), 0);
    assert.ok(bytes.subarray(MIB + 512).every((byte) => byte === 0));
  });

  test('what cannot be', () => {
    make('x.qcow2', '-o', 'cluster_size=512');
    assert.throws(
      () => resizeImage(at('x.qcow2'), 1024 * 1024 * MIB),
      /convert the image to larger clusters/,
    );
    assert.throws(() => resizeImage(at('x.qcow2'), -1), /expected bytes from 0/);
    assert.throws(
      () => resizeImage(at('x.qcow2'), SIZE, { format: 'vmdk' }),
      /vmdk images cannot be resized/,
    );
    checkQcow2(at('x.qcow2'));
  });
});

describe('compacting', { skip }, () => {
  const native = { skip: nativeCalls() === undefined && 'koffi is not installed' };

  test('a raw image gets holes', native, async () => {
    writeFileSync(at('full.raw'), new Uint8Array(8 * MIB));
    writeFileSync(at('full.raw'), readFileSync(at('disk.raw')), { flag: 'r+' });
    const { before: was, after: is, zeroBytes } = await compactImage(at('full.raw'), { format: 'raw' });
    assert.ok(is.allocated < was.allocated - 3 * MIB);
    assert.ok(zeroBytes > 3 * MIB);
    assert.equal(is.fileSize, 8 * MIB);
    const bytes = readFileSync(at('full.raw'));
    assert.equal(Buffer.compare(bytes.subarray(0, SIZE), readFileSync(at('disk.raw'))), 0);
    assert.ok(bytes.subarray(SIZE).every((byte) => byte === 0));
  });

  for (const options of [
    ['-o', 'cluster_size=65536'],
    ['-o', 'cluster_size=4096,extended_l2=off,refcount_bits=8'],
    ['-o', 'extended_l2=on'],
    ['-o', 'compat=0.10'],
    ['-c'],
    ['-c', '-o', 'cluster_size=4096'],
    ['-c', '-o', 'compression_type=zstd'],
    ['-c', '-o', 'refcount_bits=2,cluster_size=4096'],
  ]) {
    for (const inPlace of [false, true]) {
      test(`what a guest reads stays${inPlace ? ' in place' : ''}: ${options.join(' ')}`, async () => {
        make('c.qcow2', ...options);
        qemuIo(at('c.qcow2'), 'write -P 0 0 1M', 'write -P 3 1M 64k', 'write -P 0 2M 1M');
        const content = shown('c.qcow2');
        const found = await compactImage(at('c.qcow2'), { inPlace });
        checkQcow2(at('c.qcow2'));
        assert.equal(Buffer.compare(shown('c.qcow2'), content), 0);
        assert.equal(found.rewritten, !inPlace);
        assert.ok(found.zeroBytes >= MIB, `${found.zeroBytes} bytes`);
        assert.ok(found.after.allocated < found.before.allocated || nativeCalls() === undefined);
        const again = await compactImage(at('c.qcow2'), { inPlace });
        assert.equal(again.rewritten, false);
        assert.ok(again.after.fileSize <= found.after.fileSize);
        run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', at('c.qcow2'), at('c.raw'));
        assert.equal(Buffer.compare(readFileSync(at('c.raw')), content), 0);
      });
    }
  }

  test('an overlay keeps its base and what hides it', async () => {
    make('cb.qcow2');
    createOverlay(at('co.qcow2'), at('cb.qcow2'));
    qemuIo(at('co.qcow2'), 'write -P 0 0 1M', 'write -z 1M 512k', 'write -P 8 3M 64k');
    const content = shown('co.qcow2');
    for (const inPlace of [true, false]) {
      await compactImage(at('co.qcow2'), { inPlace });
      checkQcow2(at('co.qcow2'));
      assert.equal(imageInfo(at('co.qcow2'))['backing-filename'], 'cb.qcow2');
      assert.equal(Buffer.compare(shown('co.qcow2'), content), 0);
    }
  });

  test('snapshots stay, lost clusters go', async () => {
    make('l.qcow2');
    run('qemu-img', 'snapshot', '-c', 'one', at('l.qcow2'));
    qemuIo(at('l.qcow2'), 'write -P 0 0 2M');
    // Clusters that are counted and that nothing refers to, as a crash leaves them.
    const bytes = readFileSync(at('l.qcow2'));
    const { length } = bytes;
    const block = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(48))));
    truncateSync(at('l.qcow2'), length + 5 * 65536);
    for (let i = 0; i < 5; i++) bytes.writeUInt16BE(1, block + 2 * (Math.ceil(length / 65536) + i));
    writeFileSync(at('l.qcow2'), bytes, { flag: 'r+' });
    const content = shown('l.qcow2');
    const found = await compactImage(at('l.qcow2'));
    assert.equal(found.rewritten, false);
    assert.equal(found.lostBytes, 5 * 65536);
    assert.equal(found.zeroBytes, 2 * MIB);
    assert.ok(found.after.fileSize < length);
    checkQcow2(at('l.qcow2'));
    assert.equal(Buffer.compare(shown('l.qcow2'), content), 0);
    run('qemu-img', 'snapshot', '-a', 'one', at('l.qcow2'));
    assertSameDisk([at('disk.raw'), 'raw'], [at('l.qcow2'), 'qcow2']);
  });

  test('other formats are refused', async () => {
    run('qemu-img', 'create', '-q', '-f', 'vmdk', at('v.vmdk'), '1M');
    await assert.rejects(compactImage(at('v.vmdk')), /vmdk images cannot be compacted/);
  });
});

describe('overlays', { skip }, () => {
  test('show the base, and are found by qemu-img', () => {
    make('base.qcow2');
    mkdirSync(at('other'), { recursive: true });
    for (const name of ['o1.qcow2', 'other/o2.qcow2']) {
      createOverlay(at(name), at('base.qcow2'));
      assertSameDisk([at(name), 'qcow2'], [at('disk.raw'), 'raw']);
      assert.equal(imageInfo(at(name))['backing-filename-format'], 'qcow2');
    }
    assert.equal(imageInfo(at('o1.qcow2'))['backing-filename'], 'base.qcow2');
    assert.throws(() => createOverlay(at('o1.qcow2'), at('base.qcow2')), /is there already/);
    assert.throws(() => createOverlay(at('o3.qcow2'), at('nothing')), /nothing/);
    assert.equal(existsSync(at('o3.qcow2')), false);
    copyFileSync(at('disk.raw'), at('a:b.raw'));
    createOverlay(at('colon.qcow2'), at('a:b.raw'), { size: 2 * SIZE });
    run('qemu-img', 'check', at('colon.qcow2'));
    assert.equal(shown('colon.qcow2').length, 2 * SIZE);
  });

  test('one that cannot be read leaves its base as it is', async () => {
    writeFileSync(at('plain'), new Uint8Array(MIB));
    const secret = ['--object', 'secret,id=key,data=secret'];
    // For luks qemu-img measures the processor, and fails where that is busy.
    const options = 'encrypt.format=aes,encrypt.key-secret=key,backing_file=plain,backing_fmt=raw';
    run('qemu-img', 'create', '-q', ...secret, '-f', 'qcow2', '-o', options, at('secret.qcow2'), '2M');
    await assert.rejects(commitOverlay(at('secret.qcow2')), {
      code: 'ENOTSUP',
      path: at('secret.qcow2'),
      message: /secret\.qcow2: .*encrypted/,
    });
    assert.ok(readFileSync(at('plain')).equals(Buffer.alloc(MIB)));
    const bytes = readFileSync(at('secret.qcow2'));
    bytes.writeUInt32BE(0xffffffff, 20);
    writeFileSync(at('bad.qcow2'), bytes);
    const error = { code: 'EUCLEAN', path: at('bad.qcow2'), message: /bad\.qcow2: .*cluster_bits/ };
    await assert.rejects(commitOverlay(at('bad.qcow2')), error);
    assert.throws(() => discardOverlay(at('bad.qcow2')), error);
    assert.ok(readFileSync(at('bad.qcow2')).equals(bytes));
  });

  for (const base of ['raw', 'qcow2', 'qcow2 with a snapshot', 'qcow2 in a chain'] as const) {
    test(`are committed into a base: ${base}`, async () => {
      for (const name of ['b', 'o.qcow2', 'bb.qcow2']) if (existsSync(at(name))) run('rm', at(name));
      const format = base === 'raw' ? 'raw' : 'qcow2';
      if (base === 'raw') copyFileSync(at('disk.raw'), at('b'));
      else make(base === 'qcow2 in a chain' ? 'bb.qcow2' : 'b');
      if (base === 'qcow2 in a chain') createOverlay(at('b'), at('bb.qcow2'), { clusterSize: 4096 });
      if (base === 'qcow2 with a snapshot') run('qemu-img', 'snapshot', '-c', 'old', at('b'));
      createOverlay(at('o.qcow2'), at('b'), { baseFormat: format, size: SIZE + MIB });
      qemuIo(at('o.qcow2'), 'write -P 9 1000k 300k', 'write -z 2M 300k', `write -P 4 ${SIZE} 64k`);
      const expected = shown('o.qcow2');
      const { bytes } = await commitOverlay(at('o.qcow2'));
      assert.ok(bytes >= 664 * 1024);
      assert.equal(Buffer.compare(shown('b', format), expected), 0);
      if (format === 'qcow2') checkQcow2(at('b'));
      // Nothing is left in the overlay, and it goes on.
      assert.equal(checkQcow2(at('o.qcow2')).allocated, 0);
      assert.equal(Buffer.compare(shown('o.qcow2'), expected), 0);
      qemuIo(at('o.qcow2'), 'write -P 1 0 512');
      await commitOverlay(at('o.qcow2'), { overlay: 'keep' });
      assert.equal(checkQcow2(at('o.qcow2')).allocated, 1);
      await commitOverlay(at('o.qcow2'), { overlay: 'remove' });
      assert.equal(existsSync(at('o.qcow2')), false);
      assert.equal(shown('b', format)[0], 1);
      if (base === 'qcow2 with a snapshot') {
        run('qemu-img', 'snapshot', '-a', 'old', at('b'));
        checkQcow2(at('b'));
        assertSameDisk([at('b'), 'qcow2'], [at('disk.raw'), 'raw']);
      }
      assert.deepEqual(
        readdirSync(folder.path).filter((name) => name.includes('.part')),
        [],
      );
    });
  }

  test('what is not an overlay is neither committed nor removed', async () => {
    make('plain.qcow2');
    copyFileSync(at('disk.raw'), at('plain.raw'));
    for (const name of ['plain.qcow2', 'plain.raw']) {
      await assert.rejects(commitOverlay(at(name)), /is not an overlay/);
      assert.throws(() => discardOverlay(at(name)), /not an overlay: it is not removed/);
      assert.ok(existsSync(at(name)));
    }
  });

  test('the policy keeps bases out', async () => {
    mkdirSync(at('far'), { recursive: true });
    make('far-base.qcow2');
    createOverlay(at('far/o.qcow2'), at('far-base.qcow2'));
    const size = statSync(at('far-base.qcow2')).mtimeMs;
    await assert.rejects(commitOverlay(at('far/o.qcow2')), /outside the image's folder/);
    assert.equal(statSync(at('far-base.qcow2')).mtimeMs, size);
    await commitOverlay(at('far/o.qcow2'), { backing: 'any' });
  });

  test('a base or overlay in use is left alone', async () => {
    make('used.qcow2');
    createOverlay(at('uo.qcow2'), at('used.qcow2'));
    const base = open('used.qcow2', false);
    await assert.rejects(commitOverlay(at('uo.qcow2')), /in use/);
    base.device.close();
    const overlay = open('uo.qcow2', false);
    await assert.rejects(commitOverlay(at('uo.qcow2')), /in use/);
    assert.throws(() => discardOverlay(at('uo.qcow2')), /in use/);
    overlay.device.close();
    discardOverlay(at('uo.qcow2'));
    assert.equal(existsSync(at('uo.qcow2')), false);
    assert.ok(existsSync(at('used.qcow2')));
  });

  test('internal snapshots of an overlay are not lost', async () => {
    make('sb.qcow2');
    createOverlay(at('so.qcow2'), at('sb.qcow2'));
    run('qemu-img', 'snapshot', '-c', 'mine', at('so.qcow2'));
    await assert.rejects(commitOverlay(at('so.qcow2')), /internal snapshots, which would be lost/);
    await commitOverlay(at('so.qcow2'), { overlay: 'keep' });
    assert.ok(existsSync(at('so.qcow2')));
  });
});
