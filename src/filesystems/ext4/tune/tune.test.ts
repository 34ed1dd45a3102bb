import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { openFile } from '../../../block/file.ts';
import { setExtUuid, tuneExt, type TuneExtOptions } from './index.ts';

/** What changes, and how tune2fs(8) is asked for the same. */
const changes: readonly (readonly [TuneExtOptions, readonly string[]])[] = [
  [{ label: 'sixteen letters!' }, ['-L', 'sixteen letters!']],
  [{ label: '' }, ['-L', '']],
  [{ maxMountCount: 30 }, ['-c', '30']],
  [{ maxMountCount: -1 }, ['-c', '-1']],
  [{ mountCount: 7 }, ['-C', '7']],
  [{ errorBehavior: 'remount-ro' }, ['-e', 'remount-ro']],
  [{ errorBehavior: 'panic' }, ['-e', 'panic']],
  [{ errorBehavior: 'continue' }, ['-e', 'continue']],
  [{ user: 1000 }, ['-u', '1000']],
  [{ group: 1000 }, ['-g', '1000']],
  [{ checkInterval: 86400 * 3 }, ['-i', '3d']],
  [{ checkInterval: 0 }, ['-i', '0']],
  [{ reservedPercentage: 17 }, ['-m', '17']],
  [{ reservedBlocks: 1234 }, ['-r', '1234']],
  [{ lastMounted: '/mnt/somewhere' }, ['-M', '/mnt/somewhere']],
];

describe('parameters as tune2fs changes them', { skip: needsTool('mke2fs', 'tune2fs', 'e2fsck') }, () => {
  for (const options of [
    ['-t', 'ext4'],
    ['-t', 'ext4', '-O', '^metadata_csum,uninit_bg'],
  ]) {
    test(options.join(' '), () => {
      const { path, remove } = temporaryFolder();
      try {
        const ours = join(path, 'ours');
        const theirs = join(path, 'theirs');
        run('mke2fs', '-q', '-F', ...options, ours, '16M');
        copyFileSync(ours, theirs);
        // What keeps the checksum right beside a torn write is shown as the list of a feature that never was.
        const listed = (image: string): string =>
          run('tune2fs', '-l', image).replace(
            /^(Last write time|Checksum|Next check after|Snapshot list head):.*\n/gm,
            '',
          );
        const change = (action: (device: ReturnType<typeof openFile>) => void): void => {
          const device = openFile(ours, { writable: true });
          action(device);
          device.close();
        };
        for (const [wanted, asked] of changes) {
          change((device) => tuneExt(device, wanted));
          run('tune2fs', ...asked, theirs);
          assert.equal(listed(ours), listed(theirs), asked.join(' '));
        }
        const uuid = '0ddba11e-0000-4000-8000-000000000001';
        change((device) => setExtUuid(device, Buffer.from(uuid.replaceAll('-', ''), 'hex')));
        assert.match(listed(ours), new RegExp(`Filesystem UUID: +${uuid}`));
        run('e2fsck', '-fn', ours);
        for (const wrong of [
          { label: 'seventeen letters' },
          { maxMountCount: 70000 },
          { reservedPercentage: 51 },
        ]) {
          change((device) => assert.throws(() => tuneExt(device, wrong), { code: 'EINVAL' }));
        }
      } finally {
        remove();
      }
    });
  }
});
