/** virt-diff, of two guests whose differences debugfs made. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeLinuxGuest } from '../../../test/support/linux-guest.ts';
import { NamedRuns } from '../../../test/support/tool-runs.ts';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';

const both = ['virt-diff', '-a', 'old.img', '-A', 'new.img'];
const runs = {
  text: both,
  attributes: [...both, '--uids', '--xattrs'],
  directories: [...both, '--dir-times', '--dir-links'],
  checksum: [...both, '--checksum=sha256'],
  csv: [...both, '--csv'],
  json: [...both, '--json'],
  same: ['virt-diff', '-a', 'old.img', '-A', 'old.img'],
  mounted: ['virt-diff', '-a', 'old.img', '-A', 'new.img', '-m', '/dev/sda', '-M', '/dev/sda'],
  one: ['virt-diff', '-a', 'old.img'],
  noSum: [...both, '--checksum=none'],
} as const;

/** What differs; nothing but these. */
const CHANGES = `rm /etc/motd
write replacement /etc/motd
rm /etc/unended
write added /etc/added
write spaces "/etc/a name"
mkdir /srv/new
symlink /etc/link nowhere
sif /etc/hosts mode 0100600
ea_set /etc/crlf user.note x
sif /etc/crlf mtime @1000000000
`;

describe('virt-diff', { skip: needsTool('mke2fs', 'debugfs', 'diff') }, () => {
  const folder = temporaryFolder();
  const results = new NamedRuns();
  const out = (name: keyof typeof runs): string => {
    const { status, stdout, stderr } = results.get(name);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  /** The lines that name a file. */
  const marks = (name: keyof typeof runs): string[] =>
    out(name)
      .split('\n')
      .filter((line) => /^[-+=] [-dl] /.test(line))
      .map((line) => `${line[0]} ${line.slice(line.indexOf('/'))}`);

  before(() => {
    const at = (name: string): string => join(folder.path, name);
    makeLinuxGuest(at('old.img'), 'debian');
    copyFileSync(at('old.img'), at('new.img'));
    writeFileSync(at('replacement'), 'one\n2\nthree\n');
    writeFileSync(at('added'), 'added\n');
    writeFileSync(at('spaces'), '');
    execFileSync('debugfs', ['-w', '-f', '-', at('new.img')], {
      cwd: folder.path,
      input: CHANGES,
      stdio: 'pipe',
    });
    results.run(
      folder.path,
      Object.fromEntries(Object.entries(runs).map(([name, argv]) => [name, { argv }])),
    );
  });
  after(() => folder.remove());

  const expected = [
    '+ /etc/a name',
    '+ /etc/added',
    '- /etc/crlf',
    '+ /etc/crlf',
    '- /etc/hosts',
    '+ /etc/hosts',
    '+ /etc/link -> nowhere',
    '= /etc/motd',
    '- /etc/unended',
    '+ /srv/new',
  ];
  test('names what was added, removed and changed', () => {
    assert.deepEqual(marks('text'), expected);
    assert.equal(out('mounted'), out('text'));
    assert.match(
      out('text'),
      /= - 0640 .*\/etc\/motd\n@@ -1,3 \+1,3 @@\n one\n-two\n\+2\n three\n@@ End of diff @@\n/,
    );
    assert.match(out('text'), /\/etc\/hosts\n# changed: .*st_mode/);
    assert.equal(out('same'), '');
  });
  test('attributes, directories', () => {
    assert.match(out('attributes'), /\/etc\/crlf\n# user\.note=78\n# changed: .*xattr/);
    for (const line of expected) assert.ok(marks('directories').includes(line), line);
  });
  test('checksums compare content alone', () => {
    const found = marks('checksum');
    assert.ok(found.includes('= /etc/motd'));
    assert.match(out('checksum'), /\/etc\/hosts\n# changed: st_mode\n/);
  });
  test('for programs', () => {
    assert.deepEqual(
      out('csv')
        .trim()
        .split('\n')
        .map((line) =>
          `${line[0]} ${line.slice(line.indexOf('/'))}`
            .replace(',nowhere', ' -> nowhere')
            .replaceAll('"', ''),
        ),
      expected,
    );
    const records = JSON.parse(out('json')) as {
      change: string;
      old?: { path: string };
      new?: { path: string };
    }[];
    assert.deepEqual(
      records.map(({ change, old, new: now }) => `${change} ${(old ?? now)?.path}`),
      [
        'added /etc/a name',
        'added /etc/added',
        'attributes /etc/crlf',
        'attributes /etc/hosts',
        'added /etc/link',
        'content /etc/motd',
        'removed /etc/unended',
        'added /srv/new',
      ],
    );
  });
  test('what is wrong is said', () => {
    assert.match(results.get('one').stderr, /-A for the second/);
    assert.match(results.get('noSum').stderr, /expected one of crc, md5/);
  });
});
