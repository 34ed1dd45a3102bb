import assert from 'node:assert/strict';
import { rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkQcow2, imageInfo } from '../../test/support/qemu-images.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { createImage, openImage, type CreateOptions } from './index.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string): string => join(folder.path, name);
const SIZE = 9 * 1024 * 1024 + 512;

/** What must be the same of two new images; how many clusters tables take is left to each. */
function facts(name: string): unknown {
  const info = imageInfo(at(name));
  return {
    format: info['format'],
    size: info['virtual-size'],
    cluster: info['cluster-size'],
    backing: info['backing-filename'],
    backingFormat: info['backing-filename-format'],
    specific: JSON.parse(JSON.stringify(info['format-specific'] ?? null).replaceAll(/(ours|peer)/g, 'image')),
  };
}

describe('new images are as those of qemu-img', { skip: needsTool('qemu-img', 'qemu-io') }, () => {
  before(() => {
    writeFileSync(at('base.raw'), '');
    truncateSync(at('base.raw'), SIZE);
    run('qemu-img', 'create', '-q', '-f', 'qcow2', at('base.qcow2'), String(SIZE));
  });

  const forms: [options: Partial<CreateOptions>, qemu: readonly string[]][] = [
    [{}, []],
    [{ compat: '0.10' }, ['compat=0.10']],
    [{ compat: '1.1' }, ['compat=1.1']],
    [{ clustersize: 512 }, ['cluster_size=512']],
    [{ clustersize: 4096, compat: '0.10' }, ['cluster_size=4096', 'compat=0.10']],
    [{ clustersize: 2097152 }, ['cluster_size=2M']],
    [{ preallocation: 'off' }, ['preallocation=off']],
    [{ preallocation: 'metadata' }, ['preallocation=metadata']],
    [{ preallocation: 'metadata', clustersize: 4096 }, ['preallocation=metadata', 'cluster_size=4096']],
    [{ preallocation: 'metadata', compat: '0.10' }, ['preallocation=metadata', 'compat=0.10']],
    [{ preallocation: 'falloc' }, ['preallocation=falloc']],
    [{ preallocation: 'full' }, ['preallocation=full']],
    [{ preallocation: 'full', clustersize: 512 }, ['preallocation=full', 'cluster_size=512']],
    [{ extended_l2: true }, ['extended_l2=on']],
    [{ lazy_refcounts: true }, ['lazy_refcounts=on']],
    [{ compression_type: 'zstd' }, ['compression_type=zstd']],
    [{ refcount_bits: 1 }, ['refcount_bits=1']],
    [{ refcount_bits: 64, preallocation: 'metadata' }, ['refcount_bits=64', 'preallocation=metadata']],
    [{ backingfile: 'base.qcow2', backingformat: 'qcow2' }, ['-b', 'base.qcow2', '-F', 'qcow2']],
    [{ backingfile: 'base.raw', backingformat: 'raw' }, ['-b', 'base.raw', '-F', 'raw']],
    [
      { backingfile: 'base.qcow2', backingformat: 'qcow2', compat: '0.10', clustersize: 1024 },
      ['-b', 'base.qcow2', '-F', 'qcow2', 'compat=0.10', 'cluster_size=1024'],
    ],
  ];
  for (const [options, qemu] of forms) {
    test(`qcow2 ${JSON.stringify(options)}`, () => {
      for (const name of ['ours', 'peer']) rmSync(at(name), { force: true });
      createImage(at('ours'), SIZE, { format: 'qcow2', ...options });
      const extra = qemu.filter((word) => word.includes('='));
      run(
        'qemu-img',
        'create',
        '-q',
        '-f',
        'qcow2',
        ...qemu.filter((word) => !word.includes('=')),
        ...(extra.length === 0 ? [] : ['-o', extra.join(',')]),
        at('peer'),
        String(SIZE),
      );
      assert.deepEqual(facts('ours'), facts('peer'));
      assert.equal(checkQcow2(at('ours')).allocated, checkQcow2(at('peer')).allocated);
      const full = options.preallocation === 'full' || options.preallocation === 'falloc';
      if (full) assert.ok(statSync(at('ours')).blocks * 512 >= SIZE, 'space is set aside');
      else assert.ok(statSync(at('ours')).blocks * 512 < SIZE / 2, 'no space is set aside');
      // QEMU and we write to it, and it stays sound.
      run('qemu-io', '-f', 'qcow2', '-c', 'write -P 7 1M 100k', at('ours'));
      const { device } = openImage(at('ours'), { format: 'qcow2', readonly: false });
      device.writeAt(2 * 1024 * 1024, new Uint8Array(100_000).fill(8));
      device.close();
      run('qemu-io', '-f', 'qcow2', '-c', 'read -P 8 2M 97k', '-c', 'read -P 7 1M 100k', at('ours'));
      checkQcow2(at('ours'));
    });
  }

  test('the size of the backing file is taken over', () => {
    createImage(at('sized'), -1, { format: 'qcow2', backingfile: 'base.qcow2' });
    assert.equal(imageInfo(at('sized'))['virtual-size'], SIZE);
    // Its format was probed, and is written down.
    assert.equal(imageInfo(at('sized'))['backing-filename-format'], 'qcow2');
  });

  for (const preallocation of ['off', 'sparse', 'falloc', 'full'] as const) {
    test(`raw, ${preallocation}`, () => {
      createImage(at('disk.raw'), SIZE, { format: 'raw', preallocation });
      const { size, blocks } = statSync(at('disk.raw'));
      assert.equal(size, SIZE);
      if (preallocation === 'off' || preallocation === 'sparse') assert.ok(blocks * 512 < 65536);
      else assert.ok(blocks * 512 >= SIZE);
    });
  }
});
