import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { applianceObstacle } from '../../test/support/appliance.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { runTools } from '../../test/support/tool-runs.ts';

const root = join(import.meta.dirname, '..', '..');
const PROMPT = '><rescue> ';
/** Milliseconds after which nobody waits any longer for a text. */
const LIMIT = 180_000;

/** A tool in a pseudo-terminal of 33 rows and 101 columns, and a person who waits for what it shows. */
class Terminal {
  readonly child: ChildProcess;
  #shown = '';
  #ended = false;
  #heard: () => void = () => undefined;

  constructor(args: readonly string[], environment: Record<string, string>) {
    const tool = [process.execPath, '--import', `${root}/node_modules/tsx/dist/esm/index.mjs`];
    const words = [...tool, `${root}/test/support/tool-main.ts`, ...args].map((word) => `'${word}'`);
    const command = `stty rows 33 cols 101; echo "BEGIN $$ $(tty)"; exec ${words.join(' ')}`;
    this.child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, TERM: 'vt100', ...environment },
    });
    this.child.stdout?.setEncoding('latin1').on('data', (text: string) => {
      this.#shown += text;
      this.#heard();
    });
    this.child.on('close', () => {
      this.#ended = true;
      this.#heard();
    });
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** What is shown up to a text that comes after what was waited for before. */
  async until(text: string): Promise<string> {
    // Whoever waits in vain must see what was shown, and nothing may be left running.
    const limit = setTimeout(() => this.child.kill('SIGKILL'), LIMIT);
    try {
      return await this.#until(text);
    } finally {
      clearTimeout(limit);
    }
  }

  async #until(text: string): Promise<string> {
    for (;;) {
      const at = this.#shown.indexOf(text);
      if (at >= 0) {
        const before = this.#shown.slice(0, at);
        this.#shown = this.#shown.slice(at + text.length);
        return before;
      }
      assert.ok(!this.#ended, `ended without showing ${JSON.stringify(text)}: ${this.#shown}`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }
}

const folder = temporaryFolder();
after(() => folder.remove());
const disk = join(folder.path, 'disk.img');

describe('virt-rescue', { skip: needsTool('mke2fs') }, () => {
  before(() => {
    writeFileSync(disk, '');
    truncateSync(disk, 16 * 1024 * 1024);
    run('mke2fs', '-q', '-t', 'ext4', disk);
  });

  test('says how to mount what is on the disks, and what is wrong with its options', () => {
    const wrong: [string[], RegExp][] = [
      [[], /no disk was named/],
      [['-e', 'x', '-a', disk], /-e 'x': expected/],
      [['--scratch=0'], /--scratch 0: expected a number/],
      [['-i', '-m', '/dev/sda', '-a', disk], /exclude each other/],
      [['-a', disk, 'guest'], /'guest' is one argument too many/],
    ];
    const [suggested, ...refused] = runTools(folder.path, [
      { argv: ['virt-rescue', '--suggest', '--format=raw', '-a', disk] },
      ...wrong.map(([args]) => ({ argv: ['virt-rescue', ...args] })),
    ]);
    assert.equal(suggested?.status, 0, suggested?.stderr);
    assert.match(suggested.stdout, /no operating system/);
    assert.match(suggested.stdout, /^mount \/dev\/sda \/sysroot {2}# ext4$/m);
    for (const [at, { stderr, status }] of refused.entries()) {
      assert.notEqual(status, 0);
      assert.match(stderr, wrong[at]?.[1] as RegExp);
    }
  });

  const skip = applianceObstacle() || needsTool('script', 'bash', 'stty', 'e2fsck', 'debugfs');
  test('is a terminal in the machine', { skip, timeout: 300_000 }, async (context) => {
    const args = ['virt-rescue', '--rw', '--format=raw', '-a', disk, '--scratch', '-m', '/dev/sda'];
    const terminal = new Terminal(args, {
      LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
      LIBGUESTFS_PATH: folder.path,
      LIBGUESTFS_CACHEDIR: folder.path,
      LIBGUESTFS_TMPDIR: folder.path,
    });
    context.after(() => terminal.child.kill('SIGKILL'));
    const [, pid, tty] = /BEGIN (\d+) (\S+)/.exec(await terminal.until(PROMPT)) as RegExpExecArray;
    const answer = async (command: string): Promise<string> => {
      // The echo of a command is not its answer.
      terminal.type(`${command}; echo 'END'-OF-ANSWER\n`);
      const text = await terminal.until('END-OF-ANSWER\r\n');
      await terminal.until(PROMPT);
      return text;
    };
    assert.match(await answer('stty size'), /[\r\n]33 101\r\n/);
    // Who makes the window larger tells the program by a signal.
    run('stty', '-F', tty as string, 'rows', '40', 'cols', '90');
    await terminal.until(PROMPT);
    assert.match(await answer('stty size'), /[\r\n]40 90\r\n/);
    // The user's disks come first, in their order.
    assert.match(await answer('cat /sys/block/sda/size /sys/block/sdb/size'), /[\r\n]32768\r\n20971520\r\n/);
    await answer('echo from the shell > /sysroot/file');

    // Ctrl-C goes to the program in the machine.
    // What says that it is there is in the foreground already: between two programs the shell itself hears Ctrl-C.
    terminal.type(`sh -c "echo 'SLEEP'S; exec sleep 1000"\n`);
    await terminal.until('SLEEPS\r\n');
    terminal.type('\x03');
    await terminal.until(PROMPT);
    assert.match(await answer('echo status $?'), /[\r\n]status 130\r\n/);

    terminal.type('\x1dh');
    await terminal.until('Keys after the escape key');
    terminal.type('\x1ds');
    await terminal.until('everything is written');
    // Whom a signal ends leaves the disks as they should be.
    process.kill(Number(pid), 'SIGTERM');
    const [status] = (await once(terminal.child, 'close')) as [number];
    assert.equal(status, 128 + constants.signals.SIGTERM);
    execFileSync('e2fsck', ['-fn', disk], { stdio: 'ignore' });
    assert.equal(run('debugfs', '-R', 'cat /file', disk), 'from the shell\n');
  });
});
