/** g.fs beside node:fs/promises: the same calls on a guest and on a folder of the host give the same. */
import assert from 'node:assert/strict';
import { constants, promises, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, test } from 'node:test';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { Guestfs } from '../guestfs.ts';
import type { GuestFs } from './guest-fs.ts';

describe('writing', { skip: needsTool('mke2fs', 'e2fsck') }, () => {
  const folder = temporaryFolder();
  const image = join(folder.path, 'image');
  let g: Guestfs;

  before(async () => {
    writeFileSync(image, '');
    run('mke2fs', '-q', '-t', 'ext4', image, '24M');
    g = await Guestfs.open(
      { path: image, format: 'raw' },
      {
        thread: 'own',
        environment: false,
        readonly: false,
        mount: { '/': '/dev/sda' },
      },
    );
    await g.mkdir('/top');
  });
  after(async () => {
    await g.close();
    run('e2fsck', '-fn', image);
    folder.remove();
  });

  let count = 0;
  /** Run steps on both; each gives a value or fails, and both must do the same. */
  async function both(steps: readonly ((fs: GuestFs, top: string) => Promise<unknown>)[]): Promise<void> {
    const host = join(folder.path, `host${++count}`);
    const guest = `/top/case${count}`;
    await promises.mkdir(host);
    await g.mkdir(guest);
    for (const [i, step] of steps.entries()) {
      const answers = [];
      for (const [fs, top] of [
        [promises as unknown as GuestFs, host],
        [g.fs, guest],
      ] as const) {
        answers.push(await answer(step(fs, top), top));
      }
      assert.deepEqual(answers[1], answers[0], `step ${i}: ${String(steps[i])}`);
    }
  }

  async function answer(promise: Promise<unknown>, top: string): Promise<unknown> {
    const hide = (text: unknown): unknown => (typeof text === 'string' ? text.replaceAll(top, 'TOP') : text);
    try {
      return { value: hide(await promise) };
    } catch (thrown) {
      const { code, errno, syscall, path, dest, message } = thrown as NodeJS.ErrnoException & {
        dest?: string;
      };
      // Calls on open files say no path there, and do here.
      if (code === 'EBADF') return { code, errno, syscall };
      return { code, errno, syscall, path: hide(path), dest: hide(dest), message: hide(message) };
    }
  }

  test('files', () =>
    both([
      (fs, top) => fs.writeFile(`${top}/f`, 'first'),
      (fs, top) => fs.readFile(`${top}/f`, 'utf8'),
      (fs, top) => fs.writeFile(`${top}/f`, Buffer.from('second')),
      (fs, top) => fs.appendFile(`${top}/f`, ' and third'),
      (fs, top) => fs.appendFile(`${top}/made`, 'x', 'utf8'),
      (fs, top) => fs.readFile(`${top}/f`, 'utf8'),
      (fs, top) => fs.writeFile(`${top}/f`, 'x', { flag: 'wx' }),
      (fs, top) => fs.writeFile(`${top}/mode`, 'x', { mode: 0o600 }),
      async (fs, top) => (await fs.stat(`${top}/mode`)).mode,
      (fs, top) => fs.writeFile(`${top}/latin`, 'é', 'latin1'),
      (fs, top) => fs.readFile(`${top}/latin`, 'hex'),
      (fs, top) => fs.writeFile(`${top}/parts`, ['a', 'b', Buffer.from('c')]),
      (fs, top) => fs.writeFile(`${top}/stream`, Readable.from(['s1', 's2'])),
      async (fs, top) =>
        (await fs.readFile(`${top}/parts`, 'utf8')) + (await fs.readFile(`${top}/stream`, 'utf8')),
      (fs, top) => fs.writeFile(top, 'x'),
      (fs, top) => fs.writeFile(`${top}/none/x`, 'x'),
      (fs, top) => fs.truncate(`${top}/f`, 3),
      (fs, top) => fs.truncate(`${top}/none`),
      (fs, top) => fs.readFile(`${top}/f`, 'utf8'),
      (fs, top) => fs.copyFile(`${top}/f`, `${top}/copy`),
      (fs, top) => fs.copyFile(`${top}/f`, `${top}/copy`, constants.COPYFILE_EXCL),
      (fs, top) => fs.copyFile(`${top}/none`, `${top}/copy`),
      (fs, top) => fs.readFile(`${top}/copy`, 'utf8'),
      (fs, top) => fs.chmod(`${top}/f`, '640'),
      async (fs, top) => (await fs.stat(`${top}/f`)).mode,
      (fs, top) => fs.utimes(`${top}/f`, 1.5, new Date(2500)),
      async (fs, top) => [(await fs.stat(`${top}/f`)).atimeMs, (await fs.stat(`${top}/f`)).mtimeMs],
      (fs, top) => fs.chmod(`${top}/none`, 0o600),
      (fs, top) => fs.unlink(`${top}/none`),
      (fs, top) => fs.unlink(top),
      (fs, top) => fs.unlink(`${top}/f`),
      (fs, top) => fs.access(`${top}/copy`, constants.W_OK),
    ]));

  test('directories', () =>
    both([
      (fs, top) => fs.mkdir(`${top}/a`),
      (fs, top) => fs.mkdir(`${top}/a`),
      (fs, top) => fs.mkdir(`${top}/none/x`),
      (fs, top) => fs.mkdir(`${top}/b/c/d`, { recursive: true }),
      (fs, top) => fs.mkdir(`${top}/b/c/d`, { recursive: true }),
      (fs, top) => fs.mkdir(`${top}/m`, 0o700),
      async (fs, top) => (await fs.stat(`${top}/m`)).mode,
      (fs, top) => fs.writeFile(`${top}/b/f`, 'x'),
      (fs, top) => fs.rmdir(`${top}/b`),
      (fs, top) => fs.rmdir(`${top}/b/f`),
      (fs, top) => fs.rmdir(`${top}/a`),
      (fs, top) => fs.rmdir(`${top}/a`),
      (fs, top) => fs.rm(`${top}/none`, { force: true }),
      (fs, top) => fs.rm(`${top}/b/f`),
      (fs, top) => fs.rm(`${top}/b`, { recursive: true }),
      (fs, top) => fs.readdir(top).then((names) => names.sort().join()),
      async (fs, top) => /^.*\/tmp-\w{6}$/.test(await fs.mkdtemp(`${top}/tmp-`)),
    ]));

  test('removal of what is no file, or not there', async () => {
    await assert.rejects(g.fs.rm('/top'), { code: 'ERR_FS_EISDIR' });
    await assert.rejects(g.fs.rm('/none'), { code: 'ENOENT' });
    await assert.rejects(g.fs.lchmod('/top', 0), { code: 'ERR_METHOD_NOT_IMPLEMENTED' });
    await assert.rejects(g.fs.open('/top', 'q'), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  test('links and names', () =>
    both([
      (fs, top) => fs.writeFile(`${top}/f`, 'f'),
      (fs, top) => fs.symlink('f', `${top}/s`),
      (fs, top) => fs.symlink('f', `${top}/s`),
      (fs, top) => fs.readlink(`${top}/s`),
      (fs, top) => fs.link(`${top}/f`, `${top}/h`),
      (fs, top) => fs.link(`${top}/f`, `${top}/h`),
      (fs, top) => fs.link(`${top}/none`, `${top}/i`),
      (fs, top) => fs.lchown(`${top}/s`, 5, 6),
      (fs, top) => fs.chown(`${top}/s`, 7, 8),
      async (fs, top) => [
        (await fs.lstat(`${top}/s`)).uid,
        (await fs.stat(`${top}/s`)).uid,
        (await fs.stat(`${top}/h`)).nlink,
      ],
      (fs, top) => fs.rename(`${top}/f`, `${top}/g`),
      (fs, top) => fs.rename(`${top}/f`, `${top}/g`),
      (fs, top) => fs.rename(`${top}/g`, top),
      (fs, top) => fs.readFile(`${top}/s`),
      (fs, top) => fs.readdir(top).then((names) => names.sort().join()),
    ]));

  test('files that are open', () =>
    both([
      async (fs, top) => {
        await using file = await fs.open(`${top}/f`, 'w+');
        const out = [
          (await file.write('hello ')).bytesWritten,
          (await file.write(Buffer.from('xworldx'), 1, 5)).bytesWritten,
        ];
        await file.write('J', 0);
        await file.writev([Buffer.from('!'), Buffer.from('?')]);
        await file.write(Buffer.from('#'), { position: 20 });
        await file.sync();
        out.push((await file.stat()).size);
        const { buffer } = await file.read(Buffer.alloc(21), 0, 21, 0);
        await file.truncate(4);
        await file.chmod(0o604);
        await file.utimes(3, 4);
        const stat = await file.stat();
        return [...out, buffer.toString(), stat.size, stat.mode, stat.mtimeMs].join();
      },
      async (fs, top) => {
        await using file = await fs.open(`${top}/f`, 'a');
        await file.write('end', 0);
        await file.appendFile(' of it');
        return await file.read();
      },
      (fs, top) => fs.readFile(`${top}/f`, 'utf8'),
      async (fs, top) => {
        const file = await fs.open(`${top}/f`, 'r+');
        await pipeline(
          Readable.from(['12', '34', '5678']),
          file.createWriteStream({ start: 2 }) as NodeJS.WritableStream,
        );
        return fs.readFile(`${top}/f`, 'utf8');
      },
      async (fs, top) => (await fs.open(`${top}/f`, 'r')).write('x'),
      (fs, top) => fs.open(`${top}/none`, 'r+'),
      (fs, top) => fs.open(`${top}/f`, 'wx'),
      (fs, top) => fs.open(top, 'w'),
      (fs, top) => fs.open(top, 'r+'),
    ]));

  test('cp', () =>
    both([
      (fs, top) => fs.mkdir(`${top}/src/sub`, { recursive: true }),
      (fs, top) => fs.writeFile(`${top}/src/a`, 'a'),
      (fs, top) => fs.writeFile(`${top}/src/sub/b`, 'b'),
      (fs, top) => fs.symlink('a', `${top}/src/l`),
      (fs, top) => fs.cp(`${top}/src`, `${top}/dest/deep`, { recursive: true }),
      (fs, top) => fs.readdir(`${top}/dest/deep`, { recursive: true }).then((names) => names.sort().join()),
      (fs, top) => fs.readlink(`${top}/dest/deep/l`),
      (fs, top) => fs.writeFile(`${top}/src/a`, 'changed'),
      (fs, top) =>
        fs.cp(`${top}/src`, `${top}/dest/deep`, {
          recursive: true,
          force: false,
          filter: (name) => !name.endsWith('/l'),
        }),
      (fs, top) => fs.readFile(`${top}/dest/deep/a`, 'utf8'),
      (fs, top) => fs.cp(`${top}/src/a`, `${top}/dest/deep/a`),
      (fs, top) => fs.readFile(`${top}/dest/deep/a`, 'utf8'),
      (fs, top) =>
        fs.cp(`${top}/src`, `${top}/only`, {
          recursive: true,
          verbatimSymlinks: true,
          filter: (name) => !name.endsWith('sub'),
        }),
      (fs, top) => fs.readdir(`${top}/only`).then((names) => names.sort().join()),
      (fs, top) => fs.readlink(`${top}/only/l`),
    ]));
});
