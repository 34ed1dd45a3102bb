import { words, type RandomOperation, type World } from './world.ts';
import { ModelFile, TYPE_BITS, type ModelPlace, type ModelType } from './model.ts';
import { attributeOperations } from './attribute-operations.ts';
import { contentOperations } from './content-operations.ts';

const NODES: readonly ModelType[] = ['chardev', 'blockdev', 'fifo', 'socket'];

function newName(world: World): string {
  const number = world.count();
  const { fold } = world.can;
  switch (world.integer(8)) {
    case 0:
      return `${'long-name-'.repeat(1 + world.integer(23))}${number}`;
    case 1:
      return `höhe-日本-${number}`;
    case 2:
      return fold ? `Name with spaces ${number}.text` : `bytes-\udcff\udc80-${number}`;
    case 3:
      return `.hidden.${number}`;
    case 4:
      return `N${number}.TXT`;
    case 5:
      return `x${'y'.repeat((fold ? 254 : 250) - String(number).length)}${number}`;
    default:
      return `f${number}`;
  }
}

/** What Linux's `create` gives a file of a directory whose setgid bit is set. */
function made(world: World, parent: ModelFile, type: ModelType, mode: number, uid: number): ModelFile {
  const inherits = (parent.mode & 0o2000) !== 0;
  const file = new ModelFile(type, type === 'directory' && inherits ? mode | 0o2000 : mode);
  if (!world.can.unix) return file;
  file.flags = parent.flags;
  file.uid = uid;
  file.gid = inherits ? parent.gid : uid;
  return file;
}

/** The root directory of FAT12 and FAT16 cannot grow. */
function fullRoot(world: World, directory: readonly string[]): 'ENOSPC'[] {
  return world.can.fixedRoot && directory.length === 0 ? ['ENOSPC'] : [];
}

function create(world: World, type: ModelType, extra: { target?: string; rdev?: number } = {}): void {
  const { path, file: parent } = world.directory();
  const existing = world.chance(0.05) ? world.pick([...parent.names.values()]) : undefined;
  const name = existing?.name ?? newName(world);
  const mode = world.can.unix && type !== 'symlink' ? 0o400 + world.integer(0o400) : 0o777;
  const uid = world.can.unix ? world.integer(3) * 1000 : 0;
  const file = made(world, parent, type, mode, uid);
  file.target = extra.target ?? '';
  file.rdev = extra.rdev ?? 0;
  world.attempt(
    `create ${type} ${words([...path, name])}`,
    () =>
      void world.writer.create(world.inode(path), name, {
        mode: TYPE_BITS[type] | mode,
        uid,
        gid: uid,
        ...extra,
      }),
    () => world.model.add(parent, name, file),
    { expect: existing === undefined ? undefined : 'EEXIST', allow: fullRoot(world, path) },
  );
}

function remove(world: World, place: ModelPlace): boolean {
  const { path, parent, name, file } = place;
  const isDirectory = file.type === 'directory';
  return world.attempt(
    `${isDirectory ? 'rmdir' : 'unlink'} ${words(path)}`,
    () => world.writer[isDirectory ? 'rmdir' : 'unlink'](world.inode(path.slice(0, -1)), name),
    () => {
      world.model.remove(parent, name);
      file.links--;
    },
    { expect: isDirectory && file.names.size > 0 ? 'ENOTEMPTY' : undefined },
  );
}

function removeTree(world: World, place: ModelPlace): void {
  for (const { name, file } of place.file.names.values()) {
    removeTree(world, { path: [...place.path, name], parent: place.file, name, file });
  }
  remove(world, place);
}

function rename(world: World, from: ModelPlace, to: { path: readonly string[]; file: ModelFile }): void {
  const { model } = world;
  const over = world.chance(0.4)
    ? world.pick([...to.file.names.values()].filter((entry) => canReplace(from.file, entry.file)))
    : undefined;
  const name = over?.name ?? newName(world);
  if (over !== undefined && over.file === from.file) return;
  if (over !== undefined && isWithin(from.parent, over.file)) return;
  const expect = over !== undefined && over.file.names.size > 0 ? 'ENOTEMPTY' : undefined;
  world.attempt(
    `rename ${words(from.path)} to ${words([...to.path, name])}${over === undefined ? '' : ', which is there'}`,
    () => world.writer.rename(world.inode(from.path.slice(0, -1)), from.name, world.inode(to.path), name),
    () => {
      if (over !== undefined) {
        model.remove(to.file, over.name);
        over.file.links--;
      }
      model.remove(from.parent, from.name);
      // A name that is replaced stays as it is spelled.
      model.add(to.file, name, from.file);
    },
    { expect, allow: fullRoot(world, to.path) },
  );
}

function canReplace(file: ModelFile, other: ModelFile): boolean {
  return (file.type === 'directory') === (other.type === 'directory');
}

/** Whether `file` is `directory` or anywhere in it. */
function isWithin(file: ModelFile, directory: ModelFile): boolean {
  if (file === directory) return true;
  return [...directory.names.values()].some((entry) => isWithin(file, entry.file));
}

const nameOperations: readonly RandomOperation[] = [
  { name: 'create', weight: 14, run: (world) => create(world, 'file') },
  { name: 'mkdir', weight: 6, run: (world) => create(world, 'directory') },
  {
    name: 'symlink',
    weight: 4,
    needs: 'unix',
    run: (world) =>
      create(world, 'symlink', {
        target: `../${'target/'.repeat(world.integer(world.chance(0.5) ? 8 : 120))}t`,
      }),
  },
  {
    name: 'mknod',
    weight: 2,
    needs: 'unix',
    run(world) {
      const type = world.pick(NODES) ?? 'fifo';
      const isDevice = type === 'chardev' || type === 'blockdev';
      create(world, type, isDevice ? { rdev: world.chance(0.5) ? 0x103 : 0x12_345_67 } : {});
    },
  },
  {
    name: 'link',
    weight: 5,
    needs: 'unix',
    run(world) {
      const place = world.place('file', 'symlink', 'fifo');
      if (place === undefined) return;
      const { path, file: parent } = world.directory();
      const name = newName(world);
      world.attempt(
        `link ${words(place.path)} as ${words([...path, name])}`,
        () => world.writer.link(world.inode(path), name, world.inode(place.path)),
        () => {
          world.model.add(parent, name, place.file);
          place.file.links++;
        },
      );
    },
  },
  {
    name: 'unlink',
    weight: 10,
    frees: true,
    run(world) {
      const place = world.place('file', 'symlink', ...NODES);
      if (place !== undefined) remove(world, place);
    },
  },
  {
    name: 'rmdir',
    weight: 3,
    frees: true,
    run(world) {
      const place = world.place('directory');
      if (place !== undefined) remove(world, place);
    },
  },
  {
    name: 'remove tree',
    weight: 0.4,
    frees: true,
    run(world) {
      const place = world.place('directory');
      if (place !== undefined) removeTree(world, place);
    },
  },
  {
    name: 'rename',
    weight: 10,
    run(world) {
      const from = world.place();
      const to = world.directory();
      if (from !== undefined && !isWithin(to.file, from.file)) rename(world, from, to);
    },
  },
  {
    name: 'many names',
    weight: 0.3,
    run(world) {
      const { path, file: parent } = world.directory();
      const count = 20 + world.integer(200);
      for (let i = 0; i < count; i++) {
        const name = newName(world);
        const file = made(world, parent, 'file', world.can.unix ? 0o644 : 0o777, 0);
        const done = world.attempt(
          `create file ${words([...path, name])}, one of ${count}`,
          () =>
            void world.writer.create(world.inode(path), name, {
              mode: 0o100000 | (world.can.unix ? 0o644 : 0o777),
              uid: 0,
              gid: 0,
            }),
          () => world.model.add(parent, name, file),
          { allow: fullRoot(world, path) },
        );
        if (!done) return;
      }
    },
  },
];

/** All operations that a filesystem has. */
export function randomOperations(world: World): readonly RandomOperation[] {
  return [...nameOperations, ...contentOperations, ...attributeOperations].filter(
    ({ needs }) => needs === undefined || world.can[needs],
  );
}

/** Choose an operation by weight and run it. */
export function runOne(world: World, all: readonly RandomOperation[]): string {
  const { bfree, blocks } = world.fs.statfs();
  const scarce = bfree * 20 < blocks;
  const weight = (operation: RandomOperation): number =>
    operation.weight * (scarce && operation.frees ? 4 : 1);
  let at = world.random() * all.reduce((sum, operation) => sum + weight(operation), 0);
  for (const operation of all) {
    at -= weight(operation);
    if (at > 0) continue;
    operation.run(world);
    return operation.name;
  }
  return '';
}
