import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fuzz } from '../../test/support/fuzz.ts';
import { decodeText } from '../bytes/text.ts';
import { apkPackages } from './apk.ts';
import { type FileContent, MemoryContent, readAll, WindowedContent } from './content.ts';
import { dpkgPackages, parseDebianVersion } from './dpkg.ts';
import { parseCrypttab, parseFstab, resolveOctal } from './fstab.ts';
import { parseKeyValues, unquote } from './key-values.ts';
import { LineReader, LONGEST_LINE } from './lines.ts';
import { emptyPackage, LARGEST_DATABASE, MOST_PACKAGES, PackageBudget } from './package.ts';
import { parsePacmanDesc } from './pacman.ts';

function content(text: string): FileContent {
  return new MemoryContent(new TextEncoder().encode(text));
}

/** A file that gives a few bytes a read, as no file must but may. */
function trickling(text: string, step: number): FileContent {
  const whole = new TextEncoder().encode(text);
  return {
    size: whole.length,
    read(offset, into) {
      const part = whole.subarray(offset, offset + Math.min(step, into.length));
      into.set(part);
      return part.length;
    },
  };
}

function lines(file: FileContent): string[] {
  const reader = new LineReader(file, 'test', LARGEST_DATABASE);
  const found: string[] = [];
  while (reader.next()) found.push(decodeText(reader.bytes, reader.start, reader.end));
  return found;
}

describe('lines', () => {
  const cases: [string, string[]][] = [
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['\n', ['']],
    ['a\n\nb', ['a', '', 'b']],
    ['ä\r\nö\n', ['ä\r', 'ö']],
  ];
  for (const [text, expected] of cases) {
    test(JSON.stringify(text), () => {
      assert.deepEqual(lines(content(text)), expected);
      assert.deepEqual(lines(trickling(text, 1)), expected);
    });
  }

  test('many lines over many chunks', () => {
    const wanted = Array.from({ length: 30_000 }, (_, i) => 'x'.repeat((i * 7) % 60) + i);
    assert.deepEqual(lines(content(wanted.join('\n'))), wanted);
    assert.deepEqual(lines(trickling(`${wanted.join('\n')}\n`, 1000)), wanted);
  });

  test('a line of several chunks is whole, one too long is cut', () => {
    const long = 'y'.repeat(300_000);
    assert.deepEqual(lines(content(`a\n${long}\nb\n`)), ['a', long, 'b']);
    const cut = lines(content(`${'z'.repeat(LONGEST_LINE + 10)}\nend`));
    assert.deepEqual(
      cut.map((line) => line.length),
      [LONGEST_LINE, 10, 3],
    );
  });

  test('a file that is too large is refused', () => {
    const reader = (): LineReader => new LineReader(content('12345'), 'small', 4);
    assert.throws(reader, { code: 'EFBIG' });
    const growing: FileContent = { size: 1, read: (_, into) => into.fill(0x61).length };
    assert.throws(() => lines(growing), { code: 'EFBIG' });
  });
});

describe('file content', () => {
  test('a window moves over a file', () => {
    const bytes = Uint8Array.from({ length: 400_000 }, (_, i) => i % 251);
    const window = new WindowedContent(new MemoryContent(bytes), 'test');
    for (const at of [0, 399_990, 131_070, 5, 200_000]) assert.equal(window.bytes(at, 10)[3], (at + 3) % 251);
    assert.throws(() => window.bytes(399_995, 10), { code: 'EUCLEAN', offset: 399_995 });
    assert.throws(() => window.bytes(-1, 10), { code: 'EUCLEAN' });
  });

  test('a file shorter than it says is an error, not a hang', () => {
    const window = new WindowedContent({ size: 100, read: () => 0 }, 'test');
    assert.throws(() => window.bytes(0, 10), { code: 'EUCLEAN' });
    assert.equal(readAll({ size: 100, read: () => 0 }, 'test', 1000).length, 0);
    assert.throws(() => readAll({ size: 1001, read: () => 0 }, 'test', 1000), { code: 'EFBIG' });
  });
});

describe('key-value files', () => {
  test('quotes, escapes, comments', () => {
    const values = parseKeyValues(
      [
        'A=1',
        '# B=2',
        ' export C="a \\"b\\" \\$x \\n"',
        "D='it $x'",
        'E=one two',
        'F=a\\ b',
        'A=3',
        'no',
        '=x',
        'G=',
      ].join('\n'),
    );
    assert.deepEqual(
      [...values],
      [
        ['A', '3'],
        ['C', 'a "b" $x \\n'],
        ['D', 'it $x'],
        ['E', 'one'],
        ['F', 'a b'],
        ['G', ''],
      ],
    );
  });

  test('an unended quote ends with the line', () => {
    assert.equal(unquote('"abc'), 'abc');
    assert.equal(unquote("'a\\"), 'a\\');
    assert.equal(unquote('a\\'), 'a\\');
  });
});

describe('fstab', () => {
  test('comments, blanks, escapes, quotes', () => {
    const entries = parseFstab(
      [
        '# a comment',
        '',
        '  /dev/sda1\t/data\\040dir  ext4 rw,noatime 0 2 # not a comment of fstab',
        'LABEL="two words" /l xfs defaults',
        "UUID='abc' / ext4",
        'only-one-field',
        '/dev/sda2 none swap sw',
        '\\303\\244 /m\\134n auto',
      ].join('\n'),
    );
    assert.deepEqual(
      entries.map(({ spec, file, type, options }) => [spec, file, type, options.join(',')]),
      [
        ['/dev/sda1', '/data dir', 'ext4', 'rw,noatime'],
        ['LABEL=two words', '/l', 'xfs', 'defaults'],
        ['UUID=abc', '/', 'ext4', ''],
        ['/dev/sda2', 'none', 'swap', 'sw'],
        ['ä', '/m\\n', 'auto', ''],
      ],
    );
  });

  test('what is no escape stays', () => {
    assert.equal(resolveOctal('a\\4b\\999\\04'), 'a\\4b\\999\\04');
    assert.equal(resolveOctal('\\377'), '\udcff');
  });

  test('crypttab', () => {
    assert.deepEqual(parseCrypttab('# x\nroot UUID="1-2" none luks\nswap /dev/sda3 /dev/urandom\n'), [
      { name: 'root', device: 'UUID=1-2' },
      { name: 'swap', device: '/dev/sda3' },
    ]);
  });

  test('a line of nothing but quotes takes no time', () => {
    assert.ok(parseFstab(`${'\'"'.repeat(200_000)} b c`).length <= 1);
  });
});

describe('dpkg status', () => {
  test('versions', () => {
    assert.deepEqual(parseDebianVersion('1:2.3-4'), { epoch: 1, upstream: '2.3', revision: '4' });
    assert.deepEqual(parseDebianVersion('3.1-20221030-2'), {
      epoch: 0,
      upstream: '3.1',
      revision: '20221030-2',
    });
    assert.deepEqual(parseDebianVersion('7'), { epoch: 0, upstream: '7', revision: '' });
    assert.deepEqual(parseDebianVersion('x:1'), { epoch: 0, upstream: 'x:1', revision: '' });
    assert.deepEqual(parseDebianVersion(''), { epoch: 0, upstream: '', revision: '' });
  });

  test('only what is installed, in all its fields', () => {
    const status = [
      'package: one',
      'status: install ok installed',
      'VERSION:1-2',
      'Description: short ',
      ' long',
      ' .',
      '  more',
      'Homepage: http://x',
      ' not description',
      'Source: src (1.0)',
      'Architecture: amd64',
      'Depends: libc6',
      ' and more',
      '',
      '',
      'Status: install ok installed',
      '',
      'Package: gone',
      'Status: deinstall ok config-files',
      '\t ',
      'Package: last',
      'Status: hold ok installed',
    ].join('\n');
    const expected = [
      {
        ...emptyPackage('one'),
        version: '1',
        release: '2',
        arch: 'amd64',
        url: 'http://x',
        sourcePackage: 'src',
        summary: 'short ',
        description: 'long\n.\n more',
      },
      emptyPackage('last'),
    ];
    assert.deepEqual([...dpkgPackages(content(status))], expected);
    assert.deepEqual([...dpkgPackages(trickling(status, 3))], expected);
  });

  test('control characters and bytes that are no text are kept', () => {
    const bytes = new TextEncoder().encode('Package: a\x01?\nStatus: install ok installed\n');
    bytes[11] = 0xff;
    const [found] = dpkgPackages(new MemoryContent(bytes));
    assert.equal(found?.name, 'a\x01\udcff');
  });

  test('a description has an end', () => {
    const status = `Package: a\nStatus: install ok installed\nDescription: s\n${' line of it\n'.repeat(100_000)}`;
    const [found] = dpkgPackages(content(status));
    assert.ok((found?.description.length ?? 0) < 100_000);
  });

  test('too many packages are refused', () => {
    const budget = new PackageBudget('test');
    for (let i = 0; i < MOST_PACKAGES; i++) budget.add(emptyPackage('a'));
    assert.throws(() => budget.add(emptyPackage('a')), { code: 'EFBIG' });
  });

  test('mutations', () => {
    const image = new TextEncoder().encode(
      'Package: a\nStatus: install ok installed\nVersion: 1:2-3\nDescription: x\n y\n .\n\n'.repeat(20),
    );
    fuzz({
      seed: 1,
      rounds: 300,
      image,
      mutations: 10,
      read: (bytes) => void [...dpkgPackages(new MemoryContent(bytes))],
    });
  });
});

describe('other text databases', () => {
  test('apk', () => {
    const installed = 'P:a\nV:1.2_p3-r4\nA:x86_64\nT:text\nU:url\no:src\nF:lib\nR:x\n\nV:1\n\nP:b\nV:7';
    assert.deepEqual(
      [...apkPackages(content(installed))],
      [
        {
          ...emptyPackage('a'),
          version: '1.2_p3',
          release: '4',
          arch: 'x86_64',
          url: 'url',
          sourcePackage: 'src',
          description: 'text',
        },
        { ...emptyPackage('b'), version: '7' },
      ],
    );
  });

  test('pacman', () => {
    assert.deepEqual(
      parsePacmanDesc(
        '%NAME%\nvim\n\n%VERSION%\n2:9.0-1.1\n\n%BASE%\nvi\n\n%DESC%\nd\nmore\n\n%ARCH%\nany\n\n%URL%\nu\n',
      ),
      {
        ...emptyPackage('vim'),
        epoch: 2,
        version: '9.0',
        release: '1.1',
        arch: 'any',
        url: 'u',
        sourcePackage: 'vi',
        description: 'd',
      },
    );
    assert.equal(parsePacmanDesc('%VERSION%\n1\n'), undefined);
    assert.equal(parsePacmanDesc('%NAME%\nx\n\n%VERSION%\n1\n')?.release, '');
  });
});
