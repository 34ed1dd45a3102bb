import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { fakePlatform } from '../../test/support/fake-platform.ts';
import { random } from '../../test/support/fuzz.ts';
import { MemoryFileSystem } from '../../test/support/memory-fs.ts';
import { needsTool, temporaryFolder } from '../../test/support/tools.ts';
import { decodeText } from '../bytes/text.ts';
import { checksumActions } from './actions/checksum.ts';
import { readActions } from './actions/read.ts';
import { textActions } from './actions/text.ts';
import { SessionState, type ActionContext } from './context.ts';
import { linesOf } from './lines.ts';

const next = random(99);
const randomBytes = (length: number, alphabet: string): Buffer =>
  Buffer.from(Array.from({ length }, () => alphabet.charCodeAt(Math.floor(next() * alphabet.length))));

/** Contents that are awkward for programs which read in chunks. */
const contents: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  newline: Buffer.from('\n'),
  unended: Buffer.from('no end'),
  words: randomBytes(600_000, 'abc  \t\n\r\0\x01é~'),
  longLines: Buffer.from(`${'x'.repeat(300_000)}\n${'y'.repeat(262_144)}\n\nz`),
  chunkEdge: Buffer.concat([Buffer.alloc(262_143, 'a'), Buffer.from('\nb\n'), Buffer.alloc(262_144, 'c')]),
  zeroes: Buffer.alloc(700_000),
  repeats: Buffer.concat([
    Buffer.alloc(100),
    Buffer.from('0123456789abcdef'.repeat(50)),
    Buffer.alloc(33, 7),
  ]),
  binary: randomBytes(50_000, Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')),
  manyLines: Buffer.from(Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join('')),
};

const fs = new MemoryFileSystem();
for (const [name, content] of Object.entries(contents)) fs.file(`/${name}`, content);
fs.dir('/dir').file('/packed', gzipSync('one\ntwo\n'));
const { platform } = fakePlatform({ '/': fs });
const context: ActionContext = {
  platform,
  state: new SessionState(),
  warn() {},
  progress() {},
  checkCancelled() {},
};

const folder = temporaryFolder();
after(() => folder.remove());
for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder.path, name), content);

const ask = (program: string, ...args: string[]): string =>
  decodeText(
    execFileSync(program, args, {
      cwd: folder.path,
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 1 << 28,
    }),
  );
const lines = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

for (const name of Object.keys(contents)) {
  const path = `/${name}`;
  describe(name, () => {
    test('wc', { skip: needsTool('wc') }, () => {
      const counts = [
        textActions.wc_l(context, path),
        textActions.wc_w(context, path),
        textActions.wc_c(context, path),
      ];
      assert.deepEqual(counts, ask('wc', name).trim().split(/\s+/).slice(0, 3).map(Number));
    });

    test('head and tail', { skip: needsTool('head', 'tail') }, () => {
      for (const count of [0, 1, 3, 10, 250_000]) {
        assert.deepEqual(
          textActions.head_n(context, count, path),
          lines(ask('head', '-n', String(count), name)),
        );
        assert.deepEqual(
          textActions.tail_n(context, count, path),
          lines(ask('tail', '-n', String(count), name)),
        );
      }
      for (const count of [1, 2, 7]) {
        assert.deepEqual(
          textActions.head_n(context, -count, path),
          lines(ask('head', '-n', `-${count}`, name)),
        );
        assert.deepEqual(
          textActions.tail_n(context, -count, path),
          lines(ask('tail', '-n', `+${count}`, name)),
        );
      }
    });

    test('hexdump', { skip: needsTool('hexdump') }, () => {
      if (contents[name]!.length > 300_000 && name !== 'zeroes') return;
      assert.equal(textActions.hexdump(context, path), ask('hexdump', '-C', name));
    });

    for (const encoding of ['s', 'S', 'b', 'l', 'B', 'L']) {
      test(`strings -e ${encoding}`, { skip: needsTool('strings') }, () => {
        assert.deepEqual(
          textActions.strings_e(context, encoding, path),
          lines(ask('strings', '-e', encoding, name)),
        );
      });
    }

    test('checksums', { skip: needsTool('cksum', 'sha1sum') }, () => {
      assert.equal(checksumActions.checksum(context, 'crc', path), ask('cksum', name).split(' ')[0]);
      assert.equal(checksumActions.checksum(context, 'sha1', path), ask('sha1sum', name).split(' ')[0]);
    });
  });
}

test('grep gives no lines from where a NUL byte is on', () => {
  const early = new MemoryFileSystem()
    .file('/a', 'hit\n\0hit\n')
    .file('/b', `hit\n${'x\n'.repeat(100_000)}\0hit\n`);
  const other = { ...context, platform: fakePlatform({ '/': early }).platform };
  assert.deepEqual(textActions.grep(other, 'hit', '/a', {}), []);
  assert.deepEqual(textActions.grep(other, 'hit', '/b', {}), ['hit']);
});

test('grep looks into compressed files and others alike', () => {
  assert.deepEqual(textActions.zgrep(context, 'o', '/packed'), ['one', 'two']);
  assert.deepEqual(textActions.grep(context, 'end', '/unended', { compressed: true }), ['no end']);
  assert.throws(() => textActions.grep(context, 'x', '/packed', { extended: true, fixed: true }), {
    code: 'EINVAL',
  });
});

test('a line without an end is bounded', () => {
  const chunk = new Uint8Array(16 * 1024 * 1024).fill(65);
  assert.throws(() => [...linesOf([chunk, chunk, chunk, chunk, chunk], '/endless')], {
    code: 'EFBIG',
    path: '/endless',
  });
});

test('what is no file is refused', () => {
  const fails = { code: 'EISDIR', path: '/dir' };
  assert.throws(() => textActions.head(context, '/dir'), fails);
  assert.throws(() => textActions.wc_c(context, '/dir'), fails);
  assert.throws(() => readActions.cat(context, '/dir'), fails);
  assert.throws(() => readActions.equal(context, '/dir', '/words'), fails);
  assert.throws(() => readActions.cat(context, '/none'), { code: 'ENOENT', path: '/none' });
});

test('what does not fit into a result is refused before it is read', () => {
  const huge = new MemoryFileSystem().file('/huge').alter('/huge', { size: 2 ** 40 });
  const other = { ...context, platform: fakePlatform({ '/': huge }).platform };
  for (const action of [readActions.cat, readActions.read_file, readActions.read_lines]) {
    assert.throws(() => action(other, '/huge'), { code: 'EFBIG', path: '/huge' });
  }
  assert.equal(readActions.pread(other, '/huge', 100, 0).length, 0);
});

test('equal compares contents', () => {
  const same = new MemoryFileSystem()
    .file('/a', 'x'.repeat(600_000))
    .file('/b', 'x'.repeat(600_000))
    .file('/c', `${'x'.repeat(599_999)}y`)
    .hardlink('/d', '/a')
    .symlink('/l', 'a');
  const other = { ...context, platform: fakePlatform({ '/': same }).platform };
  assert.equal(readActions.equal(other, '/a', '/b'), true);
  assert.equal(readActions.equal(other, '/a', '/c'), false);
  assert.equal(readActions.equal(other, '/d', '/l'), true);
});

test('cancelling stops a long read', () => {
  let calls = 0;
  const cancelling = {
    ...context,
    checkCancelled() {
      if (++calls > 1) throw Object.assign(new Error('stop'), { code: 'EINTR' });
    },
  };
  assert.throws(() => checksumActions.checksum(cancelling, 'md5', '/zeroes'), { code: 'EINTR' });
});
