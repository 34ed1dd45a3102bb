import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fuzz } from '../../test/support/fuzz.ts';
import { hasTool, needsTool, temporaryFolder } from '../../test/support/tools.ts';
import { fileType, Sample } from '../formats/file-type/index.ts';
import type { Content } from './content.ts';
import { SessionState, type ActionContext } from './context.ts';
import { describeDecompressed, describeFile } from './file-description.ts';

const context = {
  state: new SessionState(),
  warn() {},
  progress() {},
  checkCancelled() {},
} as unknown as ActionContext;

const folder = temporaryFolder();
after(() => folder.remove());

function describePath(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const content: Content = {
      name: path,
      size: statSync(path).size,
      read: (offset, into) => readSync(fd, into, 0, into.length, offset),
      extents: () => [],
    };
    return describeFile(context, content);
  } finally {
    closeSync(fd);
  }
}

const ofBytes = (bytes: Uint8Array): string => fileType(new Sample(bytes));

const TEXTS: Record<string, string | Buffer> = {
  empty: '',
  one: 'x',
  ascii: 'some text\n',
  utf8: 'café\n',
  bom: '\ufeffhi\n',
  latin: Buffer.from('caf\xe9\n', 'latin1'),
  extended: Buffer.from('caf\x8e\n', 'latin1'),
  utf16: Buffer.from('\ufeffhi\n', 'utf16le'),
  crlf: 'a\r\nb\r\n',
  mixed: 'a\r\nb\nc\rd\n',
  unended: 'abc',
  long: `${'x'.repeat(400)}\n`,
  escapes: 'a\x1b[1mb\n',
  overstrike: 'a\bb\n',
  zeroes: Buffer.alloc(4),
  json: '{"a": [1, 2]}\n',
  csv: 'a,b,c\n1,2,3\n4,5,6\n',
  xml: '<?xml version="1.0"?>\n<a/>\n',
  html: '<html><body>x</body></html>\n',
  sh: '#!/bin/sh\necho\n',
  bash: '#! /bin/bash -e\n',
  python: '#!/usr/bin/env python3\nprint(1)\n',
  perl: '#!/usr/bin/perl -w\nprint 1;\n',
  node: '#!/usr/bin/env node\n',
  ruby: '#!/usr/bin/ruby\n',
  expect: '#!/usr/bin/expect -f\nx\n',
  c: '#include <stdio.h>\nint main(){}\n',
  pdf: '%PDF-1.4\n%%\n',
  key: '-----BEGIN RSA PRIVATE KEY-----\nx\n',
  certificate: '-----BEGIN CERTIFICATE-----\nx\n',
  passwd: 'root:x:0:0:root:/root:/bin/bash\n',
  fstab: '# /etc/fstab\nUUID=1 / ext4 defaults 0 1\n',
  troff: '.TH X 1\n.SH NAME\n',
};

describe('texts', { skip: needsTool('file') }, () => {
  for (const [name, content] of Object.entries(TEXTS)) {
    test(name, () => {
      const path = join(folder.path, name);
      writeFileSync(path, content);
      assert.equal(describePath(path), execFileSync('file', ['-zb', path], { encoding: 'utf8' }).trimEnd());
    });
  }
});

/** Programs that make a file `$1`; what file(1) says of it. */
const MADE: Record<string, { needs: string; script: string }> = {
  gz: { needs: 'gzip', script: 'seq 1 99 > t; gzip -c t > $1' },
  xz: { needs: 'xz', script: 'seq 1 99 | xz > $1' },
  bz2: { needs: 'bzip2', script: 'seq 1 99 | bzip2 > $1' },
  tgz: { needs: 'tar', script: 'seq 1 99 > t; tar czf $1 t' },
  tar: { needs: 'tar', script: 'seq 1 99 > t; tar cf $1 t' },
  cpio: { needs: 'cpio', script: 'seq 1 99 > t; echo t | cpio -o -H newc --quiet > $1' },
  deb: {
    needs: 'dpkg-deb',
    script:
      'mkdir -p d/DEBIAN; printf "Package: x\\nVersion: 1\\nArchitecture: all\\nMaintainer: x\\nDescription: x\\n" > d/DEBIAN/control; dpkg-deb -b d $1',
  },
  ext2: { needs: 'mke2fs', script: 'truncate -s 4M $1; mke2fs -q -t ext2 -L label $1' },
  ext4: { needs: 'mke2fs', script: 'truncate -s 8M $1; mke2fs -q -t ext4 $1' },
  fat12: { needs: 'mkfs.fat', script: 'truncate -s 4M $1; mkfs.fat -F12 $1' },
  fat16: { needs: 'mkfs.fat', script: 'truncate -s 20M $1; mkfs.fat -F16 -n LABEL $1' },
  fat32: { needs: 'mkfs.fat', script: 'truncate -s 80M $1; mkfs.fat -F32 $1' },
  ntfs: { needs: 'mkntfs', script: 'truncate -s 10M $1; mkntfs -F -q $1' },
  btrfs: { needs: 'mkfs.btrfs', script: 'truncate -s 120M $1; mkfs.btrfs -q -L label $1' },
  xfs: { needs: 'mkfs.xfs', script: 'truncate -s 320M $1; mkfs.xfs -q $1' },
  swap: { needs: 'mkswap', script: 'truncate -s 10M $1; mkswap -L label $1' },
  squashfs: { needs: 'mksquashfs', script: 'mkdir -p s; echo > s/a; mksquashfs s $1 -quiet' },
  iso: { needs: 'genisoimage', script: 'mkdir -p s; echo > s/a; genisoimage -quiet -V VOLUME -o $1 s' },
  mbr: { needs: 'sfdisk', script: 'truncate -s 10M $1; printf ",4M,L,*\\n,,82\\n" | sfdisk -q $1' },
  vmdk: { needs: 'qemu-img', script: 'qemu-img create -q -f vmdk $1 1G' },
  vdi: { needs: 'qemu-img', script: 'qemu-img create -q -f vdi $1 1G' },
  vhd: { needs: 'qemu-img', script: 'qemu-img create -q -f vpc $1 1G' },
};

describe('what programs make', { skip: needsTool('file') }, () => {
  for (const [name, { needs, script }] of Object.entries(MADE)) {
    test(name, { skip: needsTool(needs) }, () => {
      const path = join(folder.path, `made-${name}`);
      const made = spawnSync('sh', ['-c', `set -e; ${script}`, 'sh', path], {
        cwd: folder.path,
        encoding: 'utf8',
      });
      assert.equal(made.status, 0, made.stderr);
      const env = { ...process.env, TZ: 'UTC' };
      assert.equal(
        describePath(path),
        execFileSync('file', ['-zb', path], { encoding: 'utf8', env }).trimEnd(),
      );
    });
  }
});

describe('files of this system', { skip: needsTool('file') }, () => {
  const wanted = [
    '/bin/sh',
    '/usr/bin/env',
    '/usr/sbin/ldconfig',
    '/lib/x86_64-linux-gnu/libc.so.6',
    '/etc/passwd',
    '/etc/fstab',
  ];
  for (const path of wanted.filter((one) => existsSync(one))) {
    test(path, () => {
      assert.equal(describePath(path), execFileSync('file', ['-Lzb', path], { encoding: 'utf8' }).trimEnd());
    });
  }
});

test('a compressed file is described by what is in it', () => {
  const text = readFileSync(import.meta.filename);
  const path = join(folder.path, 'text.gz');
  if (!hasTool('gzip')) return;
  writeFileSync(path, execFileSync('gzip', ['-nc'], { input: text }));
  assert.match(describePath(path), /^.*text.* \(gzip compressed data, from Unix\)$/);
});

test('damaged compressed data are still compressed data', () => {
  const bytes = Buffer.from('1f8b08000000000000030102030405', 'hex');
  const content: Content = {
    name: '/x',
    size: bytes.length,
    read: (offset, into) => bytes.copy(into, 0, offset),
    extents: () => [],
  };
  assert.equal(describeFile(context, content), 'gzip compressed data, from Unix');
  assert.throws(() => describeDecompressed(context, 'zip', content), { code: 'EINVAL' });
});

test('nothing in a file can break the recognition', () => {
  const samples = [
    existsSync('/bin/sh') ? readFileSync('/bin/sh').subarray(0, 20_000) : Buffer.from('\x7fELF'),
    Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex'),
    Buffer.from('ffd8ffe000104a46494600010101004800480000ffc0001108000a000a03', 'hex'),
    Buffer.from('de12049500000000020000001c0000002c000000', 'hex'),
    Buffer.from('504b03041400000008000000000000000000000000000000000008000000mimetype', 'latin1'),
    Buffer.concat([Buffer.alloc(1024), Buffer.from('53ef', 'hex'), Buffer.alloc(3000)]),
    Buffer.from('TZif2'.padEnd(200, '\x02')),
    Buffer.from('!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n'.padEnd(300)),
  ];
  for (const [seed, image] of samples.entries()) {
    fuzz({
      seed,
      rounds: 400,
      image: Uint8Array.from(image),
      mutations: 12,
      read: (bytes) => void ofBytes(bytes),
    });
    for (let length = 0; length < Math.min(image.length, 600); length += 7)
      ofBytes(image.subarray(0, length));
  }
});

test('texts that make patterns backtrack are recognised in time', () => {
  for (const unit of [
    '\n',
    ' ',
    '#include <',
    '/Type /Pages',
    'package a;\n',
    '<',
    ',',
    '"',
    'class a\n',
    '\t\n',
    'import a.',
  ]) {
    ofBytes(Buffer.from(unit.repeat(Math.ceil(100_000 / unit.length))));
    ofBytes(Buffer.from(`%PDF-1.4 ${unit.repeat(20_000)}`));
  }
});
