import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const program = join(root, 'test', 'support', 'tool-main.ts');
const golden = join(import.meta.dirname, '..', 'golden');
const missing = needsTool('zstd', 'sh');

describe('remote control', { skip: missing }, () => {
  const folder = temporaryFolder();
  /** Run lines of sh in which `guestfish` is ours. */
  const sh = (script: string): { stdout: string; stderr: string; status: number | null } => {
    const run = spawnSync(
      'sh',
      [
        '-c',
        `guestfish() { "${process.execPath}" --import "${root}/node_modules/tsx/dist/esm/index.mjs" "${program}" guestfish "$@"; }\n${script}`,
      ],
      {
        cwd: folder.path,
        encoding: 'utf8',
        timeout: 120_000,
      },
    );
    return { stdout: run.stdout, stderr: run.stderr, status: run.status };
  };
  before(() => {
    execFileSync('zstd', ['-q', '-d', join(golden, 'a.img.zst'), '-o', join(folder.path, 'a.img')]);
  });
  after(() => folder.remove());

  test('a server keeps its handle between the clients, until it is told to go', () => {
    const { stdout, stderr, status } = sh(`
eval "$(guestfish --listen -a a.img -m /dev/vg_guest/root)"
test -n "$GUESTFISH_PID" || exit 9
guestfish --remote -- cat /etc/hostname : -cat /missing : echo two
printf 'ls /etc | sort -r | head -2\\necho "\\\\xff" | od -An -tx1\\n!echo host\\n-upload -<<END /x\\nline\\nEND\\necho after\\n' | guestfish --remote
guestfish --remote download /etc/hostname - | wc -c
ls -ld /tmp/.guestfish-$(id -u) | cut -c1-10
guestfish --remote exit
guestfish --remote echo gone; echo "status $?"
`);
    assert.equal(
      stdout,
      'testguest\n\ntwo\npasswd\nos-release\n ff 0a\nhost\nafter\n10\ndrwx------\nstatus 1\n',
      stderr,
    );
    assert.match(stderr, /cat: \/missing: No such file/);
    assert.match(stderr, /cannot reach a guestfish that listens/);
    assert.equal(status, 0);
  });
  test('a server that cannot start says why and prints nothing', () => {
    const { stdout, stderr } = sh('guestfish --listen -a missing.img; echo "status $?"');
    assert.equal(stdout, 'status 1\n');
    assert.match(stderr, /missing\.img/);
  });
  test('a failing command ends the server', () => {
    const { stdout } = sh(`
eval "$(guestfish --listen)"
guestfish --remote nosuch 2>/dev/null; echo "status $?"
guestfish --remote echo x 2>/dev/null; echo "status $?"
`);
    assert.equal(stdout, 'status 1\nstatus 1\n');
  });
  test('csh gets its own form', () => {
    const { stdout } = sh(
      'guestfish --listen --csh > line; sed "s/[0-9][0-9]*/N/" line; guestfish --remote=$(cut -d" " -f3 line) exit',
    );
    assert.equal(stdout, 'setenv GUESTFISH_PID N\n');
  });
  test('a socket folder that others can enter is refused', { skip: process.getuid?.() === undefined }, () => {
    const sockets = `/tmp/.guestfish-${process.getuid?.()}`;
    const made = !existsSync(sockets);
    if (made) mkdirSync(sockets, { mode: 0o700 });
    chmodSync(sockets, 0o755);
    try {
      assert.match(sh('guestfish --remote=1 echo x').stderr, /is not a folder that only you can enter/);
    } finally {
      chmodSync(sockets, 0o700);
      if (made) rmdirSync(sockets);
    }
  });
});
