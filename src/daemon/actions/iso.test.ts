import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { engineDaemon, type EngineDaemon } from '../../../test/support/engine-daemon.ts';
import { imageBytes, loadImage } from '../../../test/support/sparse-image.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';

const GOLDENS = join(import.meta.dirname, '../../filesystems');

describe('discs and FAT volumes', () => {
  const temporary = temporaryFolder();
  const disc = join(temporary.path, 'disc.iso');
  const volume = join(temporary.path, 'volume.img');
  let daemon: EngineDaemon;
  before(() => {
    writeFileSync(disc, imageBytes(loadImage(join(GOLDENS, 'iso9660/golden/rock.img.gz'))));
    writeFileSync(volume, imageBytes(loadImage(join(GOLDENS, 'fat/golden/fat16.img.gz'))));
    daemon = engineDaemon({ path: disc, format: 'raw' }, { path: volume, format: 'raw' });
  });
  after(() => {
    daemon.close();
    temporary.remove();
  });

  test('the volume descriptor of a disc', () => {
    const info = daemon.call('isoinfo_device', '/dev/sda') as Record<string, unknown>;
    assert.equal(info['isoVolumeId'], 'ROCK');
    assert.equal(info['isoPublisherId'], 'The Publisher');
    assert.equal(info['isoLogicalBlockSize'], 2048);
    assert.equal(info['isoVolumeExpirationT'], -1);
    assert.throws(() => daemon.call('isoinfo_device', '/dev/sdb'), { code: 'EUCLEAN' });
  });

  test('they are listed and mounted', () => {
    assert.deepEqual(daemon.call('list_filesystems'), { '/dev/sda': 'iso9660', '/dev/sdb': 'vfat' });
    daemon.call('mount_ro', '/dev/sda', '/');
    assert.equal(daemon.call('cat', '/README.TXT'), 'readme\n');
    assert.equal(daemon.call('readlink', '/dir/up'), '..');
    assert.throws(() => daemon.call('isoinfo', '/README.TXT'), { code: 'EUCLEAN' });
    assert.throws(() => daemon.call('isoinfo', '/dir'), { code: 'EISDIR' });
    daemon.call('mount_ro', '/dev/sdb', '/EMPTY');
    assert.equal(daemon.call('cat', '/EMPTY/readme.txt'), 'readme\n');
    assert.equal(daemon.call('vfs_label', '/dev/sdb'), 'VOL16');
    daemon.call('umount_all');
  });

  test('the descriptor of an image that lies on a disc', { skip: needsTool('genisoimage') }, () => {
    const outer = join(temporary.path, 'outer.iso');
    run('genisoimage', '-quiet', '-R', '-o', outer, disc);
    const other = engineDaemon({ path: outer, format: 'raw' });
    try {
      other.call('mount_ro', '/dev/sda', '/');
      const info = other.call('isoinfo', '/disc.iso') as Record<string, unknown>;
      assert.equal(info['isoVolumeId'], 'ROCK');
      assert.equal(info['isoSystemId'], 'SYS');
    } finally {
      other.close();
    }
  });
});
