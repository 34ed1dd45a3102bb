import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Ext4Bench } from '../../../../../test/support/ext4-bench.ts';
import { askDebugfs, dice, makeExt4, withImageFile } from '../../../../../test/support/ext4-image.ts';
import { needsLoopMount, withMount } from '../../../../../test/support/ext4-listing.ts';
import { needsTool } from '../../../../../test/support/tools.ts';
import { Inode } from '../../layout.ts';
import { dropCapability, inlineRoom } from './index.ts';

const skip = needsTool('mke2fs', 'e2fsck', 'debugfs');
const FILE_MODE = 0o100644;
const DIRECTORY_MODE = 0o040755;
const LINK_MODE = 0o120777;

class AttributesBench extends Ext4Bench {
  set(
    inode: number,
    name: string,
    value: Uint8Array | string,
    mode: 'any' | 'create' | 'replace' = 'any',
  ): void {
    this.operation(() => this.attributes.set(inode, name, Buffer.from(value), mode));
  }

  remove(inode: number, name: string): void {
    this.operation(() => this.attributes.remove(inode, name));
  }
}

type Model = Map<number, Map<string, string>>;

function shown(list: Iterable<{ name: string; value: Uint8Array }>): string[] {
  return [...list].map(({ name, value }) => `${name}=${Buffer.from(value).toString('hex')}`).toSorted();
}

function wanted(of: ReadonlyMap<string, string>): string[] {
  return [...of].map(([name, value]) => `${name}=${value}`).toSorted();
}

/** Extended attributes of a file as the kernel gives them. */
function kernelAttributes(path: string): string[] {
  const text = execFileSync('getfattr', ['-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', path], {
    encoding: 'utf8',
  });
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace('=0x', '=').replace(/^([^=]*)$/, '$1='))
    .toSorted();
}

const sets: [title: string, options: string[]][] = [
  ['inodes of 256 bytes', ['-t', 'ext4']],
  ['inodes of 128 bytes', ['-t', 'ext4', '-I', '128']],
  ['inodes of 512 bytes', ['-t', 'ext4', '-I', '512']],
  ['blocks of 1 KiB', ['-t', 'ext4', '-b', '1024']],
  ['no checksums', ['-t', 'ext4', '-O', '^metadata_csum']],
  ['inline_data', ['-t', 'ext4', '-O', 'inline_data']],
  ['ext2', ['-t', 'ext2', '-I', '128']],
  ['ext3', ['-t', 'ext3']],
  ['no ext_attr yet', ['-t', 'ext4', '-O', '^ext_attr']],
  ['bigalloc', ['-t', 'ext4', '-O', 'bigalloc']],
  ['ea_inode', ['-t', 'ext4', '-O', 'ea_inode']],
  ['ea_inode with blocks of 1 KiB', ['-t', 'ext4', '-b', '1024', '-O', 'ea_inode', '-I', '128']],
];

describe('attributes come and go in random order', { skip }, () => {
  for (const [title, options] of sets) {
    test(title, () => {
      const image = makeExt4([...options, '-N', '1024'], '32M');
      const bench = new AttributesBench(image);
      const roll = dice(11);
      const large = title.includes('ea_inode');
      const names = Array.from({ length: 30 }, (_, i) => `file-${i}`);
      const inodes = names.map((name) => bench.make(name));
      const model: Model = new Map(inodes.map((inode) => [inode, new Map<string, string>()]));
      let refused = 0;
      for (let i = 0; i < 1500; i++) {
        const inode = inodes[roll(inodes.length)]!;
        const of = model.get(inode)!;
        const prefix = ['user.', 'trusted.', 'security.'][roll(3)]!;
        const name = prefix + 'name'.repeat(1 + roll(3)) + roll(4);
        if (roll(3) === 0) {
          if (of.delete(name)) bench.remove(inode, name);
          else assert.throws(() => bench.remove(inode, name), { code: 'ENODATA' });
          continue;
        }
        const most = roll(10) === 0 ? (large ? 20000 : 800) : 60;
        const text = roll(2) === 0 ? 'same' : `v${roll(1000)}`;
        const value = Buffer.from(text.repeat(Math.ceil(most / 4)).slice(0, roll(most)));
        try {
          bench.set(inode, name, value);
          of.set(name, value.toString('hex'));
        } catch (error) {
          assert.equal((error as { code: string }).code, 'ENOSPC');
          refused++;
        }
      }
      assert.ok(refused < 700, `${refused} of 1500 were refused`);
      let fs = bench.verify('setting and removing');
      for (const [inode, of] of model) assert.deepEqual(shown(fs.xattrs(inode)), wanted(of));
      if (needsLoopMount() === false && needsTool('getfattr') === false) {
        withImageFile(image, (path) => {
          const folder = `${path}-mount`;
          mkdirSync(folder);
          withMount(path, folder, 'ro', (root) => {
            names.forEach((name, i) => {
              assert.deepEqual(kernelAttributes(join(root, name)), wanted(model.get(inodes[i]!)!), name);
            });
          });
        });
      }
      for (const name of names.slice(0, 15)) bench.unlink(name);
      fs = bench.verify('removing files');
      for (const inode of inodes.slice(15))
        assert.deepEqual(shown(fs.xattrs(inode)), wanted(model.get(inode)!));
      for (const inode of inodes.slice(15))
        for (const name of model.get(inode)!.keys()) bench.remove(inode, name);
      fs = bench.verify('removing all');
      for (const inode of inodes.slice(15)) assert.deepEqual(fs.xattrs(inode), []);
    });
  }
});

describe('blocks that several inodes share', { skip }, () => {
  for (const options of [
    ['-t', 'ext4', '-I', '128'],
    ['-t', 'ext4', '-O', 'bigalloc'],
  ]) {
    test(options.join(' '), () => {
      const image = makeExt4(options, '32M');
      const bench = new AttributesBench(image);
      const value = 'shared'.repeat(40);
      const inodes = Array.from({ length: 20 }, (_, i) => {
        const inode = bench.make(`file-${i}`);
        bench.set(inode, 'user.shared', value);
        return inode;
      });
      bench.verify('sharing');
      const block = (name: string): string =>
        withImageFile(image, (path) => /File ACL: (\d+)/.exec(askDebugfs(path, `stat ${name}`))![1]!);
      assert.equal(block('file-3'), block('file-17'));
      bench.set(inodes[3]!, 'user.mine', 'x'.repeat(200));
      const fs = bench.verify('copying a shared block');
      assert.notEqual(block('file-3'), block('file-17'));
      assert.equal(block('file-4'), block('file-17'));
      assert.equal(fs.xattrs(inodes[3]!).length, 2);
      for (let i = 0; i < 19; i++) bench.unlink(`file-${i}`);
      const left = bench.verify('removing all but one');
      assert.deepEqual(
        shown(left.xattrs(inodes[19]!)),
        wanted(new Map([['user.shared', Buffer.from(value).toString('hex')]])),
      );
      bench.remove(inodes[19]!, 'user.shared');
      bench.verify('removing the last');
      assert.equal(block('file-19'), '0');
    });
  }

  test('a failed operation leaves no trace', () => {
    const image = makeExt4(['-t', 'ext4', '-I', '128'], '16M');
    const bench = new AttributesBench(image);
    const [one, two] = [bench.make('one'), bench.make('two')];
    assert.throws(() =>
      bench.operation(() => {
        bench.attributes.set(one, 'user.a', Buffer.from('value'), 'any');
        throw new Error('stop');
      }),
    );
    bench.set(two, 'user.a', 'value');
    const fs = bench.verify('an operation that failed');
    assert.deepEqual(fs.xattrs(one), []);
    assert.equal(fs.xattrs(two).length, 1);
  });
});

describe('single attributes', { skip }, () => {
  const image = (): Uint8Array => makeExt4(['-t', 'ext4'], '16M');

  test('modes and errors', () => {
    const bench = new AttributesBench(image());
    const file = bench.make('file');
    bench.set(file, 'user.one', '1', 'create');
    assert.throws(() => bench.set(file, 'user.one', '2', 'create'), { code: 'EEXIST' });
    assert.throws(() => bench.set(file, 'user.two', '2', 'replace'), { code: 'ENODATA' });
    bench.set(file, 'user.one', '3', 'replace');
    assert.throws(() => bench.set(file, 'other.one', ''), { code: 'ENOTSUP' });
    assert.throws(() => bench.set(file, 'system.data', ''), { code: 'ENOTSUP' });
    assert.throws(() => bench.set(file, 'user.', ''), { code: 'EINVAL' });
    assert.throws(() => bench.set(file, `user.${'x'.repeat(251)}`, ''), { code: 'ERANGE' });
    assert.throws(() => bench.set(file, 'user.x', Buffer.alloc(65537)), { code: 'E2BIG' });
    assert.throws(() => bench.set(file, 'user.x', Buffer.alloc(5000)), { code: 'ENOSPC' });
    const link = bench.make('link', 0o010644);
    assert.throws(() => bench.set(link, 'user.x', ''), { code: 'EPERM' });
    bench.set(link, 'trusted.x', '');
    bench.set(file, 'user.one', '');
    const fs = bench.verify('errors');
    assert.deepEqual(shown(fs.xattrs(file)), ['user.one=']);
  });

  test('capabilities go when they are told to', () => {
    const bench = new AttributesBench(image());
    const file = bench.make('file');
    bench.set(file, 'security.capability', Buffer.from('010000020020000000000000000000000000000000', 'hex'));
    bench.set(file, 'user.stays', '1');
    bench.operation(() => dropCapability(bench.parts, file));
    bench.operation(() => dropCapability(bench.parts, file));
    assert.deepEqual(shown(bench.verify('dropping').xattrs(file)), ['user.stays=31']);
  });
});

/** An ACL in the kernel's binary form: tag, permissions, id of each entry. */
function acl(...entries: [number, number, number?][]): Uint8Array {
  const value = Buffer.alloc(4 + entries.length * 8);
  value.writeUInt32LE(2, 0);
  entries.forEach(([tag, permissions, id = 0xffffffff], i) => {
    value.writeUInt16LE(tag, 4 + i * 8);
    value.writeUInt16LE(permissions, 6 + i * 8);
    value.writeUInt32LE(id, 8 + i * 8);
  });
  return value;
}

const trivial = acl([1, 6], [4, 4], [0x20, 0]);
const masked = acl([1, 7], [2, 5, 1000], [4, 7], [8, 6, 50], [0x10, 5], [0x20, 1]);
const onlyMask = acl([1, 6], [4, 6], [0x10, 2], [0x20, 4]);

function modeOf(bench: AttributesBench, inode: number): number {
  const { view, base } = bench.parts.inodes.read(inode);
  return view.getUint16(base + Inode.i_mode, true);
}

describe('ACLs', { skip }, () => {
  test('what is no ACL is refused', () => {
    const bench = new AttributesBench(makeExt4(['-t', 'ext4'], '16M'));
    const file = bench.make('file');
    const set = (value: Uint8Array, name = 'system.posix_acl_access') => bench.set(file, name, value);
    assert.throws(() => set(acl([1, 6], [4, 4])), { code: 'EINVAL', message: /0 entries with tag 0x20/ });
    assert.throws(() => set(acl([1, 6], [2, 6, 3], [4, 4], [0x20, 0])), {
      code: 'EINVAL',
      message: /0 masks/,
    });
    assert.throws(() => set(acl([4, 4], [1, 6], [0x20, 0])), { code: 'EINVAL', message: /order/ });
    assert.throws(() => set(acl([1, 9], [4, 4], [0x20, 0])), { code: 'EINVAL', message: /permissions/ });
    assert.throws(() => set(acl([1, 6], [3, 4], [0x20, 0])), { code: 'EINVAL', message: /tag 0x3/ });
    assert.throws(() => set(Buffer.from('01000000', 'hex')), { code: 'ENOTSUP' });
    assert.throws(() => set(Buffer.from('0200', 'hex')), { code: 'EINVAL' });
    assert.throws(() => set(trivial, 'system.posix_acl_default'), { code: 'EACCES' });
    const link = bench.make('link', LINK_MODE & ~0o20000);
    bench.operation(() => bench.attributes.set(link, 'system.posix_acl_access', trivial, 'any'));
    bench.remove(file, 'system.posix_acl_access');
  });

  test(
    'modes and masks, as the kernel has them',
    { skip: skip || needsLoopMount() || needsTool('setfattr') },
    () => {
      const image = makeExt4(['-t', 'ext4'], '16M');
      const bench = new AttributesBench(image);
      const hex = (value: Uint8Array): string => `0x${Buffer.from(value).toString('hex')}`;
      const lists = [trivial, masked, onlyMask];
      const set = (inode: number, kind: string, value: Uint8Array): void =>
        bench.set(inode, `system.posix_acl_${kind}`, value);
      lists.forEach((list, i) => {
        set(bench.make(`ours-${i}`), 'access', list);
        const changed = bench.make(`ours-changed-${i}`);
        set(changed, 'access', list);
        bench.operation(() => {
          const { view, base } = bench.parts.inodes.change(changed);
          view.setUint16(base, 0o100631, true);
          bench.attributes.modeChanged(changed, 0o100631);
        });
        const directory = bench.make(`ours-dir-${i}`, DIRECTORY_MODE);
        set(directory, 'default', list);
        for (const [kind, mode] of [
          ['file', 0o100664],
          ['sub', 0o040775],
          ['tight', 0o100600],
        ] as const) {
          const made = bench.make(`ours-${kind}-${i}`, mode);
          bench.operation(() => {
            const used = bench.attributes.inherit(directory, made, mode);
            const { view, base } = bench.parts.inodes.change(made);
            view.setUint16(base, used, true);
          });
        }
        const cleared = bench.make(`ours-cleared-${i}`);
        set(cleared, 'access', list);
        set(cleared, 'access', acl());
      });
      bench.verify('setting ACLs');
      withImageFile(image, (path) => {
        const folder = `${path}-mount`;
        mkdirSync(folder);
        withMount(path, folder, 'rw', (root) => {
          const umask = process.umask(0);
          const give = (name: string, kind: string, value: Uint8Array): void => {
            execFileSync('setfattr', ['-n', `system.posix_acl_${kind}`, '-v', hex(value), join(root, name)]);
          };
          const touch = (name: string, mode = 0o644): void => writeFileSync(join(root, name), '', { mode });
          try {
            lists.forEach((list, i) => {
              touch(`theirs-${i}`);
              give(`theirs-${i}`, 'access', list);
              touch(`theirs-changed-${i}`);
              give(`theirs-changed-${i}`, 'access', list);
              execFileSync('chmod', ['631', join(root, `theirs-changed-${i}`)]);
              mkdirSync(join(root, `theirs-dir-${i}`), { mode: 0o755 });
              give(`theirs-dir-${i}`, 'default', list);
              touch(`theirs-dir-${i}/file`, 0o664);
              mkdirSync(join(root, `theirs-dir-${i}/sub`), { mode: 0o775 });
              touch(`theirs-dir-${i}/tight`, 0o600);
              touch(`theirs-cleared-${i}`);
              give(`theirs-cleared-${i}`, 'access', list);
              give(`theirs-cleared-${i}`, 'access', acl());
            });
            for (let i = 0; i < lists.length; i++) {
              const pairs = [`-${i}`, `-changed-${i}`, `-dir-${i}`, `-cleared-${i}`].map((end) => [
                `ours${end}`,
                `theirs${end}`,
              ]);
              for (const kind of ['file', 'sub', 'tight'])
                pairs.push([`ours-${kind}-${i}`, `theirs-dir-${i}/${kind}`]);
              for (const [ours, theirs] of pairs) {
                const [a, b] = [join(root, ours!), join(root, theirs!)];
                assert.equal(statSync(a).mode.toString(8), statSync(b).mode.toString(8), `mode of ${ours}`);
                assert.deepEqual(kernelAttributes(a), kernelAttributes(b), `attributes of ${ours}`);
              }
            }
          } finally {
            process.umask(umask);
          }
        });
      });
      assert.equal(modeOf(bench, bench.make('last')), FILE_MODE);
    },
  );
});

describe('content in the inode', { skip }, () => {
  for (const size of ['256', '512']) {
    test(`inodes of ${size} bytes`, () => {
      const image = makeExt4(['-t', 'ext4', '-O', 'inline_data', '-I', size], '16M');
      const bench = new AttributesBench(image);
      const { attributes, operation, parts } = bench;
      const file = bench.make('file');
      const room = inlineRoom(parts, file);
      assert.equal(room, size === '256' ? 128 : 384);
      assert.equal(attributes.inlineData(file), undefined);
      assert.equal(
        operation(() => attributes.setInlineData(file, new Uint8Array(room + 1))),
        false,
      );
      const contents = new Map<number, Uint8Array>();
      for (let length = 0; length <= room; length += 4) {
        const one = bench.make(`file-${length}`);
        const content = new Uint8Array(length).fill(length + 1);
        operation(() => attributes.setInlineData(one, content));
        contents.set(one, content);
      }
      const shrinking = bench.make('shrinking');
      for (const length of [room, 61, 60, 7, 0, 90]) {
        operation(() => attributes.setInlineData(shrinking, new Uint8Array(length).fill(0x61)));
        assert.equal(attributes.inlineData(shrinking)!.length, length);
        bench.verify(`content of ${length} bytes`);
      }
      bench.set(shrinking, 'user.takes', 'the room in the inode'.repeat(4));
      operation(() => attributes.clearInlineData(shrinking));
      operation(() => {
        const { view, base } = parts.inodes.change(shrinking);
        view.setUint32(base + Inode.i_size_lo, 0, true);
      });
      const fs = bench.verify('inline content');
      for (const [inode, content] of contents) {
        const into: Uint8Array = new Uint8Array(room);
        assert.equal(fs.read(inode, 0, into), content.length);
        assert.deepEqual(into.subarray(0, content.length), content);
      }
    });
  }
});
