import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { engineDaemon, TINY_GUEST } from '../support/engine-daemon.ts';
import { lvmImage } from '../support/lvm-golden.ts';
import { temporaryFolder } from '../support/tools.ts';
import { callEverything } from './every-action.ts';

const root = join(import.meta.dirname, '../..');
const golden = (path: string): Buffer => gunzipSync(readFileSync(join(root, 'src', path)));

/** A FAT whose boot sector says that it was not unmounted. */
function dirtyFat(): Uint8Array {
  const image = golden('filesystems/fat/golden/fat32.img.gz');
  image[0x41] = 1;
  return image;
}

const folder = temporaryFolder();
after(() => folder.remove());

/** Images by name: the bytes of their files, of which each is a drive. */
const images: Readonly<Record<string, () => { format: string; files: Uint8Array[] }>> = {
  'ext4 with all features': () => raw(golden('filesystems/ext4/golden/ext4-all.img.gz')),
  'ext4 with a journal to replay': () => raw(golden('filesystems/ext4/golden/dirty-ext4.img.gz')),
  'ext4 with orphans': () => raw(golden('filesystems/ext4/golden/dirty-orphans.img.gz')),
  'ext4 with fast commits': () => raw(golden('filesystems/ext4/golden/dirty-fast.img.gz')),
  'ext3 with a journal to replay': () => raw(golden('filesystems/ext4/golden/dirty-ext3.img.gz')),
  'FAT32 that was not unmounted': () => raw(dirtyFat()),
  'a guest with LVM in qcow2': () => ({ format: 'qcow2', files: [readFileSync(TINY_GUEST)] }),
  'qcow2 that was not closed': () => qcow2('dirty'),
  'qcow2 with lazy refcounts': () => qcow2('lazy'),
  'qcow2 with snapshots': () => qcow2('snapshots'),
  'LVM over two drives': () => raw(lvmImage('a'), lvmImage('b')),
};

function raw(...files: Uint8Array[]): { format: string; files: Uint8Array[] } {
  return { format: 'raw', files };
}

function qcow2(name: string): { format: string; files: Uint8Array[] } {
  return { format: 'qcow2', files: [golden(`images/qcow2/golden/${name}.qcow2.gz`)] };
}

let counter = 0;

/** Files of an image, and what must be true of them afterwards. */
function laidOut(name: string): { paths: string[]; format: string; assertSame: () => void } {
  const { format, files } = (images[name] as () => { format: string; files: Uint8Array[] })();
  const paths = files.map((bytes) => {
    const path = join(folder.path, `image${counter++}`);
    writeFileSync(path, bytes);
    return path;
  });
  const known = paths.map(fingerprint);
  return {
    paths,
    format,
    assertSame: () => assert.deepEqual(paths.map(fingerprint), known, `${name} was changed`),
  };
}

function fingerprint(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return `${size} ${mtimeMs} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
}

describe('read-only drives stay byte for byte', () => {
  const worked = new Set<string>();
  for (const [index, name] of Object.keys(images).entries()) {
    test(`every action on ${name}`, () => {
      const { paths, format, assertSame } = laidOut(name);
      for (const refuseWrites of [false, true]) {
        const drives = paths.map((path) => ({ path, format, readonly: true, refuseWrites }));
        const outcome = callEverything(drives, 1, 100 + index);
        assert.deepEqual(outcome.crashes, []);
        for (const action of outcome.worked.keys()) worked.add(action);
        assertSame();
      }
    });
  }

  test('most actions got somewhere', () => {
    // Guessed arguments are wrong for some, and what drops a device ends many.
    assert.ok(worked.size > 180, `${worked.size} actions worked somewhere`);
    for (const action of ['write', 'mkdir', 'mkfs', 'part_init', 'upload', 'cat', 'stat', 'checksum_device'])
      assert.ok(worked.has(action), `${action} never worked`);
  });

  test('writes go to an overlay, or are refused', () => {
    const { paths, format, assertSame } = laidOut('ext4 with a journal to replay');
    const path = paths[0] as string;
    const overlaid = engineDaemon({ path, format });
    overlaid.call('mount', '/dev/sda', '/');
    overlaid.call('write', '/new', 'in the overlay');
    overlaid.call('sync');
    assert.equal(overlaid.call('cat', '/new'), 'in the overlay');
    overlaid.close();
    const refusing = engineDaemon({ path, format, refuseWrites: true });
    refusing.call('mount', '/dev/sda', '/');
    for (const [action, ...args] of [
      ['write', '/new', 'x'],
      ['mkdir', '/directory'],
      ['touch', '/touched'],
      ['rm_rf', '/lost+found'],
      ['mkfs', 'ext4', '/dev/sda'],
      ['zero', '/dev/sda'],
      ['part_init', '/dev/sda', 'gpt'],
    ]) {
      assert.throws(
        () => refusing.call(action as string, ...args),
        (error) => ['EROFS', 'EBUSY'].includes((error as { code: string }).code),
        action,
      );
    }
    refusing.close();
    assertSame();
  });

  test('the tools that read', () => {
    const guest = join(folder.path, 'guest.qcow2');
    copyFileSync(TINY_GUEST, guest);
    const known = fingerprint(guest);
    const runs: readonly (readonly string[])[] = [
      ['virt-cat', '-a', guest, '/etc/os-release'],
      ['virt-filesystems', '-a', guest, '--all', '--long', '--uuid'],
      ['virt-inspector', '-a', guest],
      ['virt-diff', '-a', guest, '-A', guest],
      ['guestfish', '--ro', '-a', guest, '-i', '--', '-write', '/new', 'x'],
      [
        'guestfish',
        '-a',
        guest,
        '--',
        'run',
        ':',
        '-zero-device',
        '/dev/sda',
        ':',
        '-part-init',
        '/dev/sda',
        'gpt',
      ],
    ];
    for (const [tool, ...args] of runs) {
      const { status, stderr } = spawnSync(
        process.execPath,
        ['--import', 'tsx', join(root, 'test/support/tool-main.ts'), tool as string, ...args],
        { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
      );
      assert.equal(status, 0, `${tool}: ${stderr}`);
      assert.equal(fingerprint(guest), known, tool);
    }
  });
});
