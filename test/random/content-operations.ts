import { words, type RandomOperation, type World } from './world.ts';
import type { ModelPlace } from './model.ts';

/** Bytes that differ from file to file and from write to write. */
export function noise(world: World, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = world.integer(0x7fffffff) | 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    bytes[at] = 1 + ((state >>> 16) % 255);
  }
  return bytes;
}

const LENGTHS: readonly number[] = [1, 40, 130, 700, 1024, 4096, 5000, 20_000, 70_000, 300_000, 700_000];

function someLength(world: World): number {
  return 1 + world.integer(world.pick(LENGTHS) ?? 1);
}

function onFile(run: (world: World, place: ModelPlace) => void): (world: World) => void {
  return (world) => {
    const place = world.place('file');
    if (place !== undefined) run(world, place);
  };
}

function write(world: World, { path, file }: ModelPlace, offset: number): void {
  const bytes = noise(world, someLength(world));
  const next = file.content.clone();
  next.write(offset, bytes);
  // FAT fills the gap.
  const needs = bytes.length + (world.can.unix ? 0 : Math.max(0, offset - file.content.size));
  world.attempt(
    `write ${bytes.length} bytes at ${offset} of ${words(path)}, which has ${file.content.size}`,
    () => world.writer.write(world.inode(path), offset, bytes),
    () => {
      file.content = next;
      file.mtime = undefined;
    },
    { needs, content: { path, file, next } },
  );
}

function truncate(world: World, { path, file }: ModelPlace, size: number): void {
  const next = file.content.clone();
  next.truncate(size);
  world.attempt(
    `truncate ${words(path)} from ${file.content.size} to ${size}`,
    () => world.writer.truncate(world.inode(path), size),
    () => {
      file.content = next;
      file.mtime = undefined;
    },
    { needs: world.can.unix ? 0 : size, content: { path, file, next } },
  );
}

/** Operations on the content of regular files. */
export const contentOperations: readonly RandomOperation[] = [
  {
    name: 'write',
    weight: 12,
    run: onFile((world, place) => write(world, place, world.integer(place.file.content.size + 3000))),
  },
  {
    name: 'append',
    weight: 12,
    run: onFile((world, place) => write(world, place, place.file.content.size)),
  },
  {
    name: 'write far',
    weight: 0.7,
    run: onFile((world, place) => write(world, place, world.integer(world.can.farthest))),
  },
  {
    name: 'truncate',
    weight: 6,
    frees: true,
    run: onFile((world, place) => truncate(world, place, world.integer(place.file.content.size + 1))),
  },
  {
    name: 'grow',
    weight: 2,
    run: onFile((world, place) => {
      const by = world.chance(0.1) ? world.integer(world.can.farthest) : world.integer(20_000);
      truncate(world, place, place.file.content.size + by);
    }),
  },
  {
    name: 'fallocate',
    weight: 4,
    needs: 'extents',
    run: onFile((world, { path, file }) => {
      const offset = world.integer(file.content.size + 20_000);
      const length = someLength(world);
      const keep = world.chance(0.3);
      const next = file.content.clone();
      if (!keep) next.truncate(Math.max(next.size, offset + length));
      world.attempt(
        `allocate ${length} bytes at ${offset} of ${words(path)}${keep ? ', keeping its size' : ''}`,
        () => world.writer.allocate?.(world.inode(path), offset, length, keep),
        () => {
          file.content = next;
          file.mtime = undefined;
        },
        { needs: length, content: { path, file, next } },
      );
    }),
  },
  {
    name: 'punch',
    weight: 5,
    needs: 'unix',
    frees: true,
    run: onFile((world, { path, file }) => {
      const offset = world.integer(file.content.size + 1000);
      const length = 1 + world.integer(world.chance(0.5) ? 3000 : file.content.size + 1);
      const next = file.content.clone();
      next.zero(offset, length);
      world.attempt(
        `punch ${length} bytes at ${offset} of ${words(path)}, which has ${file.content.size}`,
        () => world.writer.punch?.(world.inode(path), offset, length),
        () => {
          file.content = next;
          file.mtime = undefined;
        },
        { content: { path, file, next } },
      );
    }),
  },
  {
    name: 'replace',
    weight: 8,
    run: onFile((world, { path, file }) => {
      const next = file.content.clone();
      next.truncate(0);
      const pieces: (Uint8Array | number)[] = [];
      for (let count = world.integer(4); count > 0; count--) {
        const length = someLength(world);
        pieces.push(world.chance(0.2) ? length : noise(world, length));
      }
      for (const piece of pieces) {
        if (typeof piece === 'number') next.truncate(next.size + piece);
        else next.write(next.size, piece);
      }
      const abandon = world.chance(0.15);
      world.attempt(
        `replace ${words(path)} of ${file.content.size} bytes by ${next.size}${abandon ? ', then give it up' : ''}`,
        () => {
          const replacement = world.writer.replace(world.inode(path), next.size);
          try {
            for (const piece of pieces) {
              if (typeof piece === 'number') replacement.writeZeroes(piece);
              else replacement.write(piece);
            }
            if (abandon) replacement.abandon();
            else replacement.finish();
          } catch (error) {
            replacement.abandon();
            throw error;
          }
        },
        () => {
          if (abandon) return;
          file.content = next;
          file.mtime = undefined;
        },
        { needs: next.size },
      );
    }),
  },
];
