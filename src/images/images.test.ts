import assert from 'node:assert/strict';
import { mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { blockContract } from '../../test/support/block-contract.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { nativeSeek } from '../block/file-native.ts';
import { diskFormat, diskHasBackingFile, diskVirtualSize, openImage, type ImageOptions } from './index.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);
const skip = needsTool('qemu-img', 'qemu-io');

const create = (name: string, ...args: string[]): void => {
  run('qemu-img', 'create', '-q', '-f', 'qcow2', ...args.slice(0, -1), at(name), args.at(-1) as string);
};
const firstByte = (name: string, options: Partial<ImageOptions> = { format: 'qcow2' }): number => {
  const { device } = openImage(at(name), { readonly: true, ...options });
  const byte = new Uint8Array(1);
  device.readAt(0, byte);
  device.close();
  return byte[0] as number;
};

describe('raw images', () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
  const rounded = new Uint8Array(70_144);
  rounded.set(bytes);
  writeFileSync(at('odd.raw'), bytes);

  test('an odd size is rounded up to a sector, as QEMU does', () => {
    const { device, format, probed } = openImage(at('odd.raw'), { readonly: true });
    assert.equal(device.size, 70_144);
    assert.equal(format, 'raw');
    assert.equal(probed, true);
    assert.equal(device.writable, false);
    device.close();
    assert.equal(diskVirtualSize(at('odd.raw')), 70_144);
  });

  blockContract('odd raw image', () => ({
    device: openImage(at('odd.raw'), { readonly: true, format: 'raw' }).device,
    content: rounded,
  }));

  test('writable where it is asked for', () => {
    writeFileSync(at('write.raw'), bytes);
    for (const format of ['raw', undefined]) {
      const { device } = openImage(at('write.raw'), {
        readonly: false,
        ...(format === undefined ? {} : { format }),
      });
      assert.equal(device.writable, true);
      device.writeAt(69_990, Uint8Array.of(9));
      device.close();
    }
    assert.equal(firstByte('write.raw', {}), 0);
  });

  test('an empty file and a huge sparse one', () => {
    writeFileSync(at('empty.raw'), '');
    assert.equal(diskVirtualSize(at('empty.raw')), 0);
    assert.equal(diskFormat(at('empty.raw')), 'raw');
    truncateSync(at('empty.raw'), 2 ** 42);
    const { device } = openImage(at('empty.raw'), { readonly: true });
    const kind = nativeSeek() === undefined ? 'data' : 'hole';
    assert.deepEqual([...device.extents(0, device.size)], [{ offset: 0, length: 2 ** 42, kind }]);
    device.close();
  });
});

describe('formats', () => {
  test('what is recognised and cannot be read is refused by name', { skip }, () => {
    for (const format of ['qcow', 'qed', 'vmdk', 'vdi', 'vhdx', 'vpc', 'parallels']) {
      run('qemu-img', 'create', '-q', '-f', format, at(`x.${format}`), '4M');
      assert.equal(diskFormat(at(`x.${format}`)), format);
      assert.throws(() => openImage(at(`x.${format}`), { readonly: true }), {
        code: 'ENOTSUP',
        message: new RegExp(`${format} images cannot be read here.*qemu-img convert -f ${format}`),
      });
      assert.throws(() => diskVirtualSize(at(`x.${format}`)), { code: 'ENOTSUP' });
      // Who says it is raw gets the bytes.
      openImage(at(`x.${format}`), { readonly: true, format: 'raw' }).device.close();
    }
  });

  test('an unknown format', () => {
    assert.throws(() => openImage(at('odd.raw'), { readonly: true, format: 'floppy' }), {
      code: 'ENOTSUP',
      message: /format floppy is not known, expected raw or qcow2/,
    });
    assert.throws(() => openImage(at('odd.raw'), { readonly: true, format: 'qcow2' }), { code: 'EUCLEAN' });
  });

  test('disk_format, disk_virtual_size and disk_has_backing_file', { skip }, () => {
    create('alone.qcow2', '10M');
    create('child.qcow2', '-b', 'alone.qcow2', '-F', 'qcow2', '20M');
    assert.equal(diskFormat(at('child.qcow2')), 'qcow2');
    assert.equal(diskVirtualSize(at('child.qcow2')), 20 * 1024 * 1024);
    assert.equal(diskHasBackingFile(at('child.qcow2')), true);
    assert.equal(diskHasBackingFile(at('alone.qcow2')), false);
    assert.equal(diskHasBackingFile(at('odd.raw')), false);
    assert.throws(() => diskFormat(at('nothing')), { code: 'ENOENT' });
    assert.throws(() => diskVirtualSize(folder.path), { code: 'EISDIR' });
  });
});

describe('backing chains', { skip }, () => {
  before(() => {
    mkdirSync(at('sub', 'deeper'), { recursive: true });
    mkdirSync(at('outside'));
    writeFileSync(at('base.raw'), new Uint8Array(1024 * 1024).fill(1));
    writeFileSync(at('outside', 'secret.raw'), new Uint8Array(1024 * 1024).fill(2));
    create('over.qcow2', '-b', 'base.raw', '-F', 'raw', '1M');
    create('sub/over.qcow2', '-b', at('base.raw'), '-F', 'raw', '1M');
    create('into.qcow2', '-b', 'sub/over.qcow2', '-F', 'qcow2', '1M');
  });

  test('a probed image brings in nothing, a stated one its folder', () => {
    assert.throws(() => firstByte('over.qcow2', {}), {
      code: 'EPERM',
      message:
        /over\.qcow2: its backing file base\.raw is not opened because the format of the image was probed.*--allow-backing=folder/,
    });
    assert.equal(firstByte('over.qcow2'), 1);
    assert.equal(firstByte('over.qcow2', { backing: 'folder' }), 1);
    assert.throws(() => firstByte('over.qcow2', { format: 'qcow2', backing: 'none' }), { code: 'EPERM' });
  });

  test('the folder is that of the image that was named, with the folders in it', () => {
    assert.throws(() => firstByte('sub/over.qcow2'), {
      code: 'EPERM',
      message: /outside the image's folder/,
    });
    assert.equal(firstByte('sub/over.qcow2', { backing: 'any' }), 1);
    assert.equal(firstByte('into.qcow2'), 1);
  });

  test('a link does not lead out of the folder', () => {
    symlinkSync(at('outside', 'secret.raw'), at('sub', 'link.raw'));
    create('sub/linked.qcow2', '-b', 'link.raw', '-F', 'raw', '1M');
    assert.throws(() => firstByte('sub/linked.qcow2'), { code: 'EPERM' });
    assert.equal(firstByte('sub/linked.qcow2', { format: 'qcow2', backing: 'any' }), 2);
  });

  test('the format of a backing file is not guessed', () => {
    const image = at('unstated.qcow2');
    run('qemu-img', 'create', '-q', '-f', 'qcow2', image, '1M');
    // Write a name without a format: as images of old are.
    run('sh', '-c', `printf 'base.raw' | dd of="$0" bs=1 seek=1024 conv=notrunc status=none`, image);
    run(
      'sh',
      '-c',
      `printf '\\000\\000\\000\\000\\000\\000\\004\\000\\000\\000\\000\\010' | dd of="$0" bs=1 seek=8 conv=notrunc status=none`,
      image,
    );
    assert.equal(diskHasBackingFile(image), true);
    assert.throws(() => firstByte('unstated.qcow2'), {
      code: 'EPERM',
      message:
        /does not state the format of the backing file base\.raw.*qemu-img rebase -u -b base\.raw -F FORMAT/,
    });
  });

  test('a backing file that is missing, a protocol, a JSON description, the file: prefix', () => {
    create('gone.qcow2', '1M');
    run(
      'qemu-img',
      'create',
      '-q',
      '-u',
      '-f',
      'qcow2',
      '-b',
      'vanished.raw',
      '-F',
      'raw',
      at('gone.qcow2'),
      '1M',
    );
    assert.throws(() => firstByte('gone.qcow2'), {
      code: 'ENOENT',
      message: /gone\.qcow2: its backing file vanished\.raw is missing or cannot be opened: .*vanished\.raw/,
    });
    for (const name of [
      'nbd://localhost/x',
      'json:{"driver":"file","filename":"base.raw"}',
      'https://host/x.raw',
    ]) {
      run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', name, '-F', 'raw', at('far.qcow2'), '1M');
      assert.throws(() => firstByte('far.qcow2', { format: 'qcow2', backing: 'any' }), {
        code: 'ENOTSUP',
        message: /expected the name of a local file/,
      });
    }
    run(
      'qemu-img',
      'create',
      '-q',
      '-u',
      '-f',
      'qcow2',
      '-b',
      'file:base.raw',
      '-F',
      'raw',
      at('file.qcow2'),
      '1M',
    );
    assert.equal(firstByte('file.qcow2'), 1);
  });

  test('a format that cannot be read below', () => {
    run('qemu-img', 'create', '-q', '-f', 'vdi', at('below.vdi'), '1M');
    create('on-vdi.qcow2', '-b', 'below.vdi', '-F', 'vdi', '1M');
    assert.throws(() => firstByte('on-vdi.qcow2'), {
      code: 'ENOTSUP',
      message: /below\.vdi: vdi images cannot be read/,
    });
  });

  test('loops are found', () => {
    create('ring-a.qcow2', '1M');
    create('ring-b.qcow2', '-b', 'ring-a.qcow2', '-F', 'qcow2', '1M');
    run('qemu-img', 'rebase', '-u', '-f', 'qcow2', '-b', 'ring-b.qcow2', '-F', 'qcow2', at('ring-a.qcow2'));
    assert.throws(() => firstByte('ring-a.qcow2'), { code: 'ELOOP', message: /above it in the same chain/ });
    create('self.qcow2', '1M');
    run('qemu-img', 'rebase', '-u', '-f', 'qcow2', '-b', './self.qcow2', '-F', 'qcow2', at('self.qcow2'));
    assert.throws(() => firstByte('self.qcow2'), { code: 'ELOOP' });
  });

  test('a long chain reads, a too long one is refused', () => {
    create('chain0.qcow2', '1M');
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 77 0 512', at('chain0.qcow2'));
    create('chain1.qcow2', '-b', 'chain000.qcow2', '-F', 'qcow2', '-u', '1M');
    const template = at('chain1.qcow2');
    const pad = (i: number): string => String(i).padStart(3, '0');
    renameSync(at('chain0.qcow2'), at('chain000.qcow2'));
    for (let i = 1; i <= 205; i++) {
      run(
        'sh',
        '-c',
        `sed 's/chain000/chain${pad(i - 1)}/' "$0" > "$1"`,
        template,
        at(`chain${pad(i)}.qcow2`),
      );
    }
    assert.equal(firstByte('chain100.qcow2'), 77);
    assert.throws(() => firstByte('chain205.qcow2'), { code: 'ELOOP', message: /more than 200 images/ });
  });

  test('external data files obey the same policy', () => {
    create('data.qcow2', '-o', `data_file=${at('data.bin')}`, '1M');
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 55 0 512', at('data.qcow2'));
    assert.equal(firstByte('data.qcow2'), 55);
    assert.throws(() => firstByte('data.qcow2', {}), {
      code: 'EPERM',
      message: /its data file .* is not opened/,
    });
    renameSync(at('data.bin'), at('outside', 'data.bin'));
    assert.throws(() => firstByte('data.qcow2'), { code: 'ENOENT' });
  });
});
