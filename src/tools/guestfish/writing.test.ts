/** guestfish as it is used to write: its own commands, prepared disks, disk images; judged by the hosts' tools. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { debugfs, modeAndOwner } from '../../../test/support/linux-guest.ts';
import { NamedRuns, type RunResult, type ToolRun } from '../../../test/support/tool-runs.ts';
import { hasTool, needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';

const folder = temporaryFolder();
const at = (...parts: string[]): string => join(folder.path, ...parts);

/** Options, and what guestfish reads from standard input. */
const script = (options: string, stdin: string): ToolRun => ({
  argv: ['guestfish', ...options.split(' ')],
  stdin,
});
const line = (words: string, stdin = ''): ToolRun => ({ argv: ['guestfish', ...words.split(' ')], stdin });

const editors = {
  EDITOR: './append',
  HEXEDITOR: './patch',
  PATH: `${folder.path}${delimiter}${process.env['PATH']}`,
};
const ext4 = '--rw -a ext4.img -m /dev/sda';

const runs: Record<string, ToolRun> = {
  blank: script('-N blank.img=disk:20M', 'blockdev-getsize64 /dev/sda\nlist-filesystems\n'),
  part: script('-N part.img=part:20M:gpt', 'list-partitions\n'),
  fs: script('-N fs.img=fs:ext4:30M -m /dev/sda1', 'write /f "on a prepared disk"\n'),
  fat: script('-N fat.img=fs:vfat:30M:gpt -m /dev/sda1', 'write /f fat\n'),
  lv: script('-N lv.img=lv:/dev/G/V:30M', 'lvs\nis-lv /dev/G/V\n'),
  lvfs: script('-N lvfs.img=lvfs:/dev/G/V:ext3:40M:gpt -m /dev/G/V', 'write /f x\nvfs-type /dev/G/V\n'),
  bootroot: script('-N bootroot.img=bootroot:ext2:ext4:60M:20M', 'list-filesystems\n'),
  bootrootlv: script('-N bootrootlv.img=bootrootlv:/dev/G/V:ext2:vfat:60M:20M:gpt', 'list-filesystems\n'),
  several: script('-N disk:1M -N part:10M', 'list-devices\nlist-partitions\n'),
  noType: line('-N nothing'),
  noFilesystem: { ...line('-N fs:xfs'), env: { LIBGUESTFS_BACKEND: 'engine' } },
  noRoom: line('-N bootroot:ext2:ext4:50M:60M'),
  noFolder: line('-N no/such=disk:1M'),

  made: script(
    '--rw',
    `sparse ext4.img 60M
run
mkfs ext4 /dev/sda
mount /dev/sda /
mkdir /d
touch /d/a1
touch /d/a2
write /f "one\\n"
`,
  ),
  edit: { ...script(ext4, 'chmod 0640 /f\nedit /f\nvi /f\nemacs /f\nhexedit /f\ncat /f\n'), env: editors },
  globs: script(ext4, 'glob write-append /d/a* x\nglob copy-in append /d*\nglob rm /d/a?\nglob ls /d*\n'),
  copyIn: script(
    ext4,
    'mkdir /in\ncopy-in tree append /in\nfind /in\n-copy-in append\n-copy-in nowhere /in\n',
  ),
  inline: script(
    ext4,
    'upload -<<END /h\nfirst\nsecond\nEND\nbase64-in -<<END /b\naGVsbG8K\nEND\n<! echo write /shell made\n',
  ),
  stdin: line(`${ext4} upload - /stdin : upload /dev/stdin /empty`, 'from standard input\n'),
  tarIn: line(`${ext4} mkdir /t : tar-in tree.tar /t : tgz-in tree.tar.gz /t : cat /t/deep/file`),
  fatTar: line('-N fat2.img=fs:vfat:30M -m /dev/sda1 tar-in owned.tar /'),
  fatLinks: line('--rw -a fat2.img -m /dev/sda1 tar-in tree.tar /'),
  badTar: line(`${ext4} tar-in append /`),
  gzippedTar: line(`${ext4} tar-in tree.tar.gz /`),
  failing: script(ext4, 'write /before x\nrm /nowhere\nwrite /after x\n'),
  going: script(ext4, '-rm /nowhere\nwrite /after x\n'),

  readOnlyByDefault: line('-a ext4.img -m /dev/sda write /f x'),
  readOnly: line('--ro -a ext4.img -m /dev/sda write /f x'),
  mountedReadOnly: line('--rw -a ext4.img -m /dev/sda:/:ro write /f x'),
  noImage: line('--rw -a nowhere.img run'),
  aFolder: line('--rw -a tree run'),
  vmdk: line('--rw -a image.vmdk run'),
  luksLike: line('--rw -a ext4.img -m /dev/sda9 ls /'),

  created: script(
    '--rw',
    `disk-create a.raw raw 10M
disk-create full.raw raw 1M preallocation:full
disk-create v2.qcow2 qcow2 1G compat:0.10
disk-create small.qcow2 qcow2 1G clustersize:4096 compat:1.1
disk-create meta.qcow2 qcow2 100M preallocation:metadata
disk-create over.qcow2 qcow2 -1 backingfile:ext4.img backingformat:raw
-disk-create bad.qcow2 qcow2 1G clustersize:1000
-disk-create bad.raw raw -5
-disk-create bad.vmdk vmdk 1M
disk-virtual-size over.qcow2
`,
  ),
  overlay: line('--rw --format=qcow2 -a over.qcow2 -m /dev/sda write /f overlaid : cat /f'),
  copies: script(
    '--rw -a small.qcow2 -a a.raw',
    `run
mkfs ext4 /dev/sda
mount /dev/sda /
write /content "copied with dd"
copy-file-to-device /content /dev/sdb destoffset:512
copy-device-to-file /dev/sdb /back srcoffset:512 size:14
cat /back
umount /
copy-device-to-device /dev/sda /dev/sdb size:100 destoffset:1M
blkdiscard /dev/sda
is-zero-device /dev/sda
`,
  ),
  scratch: script('--rw', 'add-drive-scratch 10M\nrun\nmkfs ext4 /dev/sda\nvfs-type /dev/sda\n'),
};

/** Runs that are made while other processes hold the image. */
const lockedRuns: Record<string, ToolRun> = {
  lockedByQemu: line('--rw -a lock.raw run'),
  readBesideQemu: line('--ro -a lock.raw -m /dev/sda cat /f'),
  editBesideQemu: { argv: ['virt-edit', '-a', 'lock.raw', '-m', '/dev/sda', '/f', '-e', 's/o/0/'] },
  formatBesideQemu: { argv: ['virt-format', '-a', 'lock.raw', '--filesystem=ext4'] },
  makeBesideQemu: { argv: ['virt-make-fs', 'tree', 'lock.raw'] },
  createBesideQemu: line('disk-create lock.raw raw 1M'),
  allocBesideQemu: line('--rw alloc lock.raw 1M'),
  prepareBesideQemu: line('-N lock.raw=fs'),
  resizeBesideQemu: { argv: ['virt-resize', 'part.img', 'lock.raw'] },
};

describe(
  'guestfish writes',
  {
    skip: needsTool(
      'e2fsck',
      'debugfs',
      'fsck.fat',
      'mtype',
      'sfdisk',
      'sgdisk',
      'qemu-img',
      'tar',
      'gzip',
      'mke2fs',
    ),
  },
  () => {
    const results = new NamedRuns();
    const result = (name: string): RunResult => results.get(name);
    const done = (name: string): string[] => {
      return results.succeeded(name).stdout.split('\n').filter(Boolean);
    };
    const fails = (name: string, message: RegExp): void => results.failed(name, message);
    const runAll = (all: Record<string, ToolRun>): void => results.run(folder.path, all);
    /** The partition that begins at a sector, as a file of its own. */
    const cut = (image: string, first: number, sectors?: number): string => {
      const bytes = readFileSync(at(image));
      writeFileSync(at('cut'), bytes.subarray(first * 512, sectors && (first + sectors) * 512));
      return at('cut');
    };
    const types = (image: string): string[] =>
      [...run('sfdisk', '-d', at(image)).matchAll(/start= *(\d+), size= *(\d+), type=(\w+)/g)].map(
        ([, start, , type]) => `${start} ${type}`,
      );

    before(async () => {
      for (const name of ['append', 'vi', 'emacs']) {
        writeFileSync(at(name), `#!/bin/sh\necho ${name} >> "$1"\n`);
        chmodSync(at(name), 0o755);
      }
      writeFileSync(at('patch'), '#!/bin/sh\nprintf O | dd of="$1" conv=notrunc status=none\n', {
        mode: 0o755,
      });
      mkdirSync(at('tree', 'deep'), { recursive: true });
      writeFileSync(at('tree', 'deep', 'file'), 'of the tree\n', { mode: 0o604 });
      symlinkSync('deep/file', at('tree', 'link'));
      run('tar', '-C', at('tree'), '-cf', at('tree.tar'), '.');
      run('gzip', '-k', at('tree.tar'));
      run('tar', '-C', at('tree'), '--owner=7', '--group=8', '-cf', at('owned.tar'), 'deep');
      run('qemu-img', 'create', '-q', '-f', 'vmdk', at('image.vmdk'), '1M');
      runAll(runs);
      run('mke2fs', '-q', '-F', '-t', 'ext4', '-d', at('tree', 'deep'), at('lock.raw'), '20M');
      if (!hasTool('qemu-io')) return;
      await whileHeld(() => runAll(lockedRuns));
    });
    after(() => folder.remove());

    /** ToolRun `body` while qemu-io has lock.raw open for writing. */
    async function whileHeld(body: () => void): Promise<void> {
      const holder: ChildProcess = spawn('qemu-io', ['-f', 'raw', at('lock.raw')], { stdio: 'pipe' });
      const ended = once(holder, 'exit');
      try {
        // Its prompt comes when the image is open.
        await once(holder.stdout as NodeJS.ReadableStream, 'data');
        body();
      } finally {
        holder.stdin?.end();
        await ended;
      }
    }

    test('no run was a fault of the program', () => {
      for (const [name, { stderr }] of results.entries())
        assert.doesNotMatch(stderr, /internal error|TypeError/, name);
    });

    test('-N: a blank disk, partitions, filesystems', () => {
      assert.deepEqual(done('blank'), ['20971520', '/dev/sda: unknown']);
      assert.equal(statSync(at('blank.img')).blocks, 0);
      assert.deepEqual(done('part'), ['/dev/sda1']);
      assert.match(run('sgdisk', '-v', at('part.img')), /No problems found/);
      done('fs');
      assert.deepEqual(types('fs.img'), ['128 83']);
      const fs = cut('fs.img', 128);
      run('e2fsck', '-fn', fs);
      assert.equal(debugfs(fs, 'cat /f'), 'on a prepared disk');
      done('fat');
      run('fsck.fat', '-n', cut('fat.img', 128));
      assert.equal(run('mtype', '-i', at('cut'), '::/f'), 'fat');
      assert.deepEqual(done('several'), ['/dev/sda', '/dev/sdb', '/dev/sdb1']);
      assert.ok(existsSync(at('test1.img')) && existsSync(at('test2.img')));
    });
    test('-N: logical volumes, boot and root', () => {
      assert.deepEqual(done('lv'), ['/dev/G/V', 'true']);
      assert.deepEqual(done('lvfs'), ['ext3']);
      // The volume is the first thing of the physical volume's data, which begins 1 MiB into it.
      run('e2fsck', '-fn', cut('lvfs.img', 128 + 2048, 4096 * 18));
      assert.deepEqual(done('bootroot'), ['/dev/sda1: ext2', '/dev/sda2: ext4']);
      assert.deepEqual(types('bootroot.img'), ['2048 83', '43008 83']);
      run('e2fsck', '-fn', cut('bootroot.img', 2048, 40_960));
      run('e2fsck', '-fn', cut('bootroot.img', 43_008));
      assert.deepEqual(done('bootrootlv'), ['/dev/sda1: ext2', '/dev/G/V: vfat']);
      run('e2fsck', '-fn', cut('bootrootlv.img', 2048, 40_960));
    });
    test('-N: what cannot be', () => {
      fails('noType', /there are disk, part, fs, lv, lvfs, bootroot, bootrootlv/);
      fails('noFilesystem', /only ext2, ext3, ext4 and vfat/);
      fails('noRoom', /are not all on the disk/);
      fails('noFolder', /cannot make no\/such/);
    });

    test('edit, vi, emacs, hexedit keep what a file is', () => {
      done('made');
      assert.deepEqual(done('edit'), ['One', 'append', 'vi', 'emacs']);
      assert.equal(modeAndOwner(at('ext4.img'), '/f'), '0640 0:0');
    });
    test('glob with commands that write', () => assert.deepEqual(done('globs'), ['append']));
    test('copy-in', () => {
      assert.deepEqual(done('copyIn'), ['append', 'tree', 'tree/deep', 'tree/deep/file', 'tree/link']);
      assert.match(result('copyIn').stderr, /usage: copy-in[^]*nowhere/);
      assert.equal(modeAndOwner(at('ext4.img'), '/in/tree/deep/file'), '0604 0:0');
    });
    test('from here documents, host commands, standard input', () => {
      done('inline');
      done('stdin');
      const cat = (path: string): string => debugfs(at('ext4.img'), `cat ${path}`);
      assert.equal(cat('/h'), 'first\nsecond\n');
      assert.equal(cat('/b'), 'hello\n');
      assert.equal(cat('/shell'), 'made');
      assert.equal(cat('/stdin'), 'from standard input\n');
      assert.equal(cat('/empty'), '');
    });
    test('archives', () => {
      assert.deepEqual(done('tarIn'), ['of the tree']);
      done('fatTar');
      assert.match(result('fatTar').stderr, /^guestfish: warning: owners and special modes are not kept/);
      fails('fatLinks', /FAT has only files and directories, link would be neither/);
      run('fsck.fat', '-n', cut('fat2.img', 128));
      assert.equal(run('mtype', '-i', at('cut'), '::/deep/file'), 'of the tree\n');
      fails('badTar', /the input is no tar archive/);
      fails('gzippedTar', /compressed with gzip/);
    });
    test('the first error ends a script, what was done before stays', () => {
      fails('failing', /rm: \/nowhere: No such file or directory/);
      assert.match(debugfs(at('ext4.img'), 'stat /before'), /Type: regular/);
      done('going');
      assert.match(debugfs(at('ext4.img'), 'stat /after'), /Type: regular/);
      run('e2fsck', '-fn', at('ext4.img'));
    });

    test('what may not be written says so', () => {
      fails('readOnlyByDefault', /--rw/);
      fails('readOnly', /read-only/i);
      fails('mountedReadOnly', /read-only/i);
      fails('noImage', /no such file/);
      fails('aFolder', /is a folder/);
      fails('vmdk', /qemu-img convert -f vmdk -O qcow2/);
      fails('luksLike', /there are \/dev\/sda \(ext4\)/);
    });

    test('disk-create, as qemu-img sees it', () => {
      assert.deepEqual(done('created'), [String(60 * 1024 * 1024)]);
      const info = (name: string): Record<string, unknown> =>
        JSON.parse(run('qemu-img', 'info', '--output=json', at(name))) as Record<string, unknown>;
      const details = (name: string): Record<string, unknown> =>
        (info(name)['format-specific'] as { data: Record<string, unknown> }).data;
      assert.equal(statSync(at('a.raw')).size, 10 * 1024 * 1024);
      assert.ok(statSync(at('full.raw')).blocks >= 2048);
      assert.equal(details('v2.qcow2')['compat'], '0.10');
      assert.equal(details('small.qcow2')['compat'], '1.1');
      assert.equal(info('small.qcow2')['cluster-size'], 4096);
      assert.equal(info('over.qcow2')['backing-filename-format'], 'raw');
      for (const name of ['v2', 'meta', 'over']) run('qemu-img', 'check', '-q', at(`${name}.qcow2`));
      for (const name of ['bad.qcow2', 'bad.raw', 'bad.vmdk']) assert.ok(!existsSync(at(name)), name);
    });
    test('an overlay leaves what it lies on', () => {
      assert.deepEqual(done('overlay'), ['overlaid']);
      run('qemu-img', 'check', '-q', at('over.qcow2'));
      assert.equal(debugfs(at('ext4.img'), 'cat /f').slice(0, 4), 'One\n');
    });
    test('copies between files and devices, discards, scratch drives', () => {
      assert.deepEqual(done('copies'), ['copied with dd', 'true']);
      assert.equal(readFileSync(at('a.raw')).toString('latin1', 512, 526), 'copied with dd');
      run('qemu-img', 'check', '-q', at('small.qcow2'));
      const map = JSON.parse(run('qemu-img', 'map', '--output=json', at('small.qcow2'))) as {
        data: boolean;
      }[];
      assert.ok(map.every(({ data }) => !data));
      assert.deepEqual(done('scratch'), ['ext4']);
    });

    test('an image that QEMU holds is read, but not written', { skip: needsTool('qemu-io') }, () => {
      for (const name of Object.keys(lockedRuns)) {
        if (name === 'readBesideQemu') continue;
        fails(name, /in use by a running QEMU, process \d+ \(qemu-io\)/);
      }
      // lock.raw holds the file of the folder alone.
      fails('readBesideQemu', /\/f: No such file/);
      run('e2fsck', '-fn', at('lock.raw'));
      assert.equal(debugfs(at('lock.raw'), 'cat /file'), 'of the tree\n');
    });
  },
);
