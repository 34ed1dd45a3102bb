/**
 * The stock library of libguestfs, by its own guestfish, against our daemon: in place of qemu it starts a program that
 * connects our daemon, over the engine, to its channel.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasTool, temporaryFolder } from '../support/tools.ts';

const GUESTFISH = '/usr/bin/guestfish';
const MIB = 1024 * 1024;
const PROGRAM = fileURLToPath(new URL('../support/engine-qemu.ts', import.meta.url));
const skip =
  existsSync(GUESTFISH) && hasTool('qemu-system-x86_64')
    ? false
    : `${GUESTFISH} or qemu-system-x86_64 is not installed`;

/** What libguestfs takes for qemu. Like qemu it ends well when it is told to; the program is too busy to hear that. */
const WRAPPER = `#!/bin/sh
case " $* " in
*" -kernel "*) ;;
*) exec qemu-system-x86_64 "$@" ;;
esac
"$GUESTFS_TEST_NODE" --import tsx "$GUESTFS_TEST_PROGRAM" "$@" &
pid=$!
trap 'kill -9 $pid; exit 0' TERM
wait $pid
`;

describe('stock guestfish drives our daemon', { skip }, () => {
  const folder = temporaryFolder();
  const disk = join(folder.path, 'disk.img');
  const wrapper = join(folder.path, 'qemu');
  const big = join(folder.path, 'big');

  before(() => {
    writeFileSync(wrapper, WRAPPER);
    chmodSync(wrapper, 0o755);
    // libguestfs remembers what a qemu can do, by the size and time of the program: let there be one such memory.
    utimesSync(wrapper, 1_700_000_000, 1_700_000_000);
    writeFileSync(disk, '');
    truncateSync(disk, 200 * MIB);
    const bytes = Buffer.alloc(30 * MIB);
    for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE((i * 2654435761) >>> 0, i);
    writeFileSync(big, bytes);
  });
  after(() => folder.remove());

  /** Run a script of guestfish commands on the disk; what it prints. */
  function guestfish(script: string): { out: string; err: string; status: number | null } {
    const run = spawnSync(GUESTFISH, ['--format=raw', '-a', disk], {
      input: `run\n${script}`,
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: {
        ...process.env,
        GUESTFS_TEST_NODE: process.execPath,
        GUESTFS_TEST_PROGRAM: PROGRAM,
        LIBGUESTFS_HV: wrapper,
        LIBGUESTFS_BACKEND: 'direct',
        LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
      },
    });
    return { out: run.stdout, err: run.stderr, status: run.status };
  }

  test('partitions, filesystems, files, lists and structs', () => {
    const { out, err, status } = guestfish(`
      list-devices
      part-disk /dev/sda mbr
      list-partitions
      mkfs ext4 /dev/sda1 label:LABEL
      vfs-label /dev/sda1
      mount /dev/sda1 /
      write /hello "hi there\\n"
      cat /hello
      mkdir-p /a/b/c
      touch /a/b/file
      ls /a/b
      find /a
      readdir /a/b | grep name
      stat /hello | grep ^size
      lstatnslist /a/b "c file" | grep -c st_ino
      setxattr user.x value 5 /hello
      getxattrs /hello | grep value
      is-file /hello
      is-dir /hello
      part-list /dev/sda | grep part_num
      glob echo /a/b/*
      filesize /hello
      df-h | head -1
      mountpoints
      echo-daemon "a b c"
      ping-daemon
    `);
    assert.deepEqual(
      out
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
      [
        '/dev/sda',
        '/dev/sda1',
        'LABEL',
        'hi there',
        'c',
        'file',
        'b',
        'b/c',
        'b/file',
        'name: .',
        'name: ..',
        'name: c',
        'name: file',
        'size: 9',
        '2',
        'attrval: value',
        'true',
        'false',
        'part_num: 1',
        '/a/b/c/',
        '/a/b/file',
        '9',
        'Filesystem      Size  Used Avail Use% Mounted on',
        '/dev/sda1: /',
        'a b c',
      ],
      err,
    );
    assert.equal(status, 0, err);
  });

  test('streams both ways, larger than a message', () => {
    const back = join(folder.path, 'back');
    const { out, err, status } = guestfish(`
      mount /dev/sda1 /
      upload ${big} /big
      checksum md5 /big
      download /big ${back}
      tar-out /a ${folder.path}/a.tar
      mkdir /t
      tar-in ${folder.path}/a.tar /t
      find /t
      copy-out /big ${folder.path}/
    `);
    assert.equal(status, 0, err);
    const bytes = readFileSync(big);
    const md5 = createHash('md5').update(bytes).digest('hex');
    assert.deepEqual(out.trim().split('\n'), [md5, 'b', 'b/c', 'b/file']);
    assert.ok(readFileSync(back).equals(bytes));
  });

  test('errors reach it with their text, before, within and after a stream', () => {
    const { out, err } = guestfish(`
      mount /dev/sda1 /
      -cat /missing
      -upload ${big} /no/such/folder/file
      -upload /dev/zero /full
      -download /missing ${folder.path}/x
      -base64-in ${big} /b64
      -aug-init / 0
      echo-daemon "still here"
    `);
    assert.equal(out.trim(), 'still here', err);
    assert.match(err, /missing: No such file or directory/);
    assert.match(err, /upload: .*folder/);
    assert.match(err, /upload: no free block is left/);
    assert.match(err, /base64/);
    assert.match(err, /error: aug_init: this daemon does not have this action/);
  });
});
