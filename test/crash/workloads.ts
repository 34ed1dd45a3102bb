import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import type { FileSystemWriter } from '../../src/filesystems/writer.ts';
import { randomNumbers } from './recorder.ts';

/** A filesystem under test and its writer, by path. */
export class Actor {
  readonly fs: FileSystem;
  readonly writer: FileSystemWriter;
  /** Paths whose content was written in place: old and new blocks may be mixed after a cut. */
  readonly mixed = new Set<string>();

  constructor(fs: FileSystem, writer: FileSystemWriter) {
    this.fs = fs;
    this.writer = writer;
  }

  inode(path: string): number {
    let at = this.fs.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      at = this.fs.lookup(at, name);
      if (at === 0) throw new Error(`${path} is not there`);
    }
    return at;
  }

  has(path: string): boolean {
    const [directory, name] = split(path);
    return this.fs.lookup(this.inode(directory), name) !== 0;
  }

  make(path: string, mode: number, extra: { target?: string; rdev?: number } = {}): number {
    const [directory, name] = split(path);
    return this.writer.create(this.inode(directory), name, { mode, uid: 0, gid: 0, ...extra });
  }
}

function split(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, slash), path.slice(slash + 1)];
}

/** One operation of a workload. */
export interface Operation {
  name: string;
  /** What is to be there already, and what must not. */
  needs?: readonly string[];
  absent?: readonly string[];
  run(actor: Actor): void;
}

const FILE = 0o100644;
const DIRECTORY = 0o040755;

/** Bytes that tell where they are from: another file's block shows. */
export function pattern(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const random = randomNumbers(seed);
  for (let at = 0; at < length; at++) bytes[at] = 1 + Math.floor(random() * 255);
  return bytes;
}

/** The files that every workload begins with: `/keep` and `/d/keep` are never touched. */
export function populate(actor: Actor): void {
  actor.make('/d', DIRECTORY);
  actor.make('/d/e', DIRECTORY);
  const content: [string, number][] = [
    ['/keep', 9000],
    ['/d/keep', 700],
    ['/a', 1500],
    ['/b', 20_000],
    ['/d/c', 3000],
  ];
  for (const [path, length] of content)
    actor.writer.write(actor.make(path, FILE), 0, pattern(length, length));
}

const inPlace =
  (path: string, act: (actor: Actor, inode: number) => void) =>
  (actor: Actor): void => {
    actor.mixed.add(path);
    act(actor, actor.inode(path));
  };

/** Operations that every filesystem has. */
const common: readonly Operation[] = [
  { name: 'create', absent: ['/new'], run: (actor) => void actor.make('/new', FILE) },
  {
    name: 'create and write',
    absent: ['/d/new'],
    run(actor) {
      actor.mixed.add('/d/new');
      actor.writer.write(actor.make('/d/new', FILE), 0, pattern(1, 6000));
    },
  },
  {
    name: 'append',
    needs: ['/a'],
    run: inPlace('/a', (actor, inode) => actor.writer.write(inode, 1500, pattern(2, 5000))),
  },
  {
    name: 'overwrite',
    needs: ['/b'],
    run: inPlace('/b', (actor, inode) => actor.writer.write(inode, 700, pattern(3, 9000))),
  },
  {
    name: 'sparse write',
    needs: ['/a'],
    run: inPlace('/a', (actor, inode) => actor.writer.write(inode, 40_000, pattern(4, 100))),
  },
  {
    name: 'replace',
    needs: ['/b'],
    run(actor) {
      const replacement = actor.writer.replace(actor.inode('/b'), 12_000);
      replacement.write(pattern(5, 12_000));
      replacement.finish();
    },
  },
  {
    name: 'rename',
    needs: ['/a'],
    absent: ['/d/a'],
    run: (actor) => actor.writer.rename(actor.inode('/'), 'a', actor.inode('/d'), 'a'),
  },
  {
    name: 'rename over',
    needs: ['/a', '/b'],
    run: (actor) => actor.writer.rename(actor.inode('/'), 'a', actor.inode('/'), 'b'),
  },
  {
    name: 'rename directory',
    needs: ['/d/e'],
    absent: ['/moved'],
    run: (actor) => actor.writer.rename(actor.inode('/d'), 'e', actor.inode('/'), 'moved'),
  },
  { name: 'unlink', needs: ['/b'], run: (actor) => actor.writer.unlink(actor.inode('/'), 'b') },
  {
    name: 'truncate down',
    needs: ['/b'],
    run: inPlace('/b', (actor, inode) => actor.writer.truncate(inode, 3000)),
  },
  {
    name: 'truncate up',
    needs: ['/a'],
    run: inPlace('/a', (actor, inode) => actor.writer.truncate(inode, 30_000)),
  },
  { name: 'mkdir', absent: ['/dir'], run: (actor) => void actor.make('/dir', DIRECTORY) },
  { name: 'rmdir', needs: ['/d/e'], run: (actor) => actor.writer.rmdir(actor.inode('/d'), 'e') },
  {
    name: 'set times',
    needs: ['/a'],
    run: (actor) =>
      actor.writer.setAttributes(actor.inode('/a'), { mtime: { seconds: 1_000_000_000, nanoseconds: 0 } }),
  },
  { name: 'sync', run: (actor) => actor.writer.sync() },
];

/** Operations of filesystems with Unix's files. */
const unix: readonly Operation[] = [
  {
    name: 'link',
    needs: ['/a'],
    absent: ['/d/hard'],
    run: (actor) => actor.writer.link(actor.inode('/d'), 'hard', actor.inode('/a')),
  },
  {
    name: 'symlink',
    absent: ['/link'],
    run: (actor) => void actor.make('/link', 0o120777, { target: 'd/c' }),
  },
  {
    name: 'long symlink',
    absent: ['/long'],
    run: (actor) => void actor.make('/long', 0o120777, { target: 'x'.repeat(200) }),
  },
  { name: 'mknod', absent: ['/null'], run: (actor) => void actor.make('/null', 0o020666, { rdev: 0x103 }) },
  {
    name: 'setxattr',
    needs: ['/a'],
    run: (actor) => actor.writer.setXattr?.(actor.inode('/a'), 'user.small', pattern(6, 20)),
  },
  {
    name: 'large xattr',
    needs: ['/b'],
    run: (actor) => actor.writer.setXattr?.(actor.inode('/b'), 'user.large', pattern(7, 600)),
  },
  {
    name: 'chmod',
    needs: ['/a'],
    run: (actor) => actor.writer.setAttributes(actor.inode('/a'), { mode: 0o600, uid: 1000 }),
  },
  {
    name: 'fallocate',
    needs: ['/a'],
    run: inPlace('/a', (actor, inode) => actor.writer.allocate?.(inode, 0, 50_000)),
  },
  {
    name: 'punch',
    needs: ['/b'],
    run: inPlace('/b', (actor, inode) => actor.writer.punch?.(inode, 2000, 9000)),
  },
];

/** All operations, or those that FAT has. */
export function operations(kind: 'unix' | 'fat'): readonly Operation[] {
  return kind === 'fat' ? common : [...common, ...unix];
}

/** A sequence of operations that can run one after the other. */
export type Workload = readonly Operation[];

/** All sequences of one operation, and `sampled` of two and of three each. */
export function workloads(kind: 'unix' | 'fat', sampled: number, seed: number): Workload[] {
  const all = operations(kind);
  const random = randomNumbers(seed);
  const pick = (): Operation => all[Math.floor(random() * all.length)] as Operation;
  const made: Workload[] = all.map((operation) => [operation]);
  for (const length of [2, 3]) {
    for (let count = 0; count < sampled; count++) made.push(Array.from({ length }, pick));
  }
  return made;
}

/** Whether an operation can run now: later ones of a sequence may find what they need gone. */
export function canRun(actor: Actor, { needs = [], absent = [] }: Operation): boolean {
  return (
    needs.every((path) => parentThere(actor, path) && actor.has(path)) &&
    !absent.some((path) => actor.has(path))
  );
}

function parentThere(actor: Actor, path: string): boolean {
  const [directory] = split(path);
  return directory === '' || actor.has(directory);
}
