import { GuestfsError, type ErrorCode } from '../../src/errors/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import type { FileSystemWriter } from '../../src/filesystems/writer.ts';
import type { SparseContent } from './content.ts';
import { Model, ModelFile, TYPE_BITS, type ModelPlace, type ModelType } from './model.ts';

/** What a kind of filesystem can do. */
export interface Abilities {
  /** Owners, links, nodes, attributes: all that FAT lacks. */
  unix: boolean;
  /** Space can be reserved. */
  extents: boolean;
  /** Names are compared without regard to case, and hold no bytes that are not text. */
  fold: boolean;
  /** The root directory has room for so many names and no more. */
  fixedRoot: boolean;
  /** Bytes that all attributes of a file may have without running out of their place. */
  xattrRoom: number;
  /** Largest size of a file with holes. */
  farthest: number;
}

/** How a call of an operation ends. */
export interface Attempt {
  /** The error that the call must throw; none: it must work, but for a full filesystem. */
  expect?: ErrorCode | undefined;
  /** Errors that may come instead. */
  allow?: readonly ErrorCode[];
  /** Bytes that it needs. */
  needs?: number;
  /** A file whose content may be half changed if the filesystem is full. */
  content?: { path: readonly string[]; file: ModelFile; next: SparseContent };
}

/** Bytes free that may not be enough for what a call needs beside data: map blocks, directory blocks, clusters. */
const SLACK = 192 * 1024;

/** A filesystem under random operations, and the model of it. */
export class World {
  fs: FileSystem;
  writer: FileSystemWriter;
  readonly model: Model;
  readonly can: Abilities;
  readonly random: () => number;
  /** What was called last, for the message of a failure. */
  readonly log: string[] = [];
  /** Calls that failed since the filesystem was full. */
  full = 0;
  #counter = 0;

  constructor(fs: FileSystem, can: Abilities, random: () => number) {
    this.fs = fs;
    this.writer = writerOf(fs);
    this.can = can;
    this.random = random;
    this.model = new Model(can.fold);
  }

  reopen(fs: FileSystem): void {
    this.fs = fs;
    this.writer = writerOf(fs);
  }

  integer(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[this.integer(from.length)];
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  count(): number {
    return this.#counter++;
  }

  /** A name below the root of one of the types; any where none is given. */
  place(...types: readonly ModelType[]): ModelPlace | undefined {
    const all = this.model.places();
    return this.pick(types.length === 0 ? all : all.filter(({ file }) => types.includes(file.type)));
  }

  /** A directory, the root among them. */
  directory(): { path: readonly string[]; file: ModelFile } {
    const all = this.model.places().filter(({ file }) => file.type === 'directory');
    const at = this.integer(all.length + 1);
    return all[at] ?? { path: [], file: this.model.root };
  }

  /** Inode of a path; throws where it is not there. */
  inode(path: readonly string[]): number {
    let at = this.fs.root;
    for (const name of path) {
      at = this.fs.lookup(at, name);
      if (at === 0) throw new Error(`/${path.join('/')} is not there: ${JSON.stringify(name)} is not found`);
    }
    return at;
  }

  /**
   * Call the filesystem, and change the model if that worked. A call that fails as it should, or because the filesystem
   * is full, leaves the model as it is. Anything else that is thrown is a failure.
   */
  attempt(words: string, act: () => void, apply: () => void, how: Attempt = {}): boolean {
    this.log.push(words);
    if (this.log.length > 400) this.log.splice(0, 200);
    try {
      act();
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw new Failure(`${words} throws ${String(error)}`, error);
      this.log.push(`  ${error.code}`);
      if (error.code === how.expect || how.allow?.includes(error.code)) return false;
      if (error.code !== 'ENOSPC' || !this.#isNearlyFull(how.needs ?? 0)) {
        const { bfree, frsize, ffree } = this.fs.statfs();
        throw new Failure(
          `${words} throws ${error.code}: ${error.message} (${bfree} blocks of ${frsize} and ${ffree} inodes free)`,
          error,
        );
      }
      this.full++;
      if (how.content !== undefined) this.#adopt(words, how.content);
      return false;
    }
    if (how.expect !== undefined) throw new Failure(`${words} works, expected ${how.expect}`);
    apply();
    return true;
  }

  #isNearlyFull(needs: number): boolean {
    const { bfree, frsize, ffree } = this.fs.statfs();
    return bfree * frsize < needs + SLACK || (this.can.unix && ffree === 0);
  }

  /** After a write that was cut short: each byte is the old one, the new one or zero. */
  #adopt(words: string, { path, file, next }: NonNullable<Attempt['content']>): void {
    const inode = this.inode(path);
    const { size } = this.fs.stat(inode);
    const [least, most] = [file.content.size, next.size].toSorted((a, b) => a - b) as [number, number];
    if (size < least || size > most) {
      throw new Failure(`${words}: size ${size} after it failed, expected ${least} to ${most}`);
    }
    const chunk = new Uint8Array(1 << 16);
    const before = new Uint8Array(chunk.length);
    const after = new Uint8Array(chunk.length);
    const old = file.content.clone();
    for (let at = 0; at < size; at += chunk.length) {
      const found = chunk.subarray(0, Math.min(chunk.length, size - at));
      this.fs.read(inode, at, found);
      old.readAt(at, before);
      next.readAt(at, after);
      for (let i = 0; i < found.length; i++) {
        if (found[i] === before[i] || found[i] === after[i] || found[i] === 0) continue;
        throw new Failure(`${words}: byte ${at + i} is neither old nor new after it failed`);
      }
      if (found.some((byte, i) => byte !== before[i])) file.content.write(at, found);
    }
    file.content.truncate(size);
    file.mtime = undefined;
  }
}

/** One kind of operation: picks what it acts on, acts, and changes the model. */
export interface RandomOperation {
  name: string;
  /** How often it comes, in proportion to the others. */
  weight: number;
  /** What the filesystem has to be able to. */
  needs?: 'unix' | 'extents';
  /** It frees space: comes more often on a full filesystem. */
  frees?: boolean;
  run(world: World): void;
}

/** A path in words. */
export function words(path: readonly string[]): string {
  return JSON.stringify(`/${path.join('/')}`);
}

/** A filesystem that is not what it should be. */
export class Failure extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** The writer of a filesystem under test. */
export function writerOf(fs: FileSystem): FileSystemWriter {
  const writer = fs.openWriter?.();
  if (writer === undefined) throw new Error(`${fs.type} has no writer`);
  return writer;
}

/** st_mode of a file of the model. */
export function modeOf(file: ModelFile): number {
  return TYPE_BITS[file.type] | file.mode;
}
