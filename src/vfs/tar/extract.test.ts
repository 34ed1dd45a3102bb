import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  readFileSync,
  statSync,
  lstatSync,
  readlinkSync,
  readdirSync,
  mkdirSync,
  writeFileSync,
  truncateSync,
  openSync,
  writeSync,
  closeSync,
  linkSync,
  symlinkSync,
  utimesSync,
  chmodSync,
  chownSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fuzz } from '../../../test/support/fuzz.ts';
import { MemoryFileSystem } from '../../../test/support/memory-fs.ts';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { decodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { aclText } from '../acl.ts';
import { MountedTree } from '../mounted-tree.ts';
import type { FileRef } from '../tree.ts';
import { walk } from '../walk.ts';
import { extractTar, type ExtractOptions } from './extract.ts';
import { writeTar } from './writer.ts';

const folder = temporaryFolder();
after(folder.remove);
const asRoot = process.getuid?.() === 0 ? false : 'owners and devices need root';

interface Unpacked {
  tree: MountedTree;
  fs: MemoryFileSystem;
  warnings: string[];
  count: number;
}

/** Unpack into `/t` of a filesystem, the archive in chunks of an odd size. */
function unpack(
  archive: Uint8Array,
  options: ExtractOptions = {},
  fs = new MemoryFileSystem(),
  chunk = 7777,
): Unpacked {
  fs.dir('/t');
  const tree = new MountedTree();
  tree.mount(fs, '/', { mountable: '/dev/sda', readonly: false, options: [] });
  const warnings: string[] = [];
  const count = extractTar(tree, tree.writer, tree.resolve('/t'), chunks(archive, chunk), {
    warn: (message) => warnings.push(message),
    ...options,
  });
  return { tree, fs, warnings, count };
}

/** Chunks in one buffer that is used anew for each, as a stream gives them. */
function* chunks(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
  }
}

function content(tree: MountedTree, path: string): string {
  const ref = tree.resolve(path);
  const bytes = new Uint8Array(tree.stat(ref).size);
  tree.read(ref, 0, bytes);
  return decodeText(bytes);
}

/** A block of a hand-made archive. */
function member(
  name: string,
  type: string,
  body: Uint8Array | string = '',
  link = '',
  mode = 0o644,
): Uint8Array {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const block = Buffer.alloc(512);
  block.write(name, 0, 'latin1');
  const octal = (at: number, length: number, value: number): void =>
    void block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  octal(100, 8, mode);
  octal(108, 8, 1);
  octal(116, 8, 2);
  octal(124, 12, bytes.length);
  octal(136, 12, 1_000_000);
  block.write(type, 156, 'latin1');
  block.write(link, 157, 'latin1');
  block.write('ustar\0', 257, 'latin1');
  block.write('00', 263, 'latin1');
  return Buffer.concat([sealed(block), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

function sealed(block: Uint8Array): Uint8Array {
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += block[i] as number;
  Buffer.from(block.buffer, block.byteOffset).write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function archive(...members: Uint8Array[]): Uint8Array {
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}

function pax(records: Record<string, string>): string {
  return Object.entries(records)
    .map(([key, value]) => {
      const rest = Buffer.byteLength(` ${key}=${value}\n`, 'utf8');
      let length = rest + String(rest).length;
      if (String(length).length > String(rest).length) length = rest + String(length).length;
      return `${length} ${key}=${value}\n`;
    })
    .join('');
}

describe('what GNU tar packs, in each of its formats', { skip: needsTool('tar') || asRoot }, () => {
  const source = join(folder.path, 'source');
  mkdirSync(join(source, 'dir/sub'), { recursive: true });
  writeFileSync(join(source, 'plain'), 'plain content\n');
  writeFileSync(join(source, 'big'), Buffer.alloc(300_000, 'big '));
  writeFileSync(join(source, 'empty'), '');
  linkSync(join(source, 'plain'), join(source, 'dir/hard'));
  symlinkSync('../plain', join(source, 'dir/soft'));
  chmodSync(join(source, 'plain'), 0o4711);
  chownSync(join(source, 'plain'), 1234, 54_321);
  chownSync(join(source, 'dir/sub'), 3_000_000, 5);
  chmodSync(join(source, 'dir/sub'), 0o3755);
  execFileSync('mknod', [join(source, 'dev'), 'b', '8', '300']);
  execFileSync('mkfifo', [join(source, 'pipe')]);
  const sparse = join(source, 'sparse');
  const fd = openSync(sparse, 'w');
  for (let i = 0; i < 40; i++) writeSync(fd, Buffer.from(`island ${i}`), 0, null, i * 200_000 + 4096);
  closeSync(fd);
  truncateSync(sparse, 40 * 200_000);
  utimesSync(join(source, 'empty'), 5.5, 1_234_567_890.25);
  utimesSync(join(source, 'dir'), 7, 8);

  const shown = (): string[] => {
    const lines: string[] = [];
    const add = (path: string): void => {
      const stat = lstatSync(join(source, path), { bigint: true });
      const kind = stat.isFile() ? readFileSync(join(source, path)).toString('latin1') : '';
      lines.push(
        [
          path,
          stat.mode,
          stat.uid,
          stat.gid,
          stat.isDirectory() ? 0 : stat.size,
          stat.rdev,
          stat.mtimeNs / 1_000_000_000n,
        ].join(' ') +
          (stat.isSymbolicLink() ? readlinkSync(join(source, path)) : '') +
          kind,
      );
      if (stat.isDirectory())
        for (const name of readdirSync(join(source, path))) add(path === '' ? name : `${path}/${name}`);
    };
    for (const name of readdirSync(source)) add(name);
    return lines.sort();
  };
  const unpacked = ({ tree }: Unpacked): string[] =>
    [...walk(tree, tree.resolve('/t'), { stat: true })]
      .map(({ path, ref, stat, type }) => {
        const s = stat as NonNullable<typeof stat>;
        return (
          [path, s.mode, s.uid, s.gid, type === 'directory' ? 0 : s.size, s.rdev, s.mtime].join(' ') +
          (type === 'symlink' ? tree.readlink(ref) : '') +
          (type === 'file' ? Buffer.from(bytesOf(tree, ref)).toString('latin1') : '')
        );
      })
      .sort();
  const bytesOf = (tree: MountedTree, ref: FileRef): Uint8Array => {
    const bytes = new Uint8Array(tree.stat(ref).size);
    tree.read(ref, 0, bytes);
    return bytes;
  };

  for (const [name, flags] of Object.entries({
    gnu: ['--format=gnu'],
    'gnu, sparse': ['--format=gnu', '-S'],
    oldgnu: ['--format=oldgnu', '-S'],
    pax: ['--format=pax'],
    'pax, sparse 0.0': ['--format=pax', '-S', '--sparse-version=0.0'],
    'pax, sparse 0.1': ['--format=pax', '-S', '--sparse-version=0.1'],
    'pax, sparse 1.0': ['--format=pax', '-S', '--sparse-version=1.0'],
  })) {
    test(name, () => {
      const packed = execFileSync('tar', ['-C', source, ...flags, '-cf', '-', '.'], { maxBuffer: 1e8 });
      const found = unpack(packed);
      assert.deepEqual(found.warnings, []);
      assert.deepEqual(unpacked(found), shown());
      const { tree } = found;
      assert.equal(tree.stat(tree.resolve('/t/dir/hard')).inode, tree.stat(tree.resolve('/t/plain')).inode);
      if (name === 'pax') assert.equal(tree.stat(tree.resolve('/t/empty')).mtimeNsec, 250_000_000);
      // A second time over what is there.
      const again = unpack(packed, {}, found.fs);
      assert.deepEqual(unpacked(again), shown());
    });
  }

  test('ustar and version 7, which hold less', () => {
    for (const format of ['ustar', 'v7']) {
      const long = join(folder.path, format, `${'long/'.repeat(format === 'ustar' ? 30 : 10)}`);
      mkdirSync(long, { recursive: true });
      writeFileSync(join(long, 'name'), 'at its end');
      const packed = execFileSync('tar', [
        '-C',
        join(folder.path, format),
        `--format=${format}`,
        '-cf',
        '-',
        'long',
      ]);
      const { tree } = unpack(packed);
      assert.equal(content(tree, `/t/${'long/'.repeat(format === 'ustar' ? 30 : 10)}name`), 'at its end');
    }
  });

  test('names that are longer than any field, in bytes that are no UTF-8', () => {
    const deep = join(folder.path, 'long', 'd'.repeat(120), 'e'.repeat(120));
    mkdirSync(deep, { recursive: true });
    const odd = Buffer.concat([Buffer.from(`${deep}/`), Buffer.from([0x66, 0xff, 0xfe])]);
    writeFileSync(odd, 'odd');
    symlinkSync('t'.repeat(300), join(deep, 'link'));
    for (const format of ['gnu', 'pax']) {
      const packed = execFileSync('tar', [
        '-C',
        join(folder.path, 'long'),
        `--format=${format}`,
        '-cf',
        '-',
        '.',
      ]);
      const { tree } = unpack(packed);
      const base = `/t/${'d'.repeat(120)}/${'e'.repeat(120)}`;
      assert.equal(content(tree, `${base}/f\udcff\udcfe`), 'odd');
      assert.equal(tree.readlink(tree.resolve(`${base}/link`, { followLast: false })), 't'.repeat(300));
    }
  });

  test('what stat(2) counts of holes is not read as data', () => {
    assert.ok(statSync(sparse).blocks * 512 < statSync(sparse).size);
  });
});

describe('what is there already', () => {
  const old = (): MemoryFileSystem =>
    new MemoryFileSystem()
      .file('/t/f', 'old')
      .hardlink('/t/other', '/t/f')
      .dir('/t/real', { mode: 0o700 })
      .file('/t/real/kept', 'kept')
      .symlink('/t/lib', 'real')
      .symlink('/t/out', '/outside')
      .dir('/outside');

  test('files are replaced and not written into, directories merged', () => {
    const { tree } = unpack(
      archive(member('f', '0', 'new'), member('real/', '5', '', '', 0o755), member('real/x', '0', 'x')),
      {},
      old(),
    );
    assert.equal(content(tree, '/t/f'), 'new');
    assert.equal(content(tree, '/t/other'), 'old');
    assert.equal(content(tree, '/t/real/kept'), 'kept');
    assert.equal(tree.stat(tree.resolve('/t/real')).mode & 0o777, 0o755);
    assert.equal(tree.stat(tree.resolve('/t/real')).mtime, 1_000_000);
  });

  test('a link in the place of a directory is replaced, or kept with keepdirlink', () => {
    const packed = archive(member('lib', '5', '', '', 0o755), member('lib/x', '0', 'x'));
    const replaced = unpack(packed, {}, old()).tree;
    assert.equal(replaced.stat(replaced.resolve('/t/lib', { followLast: false })).mode >> 12, 4);
    assert.throws(() => replaced.resolve('/t/real/x'));
    const kept = unpack(packed, { keepDirectoryLinks: true }, old()).tree;
    assert.equal(kept.readlink(kept.resolve('/t/lib', { followLast: false })), 'real');
    assert.equal(content(kept, '/t/real/x'), 'x');
  });

  test('a link on the way is followed where the archive does not name it', () => {
    const { tree } = unpack(archive(member('lib/x', '0', 'x'), member('out/y', '0', 'y')), {}, old());
    assert.equal(content(tree, '/t/real/x'), 'x');
    assert.equal(content(tree, '/outside/y'), 'y');
  });

  test('a directory that is not empty is not replaced by a file', () => {
    assert.throws(() => unpack(archive(member('real', '0', 'x')), {}, old()), { code: 'ENOTEMPTY' });
  });
});

describe('archives that mean harm', () => {
  const refuses = (...members: Uint8Array[]): Unpacked => {
    const fs = new MemoryFileSystem().file('/secret', 'secret').dir('/t').dir('/t/sub');
    assert.throws(() => unpack(archive(...members, member('after', '0', 'after')), {}, fs), {
      code: 'EINVAL',
    });
    const tree = new MountedTree();
    tree.mount(fs, '/', { mountable: '/dev/sda', readonly: false, options: [] });
    assert.equal(content(tree, '/secret'), 'secret');
    assert.equal(content(tree, '/t/after'), 'after');
    assert.deepEqual([...tree.readdir(tree.resolve('/'))].map(({ name }) => name).sort(), ['secret', 't']);
    return { tree, fs, warnings: [], count: 0 };
  };

  test('names with ..', () => {
    refuses(
      member('../evil', '0', 'x'),
      member('sub/../../evil', '0', 'x'),
      member('..', '5'),
      member('/../evil', '5'),
    );
  });

  test('absolute names are taken as relative', () => {
    const { tree } = unpack(archive(member('/abs/x', '0', 'x'), member('//./y', '0', 'y')));
    assert.equal(content(tree, '/t/abs/x'), 'x');
    assert.equal(content(tree, '/t/y'), 'y');
  });

  test('links of the archive that lead out are not followed, those within are', () => {
    refuses(member('l', '2', '', '..'), member('l/evil', '0', 'x'));
    refuses(member('l', '2', '', '/'), member('l/evil', '0', 'x'));
    refuses(member('l', '2', '', 'sub/../..'), member('l/evil', '0', 'x'));
    refuses(
      member('a', '2', '', 'b'),
      member('b', '2', '', '../'),
      member('a/evil', '0', 'x'),
      member('a/evil', '5'),
    );
    refuses(member('l', '2', '', 'l'), member('l/evil', '0', 'x'));
    refuses(member('l', '2', '', '../secret'), member('l/evil', '0', 'x'));
    const { tree } = unpack(
      archive(member('real', '5'), member('l', '2', '', '../t/real'), member('l/x', '0', 'x')),
    );
    assert.equal(content(tree, '/t/real/x'), 'x');
  });

  test('a file in the place of a link does not go through it', () => {
    const { tree, fs } = unpack(
      archive(member('l', '2', '', '../secret'), member('l', '0', 'new')),
      {},
      new MemoryFileSystem().file('/secret', 'secret'),
    );
    assert.equal(content(tree, '/secret'), 'secret');
    assert.equal(content(tree, '/t/l'), 'new');
    void fs;
  });

  test('hard links', () => {
    refuses(member('h', '1', '', '../secret'));
    // A link to a link is a link to the link itself.
    const { tree } = unpack(
      archive(member('l', '2', '', '../secret'), member('h', '1', '', 'l')),
      {},
      new MemoryFileSystem().file('/secret', 'secret'),
    );
    assert.equal(tree.readlink(tree.resolve('/t/h', { followLast: false })), '../secret');
    // An absolute target is within the directory as well.
    assert.throws(
      () => unpack(archive(member('h', '1', '', '/secret')), {}, new MemoryFileSystem().file('/secret', 's')),
      { code: 'ENOENT' },
    );
  });

  test('a link that becomes a directory is one', () => {
    const { tree } = unpack(archive(member('l', '2', '', '..'), member('l/', '5'), member('l/x', '0', 'x')));
    assert.equal(content(tree, '/t/l/x'), 'x');
  });
});

describe('attributes', () => {
  const label = 'system_u:object_r:etc_t:s0';
  const acl = 'user::rw-\nuser:ann:r--:77\ngroup::r--\nmask::r--\nother::r--';
  const packed = archive(
    member(
      'x',
      'x',
      pax({
        'SCHILY.xattr.user.a': 'b',
        'SCHILY.xattr.user.c%3Dd': 'e',
        'RHT.security.selinux': label,
        'SCHILY.acl.access': acl,
        mtime: '-1.5',
      }),
    ),
    member('f', '0', 'f', '', 0o4755),
    member(
      'x',
      'x',
      pax({ 'SCHILY.acl.default': 'u::rwx,g::r-x,o::---', 'SCHILY.acl.access': 'u::rwx,g::r-x,o::---' }),
    ),
    member('d', '5', '', '', 0o755),
    member('g', 'g', pax({ uid: '70000' })),
    member('last', '0'),
  );
  const attributes = (options: ExtractOptions): Record<string, string> => {
    const { tree } = unpack(packed, options);
    return Object.fromEntries(
      ['f', 'd'].flatMap((name) =>
        tree
          .xattrs(tree.resolve(`/t/${name}`))
          .map((x) => [
            `${name} ${x.name}`,
            x.name.startsWith('system') ? aclText(x.value) : decodeText(x.value),
          ]),
      ),
    );
  };

  test('only what was asked for is restored', () => {
    assert.deepEqual(attributes({}), {});
    assert.deepEqual(attributes({ xattrs: true }), { 'f user.a': 'b', 'f user.c=d': 'e' });
    assert.deepEqual(attributes({ selinux: true }), { 'f security.selinux': `${label}\0` });
    assert.deepEqual(attributes({ acls: true }), {
      'f system.posix_acl_access': 'user::rw-\nuser:77:r--\ngroup::r--\nmask::r--\nother::r--\n',
      'd system.posix_acl_default': 'user::rwx\ngroup::r-x\nother::---\n',
    });
  });

  test('times before 1970, setuid, and values for the whole archive', () => {
    const { tree } = unpack(packed);
    const stat = tree.stat(tree.resolve('/t/f'));
    assert.deepEqual([stat.mtime, stat.mtimeNsec, stat.mode & 0o7777], [-2, 500_000_000, 0o4755]);
    assert.equal(tree.stat(tree.resolve('/t/last')).uid, 70_000);
  });
});

describe('damage', () => {
  const fails = (bytes: Uint8Array, message: RegExp): void =>
    assert.throws(
      () => unpack(bytes),
      (error) => error instanceof GuestfsError && message.test(error.message),
    );

  test('what is no archive, or compressed, says so', () => {
    fails(Buffer.alloc(2048, 'x'), /no tar archive/);
    fails(Buffer.from([0x1f, 0x8b, 8, ...Buffer.alloc(1000)]), /compressed with gzip.*compress/);
    fails(Buffer.from([0x1f, 0x8b, 8, 0]), /compressed with gzip.*compress/);
    fails(Buffer.from('short'), /no tar archive/);
    fails(new Uint8Array(0), /no tar archive: it is empty/);
    fails(archive(member('f', '0', 'x'.repeat(5000))).subarray(0, 2000), /ends at byte 2000/);
    fails(Buffer.concat([member('f', '0'), Buffer.alloc(512, 1)]), /wrong checksum/);
    fails(archive(member('x', 'x', '9999 path=x\n'), member('f', '0')), /pax header/);
    fails(
      archive(
        member('x', 'x', pax({ 'GNU.sparse.map': '5,5,1,1', 'GNU.sparse.size': '100' })),
        member('f', '0', 'x'.repeat(10)),
      ),
      /sparse map/,
    );
    fails(
      archive(
        member(
          'x',
          'x',
          pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '9' }),
        ),
        member('f', '0', ''),
      ),
      /sparse map/,
    );
  });

  test('mutated archives end in errors only', () => {
    const source = new MemoryFileSystem()
      .file('/s/a', 'content')
      .symlink('/s/l', 'x'.repeat(150))
      .dir('/s/d')
      .file(`/s/d/${'n'.repeat(140)}`, 'y', { xattrs: { 'user.x': 'y' } });
    const tree = new MountedTree();
    tree.mount(source, '/', { mountable: '/dev/sda', readonly: false, options: [] });
    for (const xattrs of [false, true]) {
      const parts: Uint8Array[] = [];
      writeTar(
        tree,
        tree.resolve('/s'),
        { write: (chunk) => void parts.push(Uint8Array.from(chunk)) },
        { xattrs },
      );
      const image = Buffer.concat(parts);
      fuzz({
        seed: 5,
        rounds: 300,
        image,
        fixup(mutated) {
          for (let at = 0; at + 512 <= mutated.length; at += 512)
            if (mutated[at + 257] === 0x75) sealed(mutated.subarray(at, at + 512));
        },
        read(mutated) {
          unpack(mutated, { xattrs: true, acls: true, selinux: true }, new MemoryFileSystem(), 4096);
        },
      });
    }
  });

  test('a file that does not fit is not left behind', () => {
    const fs = new MemoryFileSystem({ capacity: 2000 });
    assert.throws(() => unpack(archive(member('a', '0', 'a'), member('b', '0', 'x'.repeat(3000))), {}, fs), {
      code: 'ENOSPC',
    });
    const tree = new MountedTree();
    tree.mount(fs, '/', { mountable: '/dev/sda', readonly: false, options: [] });
    assert.deepEqual(
      [...tree.readdir(tree.resolve('/t'))].map(({ name }) => name),
      ['a'],
    );
  });
});
