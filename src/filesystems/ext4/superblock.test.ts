import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { memoryDevice } from '../../block/memory.ts';
import { crc32cRaw } from '../../bytes/crc32c.ts';
import { ext4Format, listSuperBlock, openExt4, probeJournalDevice } from './index.ts';
import { SuperBlock, type SuperBlockView } from './layout.ts';

function golden(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(join(import.meta.dirname, 'golden', `${name}.img.gz`))));
}

const ext4 = golden('ext4');

/** The image with fields of its superblock changed and the checksum right. */
function altered(change: (view: SuperBlockView) => void, image = ext4): Uint8Array {
  const copy = image.slice();
  const view = SuperBlock.view(copy, 1024);
  change(view);
  view.s_checksum = crc32cRaw(0xffffffff, copy, 1024, 1024 + 0x3fc);
  return copy;
}

describe('identification', () => {
  const probe = (image: Uint8Array): string | undefined => ext4Format.probe(memoryDevice(image))?.type;

  test('by what an older driver would understand', () => {
    assert.equal(probe(golden('ext2')), 'ext2');
    assert.equal(probe(golden('ext2-r0')), 'ext2');
    assert.equal(probe(golden('ext3')), 'ext3');
    assert.equal(probe(golden('dirty-ext3')), 'ext3');
    assert.equal(probe(ext4), 'ext4');
    // No journal, but inode sizes on disk that ext3 does not know.
    assert.equal(probe(golden('ext4-plain')), 'ext4');
  });

  test('label and UUID', () => {
    const image = altered((view) => {
      view.s_volume_name = Buffer.from('a label  ');
      view.s_uuid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
    });
    assert.deepEqual(ext4Format.probe(memoryDevice(image)), {
      type: 'ext4',
      version: '1.0',
      label: 'a label',
      uuid: '00112233-4455-6677-8899-aabbccddeeff',
    });
  });

  test('other things', () => {
    assert.equal(probe(new Uint8Array(0)), undefined);
    assert.equal(probe(new Uint8Array(2047)), undefined);
    assert.equal(probe(new Uint8Array(100_000).fill(0xff)), undefined);
  });

  test('an external journal is no filesystem', () => {
    const image = altered((view) => {
      view.s_feature_incompat = 0x8;
    });
    assert.equal(probe(image), undefined);
    assert.equal(probeJournalDevice(memoryDevice(image))?.type, 'jbd');
    assert.equal(probeJournalDevice(memoryDevice(ext4)), null);
    assert.throws(() => openExt4(memoryDevice(image)), { code: 'ENOTSUP', message: /external ext4 journal/ });
  });

  test('as blkid decides it', { skip: needsTool('mke2fs', 'blkid') }, () => {
    const { path, remove } = temporaryFolder();
    try {
      const image = join(path, 'image');
      for (const features of [
        'ext2 -O ^large_file',
        'ext2 -O huge_file',
        'ext2 -O dir_nlink',
        'ext3 -O flex_bg',
        'ext4',
        'ext2 -O meta_bg,^resize_inode',
        'ext3 -O extent',
      ]) {
        run('mke2fs', '-q', '-F', '-t', ...features.split(' '), image, '3M');
        assert.equal(
          probe(readFileSync(image)),
          run('blkid', '-p', '-o', 'value', '-s', 'TYPE', image).trim(),
          features,
        );
        run('rm', image);
      }
    } finally {
      remove();
    }
  });
});

describe('what cannot be read is named', () => {
  const refuse = (change: (view: SuperBlockView) => void, expected: object): void => {
    assert.throws(() => openExt4(memoryDevice(altered(change))), {
      structure: 'ext4_super_block',
      offset: 1024,
      ...expected,
    });
  };

  test('incompatible features', () => {
    refuse((view) => (view.s_feature_incompat |= 0x1), {
      code: 'ENOTSUP',
      message: /compression \(bit 0x1\)/,
    });
    refuse((view) => (view.s_feature_incompat |= 0x1000), {
      code: 'ENOTSUP',
      message: /dirdata \(bit 0x1000\)/,
    });
    refuse((view) => (view.s_feature_incompat |= 0x80000000), {
      code: 'ENOTSUP',
      message: /FEATURE_I31 \(bit 0x80000000\)/,
    });
  });

  test('other unknown features do not matter for reading', () => {
    const image = altered((view) => {
      view.s_feature_compat |= 0x80000000;
      view.s_feature_ro_compat |= 0x80000000;
    });
    assert.ok(openExt4(memoryDevice(image)).lookup(2, 'hello') > 0);
  });

  test('the checksum', () => {
    const image = ext4.slice();
    image[1024 + 0x30] = image[1024 + 0x30]! ^ 1;
    assert.throws(() => openExt4(memoryDevice(image)), {
      code: 'EBADMSG',
      structure: 'ext4_super_block',
      offset: 1024,
      message: /s_checksum is 0x[0-9a-f]+, the contents have 0x/,
    });
    refuse((view) => (view.s_checksum_type = 2), {
      code: 'ENOTSUP',
      structure: undefined,
      offset: undefined,
    });
  });

  const fields: [string, (view: SuperBlockView) => void][] = [
    ['s_log_block_size', (view) => (view.s_log_block_size = 7)],
    ['s_log_block_size', (view) => (view.s_log_block_size = 0xffffffff)],
    ['s_inode_size', (view) => (view.s_inode_size = 0)],
    ['s_inode_size', (view) => (view.s_inode_size = 200)],
    ['s_inode_size', (view) => (view.s_inode_size = 2048)],
    ['s_first_ino', (view) => (view.s_first_ino = 3)],
    ['s_desc_size', (view) => (view.s_desc_size = 0)],
    ['s_desc_size', (view) => (view.s_desc_size = 96)],
    ['s_blocks_per_group', (view) => (view.s_blocks_per_group = 0)],
    ['s_blocks_per_group', (view) => (view.s_blocks_per_group = 8193)],
    ['s_inodes_per_group', (view) => (view.s_inodes_per_group = 0)],
    ['s_inodes_per_group', (view) => (view.s_inodes_per_group = 0xffffffff)],
    ['s_blocks_count', (view) => (view.s_blocks_count_lo = 0xffffffff)],
    ['s_blocks_count_hi', (view) => (view.s_blocks_count_hi = 0x10000)],
    ['s_blocks_count', (view) => (view.s_blocks_count_hi = 1)],
    ['s_first_data_block', (view) => (view.s_first_data_block = 0)],
    ['s_first_data_block', (view) => (view.s_first_data_block = 2)],
    ['s_inodes_count', (view) => (view.s_inodes_count = 11)],
    ['s_log_cluster_size', (view) => ((view.s_feature_ro_compat |= 0x200), (view.s_log_cluster_size = 40))],
    ['s_clusters_per_group', (view) => ((view.s_feature_ro_compat |= 0x200), (view.s_log_cluster_size = 4))],
  ];
  fields.forEach(([field, change], i) => {
    test(`${field}, ${i}`, () =>
      refuse(change, { code: 'EUCLEAN', message: new RegExp(`${field} is .*expected`) }));
  });

  test('no filesystem at all', () => {
    assert.throws(() => openExt4(memoryDevice(new Uint8Array(4096))), { code: 'EUCLEAN', offset: 1024 });
    assert.throws(() => listSuperBlock(memoryDevice(new Uint8Array(10))), { code: 'EUCLEAN' });
  });
});

describe('a copy of the superblock', () => {
  const open = (image: Uint8Array, place: string): number =>
    openExt4(memoryDevice(image), { mountOptions: ['ro', `sb=${place}`] }).lookup(2, 'hello');

  test('is used where the mount option says so', () => {
    const image = golden('ext4-meta-bg');
    const sound = openExt4(memoryDevice(image)).lookup(2, 'hello');
    image.fill(0, 1024, 2048);
    assert.throws(() => openExt4(memoryDevice(image)), { code: 'EUCLEAN' });
    assert.equal(open(image, '257'), sound);
    // Here the group descriptors follow the copy, too.
    const other = golden('ext4-sparse2');
    const wanted = openExt4(memoryDevice(other)).lookup(2, 'hello');
    other.fill(0, 1024, 4096);
    assert.equal(open(other, '513'), wanted);
  });

  test('that is not there', () => {
    assert.throws(() => open(ext4, '2'), { code: 'EUCLEAN', offset: 2048 });
    assert.throws(() => open(ext4, '99999999'), { code: 'EUCLEAN' });
    for (const place of ['x', '', '-1', '99999999999999999'])
      assert.throws(() => open(ext4, place), { code: 'EINVAL' });
  });
});

describe('the list of tune2fs', () => {
  test('golden images list as tune2fs lists them', { skip: needsTool('tune2fs', 'gunzip') }, () => {
    const { path, remove } = temporaryFolder();
    try {
      for (const name of [
        'ext2-r0',
        'ext2',
        'ext3',
        'ext4',
        'ext4-tea',
        'ext4-all',
        'ext4-meta-bg',
        'dirty-orphans',
      ]) {
        const image = golden(name);
        const file = join(path, 'image');
        run('sh', '-c', `gunzip -c "${join(import.meta.dirname, 'golden', `${name}.img.gz`)}" > "${file}"`);
        const out = run('env', 'TZ=UTC', 'tune2fs', '-l', file);
        const wanted = out
          .split('\n')
          .filter((line) => line.includes(':'))
          .map((line) => {
            const at = line.indexOf(':');
            return [line.slice(0, at), line.slice(at + 1).trimStart()];
          })
          .map(([key, value]) => [key, value!.replace(/\((user|group) \w+\)/, '($1 unknown)')]);
        assert.deepEqual([...listSuperBlock(memoryDevice(image))], wanted, name);
      }
    } finally {
      remove();
    }
  });

  const list = (change: (view: SuperBlockView) => void): Record<string, string> =>
    Object.fromEntries(listSuperBlock(memoryDevice(altered(change))));

  test('intervals and amounts in words', () => {
    const interval = (seconds: number): string | undefined =>
      list((view) => (view.s_checkinterval = seconds))['Check interval'];
    assert.equal(interval(0), '0 (<none>)');
    assert.equal(interval(61), '61 (0:01:01)');
    assert.equal(interval(90000), '90000 (1 day, 1:00:00)');
    assert.equal(interval(700000), '700000 (1 week, 1 day, 2:26:40)');
    assert.equal(interval(31536000), '31536000 (12 months, 5 days)');
    const written = (kilobytes: number): string | undefined =>
      list((view) => (view.s_kbytes_written = kilobytes))['Lifetime writes'];
    assert.equal(written(0), undefined);
    assert.equal(written(8191), '8191 kB');
    assert.equal(written(8192), '8 MB');
    assert.equal(written(2 ** 33 - 1), '8192 GB');
    assert.equal(written(2 ** 43), '8 PB');
  });

  test('errors that the kernel recorded', () => {
    const fields = list((view) => {
      view.s_error_count = 3;
      view.s_state = 3;
      view.s_errors = 2;
      view.s_first_error_time = 5;
      view.s_first_error_func = Buffer.from('ext4_foo');
      view.s_first_error_line = 12;
      view.s_first_error_ino = 14;
      view.s_first_error_block = 16;
      view.s_first_error_errcode = 5;
    });
    assert.equal(fields['Filesystem state'], 'clean with errors');
    assert.equal(fields['Errors behavior'], 'Remount read-only');
    assert.equal(fields['FS Error count'], '3');
    assert.equal(fields['First error time'], 'Thu Jan  1 00:00:05 1970');
    assert.equal(fields['First error function'], 'ext4_foo');
    assert.equal(fields['First error err'], 'EFSCORRUPTED');
    assert.equal(fields['Last error time'], undefined);
  });
});
