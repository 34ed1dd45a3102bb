import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GuestfsError } from '../../errors/index.ts';
import { writeStruct } from '../../rpc/xdr/structs.ts';
import { XdrWriter } from '../../rpc/xdr/writer.ts';
import { libraryActions, type DaemonCalls } from './library-actions.ts';

/** A daemon that answers from a table, and what it was asked. */
function daemon(answers: Record<string, (args: readonly unknown[], procedure?: number) => unknown>): {
  calls: DaemonCalls;
  asked: string[];
} {
  const asked: string[] = [];
  const answer = async (action: string, args: readonly unknown[], procedure?: number): Promise<unknown> => {
    asked.push(procedure === undefined ? action : `${action} ${procedure}`);
    const run = answers[action];
    if (run === undefined) throw new GuestfsError('EIO', `${action}: unknown procedure number 4`);
    return run(args, procedure);
  };
  return {
    asked,
    calls: {
      call: answer,
      gather: async (action, args) => (await answer(action, args)) as Uint8Array,
      send: (action, args, bytes) => answer(action, [...args, bytes.length]),
    },
  };
}

const run = (name: string, calls: DaemonCalls, ...args: unknown[]): Promise<unknown> =>
  (libraryActions[name] as NonNullable<(typeof libraryActions)[string]>)(calls, args);

test('readdir is a stream, or procedure 138 where the daemon is older', async () => {
  const writer = new XdrWriter(1000);
  writeStruct(writer, 'dirent', { ino: 7, ftyp: 'd', name: 'x' });
  const newer = daemon({ internal_readdir: () => writer.bytes() });
  assert.deepEqual(await run('readdir', newer.calls, '/'), [{ ino: 7, ftyp: 'd', name: 'x' }]);
  const older = daemon({ readdir: () => [] });
  assert.deepEqual(await run('readdir', older.calls, '/'), []);
  assert.deepEqual(older.asked, ['internal_readdir', 'readdir 138']);
  const failing = daemon({
    internal_readdir: () => {
      throw new GuestfsError('ENOENT', '/: no such directory');
    },
  });
  await assert.rejects(run('readdir', failing.calls, '/'), /no such directory/);
  assert.deepEqual(failing.asked, ['internal_readdir']);
});

test('names are sorted by their bytes, lines lose their ends', async () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
  const { calls } = daemon({
    ls0: () => bytes('b\0a\0\xe9\0'),
    find0: () => bytes('/b/c\0/b\0'),
    download: () => bytes('one\r\ntwo\n\nlast'),
  });
  assert.deepEqual(await run('ls', calls, '/'), ['a', 'b', '\udce9']);
  assert.deepEqual(await run('find', calls, '/x'), ['b', 'b/c']);
  assert.deepEqual(await run('read_lines', calls, '/x'), ['one', 'two', '', 'last']);
  assert.equal(await run('cat', calls, '/x'), 'one\r\ntwo\n\nlast');
});

test('long lists are asked for in parts, and in smaller ones where an answer is too large', async () => {
  const parts: number[] = [];
  const names = Array.from({ length: 2500 }, (_, i) => `n${i}`);
  const { calls } = daemon({
    internal_readlinklist([, part]) {
      const list = part as string[];
      parts.push(list.length);
      if (list.length > 600) throw new GuestfsError('E2BIG', 'a message needs more');
      return list.map((name) => `->${name}`);
    },
  });
  assert.deepEqual(
    await run('readlinklist', calls, '/', names),
    names.map((name) => `->${name}`),
  );
  assert.deepEqual(parts, [1000, 500, 500, 500, 500, 500]);
  const long = Array.from({ length: 10 }, () => 'x'.repeat(250_000));
  parts.length = 0;
  await run('readlinklist', calls, '/', long);
  assert.deepEqual(
    parts,
    Array.from({ length: 10 }, () => 1),
  );
  assert.deepEqual(await run('readlinklist', calls, '/', []), []);
});

test('small writes are one message, large ones an upload, appending goes in parts', async () => {
  const { calls, asked } = daemon({
    internal_write: () => undefined,
    upload: () => undefined,
    internal_write_append: () => undefined,
  });
  await run('write', calls, '/x', new Uint8Array(10));
  await run('write', calls, '/x', new Uint8Array(3 * 1024 * 1024));
  await run('write_append', calls, '/x', new Uint8Array(5 * 1024 * 1024));
  await run('write_append', calls, '/x', new Uint8Array(0));
  const append = 'internal_write_append';
  assert.deepEqual(asked, ['internal_write', 'upload', append, append, append, append]);
});

test('applications: of rpm by the daemon, of deb out of its text', async () => {
  const status =
    'Package: b\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: all\n\nPackage: a\nStatus: install ok installed\nVersion: 4\n';
  const debian = daemon({
    inspect_get_package_format: () => 'deb',
    exists: () => true,
    download: () => Buffer.from(status),
  });
  const found = (await run('inspect_list_applications2', debian.calls, '/dev/sda')) as Record<
    string,
    unknown
  >[];
  assert.deepEqual(
    found.map(({ app2Name, app2Epoch, app2Version, app2Release, app2Arch }) => [
      app2Name,
      app2Epoch,
      app2Version,
      app2Release,
      app2Arch,
    ]),
    [
      ['a', 0, '4', '', ''],
      ['b', 1, '2', '3', 'all'],
    ],
  );
  const [first] = (await run('inspect_list_applications', debian.calls, '/dev/sda')) as Record<
    string,
    unknown
  >[];
  assert.equal(first?.['appName'], 'a');
  const redHat = daemon({
    inspect_get_package_format: () => 'rpm',
    internal_list_rpm_applications: () => found,
  });
  assert.deepEqual(await run('inspect_list_applications2', redHat.calls, '/dev/sda'), found);
  const other = daemon({ inspect_get_package_format: () => 'pacman' });
  await assert.rejects(run('inspect_list_applications2', other.calls, '/dev/sda'), /pacman/);
  const none = daemon({ inspect_get_package_format: () => 'unknown' });
  assert.deepEqual(await run('inspect_list_applications2', none.calls, '/dev/sda'), []);
});

test('journal fields have a length each; one that cannot be is refused', async () => {
  const field = (text: string, length = text.length): Buffer => {
    const bytes = Buffer.alloc(8 + text.length);
    bytes.writeBigUInt64BE(BigInt(length));
    bytes.write(text, 8, 'latin1');
    return bytes;
  };
  let bytes: Uint8Array = Buffer.concat([field('MESSAGE=a=b'), field('X=')]);
  const { calls } = daemon({ internal_journal_get: () => bytes });
  assert.deepEqual(await run('journal_get', calls), [
    { attrname: 'MESSAGE', attrval: Uint8Array.from(Buffer.from('a=b')) },
    { attrname: 'X', attrval: new Uint8Array(0) },
  ]);
  for (const bad of [field('X=', 3), field('X'), Buffer.alloc(7)]) {
    bytes = bad;
    await assert.rejects(run('journal_get', calls), GuestfsError);
  }
});
