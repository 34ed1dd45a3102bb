import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { NamedRuns, type RunResult } from '../../../test/support/tool-runs.ts';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';

interface Run {
  argv: string[];
  stdin?: string;
  env?: Record<string, string>;
}

const missing = needsTool('zstd');
const golden = join(import.meta.dirname, '..', 'golden');
const mounted = ['guestfish', '-a', 'a.img', '-m', '/dev/vg_guest/root'];
const script = (stdin: string, ...options: string[]): Run => ({ argv: ['guestfish', ...options], stdin });
const onDisk = (stdin: string, ...options: string[]): Run => ({ argv: [...mounted, ...options], stdin });

/** Every run of this file, made in one process; tests look at the results. */
const runs = {
  firstErrorStops: script('echo a\nnosuch\necho b\n'),
  dashGoesOn: script('-nosuch\necho b\n- set-memsize x\n'),
  commandLine: { argv: ['guestfish', 'echo', 'a', ':', 'echo', 'b', ':', 'nosuch', ':', 'echo', 'c'] },
  emptyCommand: { argv: ['guestfish', 'echo', 'a', ':'] },
  dashCommand: { argv: ['guestfish', '--', '-nosuch', ':', 'ECHO', 'x', ':', 'get_verbose'] },
  quit: script('echo a\nquit\necho b\n'),
  file: { argv: ['guestfish', '-f', 'script.fish'] },
  noFile: { argv: ['guestfish', '-f', 'missing.fish'] },
  crlf: script('echo a\r\n\r\necho b\r\n'),
  pipes: script('echo b a | tr " " "\\n" | sort\necho x |exit 3\necho y | true\necho done\n'),
  pipeError: onDisk('cat /home/user/lines | exec true\necho still\n', '--pipe-error'),
  hostCommands: script(
    '!echo host\n<! echo echo inner; echo "echo \'two words\'"\n-!exit 3\necho on\n!exit 3\necho off\n',
  ),
  innerError: script('<! echo nosuch\necho after\n'),
  lcd: script('lcd sub\n!pwd | sed s,.*/,,\nlcd missing\n'),
  environment: script('setenv GREETING hi\n!echo $GREETING\nunsetenv GREETING\n!echo "[$GREETING]"\n'),
  time: script('time echo x\n'),
  not: script('not set-verbose maybe\nnot echo x\necho no\n'),
  events: script(
    'event t trace "echo TRACE $EVENT $1"\nevent "" * true\nlist-events\nset-trace true\nget-verbose\ndelete-event t\ndelete-event zz\n',
  ),
  badEvent: script('event a nosuch true\n'),
  numbers: script('set-memsize 0x400\nget-memsize\nset-memsize 99999999999\n'),
  wrongCount: script(
    '-cat\n-cat a b\n-add\n-add-drive x foo:bar\n-add-drive x readonly:maybe\n-add-drive x readonly:true readonly:true\n',
  ),
  lists: script(String.raw`set-backend-settings "a 'b c' d\\'e"` + '\nget-backend-settings\n'),
  octal: onDisk('get-umask\n'),
  optString: {
    argv: ['guestfish', 'set-append', 'x', ':', 'get-append', ':', 'set-append', '', ':', 'get-append'],
  },
  alloc: script('alloc new1.img 100K\nsparse new2.img 1M\nrun\nlist-devices\nblockdev-getsize64 /dev/sdb\n'),
  allocBad: script('-alloc new3.img\n-sparse new3.img foo\n-alloc new3.img 0\n'),
  reopen: script('add-ro a.img\nreopen\nlist-drives-gone\n'),
  notLaunched: script('cat /etc/fstab\n'),
  help: script('help\nhelp cat\nhelp vi\nhelp nosuch\n'),
  cmdHelp: { argv: ['guestfish', '-h'] },
  cmdHelpOne: { argv: ['guestfish', '--cmd-help', 'run'] },
  version: { argv: ['guestfish', '--version'] },
  usage: { argv: ['guestfish', '--nosuch'] },
  bothModes: { argv: ['guestfish', '--ro', '--rw', 'echo', 'x'] },
  domain: { argv: ['guestfish', '-d', 'guest', 'run'] },
  remoteDisk: { argv: ['guestfish', '-a', 'nbd://localhost', 'run'] },
  noRemote: { argv: ['guestfish', '--remote', 'echo', 'x'] },
  open: { argv: ['guestfish', 'a.img', 'cat', '/etc/hostname', ':', 'ls', '/boot'] },
  openScript: { argv: ['guestfish', 'a.img'], stdin: 'cat /etc/hostname\n' },
  openOneFilesystem: { argv: ['guestfish', 'one.img', 'ls', '/'] },
  openMissing: { argv: ['guestfish', 'missing.img', 'ls', '/'] },
  oldInspector: { argv: ['guestfish', '-i', 'a.img'], stdin: 'cat /etc/hostname\n' },
  glob: onDisk("glob echo '/home/user/[lx]*' X '/etc/host*'\nglob cat /nomatch\n"),
  hereDocument: onDisk('-upload -<<END /x\nnot a command\nEND\necho after\nupload -<<END /x\n'),
  stdinFile: {
    argv: ['guestfish', '-a', 'a.img', 'run', ':', '--', '-upload', '-', '/x', ':', 'echo', 'z'],
    stdin: 'data',
  },
  download: onDisk('download /etc/hostname -\ndownload /etc/hostname ~/copy\n!cat ~/copy\n'),
  readOnly: onDisk('write /x y\n'),
  windows: onDisk('cat win:C:\\x\n'),
  guestBytes: onDisk(
    'ls /home/user | tail -1\ncat "/home/user/\\xff\\xfebytes"\nstat "/home/user/new\\nline" | head -2 | tail -1\n',
  ),
  trace: { argv: ['guestfish', '-x', 'get-verbose'] },
  keys: { argv: ['guestfish', '--key', 'nonsense', 'echo', 'x'] },
  more: onDisk('more /etc/hostname\nless /etc/hostname\n'),
  editMissing: onDisk('-edit /nothing\n'),
  editUnchanged: { ...onDisk('edit /etc/hostname\n'), env: { EDITOR: 'true' } },
  editReadOnly: { ...onDisk('edit /etc/hostname\n'), env: { EDITOR: 'sh -c \'echo more >> "$0"\'' } },
  hexedit: { ...onDisk('hexedit /etc/hostname 1 3\n'), env: { HEXEDITOR: 'od -c' } },
  badMount: { argv: ['guestfish', '-a', 'a.img', '-m', '/dev/nosuch', 'ls', '/'] },
} satisfies Record<string, Run>;

describe('guestfish', { skip: missing }, () => {
  const folder = temporaryFolder();
  const results = new NamedRuns();
  const result = (name: keyof typeof runs): RunResult => results.get(name);
  const expectOut = (name: keyof typeof runs, stdout: string, status = 0): void => {
    const got = result(name);
    assert.equal(got.stdout, stdout, got.stderr);
    assert.equal(got.status, status, got.stderr);
  };

  before(() => {
    execFileSync('zstd', ['-q', '-d', join(golden, 'a.img.zst'), '-o', join(folder.path, 'a.img')]);
    // sda5 of the disk, an ext2 filesystem, alone.
    execFileSync('dd', ['if=a.img', 'of=one.img', 'bs=512', 'skip=202752', 'count=40960', 'status=none'], {
      cwd: folder.path,
    });
    mkdirSync(join(folder.path, 'sub'));
    writeFileSync(
      join(folder.path, 'script.fish'),
      '#!/usr/bin/env -S guestfish -f\necho one\n\n # comment\nnosuch\n',
    );
    results.run(folder.path, runs);
  });
  after(() => folder.remove());

  test('no run was a fault of the program', () => {
    for (const [name, { stderr }] of results.entries()) assert.doesNotMatch(stderr, /internal error/, name);
  });
  test('the first error ends a script, and says where it was', () => {
    expectOut('firstErrorStops', 'a\n', 1);
    assert.match(result('firstErrorStops').stderr, /^\*stdin\*:2: nosuch: unknown command/);
    expectOut('dashGoesOn', 'b\n');
    assert.match(result('dashGoesOn').stderr, /:3: set-memsize: memsize: 'x' is not a number/);
    expectOut('file', 'one\n', 1);
    assert.match(result('file').stderr, /^script\.fish:5: nosuch/);
    expectOut('noFile', '', 1);
  });
  test('commands on the command line are separated by colons', () => {
    expectOut('commandLine', 'a\nb\n', 1);
    expectOut('emptyCommand', '', 1);
    expectOut('dashCommand', 'x\nfalse\n');
  });
  test('quit ends a script well, line ends of Windows do no harm', () => {
    expectOut('quit', 'a\n');
    expectOut('crlf', 'a\nb\n');
  });
  test('pipes to the host, host commands, lines made by them', () => {
    expectOut('pipes', 'a\nb\ndone\n');
    expectOut('hostCommands', 'host\ninner\ntwo words\non\n', 1);
    expectOut('innerError', '', 1);
    assert.match(result('pipeError').stderr, /^$|ended before it had read everything/);
  });
  test('lcd, environment, time, not', () => {
    expectOut('lcd', 'sub\n', 1);
    expectOut('environment', 'hi\n[]\n');
    assert.match(result('time').stdout, /^x\nelapsed time: \d+\.\d\d seconds\n$/);
    expectOut('not', 'x\n', 1);
  });
  test('events run host scripts', () => {
    const { stdout, status } = result('events');
    assert.match(stdout, /^"t" \(trace\): echo TRACE \$EVENT \$1\n"" \(\*\): true\n/);
    assert.match(stdout, /TRACE trace get_verbose\n/);
    assert.equal(status, 1);
    expectOut('badEvent', '', 1);
  });
  test('numbers, booleans, lists, optional arguments', () => {
    expectOut('numbers', '1024\n', 1);
    assert.match(result('numbers').stderr, /does not fit into 32 bits/);
    const { stderr } = result('wrongCount');
    for (const expected of [
      /:1: cat: wrong number of arguments\nusage: cat path\n/,
      /:3: add-drive: wrong number of arguments\nusage: add-drive filename \[readonly:true\|false\] \[format:\.\.\]/,
      /unknown optional argument 'foo:bar'/,
      /readonly: 'maybe' is not a boolean/,
      /'readonly' is given twice/,
    ]) {
      assert.match(stderr, expected);
    }
    expectOut('lists', "a\nb c\nd'e\n");
    expectOut('optString', 'x\n(null)\n');
    expectOut('octal', '022\n');
  });
  test('alloc and sparse make disks and add them', () => {
    expectOut('alloc', '/dev/sda\n/dev/sdb\n1048576\n');
    assert.equal(statSync(join(folder.path, 'new1.img')).size, 102400);
    assert.ok(statSync(join(folder.path, 'new2.img')).blocks < 8);
    assert.equal(result('allocBad').status, 0);
  });
  test('without launch there is a hint', () => {
    expectOut('notLaunched', '', 1);
    assert.match(result('notLaunched').stderr, /call launch.*run/s);
    expectOut('reopen', '', 1);
  });
  test('help', () => {
    const { stdout, status } = result('help');
    assert.match(stdout, /help --list/);
    assert.match(stdout, /NAME\n {4}cat - .*\n\nSYNOPSIS\n {4}cat path\n\nDESCRIPTION\n/);
    assert.match(stdout, /NAME\n {4}edit - .*Other names: vi, emacs/s);
    assert.equal(status, 1);
    const list = result('cmdHelp').stdout.split('\n');
    assert.ok(list.length > 550, `${list.length} commands`);
    assert.ok(list.every((line) => line.length < 200));
    for (const name of ['mke2fs-JL', 'cat', 'copy-out', 'quit'])
      assert.ok(
        list.some((line) => line.startsWith(name)),
        name,
      );
    assert.ok(!list.some((line) => line.startsWith('internal-')));
    assert.match(result('cmdHelpOne').stdout, /launch - .*Other names: run/s);
    assert.match(result('version').stdout, /^guestfish 1\.\d+\.\d+ \(guestfs \d+\.\d+\.\d+\)\n$/);
  });
  test('wrong and unsupported options say so', () => {
    for (const [name, message] of [
      ['usage', /unknown option --nosuch\nTry 'guestfish --help'/],
      ['bothModes', /--ro and --rw exclude each other/],
      ['domain', /add_domain: .*virsh/],
      ['remoteDisk', /nbd are not supported/],
      ['noRemote', /GUESTFISH_PID is not set/],
      ['keys', /expected ID:key:TEXT/],
    ] as const) {
      assert.equal(result(name).status, 1, name);
      assert.match(result(name).stderr, message);
    }
  });
  test('a disk named without an option is opened', () => {
    expectOut('open', 'testguest\n\nlost+found\nvmlinuz-6.1\n');
    expectOut('openScript', 'testguest\n\n');
    expectOut('openOneFilesystem', 'lost+found\nonly-here\n');
    expectOut('oldInspector', 'testguest\n\n');
    assert.equal(result('openMissing').status, 1);
    assert.match(result('openMissing').stderr, /missing\.img: .*no such file/i);
    assert.equal(result('badMount').status, 1);
  });
  test('glob runs a command for each combination', () => {
    expectOut(
      'glob',
      ['lines', 'link', 'xs'].map((name) => `/home/user/${name} X /etc/hostname\n`).join(''),
      1,
    );
  });
  test('files from the script, standard input and output', () => {
    expectOut('hereDocument', 'after\n', 1);
    assert.match(result('hereDocument').stderr, /the input ended before the line 'END'/);
    assert.equal(result('stdinFile').stdout, 'z\n');
    expectOut('download', 'testguest\ntestguest\n');
    expectOut('more', 'testguest\ntestguest\n');
  });
  test('guest bytes go through pipes unchanged', () => {
    const { stdout } = result('guestBytes');
    assert.equal(stdout.slice(0, 8), '\xff\xfebytes\n');
    assert.match(stdout, /\nb\n\nino: \d+\n$/);
  });
  test('nothing is written to a disk that is read-only', () => {
    expectOut('readOnly', '', 1);
    expectOut('editUnchanged', '');
    expectOut('editReadOnly', '', 1);
    const kept = /what you edited is kept in (.*)\n/.exec(result('editReadOnly').stderr);
    assert.ok(kept?.[1] !== undefined, result('editReadOnly').stderr);
    assert.equal(readFileSync(kept[1], 'utf8'), 'testguest\nmore\n');
    execFileSync('rm', ['-r', join(kept[1], '..')]);
    assert.match(result('hexedit').stdout, /e {3}s {3}t/);
    assert.equal(result('editMissing').status, 0);
    expectOut('windows', '', 1);
  });
  test('-x shows the calls', () => {
    assert.match(result('trace').stderr, /trace: get_verbose\n.*trace: get_verbose = 0\n/s);
  });
});
