import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  chmodSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { GuestfsError } from '../../errors/index.ts';
import { isWithinTree, memberParts } from './safe-name.ts';
import { extractor } from './tar-extractor.ts';
import { TarReader, type TarEntry } from './tar-reader.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const fresh = (): string => mkdtempSync(join(folder.path, 'd'));

/** One member of a tar, made by hand so that it can lie. */
function member(
  name: string,
  type: string,
  options: { link?: string; data?: string; size?: string } = {},
): Buffer {
  const { link = '', data = '', size } = options;
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(size ?? `${data.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const body = Buffer.alloc(Math.ceil(data.length / 512) * 512);
  body.write(data);
  return Buffer.concat([header, body]);
}

function unpack(
  into: string,
  tar: Buffer,
  options: { links?: 'inside' | 'all'; prefix?: string; step?: number } = {},
): string[] {
  const warnings: string[] = [];
  const { links = 'inside', prefix = '', step = tar.length } = options;
  const sink = extractor(into, { links, prefix }, (message) => warnings.push(message));
  try {
    for (let at = 0; at < tar.length; at += step) sink.write(tar.subarray(at, at + step));
    sink.end();
  } catch (error) {
    sink.abort();
    throw error;
  }
  return warnings;
}

describe('names that come from a guest', () => {
  test('have no way out', () => {
    assert.deepEqual(memberParts('./a//b/./c'), ['a', 'b', 'c']);
    assert.deepEqual(memberParts('.'), []);
    for (const name of ['/a', '..', 'a/../b', '../a', 'a/..', 'a\0b']) {
      assert.throws(() => memberParts(name), { code: 'EPERM' }, name);
    }
    assert.deepEqual(memberParts('a\\b', 'linux'), ['a\\b']);
    for (const name of ['a\\b', 'c:x']) assert.throws(() => memberParts(name, 'win32'), { code: 'EPERM' });
  });

  test('links stay inside, whatever other links there are', () => {
    assert.equal(isWithinTree(['a', 'b'], '../../x'), true);
    assert.equal(isWithinTree(['a', 'b'], '../../../x'), false);
    assert.equal(isWithinTree([], 'x/y'), true);
    assert.equal(isWithinTree([], '..'), false);
    assert.equal(isWithinTree([], '/etc'), false);
    assert.equal(
      isWithinTree([], 'a/a/../../..'),
      false,
      '.. after a name goes up from wherever the name leads',
    );
    assert.equal(isWithinTree(['a'], './../b'), true);
  });
});

describe('unpacking', () => {
  test('what GNU tar packed, in any pieces', { skip: needsTool('tar', 'find') }, () => {
    const from = fresh();
    mkdirSync(join(from, 'sub/deep'), { recursive: true });
    writeFileSync(join(from, 'sub/file'), 'content\n');
    chmodSync(join(from, 'sub/file'), 0o640);
    writeFileSync(join(from, 'sub/empty'), '');
    writeFileSync(join(from, 'sub/big'), Buffer.alloc(100_000, 'x'));
    writeFileSync(join(from, 'sub/holes'), 'start');
    truncateSync(join(from, 'sub/holes'), 1_000_000);
    linkSync(join(from, 'sub/file'), join(from, 'sub/hard'));
    symlinkSync('../sub/file', join(from, 'sub/soft'));
    symlinkSync('deep/../file', join(from, 'sub/wild'));
    const long = `${'n'.repeat(120)}/${'m'.repeat(120)}`;
    mkdirSync(join(from, 'n'.repeat(120)));
    writeFileSync(join(from, long), 'long');
    writeFileSync(Buffer.concat([Buffer.from(`${from}/by`), Buffer.from([0xff, 0xfe])]), 'bytes');
    utimesSync(join(from, 'sub/file'), 1_000_000_000.5, 1_000_000_000.5);
    utimesSync(join(from, 'sub/deep'), 5, 5);
    chmodSync(join(from, 'sub/deep'), 0o500);
    for (const format of ['gnu', 'pax', 'ustar']) {
      const names = format === 'ustar' ? ['sub'] : ['.'];
      const tar = execFileSync('tar', ['-C', from, `--format=${format}`, '-cf', '-', ...names], {
        maxBuffer: 2 ** 25,
      });
      for (const step of [tar.length, 7777, 512]) {
        const into = fresh();
        const warnings = unpack(into, tar, { step });
        assert.deepEqual(
          warnings.map((text) => text.replace(/^.*?: /, '')),
          ['left out: the link leads outside, to deep/../file'],
        );
        const listed = (at: string): string[] =>
          execFileSync('find', [at, '-mindepth', '1', '-printf', '%P\\n'], { encoding: 'latin1' })
            .trim()
            .split('\n')
            .filter((name) => name.startsWith('sub') || format !== 'ustar')
            .filter((name) => name !== 'sub/wild')
            .sort();
        assert.deepEqual(listed(into), listed(from));
        const file = statSync(join(into, 'sub/file'));
        assert.equal(file.mode & 0o777, 0o640);
        assert.equal(file.nlink, 2);
        assert.equal(file.mtimeMs, format === 'pax' ? 1_000_000_000_500 : 1_000_000_000_000);
        assert.equal(statSync(join(into, 'sub/deep')).mtimeMs, 5000);
        assert.equal(statSync(join(into, 'sub/deep')).mode & 0o777, 0o500);
        assert.equal(readlinkSync(join(into, 'sub/soft')), '../sub/file');
        const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
        for (const name of ['file', 'empty', 'big', 'holes']) {
          assert.equal(hash(join(into, 'sub', name)), hash(join(from, 'sub', name)), name);
        }
        if (step > 4096) assert.ok(statSync(join(into, 'sub/holes')).blocks < 1000, 'zeroes are holes');
        if (format !== 'ustar') assert.equal(readFileSync(join(into, long), 'utf8'), 'long');
      }
    }
  });

  test('puts everything under the prefix and counts links from there', () => {
    const into = fresh();
    const tar = Buffer.concat([
      member('./', '5'),
      member('./in', '2', { link: 'x' }),
      member('./out', '2', { link: '../x' }),
      member('./abs', '2', { link: '/etc/passwd' }),
      member('./x', '0', { data: 'x' }),
    ]);
    assert.equal(unpack(into, tar, { prefix: 'name' }).length, 2);
    assert.deepEqual(readdirSync(join(into, 'name')).sort(), ['in', 'x']);
    unpack(into, tar, { prefix: 'name', links: 'all' });
    assert.equal(readlinkSync(join(into, 'name/abs')), '/etc/passwd');
    assert.equal(readFileSync(join(into, 'name/x'), 'utf8'), 'x');
  });

  test('refuses names that lead out and writes through no link', () => {
    const outside = fresh();
    for (const name of ['../evil', '/evil', 'a/../../evil', './..']) {
      const into = fresh();
      assert.throws(() => unpack(into, member(name, '0', { data: 'x' })), { code: 'EPERM' }, name);
      assert.deepEqual(readdirSync(into), []);
    }
    const into = fresh();
    const through = Buffer.concat([
      member('way', '2', { link: outside }),
      member('way/evil', '0', { data: 'x' }),
    ]);
    assert.throws(() => unpack(into, through, { links: 'all' }), { code: 'EPERM', message: /symbolic link/ });
    const replaced = Buffer.concat([
      member('f', '2', { link: join(outside, 'f') }),
      member('f', '0', { data: 'x' }),
    ]);
    unpack(fresh(), replaced, { links: 'all' });
    const hard = Buffer.concat([member('l', '2', { link: '/etc/passwd' }), member('h', '1', { link: 'l' })]);
    assert.throws(() => unpack(fresh(), hard, { links: 'all' }), {
      code: 'EPERM',
      message: /which is no file/,
    });
    assert.throws(() => unpack(fresh(), member('h', '1', { link: '../../etc/passwd' })), { code: 'EPERM' });
    assert.deepEqual(readdirSync(outside), []);
    const old = fresh();
    symlinkSync(outside, join(old, 'there'));
    assert.throws(() => unpack(old, member('there/f', '0', { data: 'x' })), { code: 'EPERM' });
    unpack(old, member('there', '0', { data: 'x' }));
    assert.ok(lstatSync(join(old, 'there')).isFile());
    assert.deepEqual(readdirSync(outside), []);
  });

  test('leaves out devices and drops setuid', () => {
    const into = fresh();
    const setuid = member('run', '0', { data: '#!' });
    setuid.write('0006755\0', 100);
    setuid.fill(' ', 148, 156);
    setuid.write(
      `${setuid
        .subarray(0, 512)
        .reduce((all, byte) => all + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    const warnings = unpack(into, Buffer.concat([member('null', '3'), member('pipe', '6'), setuid]));
    assert.equal(warnings.length, 2);
    assert.equal(statSync(join(into, 'run')).mode & 0o7777, 0o755);
    assert.equal(existsSync(join(into, 'null')), false);
  });

  test('says so many things only once', () => {
    const many = Buffer.concat(Array.from({ length: 50 }, (_, i) => member(`d${i}`, '3')));
    const warnings = unpack(fresh(), many);
    assert.equal(warnings.length, 21);
    assert.match(warnings.at(-1) as string, /30 more/);
  });

  test('writes the content of one file with its mode and time', () => {
    const into = fresh();
    const single: TarEntry = { type: 'file', name: 'one', link: '', mode: 0o4600, mtime: 77, size: 3 };
    const sink = extractor(into, { links: 'inside', single }, () => undefined);
    sink.write(Buffer.from('abc'));
    sink.writeZeroes(100_000);
    sink.end();
    const stat = statSync(join(into, 'one'));
    assert.deepEqual([stat.size, stat.mode & 0o7777, stat.mtimeMs], [100_003, 0o600, 77_000]);
    extractor(into, { links: 'inside', single: { ...single, name: 'none' } }, () => undefined).end();
    assert.equal(statSync(join(into, 'none')).size, 0);
  });
});

describe('a damaged tar', () => {
  const whole = Buffer.concat([
    member('pax', 'x', { data: '12 path=abc\n' }),
    member('x', '0', { data: 'some data' }),
    member('long', 'L', { data: `${'y'.repeat(150)}\0` }),
    member('y', '0', { data: 'z'.repeat(600) }),
    member('d/', '5'),
    Buffer.alloc(1024),
  ]);

  test('fails as corrupt', () => {
    const broken = Buffer.from(whole);
    broken[0] = 0x41;
    assert.throws(() => unpack(fresh(), broken), { code: 'EUCLEAN', message: /^tar header: checksum/ });
    assert.throws(() => unpack(fresh(), whole.subarray(0, 1200)), {
      code: 'EUCLEAN',
      message: /ends within a member/,
    });
    assert.throws(() => unpack(fresh(), member('a', '0', { size: 'zzzzzzzzzzz\0' })), { code: 'EUCLEAN' });
    assert.throws(() => unpack(fresh(), member('a', 'L', { size: '77777777777\0' })), { code: 'EUCLEAN' });
    assert.throws(() => unpack(fresh(), member('a', 'x', { data: '99 path=abc\n' })), { code: 'EUCLEAN' });
    assert.throws(() => unpack(fresh(), member('a', 'S')), { code: 'ENOTSUP' });
  });

  test('mutated in any way only ever gives a GuestfsError', () => {
    let seed = 1;
    const random = (limit: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * limit);
    };
    for (let round = 0; round < 3000; round++) {
      const bytes = Buffer.from(whole);
      for (let i = 0; i <= random(4); i++) bytes[random(bytes.length)] = random(256);
      const header = random(5) * 1024;
      if (header + 512 <= bytes.length && random(2) === 0) {
        bytes.fill(' ', header + 148, header + 156);
        const sum = bytes.subarray(header, header + 512).reduce((all, byte) => all + byte, 0);
        bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, header + 148);
      }
      const reader = new TarReader({
        entry: () => undefined,
        data: () => undefined,
        entryEnd: () => undefined,
      });
      try {
        reader.write(bytes);
        reader.end();
      } catch (error) {
        assert.ok(error instanceof GuestfsError, String(error));
      }
    }
  });
});
