import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { TINY_GUEST } from '../../../test/support/engine-daemon.ts';
import { Guestfs } from '../guestfs.ts';
import type { GuestFsError } from './error.ts';

let g: Guestfs;
before(async () => {
  g = await Guestfs.open(TINY_GUEST, { thread: 'own', environment: false, mount: { '/': '/dev/tiny/root' } });
});
after(() => g.close());

const MOTD = 'Welcome to the tiny guest.\n';

function like(code: string, errno: number, syscall: string, path: string): (error: unknown) => boolean {
  return (thrown) => {
    const error = thrown as GuestFsError;
    assert.deepEqual([error.code, error.errno, error.syscall, error.path], [code, errno, syscall, path]);
    assert.match(error.message, new RegExp(`^${code}: .*, ${syscall} '${path}'$`));
    return true;
  };
}

describe('g.fs', () => {
  test('reads files', async () => {
    const bytes = await g.fs.readFile('/etc/motd');
    assert.ok(Buffer.isBuffer(bytes));
    assert.equal(bytes.toString(), MOTD);
    assert.equal(await g.fs.readFile('/etc/motd', 'utf8'), MOTD);
    assert.equal(await g.fs.readFile(Buffer.from('/etc/motd'), { encoding: 'latin1' }), MOTD);
    assert.equal(await g.fs.readFile(new URL('file:///etc/motd'), 'utf8'), MOTD);
    assert.equal(await g.fs.readFile('etc/motd', 'utf8'), MOTD);
    assert.match(await g.fs.readFile('/root/letter', 'utf8'), /^Dear reader/);
    await assert.rejects(g.fs.readFile('/etc/motd', { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });

  test('errors are those of node:fs, with the GuestfsError as cause', async () => {
    await assert.rejects(g.fs.readFile('/none'), like('ENOENT', -2, 'open', '/none'));
    await assert.rejects(g.fs.stat('/etc/motd/x'), like('ENOTDIR', -20, 'stat', '/etc/motd/x'));
    await assert.rejects(g.fs.readFile('/etc'), like('EISDIR', -21, 'open', '/etc'));
    await assert.rejects(g.fs.readdir('/none'), like('ENOENT', -2, 'scandir', '/none'));
    await assert.rejects(g.fs.readlink('/etc/motd'), like('EINVAL', -22, 'readlink', '/etc/motd'));
    await assert.rejects(g.fs.realpath('/none'), like('ENOENT', -2, 'realpath', '/none'));
    await assert.rejects(g.fs.opendir('/etc/motd'), like('ENOTDIR', -20, 'opendir', '/etc/motd'));
    await assert.rejects(
      g.fs.lstat('/none'),
      (error: Error) => (error.cause as { action: string }).action === 'lstatns',
    );
    await assert.rejects(g.fs.readFile(5 as never), TypeError);
  });

  test('stat and lstat answer like fs.Stats', async () => {
    const stat = await g.fs.stat('/root/letter');
    assert.ok(stat.isFile() && !stat.isDirectory() && !stat.isSymbolicLink());
    assert.equal(stat.mtimeMs, Date.UTC(2026, 0, 2, 3, 4, 5));
    assert.equal(stat.mtime.toISOString(), '2026-01-02T03:04:05.000Z');
    assert.equal(stat.uid, 1000);
    const link = await g.fs.lstat('/root/letter');
    assert.ok(link.isSymbolicLink());
    const big = await g.fs.stat('/etc/motd', { bigint: true });
    assert.equal(big.size, BigInt(MOTD.length));
    assert.equal(big.mtimeNs, BigInt(Date.UTC(2026, 0, 2, 3, 4, 5)) * 1_000_000n);
    assert.ok(big.isFile());
    assert.ok((await g.fs.statfs('/')).blocks > 0);
  });

  test('lists directories as names, bytes, entries, and recursively', async () => {
    const names = await g.fs.readdir('/etc');
    assert.deepEqual(names.sort(), (await g.ls('/etc')).sort());
    assert.deepEqual((await g.fs.readdir('/etc', 'buffer')).map(String).sort(), names);
    const entries = await g.fs.readdir('/root', { withFileTypes: true });
    const letter = entries.find((entry) => entry.name === 'letter');
    assert.equal(letter?.isSymbolicLink(), true);
    assert.equal(letter?.parentPath, '/root');
    const all = await g.fs.readdir('/', { recursive: true });
    assert.ok(all.includes('home/anna/letter.txt'));
    const deep = await g.fs.readdir('/home', { recursive: true, withFileTypes: true });
    assert.deepEqual(
      deep.map(({ parentPath, name }) => `${parentPath}/${name}`),
      ['/home/anna', '/home/anna/letter.txt'],
    );
    const seen: string[] = [];
    for await (const entry of await g.fs.opendir('/etc')) seen.push(entry.name);
    assert.deepEqual(seen.sort(), names);
  });

  test('follows and reads links', async () => {
    assert.equal(await g.fs.readlink('/root/letter'), '../home/anna/letter.txt');
    assert.equal((await g.fs.readlink('/root/letter', 'buffer')).toString(), '../home/anna/letter.txt');
    assert.equal(await g.fs.realpath('/root/letter'), '/home/anna/letter.txt');
  });

  test('access', async () => {
    await g.fs.access('/bin/ls', constants.R_OK | constants.X_OK);
    await g.fs.access('/etc');
    await assert.rejects(g.fs.access('/none'), like('ENOENT', -2, 'access', '/none'));
    await assert.rejects(g.fs.access('/etc/motd', constants.W_OK), like('EROFS', -30, 'access', '/etc/motd'));
    await assert.rejects(
      g.fs.access('/etc/motd', constants.X_OK),
      like('EACCES', -13, 'access', '/etc/motd'),
    );
  });

  test('opens files', async () => {
    await using file = await g.fs.open('/root/letter');
    const { bytesRead, buffer: first } = await file.read({ buffer: Buffer.alloc(4) });
    assert.equal(first.subarray(0, bytesRead).toString(), 'Dear');
    const more = Buffer.alloc(10);
    assert.equal((await file.read(more, 2, 7)).bytesRead, 7);
    assert.equal(more.toString('latin1', 2, 9), ' reader');
    assert.equal((await file.read(more, 0, 4, 0)).buffer.toString('latin1', 0, 4), 'Dear');
    assert.equal((await file.read(more, 0, 10, 10_000)).bytesRead, 0);
    assert.match(await file.readFile('utf8'), /^,\nthis file/);
    assert.ok((await file.stat()).isFile());
    const letter = await g.fs.readFile('/root/letter');
    assert.deepEqual(await g.fs.readFile(await g.fs.open('/root/letter')), letter);
    const stream = (await g.fs.open('/root/letter')).createReadStream({ highWaterMark: 5 });
    assert.deepEqual(await buffer(stream), letter);
    const part = (await g.fs.open('/root/letter')).createReadStream({ start: 5, end: 10, encoding: 'utf8' });
    assert.equal((await part.toArray()).join(''), 'reader');
    const lines: string[] = [];
    for await (const line of (await g.fs.open('/root/letter')).readLines()) lines.push(line);
    assert.deepEqual(lines.slice(0, 1), ['Dear reader,']);
    const two = [Buffer.alloc(4), Buffer.alloc(3)];
    assert.equal((await file.readv(two, 0)).bytesRead, 7);
    assert.equal(Buffer.concat(two).toString(), 'Dear re');
    await file.close();
    await assert.rejects(file.read(), { code: 'EBADF' });
  });

  test('a read-only guest is not written', async () => {
    await assert.rejects(g.fs.writeFile('/etc/motd', 'x'), like('EROFS', -30, 'open', '/etc/motd'));
    await assert.rejects(g.fs.open('/etc/motd', 'w'), like('EROFS', -30, 'open', '/etc/motd'));
    await assert.rejects(g.fs.open('/etc/motd', constants.O_RDWR), { code: 'EROFS' });
    await assert.rejects(g.fs.open('/etc/new', 'wx'), { code: 'EROFS' });
    await assert.rejects(g.fs.mkdir('/x'), like('EROFS', -30, 'mkdir', '/x'));
    await assert.rejects(g.fs.rm('/etc/motd'), { code: 'EROFS' });
    const file = await g.fs.open('/etc/motd');
    await assert.rejects(file.write('x'), { code: 'EBADF' });
  });
});
