import { words, type RandomOperation, type World } from './world.ts';
import type { ModelFile, ModelPlace } from './model.ts';
import { noise } from './content-operations.ts';

const NODUMP_AND_NOATIME = 0xc0;
const NODUMP = 0x40;
const IMMUTABLE = 0x10;
const ACL = 'system.posix_acl_access';

/** user::rwx-like entries and one named user, in the kernel's binary form; acl(5), linux/posix_acl_xattr.h. */
function acl(mode: number, named: number): Uint8Array {
  const entries: readonly [tag: number, permissions: number, id: number][] = [
    [0x01, (mode >> 6) & 7, 0xffffffff],
    [0x02, 5, named],
    [0x04, 4, 0xffffffff],
    [0x10, (mode >> 3) & 7, 0xffffffff],
    [0x20, mode & 7, 0xffffffff],
  ];
  const bytes = new Uint8Array(4 + entries.length * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 2, true);
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    view.setUint16(4 + index * 8, tag, true);
    view.setUint16(6 + index * 8, permissions, true);
    view.setUint32(8 + index * 8, id, true);
  }
  return bytes;
}

/** chmod of a file with an ACL changes that. */
function modeChanged(file: ModelFile): void {
  const old = file.xattrs.get(ACL);
  if (old === undefined) return;
  file.xattrs.set(ACL, acl(file.mode, new DataView(old.buffer, old.byteOffset).getUint32(16, true)));
}

function room(file: ModelFile, name: string, length: number): number {
  let total = name.length + length + 32;
  for (const [other, value] of file.xattrs) if (other !== name) total += other.length + value.length + 32;
  return total;
}

function setXattr(world: World, { path, file }: ModelPlace, name: string, value: Uint8Array): boolean {
  return world.attempt(
    `setxattr ${name} of ${value.length} bytes of ${words(path)}`,
    () => world.writer.setXattr?.(world.inode(path), name, value),
    () => void file.xattrs.set(name, value),
    { allow: room(file, name, value.length) > world.can.xattrRoom ? ['ENOSPC'] : [] },
  );
}

/** Operations on modes, owners, times, attributes and flags. */
export const attributeOperations: readonly RandomOperation[] = [
  {
    name: 'chmod',
    weight: 3,
    needs: 'unix',
    run(world) {
      const place = world.place('file', 'directory', 'fifo', 'chardev');
      if (place === undefined) return;
      const { path, file } = place;
      const special = file.type === 'directory' ? world.integer(4) << 9 : 0;
      const mode = (special & 0o3000) | (0o400 + world.integer(0o400));
      world.attempt(
        `chmod ${words(path)} to ${mode.toString(8)}`,
        () => world.writer.setAttributes(world.inode(path), { mode }),
        () => {
          file.mode = mode;
          modeChanged(file);
        },
      );
    },
  },
  {
    name: 'chown',
    weight: 3,
    needs: 'unix',
    run(world) {
      const place = world.place();
      if (place === undefined) return;
      const uid = world.pick([0, 1, 1000, 65_534, 70_000, 4_000_000_000]) ?? 0;
      const gid = world.pick([0, 5, 100_000]) ?? 0;
      world.attempt(
        `chown ${words(place.path)} to ${uid}:${gid}`,
        () => world.writer.setAttributes(world.inode(place.path), { uid, gid }),
        () => {
          place.file.uid = uid;
          place.file.gid = gid;
        },
      );
    },
  },
  {
    name: 'utimes',
    weight: 3,
    run(world) {
      const place = world.place();
      if (place === undefined) return;
      // FAT counts in steps of two seconds from 1980 on.
      const mtime = world.can.unix
        ? { seconds: world.integer(2_000_000_000), nanoseconds: world.integer(1_000_000_000) }
        : { seconds: 400_000_000 + 2 * world.integer(500_000_000), nanoseconds: 0 };
      world.attempt(
        `utimes ${words(place.path)} to ${mtime.seconds}.${mtime.nanoseconds}`,
        () => world.writer.setAttributes(world.inode(place.path), { mtime }),
        () => void (place.file.mtime = mtime),
      );
    },
  },
  {
    name: 'setxattr',
    weight: 5,
    needs: 'unix',
    run(world) {
      const place = world.place('file', 'directory');
      if (place === undefined) return;
      const name = `user.${'n'.repeat(1 + world.integer(20))}${world.integer(4)}`;
      const length = world.pick([0, 5, 20, 60, 150, 400, world.can.xattrRoom / 2]) ?? 0;
      setXattr(world, place, name, noise(world, Math.floor(length)));
    },
  },
  {
    name: 'setxattr shared',
    weight: 2,
    needs: 'unix',
    run(world) {
      // The same attributes for several files: blocks may be shared.
      const value = noise(world, 300);
      for (let count = 0; count < 3; count++) {
        const place = world.place('file', 'directory', 'symlink', 'fifo');
        if (place !== undefined) setXattr(world, place, 'trusted.shared', value);
      }
    },
  },
  {
    name: 'removexattr',
    weight: 3,
    needs: 'unix',
    run(world) {
      const place = world.pick(world.model.places().filter(({ file }) => file.xattrs.size > 0));
      const name = world.pick([...(place?.file.xattrs.keys() ?? [])]);
      if (place === undefined || name === undefined) return;
      world.attempt(
        `removexattr ${name} of ${words(place.path)}`,
        () => world.writer.removeXattr?.(world.inode(place.path), name),
        () => void place.file.xattrs.delete(name),
      );
    },
  },
  {
    name: 'setacl',
    weight: 2,
    needs: 'unix',
    run(world) {
      const place = world.place('file', 'directory');
      if (place === undefined) return;
      const { file } = place;
      const mode = 0o400 + world.integer(0o400);
      if (setXattr(world, place, ACL, acl(mode, world.pick([1, 1000, 65_000]) ?? 1))) {
        file.mode = (file.mode & 0o7000) | mode;
      }
    },
  },
  {
    name: 'setflags',
    weight: 2,
    needs: 'unix',
    run(world) {
      const place = world.place('file', 'directory');
      if (place === undefined) return;
      const { path, file } = place;
      const flags = world.integer(4) * NODUMP;
      world.attempt(
        `set flags 0x${flags.toString(16)} of ${words(path)}`,
        () => {
          const inode = world.inode(path);
          const others = (world.fs.flags?.(inode) ?? 0) & ~NODUMP_AND_NOATIME;
          world.writer.setFlags?.(inode, (others | flags) >>> 0);
        },
        () => void (file.flags = flags),
      );
    },
  },
  {
    name: 'immutable',
    weight: 1,
    needs: 'unix',
    run(world) {
      const place = world.place('file');
      if (place === undefined) return;
      const { path, name } = place;
      const inode = world.inode(path);
      const flags = world.fs.flags?.(inode) ?? 0;
      const set = (value: number) => () => world.writer.setFlags?.(inode, value);
      if (!world.attempt(`make ${words(path)} immutable`, set((flags | IMMUTABLE) >>> 0), () => {})) return;
      const calls: readonly [string, () => void][] = [
        ['write', () => world.writer.write(inode, 0, noise(world, 10))],
        ['truncate', () => world.writer.truncate(inode, 0)],
        ['replace', () => world.writer.replace(inode, 0).finish()],
        ['unlink', () => world.writer.unlink(world.inode(path.slice(0, -1)), name)],
        ['chmod', () => world.writer.setAttributes(inode, { mode: 0 })],
        ['setxattr', () => world.writer.setXattr?.(inode, 'user.immutable', noise(world, 5))],
        ['link', () => world.writer.link(world.fs.root, `immutable-${world.count()}`, inode)],
        [
          'rename',
          () => world.writer.rename(world.inode(path.slice(0, -1)), name, world.fs.root, 'immutable'),
        ],
      ];
      for (const [call, act] of calls) world.attempt(`${call} of it`, act, () => {}, { expect: 'EPERM' });
      world.attempt('make it mutable again', set(flags), () => {});
    },
  },
];
