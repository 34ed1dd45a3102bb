/**
 * Links of the guest, asked of every action that takes a path: none is followed out of the guest's root. Each is called
 * with links that lead to a folder beside the root, and neither may what it gives hold what is in there, nor may anything
 * there change.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needsTool } from '../../../test/support/tools.ts';
import { linuxGuest, needsKernel, type LinuxGuest } from '../../../test/support/linux-daemon.ts';
import { actionEntry, type ActionEntry } from '../../actions/table.ts';
import type { CallIO } from '../../daemon/daemon.ts';
import { linuxImplementations } from '../../daemon/linux-registry.ts';
import { GuestfsError } from '../../errors/index.ts';
import { kernelCalls } from './calls.ts';
import { inGuestRoot } from './guest-root.ts';
import { KernelTree } from './kernel-tree.ts';
import { kernelMounts } from './mount-table.ts';

const MIB = 1024 * 1024;
const SECRET = 'what is outside';
const PATHS = /^(Pathname|Dev_or_Path|Mountable_or_Path)$/;
/** These end the process, or change the machine that the test runs on and not the guest. */
const LEFT_OUT = /^(internal_exit|setcon|mount_9p|modprobe|swapon_|swapoff_|drop_caches|inotify_init)/;

/** Everything in a folder, links as what they say. */
function snapshot(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).toSorted().map((name) => {
    const path = join(folder, name);
    const { mode, uid, size, mtimeMs, ino } = lstatSync(path);
    const content = lstatSync(path).isFile() ? readFileSync(path, 'latin1') : '';
    return [name, mode, uid, size, mtimeMs, ino, content].join(' ');
  });
}

interface Trap {
  readonly guest: LinuxGuest;
  readonly outside: string;
  readonly root: string;
  /** Paths of the guest on which a link leads out, or would, followed by the kernel. */
  readonly paths: readonly string[];
  /** Make the links, and what they lead to within the guest, as they were. */
  renew(): void;
  /** Throws where something outside has changed or is mounted on; says what was done before. */
  wantUntouched(doing: string): void;
}

/** A guest with links that lead to a folder beside its root. The guest has a folder of the same path. */
function withTrap(use: (trap: Trap) => void): void {
  const guest = linuxGuest(32 * MIB, 8 * MIB);
  const outside = join(guest.folder, 'outside');
  mkdirSync(join(outside, 'folder'), { recursive: true });
  for (const name of ['secret', 'folder/secret']) writeFileSync(join(outside, name), SECRET);
  const held = openSync(outside, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    guest.call('mkfs', ['ext4', '/dev/sda']);
    guest.call('mount', ['/dev/sda', '/']);
    const root = join(guest.folder, 'sysroot');
    const targets: Readonly<Record<string, string>> = {
      absolute: outside,
      relative: '../outside',
      magic: `/proc/${process.pid}/root${outside}`,
      descriptor: `/proc/${process.pid}/fd/${held}`,
    };
    const links = Object.entries(targets).flatMap(([name, target]) => [
      [name, target] as const,
      [`${name}-file`, `${target}/secret`] as const,
    ]);
    const renew = (): void => {
      // What extlinux makes may not be changed. chattr fails for links.
      spawnSync('chattr', ['-R', '-f', '-i', root]);
      for (const name of readdirSync(root)) {
        if (name === 'lost+found') continue;
        rmSync(join(root, name), { recursive: true });
      }
      for (const [name, target] of links) symlinkSync(target, join(root, name));
      for (const folder of [join(root, outside), join(root, 'outside')]) {
        mkdirSync(join(folder, 'folder'), { recursive: true });
        for (const name of ['secret', 'folder/secret']) writeFileSync(join(folder, name), 'inside');
      }
      mkdirSync(join(root, 'plain'), { recursive: true });
    };
    const before = snapshot(outside);
    renew();
    use({
      guest,
      outside,
      root,
      paths: Object.keys(targets).flatMap((name) => [
        `/${name}`,
        `/${name}-file`,
        `/${name}/secret`,
        `/${name}/new`,
      ]),
      renew,
      wantUntouched(doing) {
        assert.deepEqual(snapshot(outside), before, `${doing} changed what is outside`);
        const there = kernelMounts().filter(({ mountpoint }) => mountpoint.startsWith(outside));
        assert.deepEqual(there, [], `${doing} mounted something outside`);
        for (const { mountpoint } of kernelMounts().toReversed()) {
          if (mountpoint.startsWith(`${root}/`)) guest.call('umount', [mountpoint.slice(root.length)]);
        }
      },
    });
  } finally {
    closeSync(held);
    guest.remove();
  }
}

/** What texts must be for a call to get anywhere; what rsync is to send goes nowhere. */
const TEXTS: Readonly<Record<string, string>> = {
  checksum: 'md5',
  checksums_out: 'md5',
  rsync_in: import.meta.filename,
  rsync_out: '/dev/null/none',
};

/** Arguments for a call about `path`; the last of several paths is it in the second list. */
function argumentLists(entry: ActionEntry, path: string): unknown[][] {
  const count = entry.args.filter(({ type }) => PATHS.test(type)).length;
  const make = (which: number): unknown[] => {
    let seen = 0;
    return entry.args
      .filter(({ type }) => type !== 'FileIn' && type !== 'FileOut')
      .map(({ type }) => {
        if (PATHS.test(type)) return count === 1 || seen++ === which ? path : '/plain';
        switch (type) {
          case 'Device':
          case 'Mountable':
            return '/dev/sdb';
          case 'Int':
          case 'Int64':
            return 1;
          case 'Bool':
            return true;
          case 'BufferIn':
            return Buffer.from('new');
          case 'StringList':
            return entry.name.startsWith('command') ? ['/bin/none'] : ['secret'];
          default:
            return TEXTS[entry.name] ?? 'user.text';
        }
      });
  };
  return Array.from({ length: Math.max(1, count) }, (_, which) => make(which));
}

const RESOLVER = '/etc/resolv.conf';

function needsResolver(): string | false {
  return existsSync(RESOLVER) ? false : `this machine has no ${RESOLVER}`;
}

/** Whatever an action gives, as text. */
function shown(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? String(one) : one)) ?? '';
}

function chunk(bytes: Uint8Array): CallIO['input'] & object {
  let done = false;
  return {
    read(into) {
      if (done) return 0;
      done = true;
      into.set(bytes);
      return bytes.length;
    },
  };
}

describe('links of the guest', { skip: needsKernel(['ext4'], 'tar') }, () => {
  test('no action follows one out of its root', { timeout: 600_000 }, () => {
    withTrap(({ guest, paths, renew, wantUntouched }) => {
      const entries = Object.keys(linuxImplementations)
        .filter((name) => !LEFT_OUT.test(name))
        .map((name) => actionEntry(name) as ActionEntry)
        .filter(({ args }) => args.some(({ type }) => PATHS.test(type)));
      assert.ok(entries.length > 150, String(entries.length));
      let well = 0;
      for (const entry of entries) {
        renew();
        for (const args of paths.flatMap((path) => argumentLists(entry, path))) {
          const output: Uint8Array[] = [];
          let answer: unknown;
          try {
            answer = guest.call(
              entry.name,
              args,
              {},
              {
                input: chunk(Buffer.from('new')),
                output: { write: (bytes) => void output.push(bytes.slice()) },
              },
            );
            well++;
          } catch (error) {
            if (!(error instanceof GuestfsError)) throw error;
            answer = error.message;
          }
          const text = Buffer.concat(output).toString('latin1') + shown(answer);
          assert.ok(!text.includes(SECRET), `${entry.name} ${args.join(' ')} shows what is outside`);
        }
        wantUntouched(entry.name);
      }
      assert.ok(well > 500, String(well));
    });
  });

  test('paths of tools, mounts and archives end inside', () => {
    withTrap(({ guest, outside, root, renew, wantUntouched }) => {
      const { call } = guest;
      call('mkfs', ['ext2', '/dev/sdb']);
      call('mount', ['/dev/sdb', '/absolute/folder']);
      assert.ok(kernelMounts().some(({ mountpoint }) => mountpoint === join(root, outside, 'folder')));
      call('umount', ['/relative/../absolute/folder']);
      wantUntouched('mount');
      const tar = (...args: string[]): Uint8Array =>
        new Uint8Array(spawnSync('tar', [...args, '-cf', '-', '-C', outside, '.']).stdout);
      const escaping = { input: chunk(tar('--transform=s,^./secret,../../../../escaped,', '-P')) };
      assert.throws(() => call('tar_in', ['/absolute'], {}, escaping), { code: 'EINVAL' });
      call('tar_in', ['/'], {}, { input: chunk(tar('--transform=s,^./,relative/,')) });
      wantUntouched('tar_in');
      assert.ok(!existsSync(join(guest.folder, 'escaped')));
      renew();
      // A link that the archive itself makes, and a file behind it.
      const packed = join(guest.folder, 'packed');
      mkdirSync(join(packed, 'a'), { recursive: true });
      symlinkSync(outside, join(packed, 'a/link'));
      writeFileSync(join(packed, 'planted'), 'planted');
      const bytes = spawnSync('tar', [
        '-C',
        packed,
        '--transform=s,^planted,a/link/planted,',
        '-cf',
        '-',
        'a',
        'planted',
      ]);
      const planting = { input: chunk(new Uint8Array(bytes.stdout)) };
      assert.throws(() => call('tar_in', ['/plain'], {}, planting), {
        code: 'EINVAL',
        message: /leads out of the target directory/,
      });
      wantUntouched('an archive with a link');
      const sums: Uint8Array[] = [];
      call('checksums_out', ['md5', '/'], {}, { output: { write: (one) => void sums.push(one.slice()) } });
      const outsideSum = createHash('md5').update(SECRET).digest('hex');
      assert.ok(!Buffer.concat(sums).toString().includes(outsideSum));
      assert.ok(sums.length > 0);
    });
  });

  test('boot loaders do not write through links', { skip: needsTool('extlinux') }, () => {
    withTrap(({ guest, outside, root, wantUntouched }) => {
      for (const name of ['ldlinux.sys', 'ldlinux.c32']) {
        symlinkSync(join(outside, 'secret'), join(root, 'plain', name));
        assert.throws(() => guest.call('extlinux', ['/plain']), { code: 'ELOOP' });
        wantUntouched('extlinux');
      }
      symlinkSync(outside, join(root, 'plain/boot'));
      assert.throws(() => guest.call('grub_install', ['/plain', '/dev/sdb']), { code: 'ELOOP' });
      rmSync(join(root, 'plain/boot'));
      mkdirSync(join(root, 'plain/boot/grub'), { recursive: true });
      symlinkSync(join(outside, 'secret'), join(root, 'plain/boot/grub/grubenv'));
      assert.throws(() => guest.call('grub_install', ['/plain', '/dev/sdb']), { code: 'ELOOP' });
      wantUntouched('grub-install');
    });
  });

  test('a program of the guest runs in a root whose folders are links', () => {
    withTrap(({ guest, outside, root, wantUntouched }) => {
      for (const name of ['dev', 'proc', 'sys', 'etc']) symlinkSync(outside, join(root, name));
      const runs = (): unknown => {
        try {
          return guest.call('command', [['/bin/none']]);
        } catch (error) {
          return error;
        }
      };
      assert.match(String(runs()), /none/);
      wantUntouched('command');
      rmSync(join(root, 'etc'));
      mkdirSync(join(root, 'etc'));
      symlinkSync(join(outside, 'secret'), join(root, 'etc/resolv.conf'));
      assert.match(String(runs()), /none/);
      wantUntouched('command with a resolv.conf that is a link');
      assert.equal(readlinkSync(join(root, 'etc/resolv.conf')), join(outside, 'secret'));
    });
  });

  test('what a program puts into the place of /etc is left alone', { skip: needsResolver() }, () => {
    withTrap(({ outside, root, wantUntouched }) => {
      const tree = new KernelTree(root, kernelCalls());
      mkdirSync(join(root, 'etc'));
      writeFileSync(join(root, 'etc/resolv.conf'), 'its own');
      inGuestRoot(tree, true, () => {
        assert.equal(readFileSync(join(root, 'etc/resolv.conf'), 'utf8'), readFileSync(RESOLVER, 'utf8'));
        renameSync(join(root, 'etc'), join(root, 'moved'));
        symlinkSync(outside, join(root, 'etc'));
      });
      wantUntouched('a program');
      assert.equal(readFileSync(join(root, 'moved/resolv.conf'), 'utf8'), 'its own');
    });
  });

  test('a program that is a pipe is not waited for', () => {
    withTrap(({ guest }) => {
      guest.call('mkfifo', [0o755, '/plain/pipe']);
      assert.throws(() => guest.call('command', [['/plain/pipe']]), GuestfsError);
    });
  });
});
