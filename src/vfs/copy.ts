import { GuestfsError } from '../errors/index.ts';
import type { Xattr } from '../filesystems/filesystem.ts';
import { ACL_ACCESS, ACL_DEFAULT } from './acl.ts';
import { copyContent } from './copy-content.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../filesystems/mode.ts';
import { fail } from './path-checks.ts';
import type { TreeWriter } from './tree-writer.ts';
import type { FileRef, FileTree, TreeStat } from './tree.ts';
import { walk } from './walk.ts';

/** How files are copied. */
export interface CopyOptions {
  /** Keep owners, modes, times, extended attributes and hard links, as `cp -a`. */
  archive: boolean;
  /** Permissions that new files do not get where modes are not kept. */
  umask: number;
  /** Called for every file and every piece of content. */
  tick?: () => void;
}

/** A directory that is being copied. */
interface Frame {
  from: FileRef;
  stat: TreeStat;
  to: FileRef;
  /** False where the directory was there before: then `cp -r` leaves its mode. */
  made: boolean;
}

/**
 * Copies files within a tree as `cp -r` and `cp -a` do: links as links, devices as devices, into directories that
 * are there already; files that are there get new content in place, old or new after a crash.
 */
export class TreeCopier {
  /** Set where the filesystem that was copied to has no owners or special modes: all else was copied. */
  problem: GuestfsError | undefined;
  readonly #tree: FileTree;
  readonly #writer: TreeWriter;
  readonly #options: CopyOptions;
  /** The first copy of a file that has several names, by device and inode. */
  readonly #links = new Map<string, FileRef>();

  constructor(tree: FileTree, writer: TreeWriter, options: CopyOptions) {
    this.#tree = tree;
    this.#writer = writer;
    this.#options = options;
  }

  /**
   * Copy `source`, which is not followed, to the name `name` of `directory`. Throws EINVAL where a directory would be
   * copied into itself, ENOTDIR and EISDIR where types do not agree.
   */
  copy(source: FileRef, directory: FileRef, name: string): void {
    const tree = this.#tree;
    const stat = tree.stat(source);
    if ((stat.mode & S_IFMT) !== S_IFDIR) {
      this.#file(source, stat, directory, name);
      return;
    }
    const [from, into] = [tree.pathOf(source), tree.pathOf(directory)];
    if (into === from || into.startsWith(from === '/' ? '/' : `${from}/`)) {
      throw fail('EINVAL', `${into}/${name}`, `${from} cannot be copied into itself`);
    }
    this.#below(source, this.#enter(source, stat, directory, name));
  }

  /** Copy what is in the directory `source` into the directory `target`, which is there. */
  merge(source: FileRef, target: FileRef): void {
    const tree = this.#tree;
    const [from, into] = [tree.pathOf(source), tree.pathOf(target)];
    if (into === from || into.startsWith(from === '/' ? '/' : `${from}/`)) {
      throw fail('EINVAL', into, `${from} cannot be copied into itself`);
    }
    this.#below(source, { from: source, stat: tree.stat(source), to: target, made: false });
  }

  #below(source: FileRef, start: Frame): void {
    const stack = [start];
    for (const { path, name: child, ref, stat: childStat } of walk(this.#tree, source, { stat: true })) {
      const depth = slashes(path) + 1;
      while (stack.length > depth) this.#leave(stack.pop() as Frame);
      const parent = (stack.at(-1) as Frame).to;
      const own = childStat as TreeStat;
      if ((own.mode & S_IFMT) === S_IFDIR) stack.push(this.#enter(ref, own, parent, child));
      else this.#file(ref, own, parent, child);
    }
    while (stack.length > 0) this.#leave(stack.pop() as Frame);
  }

  #enter(from: FileRef, stat: TreeStat, directory: FileRef, name: string): Frame {
    this.#options.tick?.();
    const there = this.#tree.lookup(directory, name);
    if (there !== undefined) {
      if ((this.#tree.stat(there).mode & S_IFMT) !== S_IFDIR) {
        throw fail('ENOTDIR', this.#tree.pathOf(there), 'a directory cannot be copied over it, it is none');
      }
      return { from, stat, to: there, made: false };
    }
    // Like cp: nobody else looks in before it has its final mode.
    const made = { mode: S_IFDIR | 0o700, ...this.#owner(stat) };
    return { from, stat, to: this.#writer.create(directory, name, made), made: true };
  }

  #leave({ from, stat, to, made }: Frame): void {
    if (this.#options.archive) this.#attributes(from, stat, to);
    else if (made) this.#writer.setAttributes(to, { mode: stat.mode & 0o1777 & ~this.#options.umask });
  }

  #owner(stat: TreeStat): { uid: number; gid: number } {
    return this.#options.archive ? { uid: stat.uid, gid: stat.gid } : { uid: 0, gid: 0 };
  }

  /** Anything but a directory. */
  #file(from: FileRef, stat: TreeStat, directory: FileRef, name: string): void {
    const { archive, umask, tick } = this.#options;
    tick?.();
    const [tree, writer] = [this.#tree, this.#writer];
    const type = stat.mode & S_IFMT;
    let there = tree.lookup(directory, name);
    if (there !== undefined) {
      const old = tree.stat(there);
      if ((old.mode & S_IFMT) === S_IFDIR) {
        throw fail(
          'EISDIR',
          tree.pathOf(there),
          `${tree.pathOf(from)}, which is no directory, cannot replace it`,
        );
      }
      if (old.inode === stat.inode && old.dev === stat.dev) {
        throw fail('EINVAL', tree.pathOf(there), `it is the same file as ${tree.pathOf(from)}`);
      }
      if (type !== S_IFREG || (old.mode & S_IFMT) !== S_IFREG || (archive && old.nlink > 1)) {
        writer.unlink(directory, name);
        there = undefined;
      }
    }
    const key = archive && stat.nlink > 1 ? `${stat.dev}:${stat.inode}` : undefined;
    const first = key === undefined ? undefined : this.#links.get(key);
    if (first !== undefined) {
      if (there !== undefined) writer.unlink(directory, name);
      writer.link(directory, name, first);
      return;
    }
    const made = there === undefined;
    const to =
      there ??
      writer.create(directory, name, {
        mode: type === S_IFLNK ? S_IFLNK | 0o777 : type | (archive ? 0o600 : stat.mode & 0o777 & ~umask),
        ...this.#owner(stat),
        ...(type === S_IFLNK ? { target: tree.readlink(from) } : {}),
        ...(type === S_IFBLK || type === S_IFCHR ? { rdev: stat.rdev } : {}),
      });
    if (type === S_IFREG && (stat.size > 0 || !made)) {
      try {
        copyContent(tree, writer, from, to, stat.size, () => tick?.());
      } catch (error) {
        if (made) writer.unlink(directory, name);
        throw error;
      }
    }
    if (archive) this.#attributes(from, stat, to);
    if (key !== undefined) this.#links.set(key, to);
  }

  /** Owner, attributes, mode, times, in an order in which none undoes another. */
  #attributes(from: FileRef, stat: TreeStat, to: FileRef): void {
    const isLink = (stat.mode & S_IFMT) === S_IFLNK;
    const now = this.#tree.stat(to);
    let kept = 0o7777;
    const special = (stat.mode & 0o7000) !== 0 && !isLink;
    if (now.uid !== stat.uid || now.gid !== stat.gid || special) {
      try {
        this.#writer.setAttributes(to, {
          uid: stat.uid,
          gid: stat.gid,
          ...(special ? { mode: stat.mode & 0o7777 } : {}),
        });
      } catch (error) {
        if (!(error instanceof GuestfsError) || (error.code !== 'EPERM' && error.code !== 'ENOTSUP'))
          throw error;
        this.problem ??= error;
        kept = 0o777;
      }
    }
    copyXattrs(this.#writer, this.#tree.xattrs(from), this.#tree.xattrs(to), to);
    this.#writer.setAttributes(to, {
      ...(isLink ? {} : { mode: stat.mode & kept }),
      atime: { seconds: stat.atime, nanoseconds: stat.atimeNsec },
      mtime: { seconds: stat.mtime, nanoseconds: stat.mtimeNsec },
    });
  }
}

/** Give a file attributes, and take ACLs away that it inherited. Filesystems without attributes get none. */
function copyXattrs(
  writer: TreeWriter,
  wanted: readonly Xattr[],
  present: readonly Xattr[],
  to: FileRef,
): void {
  try {
    for (const { name } of present) {
      if (name !== ACL_ACCESS && name !== ACL_DEFAULT) continue;
      if (!wanted.some((xattr) => xattr.name === name)) writer.removeXattr(to, name);
    }
    for (const { name, value } of wanted) writer.setXattr(to, name, value);
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code !== 'ENOTSUP') throw error;
  }
}

function slashes(path: string): number {
  let count = 0;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) count++;
  return count;
}
