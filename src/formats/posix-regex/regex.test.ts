import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { random } from '../../../test/support/fuzz.ts';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { encodeText, latin1 } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { compileRegex, type RegexOptions } from './index.ts';

const matches = (pattern: string, line: string, options?: RegexOptions): boolean => {
  const bytes = encodeText(line);
  return compileRegex(pattern, options).find(bytes, 0, bytes.length) === 0;
};

const BASIC = (
  'a b c a . * \\+ \\? \\{2\\} \\{1,2\\} \\{,2\\} \\{2,\\} \\( \\) \\| ^ $ [ab] [^a] [[:alpha:]] [a-c] []a] \\< \\> ' +
  '\\b \\B \\w \\W \\1 { } + ? ( ) | \\. [ ] _ \\{ ab'
).split(' ');
const EXTENDED = (
  'a b c a . * + ? {2} {1,2} {,2} {2,} ( ) | ^ $ [ab] [^a] [[:alpha:]] [a-c] []a] \\< \\> \\b \\B \\w \\W \\1 \\{ ' +
  '\\+ \\( \\. { } [ ] _ ab (a|b) (ab)*'
).split(' ');
const LETTERS = 'a b c A . * + ( ) { } | ^ $ 1 , _ - ] [ \\ ab aa'.split(' ').concat(' ');

test('random patterns select the lines that grep selects', { skip: needsTool('grep') }, () => {
  const next = random(2024);
  const pick = (list: readonly string[]): string => list[Math.floor(next() * list.length)] as string;
  const word = (list: readonly string[], most: number): string =>
    Array.from({ length: Math.floor(next() * most) }, () => pick(list)).join('');
  const lines = Array.from({ length: 120 }, () => word(LETTERS, 9));
  const bytes = encodeText(`${lines.join('\n')}\n`);
  const folder = temporaryFolder();
  try {
    const file = join(folder.path, 'lines');
    writeFileSync(file, bytes);
    for (let round = 0; round < 200; round++) {
      const extended = next() < 0.5;
      const insensitive = next() < 0.25;
      const pattern = pick(extended ? EXTENDED : BASIC) + word(extended ? EXTENDED : BASIC, 6);
      const options = [extended ? '-E' : '-G', ...(insensitive ? ['-i'] : []), '-e', pattern, file];
      const grep = spawnSync('grep', options, { env: { ...process.env, LC_ALL: 'C' }, encoding: 'utf8' });
      let selected: string | undefined = '';
      try {
        const matcher = compileRegex(pattern, { extended, insensitive });
        for (let at = matcher.find(bytes, 0, bytes.length); at >= 0;) {
          const end = bytes.indexOf(0x0a, at) + 1;
          selected += latin1(bytes, at, end);
          at = end < bytes.length ? matcher.find(bytes, end, bytes.length) : -1;
        }
      } catch (error) {
        assert.ok(error instanceof GuestfsError && error.code === 'EINVAL');
        selected = undefined;
      }
      assert.equal(selected, grep.status === 2 ? undefined : grep.stdout, `grep ${options.join(' ')}`);
    }
  } finally {
    folder.remove();
  }
});

test('bytes are characters, as in the C locale', () => {
  assert.ok(matches('caf..$', 'café'));
  assert.ok(!matches('caf.$', 'café'));
  assert.ok(matches('[é]', 'è'), 'they have their first byte in common');
  assert.ok(matches('bin.ary', 'bin\udcffary'));
  assert.ok(matches('É', 'É', { insensitive: true }));
  assert.ok(!matches('É', 'é', { insensitive: true }));
});

test('lines of a pattern are alternatives', () => {
  assert.ok(matches('x\nb', 'abc'));
  assert.ok(!matches('x\ny', 'abc'));
  assert.ok(matches('x\n', 'abc'), 'an empty line matches everything');
  assert.ok(matches('a.c\nb', 'xbx', { fixed: true }));
  assert.ok(!matches('a.c', 'abc', { fixed: true }));
});

test('what is wrong with a pattern is said', () => {
  for (const [pattern, why] of [
    ['[a', /has no \]/],
    ['[[:foo:]]', /no character class foo/],
    ['[:space:]', /written \[\[:space:\]\]/],
    ['[z-a]', /ends before it begins/],
    ['\\(a', /has no \)/],
    ['a\\)', /has no \(/],
    ['a\\{2,1\\}', /ends before it begins/],
    ['a\\{99999\\}', /beyond 32767/],
    ['\\(a\\)\\2', /no group/],
    ['a\\', /ends in a backslash/],
    [`${'\\('.repeat(300)}`, /nested deeper/],
  ] as const) {
    assert.throws(
      () => compileRegex(pattern),
      (error: GuestfsError) => {
        assert.equal(error.code, 'EINVAL');
        assert.match(error.message, why);
        return true;
      },
    );
  }
  assert.throws(() => compileRegex('a'.repeat(20_000)), { code: 'EINVAL' });
  assert.throws(() => compileRegex('((a{9999}){9999})', { extended: true }), { code: 'EINVAL' });
  assert.throws(() => compileRegex(`a${'{1,2}'.repeat(1000)}`, { extended: true }), { code: 'EINVAL' });
});

test('patterns that make others run for ever take linear time', () => {
  const line = 'a'.repeat(50_000);
  assert.equal(matches('(a*)*b', line, { extended: true }), false);
  assert.equal(matches('(a|aa)+$b', line, { extended: true }), false);
  assert.equal(matches('(a|b)*a(a|b){12}c', line, { extended: true }), false);
});

test('a back reference that makes a line run for ever is given up', () => {
  assert.throws(() => matches('\\(a*\\)*\\1b', 'a'.repeat(3000)), { code: 'ETIMEDOUT' });
  assert.ok(matches('\\(ab*\\)c\\1', 'xabbcabb'));
  assert.ok(matches('\\(a\\)\\1', 'aA', { insensitive: true }));
});

test('an automaton with more states than it keeps goes on', () => {
  const next = random(1);
  const line = Array.from({ length: 20_000 }, () => (next() < 0.5 ? 'a' : 'b')).join('');
  // This needs 2^14 states when they are all kept.
  assert.equal(matches('a(a|b){13}c', line, { extended: true }), false);
  assert.equal(matches('a(a|b){13}c', `${line}aaaaaaaaaaaaaac`, { extended: true }), true);
});
