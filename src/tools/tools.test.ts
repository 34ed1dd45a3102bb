import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { NamedRuns, type RunResult } from '../../test/support/tool-runs.ts';
import { needsTool, temporaryFolder } from '../../test/support/tools.ts';
import { packageVersion } from '../actions/version.ts';
import { apiVersion } from './common/version.ts';
import { toolNames } from './main.ts';

const root = join(import.meta.dirname, '..', '..');
const golden = join(import.meta.dirname, 'golden');
const A = ['-a', 'a.img'];
const toolProcess = [
  '--import',
  `${root}/node_modules/tsx/dist/esm/index.mjs`,
  `${root}/test/support/tool-main.ts`,
];

const runs: Record<string, string[]> = {
  usage: ['virt-cat', '--nosuch'],
  noDisk: ['virt-filesystems'],
  noFile: ['virt-cat', ...A],
  missingDisk: ['virt-cat', '-a', 'missing.img', '/x'],
  folderAsDisk: ['virt-cat', '-a', 'out', '/x'],
  emptyDisk: ['virt-filesystems', '-a', ''],
  nbd: ['virt-df', '-a', 'nbd://localhost'],
  domain: ['virt-inspector', '-d', 'guest'],
  twoForms: ['virt-df', '--csv', '-h', ...A],
  badChecksum: ['virt-ls', '-lR', '--checksum=nosuch', ...A, '/'],
  badBlocksize: ['virt-ls', '--blocksize=1000', ...A, '/'],
  noSystem: ['virt-cat', '-a', 'b.img', '/x'],
  xpath: ['virt-inspector', '--xpath', '//x', ...A],
  tarUpload: ['virt-tar', '-u', 'a.img', '/', 'x.tar'],
  tarNothing: ['virt-tar', 'a.img', '/', 'x.tar'],
  tarOut: ['virt-tar-out', ...A, '/home/user/deep', '-'],
  tarFile: ['virt-tar-out', ...A, '--exclude=er', '/home/user/deep', 'deep.tar'],
  tarOld: ['virt-tar', '-zx', 'a.img', '/home/user/deep', 'deep.tar.gz'],
  copyOut: ['virt-copy-out', ...A, '/home/user/deep', '/etc/hostname', 'out'],
  copyOutNoTarget: ['virt-copy-out', ...A, '/etc/hostname', 'nowhere'],
  tailMissing: ['virt-tail', ...A, '/missing', '/missing2'],
  listFilesystems: ['virt-list-filesystems', '-al', 'a.img'],
  listFilesystemsPlain: ['virt-list-filesystems', 'a.img', 'b.img'],
  listPartitions: ['virt-list-partitions', '-lht', 'a.img'],
  listPartitionsPlain: ['virt-list-partitions', 'a.img'],
  jsonFilesystems: ['virt-filesystems', '--json', '--all', ...A],
  jsonDf: ['virt-df', '--json', ...A],
  jsonLs: ['virt-ls', '--json', ...A, '/home/user'],
  jsonLsLong: ['virt-ls', '-lR', '--json', '--uids', '--checksum=md5', ...A, '/home/user'],
  jsonLsEmpty: ['virt-ls', '-lR', '--json', ...A, '/missing'],
  jsonInspector: ['virt-inspector', '--json', ...A],
  jsonListFilesystems: ['virt-list-filesystems', '--json', 'a.img'],
  jsonListPartitions: ['virt-list-partitions', '--json', '-l', 'a.img'],
  timeText: ['virt-ls', '-lR', '--time-days', ...A, '/home/user/lines'],
  timeRelative: ['virt-ls', '-lR', '--time-relative', ...A, '/home/user/lines'],
  testTool: ['libguestfs-test-tool'],
  guestfsNothing: ['guestfs'],
  guestfsVersion: ['guestfs', '-V'],
  guestfsWrong: ['guestfs', 'nosuch'],
  guestfsLs: ['guestfs', 'ls', 'a.img'],
  guestfsLsOption: ['guestfs', 'ls', '-lR', '--csv', 'a.img', '/etc/hostname'],
  guestfsLsDashes: ['guestfs', 'ls', '--', 'a.img', '/boot'],
  guestfsCat: ['guestfs', 'cat', 'a.img', '/etc/hostname'],
  guestfsCatMount: ['guestfs', 'cat', '--format=raw', 'a.img', '-m', '/dev/sda5', '/only-here'],
  guestfsCatAdd: ['guestfs', 'cat', ...A, '-a', 'b.img', '/etc/hostname'],
  guestfsInspect: ['guestfs', 'inspect', 'a.img'],
  guestfsInspectXml: ['guestfs', 'inspect', '--xml', '--no-icon', 'a.img'],
  guestfsLog: ['guestfs', 'log', 'a.img'],
  guestfsDf: ['guestfs', 'df', '--csv', 'a.img'],
  guestfsOpen: ['guestfs', 'a.img', 'cat', '/etc/hostname'],
  guestfsShell: ['guestfs', 'shell', '-a', 'a.img', 'run', ':', 'list-devices'],
  guestfsHelp: ['guestfs', 'help', 'tar-out'],
  guestfsError: ['guestfs', 'cat', '--nosuch', 'a.img'],
};
for (const name of toolNames) {
  runs[`help ${name}`] = [name, '--help'];
  runs[`version ${name}`] = [name, '--version'];
}

describe('the tools', { skip: needsTool('zstd', 'tar') }, () => {
  const folder = temporaryFolder();
  const results = new NamedRuns();
  const result = (name: string): RunResult => results.get(name);
  const out = (name: string): string => {
    const { status, stdout, stderr } = result(name);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const json = <T>(name: string): T => JSON.parse(Buffer.from(out(name), 'latin1').toString('utf8')) as T;
  const fails = (name: string, message: RegExp): void => {
    const { status, stderr } = result(name);
    assert.equal(status, 1, name);
    assert.match(stderr, message);
  };

  before(() => {
    for (const disk of ['a', 'b']) {
      execFileSync('zstd', [
        '-q',
        '-d',
        join(golden, `${disk}.img.zst`),
        '-o',
        join(folder.path, `${disk}.img`),
      ]);
    }
    mkdirSync(join(folder.path, 'out'));
    results.run(
      folder.path,
      Object.fromEntries(Object.entries(runs).map(([name, argv]) => [name, { argv }])),
    );
  });
  after(() => folder.remove());

  test('no run was a fault of the program', () => {
    for (const [name, { stderr }] of results.entries()) assert.doesNotMatch(stderr, /internal error/, name);
  });
  test('every tool has help and a version', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    assert.equal(packageVersion, version);
    for (const name of toolNames) {
      assert.match(out(`help ${name}`), new RegExp(`^${name}: .*\\n\\nUsage:\\n  `));
      assert.match(out(`help ${name}`), new RegExp(`More: man ${name}\\n$`));
      for (const line of out(`help ${name}`).split('\n')) assert.ok(line.length <= 120, line);
      assert.equal(out(`version ${name}`), `${name} ${apiVersion} (guestfs ${version})\n`);
    }
  });
  test('what is wrong is said, with status 1', () => {
    fails('usage', /^virt-cat: unknown option --nosuch\nTry 'virt-cat --help' for more\.\n$/);
    fails('noDisk', /no disk was named/);
    fails('noFile', /no file was named/);
    fails('missingDisk', /missing\.img: .*no such file/i);
    fails('folderAsDisk', /out: .*folder/);
    fails('emptyDisk', /the name of a disk image is empty/);
    fails('nbd', /nbd are not supported/);
    fails('domain', /virsh/);
    fails('twoForms', /-h and --csv exclude each other/);
    fails('badChecksum', /expected crc, md5, sha1/);
    fails('badBlocksize', /expected 512 or 4096/);
    fails('noSystem', /no operating system was found/);
    fails('xpath', /not supported/);
    fails('tarUpload', /x\.tar: cannot open/);
    fails('tarNothing', /-x packs/);
    fails('copyOutNoTarget', /nowhere/);
    fails('tailMissing', /none of the files is there/);
    fails('guestfsError', /^guestfs cat: unknown option --nosuch\nTry 'guestfs cat --help'/);
  });
  test('archives', () => {
    const list = execFileSync('tar', ['tf', '-'], {
      input: Buffer.from(out('tarOut'), 'latin1'),
      encoding: 'utf8',
    });
    assert.deepEqual(list.split('\n').filter(Boolean).toSorted(), ['./', './er/', './er/file']);
    const packed = (name: string): string[] =>
      execFileSync('tar', ['tf', name], { cwd: folder.path, encoding: 'utf8' }).split('\n').filter(Boolean);
    assert.deepEqual(packed('deep.tar'), ['./']);
    assert.ok(packed('deep.tar.gz').includes('./er/file'));
  });
  test('copying out', () => {
    out('copyOut');
    assert.equal(readFileSync(join(folder.path, 'out/deep/er/file'), 'utf8'), 'deep\n');
    assert.equal(readFileSync(join(folder.path, 'out/hostname'), 'utf8'), 'testguest\n');
  });
  test('the old lists', () => {
    assert.equal(
      out('listFilesystems'),
      '/dev/sda1 ext4\n/dev/sda5 ext2\n/dev/vg_guest/empty unknown\n/dev/vg_guest/root ext4\n/dev/vg_guest/swap swap\n',
    );
    assert.equal(out('listFilesystemsPlain'), '/dev/sda1\n/dev/sda5\n/dev/sdb1\n/dev/vg_guest/root\n');
    assert.equal(out('listPartitionsPlain'), '/dev/sda1\n/dev/sda2\n/dev/sda3\n/dev/sda5\n');
    assert.match(out('listPartitions'), /^\/dev\/sda5 +ext2 +20M\n\/dev\/sda +device +120M\n$/m);
  });
  test('JSON', () => {
    interface Row {
      name: string;
      type: string;
      size: number;
      uuid?: string;
      parents?: string[];
    }
    const rows = json<Row[]>('jsonFilesystems');
    assert.deepEqual(
      rows.find(({ type }) => type === 'vg'),
      {
        name: '/dev/vg_guest',
        type: 'vg',
        size: 88080384,
        parents: ['/dev/sda2'],
        uuid: '5SxgvbKU9CDE3TfjzHXTtn1CYYjtzOsE',
      },
    );
    const [df] = json<{ filesystem: string; total: number; percent: number }[]>('jsonDf');
    assert.equal(df?.filesystem, '/dev/sda1');
    assert.equal(df?.total, 8610816);
    const [listing] = json<{ names: string[] }[]>('jsonLs');
    assert.ok(listing?.names.includes('\udcff\udcfebytes'));
    assert.ok(listing?.names.includes('new\nline'));
    const long = json<Record<string, unknown>[]>('jsonLsLong');
    assert.deepEqual(
      long.find(({ path }) => path === '/home/user/lines'),
      {
        path: '/home/user/lines',
        type: '-',
        mode: '0644',
        size: 692,
        uid: 1000,
        gid: 1000,
        checksum: '304f7b9574921ad21a2bc72f200483d7',
      },
    );
    assert.equal(long.find(({ path }) => path === '/home/user/link')?.['link'], 'lines');
    assert.equal(result('jsonLsEmpty').stdout, '[]\n');
    const [system] = json<{ distro: string; applications: { name: string }[] }[]>('jsonInspector');
    assert.equal(system?.distro, 'debian');
    assert.deepEqual(
      system?.applications.map(({ name }) => name),
      ['bash', 'tzdata'],
    );
    assert.deepEqual(json<Row[]>('jsonListFilesystems')[0], { name: '/dev/sda1', type: 'ext4' });
    assert.equal(json<Row[]>('jsonListPartitions').length, 4);
  });
  test('times before now', () => {
    assert.match(out('timeText'), /^- 0644 {8}692 +-?\d+ +-?\d+ +-?\d+ \/home\/user\/lines\n$/);
    assert.match(out('timeRelative'), /^- 0644 {8}692 +-?\d+ +-?\d+ +-?\d+ \/home\/user\/lines\n$/);
  });
  test('libguestfs-test-tool', () => {
    assert.match(out('testTool'), /launched in [\d.]+ ms\n===== TEST FINISHED OK =====\n$/);
  });
  test('guestfs', () => {
    assert.equal(result('guestfsNothing').status, 1);
    assert.match(result('guestfsNothing').stderr, /guestfs cat DISK FILE/);
    assert.match(out('guestfsVersion'), /^guestfs 1\./);
    fails('guestfsWrong', /neither a command nor a disk 'nosuch'/);
    assert.match(out('guestfsLs'), /^bin\nboot\netc\n/);
    assert.equal(out('guestfsLsOption'), '-,0644,10,/etc/hostname\n');
    assert.equal(out('guestfsLsDashes'), 'lost+found\nvmlinuz-6.1\n');
    assert.equal(out('guestfsCat'), 'testguest\n');
    assert.equal(out('guestfsCatMount'), 'five\n');
    assert.equal(out('guestfsCatAdd'), 'testguest\n');
    assert.match(out('guestfsInspect'), /^Operating system: .*\nType: +linux, debian\n/);
    assert.match(out('guestfsInspectXml'), /^<\?xml version="1\.0"\?>\n<operatingsystems>/);
    assert.match(out('guestfsLog'), /kernel: booting/);
    assert.match(out('guestfsDf'), /^VirtualMachine,/);
    assert.equal(out('guestfsOpen'), 'testguest\n\n');
    assert.equal(out('guestfsShell'), '/dev/sda\n');
    assert.match(
      out('guestfsHelp'),
      /^guestfs tar-out: .*\n\nUsage:\n {2}guestfs tar-out \[OPTION\.\.\.\] DISK DIRECTORY ARCHIVE\n/,
    );
  });
  test('a reader that goes away ends a tool quietly, with the status of SIGPIPE', () => {
    const run = spawnSync(
      'bash',
      [
        '-c',
        `"${process.execPath}" ${toolProcess.join(' ')} virt-ls -lR -a a.img / | true; echo "$?" "\${PIPESTATUS[0]}"`,
      ],
      { cwd: folder.path, encoding: 'utf8' },
    );
    assert.match(run.stdout, /^0 (141|0)\n$/);
    assert.equal(run.stderr, '');
  });
  test('a terminal gets escapes', { skip: needsTool('script') }, () => {
    const command = `"${process.execPath}" ${toolProcess.join(' ')} virt-cat -a a.img /home/user/control`;
    const run = spawnSync('script', ['-qec', command, '/dev/null'], {
      cwd: folder.path,
      encoding: 'latin1',
      input: '',
    });
    assert.equal(run.stdout, 'a\\x01b\\x1b[31mc\r\r\n\ttab\\x7f\\u009b \xc3\xa9 \\xff\r\n');
  });
  test('names of files with bytes that are no UTF-8 can be given', () => {
    const run = spawnSync(
      'bash',
      [
        '-c',
        `"${process.execPath}" ${toolProcess.join(' ')} virt-cat -a a.img $'/home/user/\\xff\\xfebytes'`,
      ],
      { cwd: folder.path, encoding: 'utf8' },
    );
    assert.equal(run.stdout, 'b\n', run.stderr);
  });
});

describe('virt-tail', { skip: needsTool('mke2fs', 'debugfs') }, () => {
  test('shows the end of a file, and what is added to it', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder();
    const disk = join(folder.path, 'disk.img');
    const log = join(folder.path, 'log');
    const put = (): void => {
      execFileSync('debugfs', ['-w', '-f', '-', disk], {
        input: `rm /log\nwrite ${log} /log\n`,
        stdio: ['pipe', 'ignore', 'ignore'],
      });
    };
    writeFileSync(log, 'first line\n');
    execFileSync('mke2fs', ['-q', '-t', 'ext2', disk, '1M']);
    put();
    const child = spawn(
      process.execPath,
      [...toolProcess, 'virt-tail', '-a', disk, '-m', '/dev/sda', '/log'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    try {
      let seen = '';
      const until = (text: string): Promise<void> =>
        new Promise((resolve) => {
          const look = (): void => {
            if (!seen.includes(text)) return;
            child.stdout.off('data', look);
            resolve();
          };
          child.stdout.on('data', look);
          look();
        });
      child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
      await until('first line\n');
      appendFileSync(log, 'second line\n');
      put();
      await until('second line\n');
      const end = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      assert.equal(await end, 0);
    } finally {
      child.kill('SIGKILL');
      folder.remove();
    }
  });
});
