/** The tools that write into guests: what they leave is read by debugfs and judged by e2fsck. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { verify } from 'unixcrypt';
import { debugfs, LABEL, makeLinuxGuest, modeAndOwner } from '../../test/support/linux-guest.ts';
import { NamedRuns, type RunResult, type ToolRun } from '../../test/support/tool-runs.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';

interface Run extends ToolRun {
  /** The guest that is copied to the image of the run's name. */
  guest: 'debian' | 'fedora';
}

/** Each option is given with its value, as in `--mkdir /srv`. */
const customize = (...options: string[]): Run => ({
  guest: 'debian',
  argv: ['virt-customize', '-a', 'IMAGE', ...options.flatMap((option) => option.split(/(?<=^\S+) /))],
});

const fedora = (...options: string[]): Run => ({ ...customize(...options), guest: 'fedora' });

/** IMAGE is the run's own copy of its guest. */
const runs: Record<string, Run> = {
  editExpression: { guest: 'debian', argv: ['virt-edit', '-a', 'IMAGE', '/etc/motd', '-e', 's/two/zwei/'] },
  editBackup: {
    guest: 'debian',
    argv: ['virt-edit', '-a', 'IMAGE', '-b', '.bak', '-e', 's/one/eins/', '/etc/link-to-motd'],
  },
  editEditor: {
    guest: 'debian',
    argv: ['virt-edit', 'IMAGE', '/etc/motd'],
    env: { EDITOR: 'sh -c \'echo four >> "$1"\' x' },
  },
  editSame: { guest: 'debian', argv: ['virt-edit', '-a', 'IMAGE', '/etc/motd', '-e', 's/none/x/'] },
  editFails: { guest: 'debian', argv: ['virt-edit', '-a', 'IMAGE', '/etc/motd'], env: { EDITOR: 'false' } },
  editMissing: { guest: 'debian', argv: ['virt-edit', '-a', 'IMAGE', '/etc/none', '-e', '1'] },
  editLabelled: {
    guest: 'fedora',
    argv: ['virt-edit', '-a', 'IMAGE', '-b', '.bak', '/etc/motd', '-e', 's/two/zwei/'],
  },
  editMounted: {
    guest: 'debian',
    argv: ['virt-edit', '-a', 'IMAGE', '-m', '/dev/sda', '/etc/motd', '-e', 's/t/T/g'],
  },
  copyIn: { guest: 'debian', argv: ['virt-copy-in', '-a', 'IMAGE', 'folder', 'file', '/srv'] },
  copyInLabelled: { guest: 'fedora', argv: ['virt-copy-in', '-a', 'IMAGE', 'file', '/srv'] },
  copyInMissing: { guest: 'debian', argv: ['virt-copy-in', '-a', 'IMAGE', 'nowhere', '/srv'] },
  copyInNoDirectory: { guest: 'debian', argv: ['virt-copy-in', '-a', 'IMAGE', 'file', '/none'] },
  tarIn: { guest: 'debian', argv: ['virt-tar-in', '-a', 'IMAGE', 'archive.tar', '/srv'] },
  tarInCompressed: {
    guest: 'debian',
    argv: ['virt-tar-in', '-a', 'IMAGE', '--compress=gzip', 'archive.tar.gz', '/srv'],
  },
  tarInLabelled: { guest: 'fedora', argv: ['virt-tar-in', '-a', 'IMAGE', 'archive.tar', '/srv'] },
  tarInCut: { guest: 'fedora', argv: ['virt-tar-in', '-a', 'IMAGE', 'cut.tar', '/srv'] },
  tarInMissing: { guest: 'fedora', argv: ['virt-tar-in', '-a', 'IMAGE', 'nowhere.tar', '/srv'] },
  copyInHalf: { guest: 'fedora', argv: ['virt-copy-in', '-a', 'IMAGE', 'file', 'nowhere', '/srv'] },
  tarInStdin: { guest: 'debian', argv: ['virt-tar-in', '-a', 'IMAGE', '-', '/srv'] },
  tarInOld: { guest: 'debian', argv: ['virt-tar', '-u', 'IMAGE', '/srv', 'archive.tar'] },
  files: customize(
    '--mkdir /srv/a/b',
    '--write /srv/a/w:line',
    '--touch /srv/a/t',
    '--upload file:/srv/a/up',
    '--upload file:/srv',
    '--copy-in folder:/srv',
    '--copy /srv/a/w:/srv/a/w2',
    '--move /srv/a/w2:/srv/a/w3',
    '--link /srv/a/w:/srv/l1:/srv/l2',
    '--chmod 0600:/srv/a/w',
    '--delete /home/an*',
    '--truncate /bin/ls',
    '--truncate-recursive /var/log',
    '--scrub /etc/crlf',
    '--edit /etc/motd:s/^t/T/',
  ),
  lines: customize(
    '--append-line /etc/crlf:three',
    '--append-line /etc/unended:more',
    '--append-line /etc/fresh:first',
  ),
  system: customize(
    '--hostname newname',
    '--timezone Europe/London',
    '--root-password password:secret',
    '--password anna:locked',
    '--ssh-inject anna:string:ssh-ed25519 AAAA key',
    '--firstboot script.sh',
    '--firstboot-command echo hello',
  ),
  sha256: customize('--password-crypto sha256', '--password anna:file:password'),
  disabled: customize('--root-password disabled', '--quiet'),
  random: customize('--root-password random'),
  commands: customize('--commands-from-file commands'),
  labelled: fedora('--write /srv/new:x'),
  labelledKept: fedora('--hostname newname', '--root-password password:x', '--edit /etc/motd:s/o/0/'),
  labelledKey: fedora('--ssh-inject anna:string:key'),
  relabel: customize('--selinux-relabel'),
  dryRun: customize('--dry-run', '--write /srv/new:x', '--delete /etc/motd'),
  noAccount: customize('--password nobody-here:disabled'),
  noZone: customize('--timezone Nowhere/Land'),
  noHost: customize('--upload nowhere:/srv'),
  wrongMode: customize('--chmod 9x9:/srv'),
  noPackage: customize('--install --force-yes'),
};

describe(
  'tools that write into guests',
  { skip: needsTool('mke2fs', 'debugfs', 'e2fsck', 'perl', 'tar') },
  () => {
    const folder = temporaryFolder();
    const results = new NamedRuns();
    const at = (...parts: string[]): string => join(folder.path, ...parts);
    const image = (name: string): string => at(`${name}.img`);
    const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
    const done = (name: string): RunResult => {
      const result = results.succeeded(name);
      run('e2fsck', '-fn', image(name));
      return result;
    };
    const fails = (name: string, message: RegExp): void => results.failed(name, message);
    const cat = (name: string, path: string): string => debugfs(image(name), `cat ${path}`);
    const ls = (name: string, path: string): string[] =>
      debugfs(image(name), `ls -p ${path}`)
        .split('\n')
        .map((line) => line.split('/')[5] ?? '')
        .filter((entry) => entry !== '' && entry !== '.' && entry !== '..')
        .toSorted();

    const labelled = (name: string, path: string): boolean =>
      debugfs(image(name), `ea_get -V ${path} security.selinux`).includes(LABEL);

    before(() => {
      for (const kind of ['debian', 'fedora'] as const) makeLinuxGuest(at(`${kind}.base`), kind);
      mkdirSync(at('folder'));
      writeFileSync(at('folder', 'inside'), 'inside\n', { mode: 0o751 });
      symlinkSync('inside', at('folder', 'link'));
      writeFileSync(at('file'), 'a file\n', { mode: 0o640 });
      writeFileSync(at('script.sh'), '#!/bin/sh\necho first\n');
      writeFileSync(at('password'), 'from file\nnot this\n');
      writeFileSync(at('commands'), '# comment\nmkdir /srv/x\nwrite /srv/x/y:long \\\nline\n');
      run('tar', '-C', at('folder'), '--owner=5', '--group=6', '-cf', at('archive.tar'), 'inside', 'link');
      writeFileSync(at('archive.tar.gz'), gzipSync(readFileSync(at('archive.tar'))));
      writeFileSync(at('cut.tar'), readFileSync(at('archive.tar')).subarray(0, 1200));
      (runs['tarInStdin'] as Run).stdin = readFileSync(at('archive.tar'), 'latin1');
      for (const [name, { guest }] of Object.entries(runs)) copyFileSync(at(`${guest}.base`), image(name));
      results.run(folder.path, runs);
    });
    after(() => folder.remove());

    test('virt-edit: an expression, and what stays', () => {
      done('editExpression');
      assert.equal(cat('editExpression', '/etc/motd'), 'one\nzwei\nthree\n');
      assert.equal(modeAndOwner(image('editExpression'), '/etc/motd'), '0640 12:34');
      assert.ok(!ls('editExpression', '/etc').some((name) => name.startsWith('.motd')));
      done('editMounted');
      assert.equal(cat('editMounted', '/etc/motd'), 'one\nTwo\nThree\n');
    });
    test('virt-edit: a backup, through a link that stays one', () => {
      done('editBackup');
      assert.equal(cat('editBackup', '/etc/motd'), 'eins\ntwo\nthree\n');
      assert.equal(cat('editBackup', '/etc/motd.bak'), 'one\ntwo\nthree\n');
      assert.equal(modeAndOwner(image('editBackup'), '/etc/motd.bak'), '0640 12:34');
      assert.match(debugfs(image('editBackup'), 'stat /etc/link-to-motd'), /Type: symlink/);
    });
    test('virt-edit: an editor', () => {
      done('editEditor');
      assert.equal(cat('editEditor', '/etc/motd'), 'one\ntwo\nthree\nfour\n');
    });
    test('virt-edit: nothing changed, nothing written', () => {
      const { stderr } = done('editSame');
      assert.match(stderr, /nothing was changed/);
      assert.equal(hash(image('editSame')), hash(at('debian.base')));
      fails('editFails', /false/);
      fails('editMissing', /none/);
    });
    test('virt-edit: labels of SELinux stay, and nothing needs new ones', () => {
      done('editLabelled');
      assert.equal(cat('editLabelled', '/etc/motd'), 'one\nzwei\nthree\n');
      for (const path of ['/etc/motd', '/etc/motd.bak']) assert.ok(labelled('editLabelled', path), path);
      assert.ok(!ls('editLabelled', '/').includes('.autorelabel'));
    });

    test('virt-copy-in', () => {
      done('copyIn');
      assert.deepEqual(ls('copyIn', '/srv'), ['file', 'folder']);
      assert.equal(cat('copyIn', '/srv/folder/inside'), 'inside\n');
      assert.equal(modeAndOwner(image('copyIn'), '/srv/folder/inside'), '0751 0:0');
      assert.match(debugfs(image('copyIn'), 'stat /srv/folder/link'), /Fast link dest: "inside"/);
      done('copyInLabelled');
      assert.ok(ls('copyInLabelled', '/').includes('.autorelabel'));
      fails('copyInMissing', /nowhere/);
      fails('copyInNoDirectory', /\/none/);
    });
    test('virt-tar-in', () => {
      for (const name of ['tarIn', 'tarInCompressed', 'tarInStdin', 'tarInOld']) {
        done(name);
        assert.equal(cat(name, '/srv/inside'), 'inside\n', name);
        assert.equal(modeAndOwner(image(name), '/srv/inside'), '0751 5:6', name);
      }
    });

    test('what is written has its labels made, also where the rest failed', () => {
      done('tarInLabelled');
      assert.ok(ls('tarInLabelled', '/').includes('.autorelabel'));
      for (const [name, made] of [
        ['tarInCut', 'inside'],
        ['copyInHalf', 'file'],
      ] as const) {
        assert.equal(results.get(name).status, 1, name);
        assert.deepEqual(ls(name, '/srv'), [made]);
        assert.ok(ls(name, '/').includes('.autorelabel'), name);
      }
      fails('tarInMissing', /nowhere/);
    });

    test('virt-customize: files', () => {
      done('files');
      assert.deepEqual(ls('files', '/srv'), ['a', 'file', 'folder', 'l1', 'l2']);
      assert.deepEqual(ls('files', '/srv/a'), ['b', 't', 'up', 'w', 'w3']);
      assert.equal(cat('files', '/srv/a/w'), 'line');
      assert.equal(modeAndOwner(image('files'), '/srv/a/w'), '0600 0:0');
      assert.equal(modeAndOwner(image('files'), '/srv/a/up'), '0640 0:0');
      assert.match(debugfs(image('files'), 'stat /srv/l2'), /Fast link dest: "\/srv\/a\/w"/);
      assert.deepEqual(ls('files', '/home'), []);
      assert.equal(cat('files', '/var/log/deep/b.log'), '');
      assert.equal(cat('files', '/bin/ls'), '');
      assert.ok(!ls('files', '/etc').includes('crlf'));
      assert.equal(cat('files', '/etc/motd'), 'one\nTwo\nThree\n');
      assert.ok(!ls('files', '/').includes('.autorelabel'));
    });
    test('virt-customize: lines', () => {
      done('lines');
      assert.equal(cat('lines', '/etc/crlf'), 'one\r\ntwo\r\nthree\r\n');
      assert.equal(cat('lines', '/etc/unended'), 'no end\nmore\n');
      assert.equal(cat('lines', '/etc/fresh'), 'first\n');
    });
    test('virt-customize: the system', () => {
      const { stdout } = done('system');
      assert.doesNotMatch(stdout, /secret/);
      assert.equal(cat('system', '/etc/hostname'), 'newname\n');
      assert.equal(
        cat('system', '/etc/hosts'),
        '127.0.0.1 localhost\n127.0.1.1 oldname.example newname\n::1 localhost newname\n10.0.0.1 oldname\n',
      );
      assert.match(debugfs(image('system'), 'stat /etc/localtime'), /zoneinfo\/Europe\/London/);
      assert.equal(cat('system', '/etc/timezone'), 'Europe/London\n');
      const [root = '', anna = ''] = cat('system', '/etc/shadow').split('\n');
      assert.equal(modeAndOwner(image('system'), '/etc/shadow'), '0640 0:0');
      assert.ok(verify('secret', root.split(':')[1] ?? ''));
      assert.match(root, /^root:\$6\$/);
      assert.ok(
        Math.floor(Date.now() / 86_400_000) - Number(root.split(':')[2]) <= 1,
        'the day of the change',
      );
      assert.match(anna, /^anna:!!\$6\$old\$hash:/);
      assert.equal(cat('system', '/home/anna/.ssh/authorized_keys'), 'ssh-ed25519 AAAA key\n');
      assert.equal(modeAndOwner(image('system'), '/home/anna/.ssh'), '0700 1000:1000');
      assert.equal(modeAndOwner(image('system'), '/home/anna/.ssh/authorized_keys'), '0600 1000:1000');
      const scripts = ls('system', '/usr/lib/guestfs-firstboot/scripts');
      assert.equal(scripts.length, 2);
      assert.match(cat('system', `/usr/lib/guestfs-firstboot/scripts/${scripts[0]}`), /echo first/);
      assert.match(cat('system', `/usr/lib/guestfs-firstboot/scripts/${scripts[1]}`), /echo hello/);
      assert.equal(modeAndOwner(image('system'), '/usr/lib/guestfs-firstboot/run'), '0755 0:0');
      assert.deepEqual(ls('system', '/etc/systemd/system/multi-user.target.wants'), [
        'guestfs-firstboot.service',
      ]);
    });
    test('virt-customize: passwords', () => {
      done('sha256');
      const [, anna = ''] = cat('sha256', '/etc/shadow').split('\n');
      assert.match(anna, /^anna:\$5\$/);
      assert.ok(verify('from file', anna.split(':')[1] ?? ''));
      assert.equal(done('disabled').stdout, '');
      assert.match(cat('disabled', '/etc/shadow'), /^root:\*:/);
      const password = /The password of root is: (\S+)/.exec(done('random').stdout)?.[1] ?? '';
      assert.equal(password.length, 16);
      assert.ok(verify(password, cat('random', '/etc/shadow').split(':')[1] ?? ''));
    });
    test('virt-customize: operations of a file', () => {
      done('commands');
      assert.equal(cat('commands', '/srv/x/y'), 'long line');
    });
    test('virt-customize: guests with SELinux label what is new when they boot', () => {
      done('labelled');
      assert.ok(ls('labelled', '/').includes('.autorelabel'));
      done('labelledKept');
      assert.equal(cat('labelledKept', '/etc/hostname'), 'newname\n');
      assert.ok(!ls('labelledKept', '/').includes('.autorelabel'));
      for (const path of ['/etc/hostname', '/etc/shadow', '/etc/motd'])
        assert.ok(labelled('labelledKept', path), path);
      done('labelledKey');
      assert.ok(ls('labelledKey', '/').includes('.autorelabel'));
      done('relabel');
      assert.ok(ls('relabel', '/').includes('.autorelabel'));
    });
    test('virt-customize: a dry run changes nothing', () => {
      assert.match(done('dryRun').stdout, /dry run/);
      assert.equal(hash(image('dryRun')), hash(at('debian.base')));
    });
    test('virt-customize: what is wrong is said before anything is changed', () => {
      fails('noAccount', /no account nobody-here/);
      fails('noZone', /no time zone/);
      fails('noHost', /no such file/);
      fails('wrongMode', /no mode/);
      fails('noPackage', /expected the name of a package/);
    });
  },
);
