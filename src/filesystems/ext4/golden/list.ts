/**
 * Lists an image as the kernel's mount shows it: `list.ts IMAGE OUTPUT MOUNT-OPTIONS [WORKLOAD]`. The fast commit
 * workload leaves out the times of directories, which replaying alters.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listMount, withMount } from '../../../../test/support/ext4-listing.ts';
import { temporaryFolder } from '../../../../test/support/tools.ts';

const [image = '', output = '', options = 'ro', workload = ''] = process.argv.slice(2);
const folder = temporaryFolder();
try {
  const mountpoint = join(folder.path, 'm');
  mkdirSync(mountpoint);
  const lines = withMount(image, mountpoint, options, (root) =>
    listMount(root, { withoutDirectoryTimes: workload === 'fast' }),
  );
  writeFileSync(output, `${lines.join('\n')}\n`);
} finally {
  folder.remove();
}
