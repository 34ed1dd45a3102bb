/**
 * Has a stock guestfish run the commands of write-questions.txt and keeps what it says in write-stock.txt:
 * `tsx src/daemon/actions/golden/record-writes.ts`. Takes some minutes under TCG.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../../test/support/tools.ts';
import { makeWriteInputs, writeDrives } from '../../../../test/support/write-inputs.ts';

const here = import.meta.dirname;
const { path, remove } = temporaryFolder();
try {
  makeWriteInputs(path);
  const drives = writeDrives.map(
    ({ name, readonly }) => `add ${join(path, name)} format:raw${readonly ? ' readonly:true' : ''}`,
  );
  const commands = readFileSync(join(here, 'write-questions.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap((line, i) => [`-echo @@@ ${i + 1}`, `-${line.replaceAll(/\b(IN|OUT)\//g, `${path}/$1/`)}`]);
  const script = join(path, 'script');
  writeFileSync(script, [...drives, 'run', ...commands, ''].join('\n'));
  const { stdout } = spawnSync('sh', ['-c', `"\${GUESTFISH:-/usr/bin/guestfish}" -f "$0" 2>&1`, script], {
    encoding: 'latin1',
    maxBuffer: 64 * 1024 * 1024,
    env: {
      ...process.env,
      LIBGUESTFS_BACKEND: 'direct',
      LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
      LC_ALL: 'C.UTF-8',
    },
  });
  const text = stdout.replaceAll(new RegExp(`${script}:\\d+: `, 'g'), '').replaceAll(path, '');
  writeFileSync(join(here, 'write-stock.txt'), text, 'latin1');
} finally {
  remove();
}
