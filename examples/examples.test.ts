import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

const folder = import.meta.dirname;
const image = join(folder, 'images', 'tiny-guest.qcow2');
const built = existsSync(join(folder, '..', 'dist', 'index.js'));

function run(script: string, ...args: string[]): string {
  return execFileSync(process.execPath, [join(folder, script), ...args], { encoding: 'utf8' });
}

describe('examples', { skip: built ? false : 'dist/ is not built: npm run build' }, () => {
  test('the demo makes a guest and looks inside it', () => {
    const output = run('demo.mjs');
    assert.match(output, /^made +guest\.qcow2 in \d+ ms/m);
    assert.match(output, /system +debian 12\.11 \(x86_64\)/);
    assert.match(output, /demo-guest/);
    assert.match(output, /\/dev\/demo\/root +on \//);
    assert.match(output, /openssh-server/);
    assert.match(output, /this file was written into a logical volume in a qcow2 image/);
  });

  test('packages are listed', () => {
    assert.match(run('list-packages.mjs', image), /base-files 12\.4\+deb12u11/);
  });

  test('the guest reads as node:fs', () => {
    const output = run('read-with-fs.mjs', image);
    assert.match(output, /^- +\d+ \/etc\/fstab$/m);
    assert.match(output, /^tiny-guest$/m);
  });

  test('the parsers stand alone', () => {
    const output = run('standalone-parsers.mjs', image);
    assert.match(output, /^2: 8388608 bytes, boot, ext4$/m);
    assert.match(output, /directory grub/);
  });

  test('a folder is packed through a stream', () => {
    const packed = execFileSync(process.execPath, [join(folder, 'tar-out-stream.mjs'), image, '/etc']);
    const names = execFileSync('tar', ['-tzf', '-'], { input: packed, encoding: 'utf8' });
    assert.match(names, /^\.\/hostname$/m);
  });
});
