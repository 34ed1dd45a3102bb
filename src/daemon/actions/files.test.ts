/** What the comparison with stock leaves out: the rest of the names, and filesystems that lie. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { fakePlatform } from '../../../test/support/fake-platform.ts';
import { fuzz } from '../../../test/support/fuzz.ts';
import { MemoryFileSystem } from '../../../test/support/memory-fs.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { memoryDevice } from '../../block/memory.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { FileSystem } from '../../filesystems/filesystem.ts';
import { openExt4 } from '../../filesystems/ext4/index.ts';
import { Daemon } from '../daemon.ts';
import { implementations } from '../registry.ts';

function daemonOver(fs: FileSystem): {
  call: (name: string, ...args: unknown[]) => unknown;
  stream: (name: string, args: unknown[], options?: object) => Buffer;
  warnings: string[];
} {
  const warnings: string[] = [];
  const { platform } = fakePlatform({ '/': fs });
  const daemon = new Daemon(
    platform,
    {
      warn: (message) => warnings.push(message),
      progress() {},
      checkCancelled() {},
    },
    implementations,
  );
  return {
    call: (name, ...args) => daemon.call(name, args),
    stream(name, args, options = {}) {
      const parts: Buffer[] = [];
      daemon.call(name, args, options, { output: { write: (chunk) => void parts.push(Buffer.from(chunk)) } });
      return Buffer.concat(parts);
    },
    warnings,
  };
}

const golden = gunzipSync(readFileSync(join(import.meta.dirname, 'golden/files.img.gz')));
const guest = daemonOver(openExt4(memoryDevice(golden, { writable: false })));

test('types of device nodes and sockets', () => {
  for (const [action, path] of [
    ['is_chardev', '/dir/chr'],
    ['is_blockdev', '/dir/blk'],
    ['is_socket', '/dir/sock'],
  ] as const) {
    assert.equal(guest.call(action, path), true, action);
    assert.equal(guest.call(action, '/lines'), false, action);
    assert.equal(guest.call(action, '/none/at/all'), false, action);
  }
});

test('the old list of stats', () => {
  const [lines, missing] = guest.call('lstatlist', '/', ['lines', 'none', '']) as {
    ino: number;
    size: number;
    mtime: number;
  }[];
  assert.equal(lines?.size, 20);
  assert.equal(lines?.mtime, 1_600_000_001);
  assert.equal(missing?.ino, -1);
});

test('names that no file can have are not there', () => {
  assert.throws(() => guest.call('lstatnslist', '/', ['dir/a']), { code: 'EINVAL' });
  const [long] = guest.call('lstatnslist', '/', ['x'.repeat(300)]) as { stIno: number }[];
  assert.equal(long?.stIno, -1);
  assert.deepEqual(guest.call('readlinklist', '/dir', ['link', 'b', 'x'.repeat(300)]), ['b', '', '']);
});

test('an attribute of a link itself', () => {
  assert.equal(Buffer.from(guest.call('lgetxattr', '/lines', 'user.one') as Uint8Array).toString(), '1');
  assert.throws(() => guest.call('lgetxattr', '/dir/link', 'user.one'), {
    code: 'ENODATA',
    path: '/dir/link',
  });
});

test('all the names of grep', () => {
  const expected: [string, string, string, string[]][] = [
    ['grep', 'a.b', '/re', ['a.b', 'axb', 'aab']],
    ['fgrep', 'a.b', '/re', ['a.b']],
    ['egrep', '^(a.b|\\[x\\])$', '/re', ['a.b', 'axb', 'aab', '[x]']],
    ['grepi', 'FOO.BAR', '/re', ['foo bar', 'foo_bar']],
    ['fgrepi', 'FOO BAR', '/re', ['foo bar']],
    ['egrepi', 'FOO( |_)BAR', '/re', ['foo bar', 'foo_bar']],
    ['zgrep', '^3.$', '/seq.gz', ['30']],
    ['zfgrep', '30', '/seq.gz', ['30']],
    ['zegrep', '^(29|30)$', '/seq.gz', ['29', '30']],
    ['zgrepi', '^3.$', '/seq.gz', ['30']],
    ['zfgrepi', '30', '/seq.gz', ['30']],
    ['zegrepi', '^(29|30)$', '/seq.gz', ['29', '30']],
  ];
  for (const [action, pattern, path, lines] of expected) {
    assert.deepEqual(guest.call(action, pattern, path), lines, action);
  }
});

test('archives that other programs decompress', { skip: needsTool('xz', 'tar') }, () => {
  const names = (tar: Buffer): string[] =>
    execFileSync('tar', ['-t'], { input: tar, encoding: 'utf8' }).split('\n').sort();
  const plain = names(guest.stream('tar_out', ['/dir']));
  assert.ok(plain.includes('./sub/deep/'));
  assert.deepEqual(names(execFileSync('xz', ['-d'], { input: guest.stream('txz_out', ['/dir']) })), plain);
  assert.deepEqual(names(gunzipSync(guest.stream('tgz_out', ['/dir']))), plain);
});

test('sockets that are left out of an archive are told', () => {
  guest.stream('tar_out', ['/dir']);
  assert.ok(guest.warnings.some((warning) => warning.includes('./sock')));
});

test('a directory entry in XDR', () => {
  const { stream } = daemonOver(new MemoryFileSystem().file('/abcde'));
  const bytes = stream('internal_readdir', ['/']);
  // `.`, `..` and a name of five bytes, padded to eight.
  assert.equal(bytes.length, 20 + 20 + 24);
  assert.equal(
    bytes.toString('hex', 40),
    '0000000000000003 00000072 00000005 6162636465000000'.replaceAll(' ', ''),
  );
});

test('a file with names outside of the directory is complete in a cpio archive', () => {
  const { stream } = daemonOver(new MemoryFileSystem().file('/d/a', 'content').hardlink('/outside', '/d/a'));
  assert.ok(stream('cpio_out', ['/d']).includes('content'));
});

describe('filesystems that lie', () => {
  test('a case-insensitive spelling is found', () => {
    const { call } = daemonOver(
      new MemoryFileSystem().file('/Windows/System32/Config/SAM').file('/windows.old/x'),
    );
    assert.equal(call('case_sensitive_path', '/WINDOWS/system32/config/sam'), '/Windows/System32/Config/SAM');
    assert.equal(call('case_sensitive_path', '/windows.OLD/new'), '/windows.old/new');
  });

  test('a directory in itself is an error and not an endless answer', () => {
    const loop = daemonOver(new MemoryFileSystem().dir('/a').hardlink('/a/a', '/a'));
    for (const action of ['find', 'du'])
      assert.throws(() => loop.call(action, '/'), { code: 'EUCLEAN' }, action);
    for (const action of ['find0', 'tar_out', 'cpio_out']) {
      assert.throws(() => loop.stream(action, ['/']), { code: 'EUCLEAN' }, action);
    }
    assert.throws(() => loop.stream('checksums_out', ['md5', '/']), { code: 'EUCLEAN' });
  });

  test('damage anywhere gives answers or GuestfsErrors', { skip: needsTool('mke2fs') }, () => {
    const folder = temporaryFolder();
    try {
      const source = join(folder.path, 'source');
      mkdirSync(join(source, 'a/b'), { recursive: true });
      writeFileSync(join(source, 'a/text'), 'one\ntwo\nthree\n'.repeat(50));
      writeFileSync(join(source, 'a/b/packed'), gzipSync('inside\n'.repeat(100)));
      writeFileSync(join(source, 'holes'), 'x');
      truncateSync(join(source, 'holes'), 100_000);
      symlinkSync('../text', join(source, 'a/b/link'));
      const path = join(folder.path, 'image');
      run(
        'mke2fs',
        '-q',
        '-t',
        'ext4',
        '-b',
        '1024',
        '-N',
        '32',
        '-O',
        '^metadata_csum,^has_journal',
        '-d',
        source,
        path,
        '300k',
      );
      fuzz({
        seed: 77,
        rounds: 250,
        mutations: 20,
        image: Uint8Array.from(readFileSync(path)),
        read: (image) => useEverything(openExt4(memoryDevice(image, { writable: false }))),
      });
    } finally {
      folder.remove();
    }
  });
});

/** Ask everything of a damaged filesystem; each question may fail, but only properly. */
function useEverything(fs: FileSystem): void {
  const { call, stream } = daemonOver(fs);
  const attempt = (act: () => unknown): void => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code === 'EFAULT') throw error;
    }
  };
  for (const action of ['find', 'ls', 'll', 'llz', 'du', 'readdir', 'statvfs', 'getxattrs'])
    attempt(() => call(action, '/'));
  for (const path of ['/a/text', '/a/b/packed', '/a/b/link', '/holes']) {
    // A size that is a lie can be huge: what reads all of it is only asked where it is not.
    let size = 0;
    attempt(() => (size = call('filesize', path) as number));
    if (size > 1_000_000) continue;
    for (const action of [
      'head',
      'tail',
      'wc_w',
      'strings',
      'file',
      'is_zero',
      'acl_get_file',
      'read_lines',
    ]) {
      attempt(() => (action === 'acl_get_file' ? call(action, path, 'access') : call(action, path)));
    }
    attempt(() => call('grep', 't.*e', path));
  }
  if (total(call, attempt) < 1_000_000) {
    attempt(() => stream('tar_out', ['/'], { xattrs: true }));
    attempt(() => stream('cpio_out', ['/'], { format: 'crc' }));
    attempt(() => stream('checksums_out', ['md5', '/']));
  }
}

/** Bytes of all files by their own word. */
function total(
  call: (name: string, ...args: unknown[]) => unknown,
  attempt: (act: () => unknown) => void,
): number {
  let sum = 0;
  attempt(() => {
    for (const path of call('find', '/') as string[])
      sum += (call('lstatns', `/${path}`) as { stSize: number }).stSize;
  });
  return sum;
}
