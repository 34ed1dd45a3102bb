import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { MemoryFileSystem } from '../../test/support/memory-fs.ts';
import { needsTool } from '../../test/support/tools.ts';
import { expandBraces } from './braces.ts';
import { glob } from './glob.ts';
import { MountedTree } from './mounted-tree.ts';
import { hasWildcards, ShellPattern } from './pattern.ts';
import { excluder } from './tar/excludes.ts';

const tree = new MountedTree();
tree.mount(
  new MemoryFileSystem()
    .file('/etc/passwd')
    .file('/etc/apt/sources.list')
    .file('/etc/a*b')
    .file('/etc/.hidden')
    .file('/home/a/x.txt')
    .file('/home/b/y.txt')
    .file('/home/b/é')
    .symlink('/lnk', 'home')
    .symlink('/broken', '/none'),
  '/',
  { mountable: '/dev/sda', readonly: true, options: [] },
);

describe('glob', () => {
  const cases: Record<string, string[]> = {
    '/': ['/'],
    '/etc': ['/etc/'],
    '/none': [],
    '/etc/passwd/': [],
    '/e*/p*': ['/etc/passwd'],
    '/etc/*': ['/etc/a*b', '/etc/apt/', '/etc/passwd'],
    '/etc/.*': ['/etc/../', '/etc/./', '/etc/.hidden'],
    '/etc/a\\*b': ['/etc/a*b'],
    '/etc/a[*]b': ['/etc/a*b'],
    '/home/*/*.txt': ['/home/a/x.txt', '/home/b/y.txt'],
    '/home/{b,a}/*.txt': ['/home/b/y.txt', '/home/a/x.txt'],
    '/home/?/?': ['/home/b/é'],
    '/lnk/*': ['/lnk/a/', '/lnk/b/'],
    '/l*': ['/lnk/'],
    '/b*': ['/broken'],
    '/broken': ['/broken'],
    '/broken/*': [],
    '/*/': ['/etc/', '/home/', '/lnk/'],
    '/{etc,none}/{passwd,x}': ['/etc/passwd'],
    '/etc/{,apt/}*list': ['/etc/apt/sources.list'],
  };
  for (const [pattern, expected] of Object.entries(cases)) {
    test(pattern, () => assert.deepEqual(glob(tree, pattern), expected));
  }

  test('leaves out the slashes on demand', () => {
    assert.deepEqual(glob(tree, '/*', { markDirectories: false }), ['/broken', '/etc', '/home', '/lnk']);
  });

  test('wants an absolute pattern', () => {
    assert.throws(() => glob(tree, 'etc/*'), { code: 'EINVAL' });
  });

  test('refuses braces that explode', () => {
    assert.throws(() => glob(tree, `/${'{a,b}'.repeat(30)}`), { code: 'E2BIG' });
  });
});

test('braces that do not close stand for themselves', () => {
  assert.deepEqual(expandBraces('/{a,b'), ['/{a,b']);
  assert.deepEqual(expandBraces('/{}'), ['/{}']);
  assert.deepEqual(expandBraces('/{a}'), ['/a']);
  assert.deepEqual(expandBraces('{a,b{c,d}}e'), ['ae', 'bce', 'bde']);
  assert.deepEqual(expandBraces('\\{a,b}'), ['\\{a,b}']);
});

test('patterns take time proportional to their length', () => {
  const pattern = new ShellPattern(`${'a*'.repeat(200)}b`);
  assert.equal(pattern.matches('a'.repeat(20_000)), false);
});

test('wildcards are seen where they are not quoted', () => {
  assert.ok(hasWildcards('a*'));
  assert.ok(hasWildcards('[a]'));
  assert.ok(!hasWildcards('a\\*'));
  assert.ok(!hasWildcards('[a'));
});

test('patterns match as a shell has them', { skip: needsTool('bash') }, () => {
  const alphabet = [
    'a',
    'b',
    'c',
    '*',
    '?',
    '[ab]',
    '[!a]',
    '[^b]',
    '[a-c]',
    '[]a]',
    '[',
    ']',
    '\\*',
    '[[:alpha:]]',
    '-',
    '[a-]',
  ];
  const texts = [
    '',
    'a',
    'b',
    'ab',
    'abc',
    'a*',
    '*',
    '[',
    ']',
    'a]',
    '-',
    'ba',
    'cab',
    '?',
    'a-',
    '\\',
    'A',
  ];
  let seed = 5;
  const next = (count: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return Math.floor((seed / 0x80000000) * count);
  };
  const patterns = Array.from({ length: 300 }, () =>
    Array.from({ length: 1 + next(4) }, () => alphabet[next(alphabet.length)]).join(''),
  );
  const script = `
    shopt -u extglob
    readarray -t texts < <(printf '%s\\n' "$@")
    while IFS= read -r pattern; do
      for text in "\${texts[@]}"; do case $text in $pattern) printf 1 ;; *) printf 0 ;; esac; done
      echo
    done`;
  const answers = execFileSync('bash', ['-c', script, 'bash', ...texts], {
    input: `${patterns.join('\n')}\n`,
    encoding: 'utf8',
    env: { LC_ALL: 'C' },
  }).split('\n');
  for (const [i, pattern] of patterns.entries()) {
    const compiled = new ShellPattern(pattern);
    assert.equal(texts.map((text) => (compiled.matches(text) ? 1 : 0)).join(''), answers[i], pattern);
  }
});

test('exclusion matches whole names and their ends', () => {
  const excluded = excluder(['*.o', 'dir', './etc/passwd', 'a/b*', '']);
  for (const name of ['./x.o', './d/y.o', './dir', './d/dir', './etc/passwd', './a/b', './z/a/bc']) {
    assert.ok(excluded(name), name);
  }
  for (const name of ['./x.c', './directory', './etc/group', './ab']) assert.ok(!excluded(name), name);
});
