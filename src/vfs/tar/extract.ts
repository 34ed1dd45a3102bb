import { GuestfsError } from '../../errors/index.ts';
import type { AttributeChanges, Timestamp } from '../../filesystems/writer.ts';
import { ACL_ACCESS, ACL_DEFAULT } from '../acl.ts';
import { parseAcl, setAcl, type AclNames } from '../acl-parse.ts';
import { copyContent, replacing } from '../copy-content.ts';
import {
  makeDevice,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../../filesystems/mode.ts';
import { fail } from '../path-checks.ts';
import type { TreeWriter } from '../tree-writer.ts';
import type { FileRef, FileTree } from '../tree.ts';
import { ExtractPlaces, harmless, type Place } from './extract-places.ts';
import { TarReader, type TarMember } from './reader.ts';

/** How an archive is unpacked. */
export interface ExtractOptions {
  /** Restore extended attributes. */
  xattrs?: boolean;
  /** Restore SELinux labels. */
  selinux?: boolean;
  /** Restore ACLs. */
  acls?: boolean;
  /** Leave a symbolic link to a directory where the archive has a directory. */
  keepDirectoryLinks?: boolean;
  /** Ids of names in ACLs. */
  names?: AclNames;
  /** Hears of what is odd, one sentence each. */
  warn?: (message: string) => void;
  /** Called for every member and every piece of content: where a long run can be stopped. */
  tick?: () => void;
}

const SELINUX = 'security.selinux';
/** Content up to this size is written at once. */
const SMALL = 1024 * 1024;
const NOTHING = new Uint8Array(0);

const MODES = {
  file: S_IFREG,
  hardlink: S_IFREG,
  symlink: S_IFLNK,
  chardev: S_IFCHR,
  blockdev: S_IFBLK,
  directory: S_IFDIR,
  fifo: S_IFIFO,
} as const;

/**
 * Unpack an archive into a directory as GNU tar does that is run by root: owners by number, modes and times as they
 * were, files that are there replaced, directories merged. Members whose names lead out of the directory, and those
 * that would get out by a link of the archive, are left out; after all others are unpacked that is an error, EINVAL.
 * Returns how many members were unpacked.
 */
export function extractTar(
  tree: FileTree,
  writer: TreeWriter,
  directory: FileRef,
  archive: Iterable<Uint8Array>,
  options: ExtractOptions = {},
): number {
  return new Extractor(tree, writer, directory, options).run(archive);
}

class Extractor {
  readonly #tree: FileTree;
  readonly #writer: TreeWriter;
  readonly #target: FileRef;
  readonly #options: ExtractOptions;
  readonly #places: ExtractPlaces;
  /** Directories whose times are set when nothing more comes into them. */
  readonly #directories = new Map<string, { file: FileRef; mtime: Timestamp }>();
  /** False once the filesystem turned out to have no owners. */
  #owners = true;
  #refused: string | undefined;
  #count = 0;

  constructor(tree: FileTree, writer: TreeWriter, directory: FileRef, options: ExtractOptions) {
    this.#tree = tree;
    this.#writer = writer;
    this.#target = directory;
    this.#options = options;
    this.#places = new ExtractPlaces(tree, writer, directory);
  }

  run(archive: Iterable<Uint8Array>): number {
    const reader = new TarReader(archive, (message) => this.#options.warn?.(message));
    let member: TarMember | undefined;
    try {
      while ((member = reader.next()) !== undefined) {
        this.#options.tick?.();
        this.#extract(member, reader);
      }
    } catch (error) {
      if (this.#count > 0) {
        const last = member === undefined ? '' : `, at ${member.name}`;
        this.#options.warn?.(`${this.#count} members of the archive were unpacked before it failed${last}`);
      }
      throw error;
    } finally {
      this.#setTimes();
    }
    if (this.#refused !== undefined) throw new GuestfsError('EINVAL', this.#refused);
    return this.#count;
  }

  #refuse(why: string): void {
    this.#options.warn?.(why);
    this.#refused ??= why;
  }

  #extract(member: TarMember, reader: TarReader): void {
    const path = harmless(member.name);
    if (path === undefined) {
      this.#refuse(`${member.name} has .. in its name and was left out`);
      return;
    }
    if (path === '') {
      // The target directory itself.
      if (member.type === 'directory')
        this.#finish(member, this.#target, '', this.#tree.stat(this.#target).mode);
      return;
    }
    let place: Place;
    try {
      place = this.#places.place(path);
    } catch (error) {
      if (!(error instanceof GuestfsError) || !['ENOTDIR', 'ELOOP', 'ENOENT'].includes(error.code))
        throw error;
      this.#refuse(`${member.name} was left out: ${error.message}`);
      return;
    }
    this.#put(member, path, place, reader);
    this.#count++;
  }

  #put(member: TarMember, path: string, place: Place, reader: TarReader): void {
    const there = this.#tree.lookup(place.directory, place.name);
    switch (member.type) {
      case 'directory':
        this.#directory(member, path, place, there);
        return;
      case 'hardlink':
        this.#link(member, path, place, there);
        return;
      case 'file': {
        const whole = member.size === 0 ? NOTHING : reader.whole(SMALL);
        if (whole !== undefined && there === undefined) {
          this.#writer.together(place.directory, () => this.#small(member, path, place, whole));
        } else this.#file(member, place, this.#make(member, path, place, there), whole ?? reader);
        return;
      }
      case 'symlink': {
        if (member.link === '') throw fail('EINVAL', member.name, 'the archive has no target for this link');
        const make = (): FileRef => this.#make(member, path, place, there);
        this.#places.made(there === undefined ? this.#writer.together(place.directory, make) : make());
        return;
      }
      default:
        this.#make(member, path, place, there);
    }
  }

  #directory(member: TarMember, path: string, place: Place, there: FileRef | undefined): void {
    const mode = S_IFDIR | member.mode;
    if (there !== undefined) {
      let found = this.#tree.stat(there).mode;
      let file = there;
      if ((found & S_IFMT) === S_IFLNK && this.#options.keepDirectoryLinks) {
        const linked = this.#linkedDirectory(path);
        if (linked !== undefined) return;
      }
      if ((found & S_IFMT) !== S_IFDIR) {
        this.#remove(place, there, path);
        file = this.#writer.create(place.directory, place.name, { mode, ...this.#owner(member) });
        found = mode;
      }
      this.#places.isAt(path, file);
      this.#finish(member, file, path, found);
      return;
    }
    const file = this.#writer.create(place.directory, place.name, { mode, ...this.#owner(member) });
    this.#places.isAt(path, file);
    this.#finish(member, file, path, mode);
  }

  /** The directory that a link leads to; undefined where it leads to none or must not be followed. */
  #linkedDirectory(path: string): FileRef | undefined {
    try {
      return this.#places.place(`${path}/x`).directory;
    } catch (error) {
      if (error instanceof GuestfsError && ['ENOTDIR', 'ENOENT', 'ELOOP'].includes(error.code))
        return undefined;
      throw error;
    }
  }

  #link(member: TarMember, path: string, place: Place, there: FileRef | undefined): void {
    const targetPath = harmless(member.link);
    if (targetPath === undefined) {
      this.#refuse(`${member.name} is a link to ${member.link}, which has .. in it, and was left out`);
      return;
    }
    let target: FileRef | undefined;
    try {
      target = this.#places.find(targetPath);
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code === 'EIO') throw error;
    }
    if (target === undefined) {
      throw fail('ENOENT', member.name, `it is a link to ${member.link}, which is not there`);
    }
    if (there !== undefined) {
      const [a, b] = [this.#tree.stat(there), this.#tree.stat(target)];
      if (a.inode === b.inode && a.dev === b.dev) return;
      this.#remove(place, there, path);
    }
    try {
      this.#writer.link(place.directory, place.name, target);
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code !== 'EPERM') throw error;
      this.#options.warn?.(`${member.name} becomes a copy of ${member.link}: ${error.message}`);
      this.#copy(member, place, target);
    }
  }

  /** A file of its own in place of a second name, where a filesystem has no hard links. */
  #copy(member: TarMember, place: Place, target: FileRef): void {
    const { mode, size } = this.#tree.stat(target);
    const file = this.#writer.create(place.directory, place.name, { mode, ...this.#owner(member) });
    try {
      copyContent(this.#tree, this.#writer, target, file, size, () => this.#options.tick?.());
      this.#change(file, { mode: mode & 0o7777, mtime: member.mtime });
    } catch (error) {
      this.#writer.unlink(place.directory, place.name);
      throw error;
    }
  }

  /** Make what has no content yet, in place of what is there. */
  #make(member: TarMember, path: string, place: Place, there: FileRef | undefined): FileRef {
    if (there !== undefined) this.#remove(place, there, path);
    const type = MODES[member.type];
    const mode = type === S_IFLNK ? S_IFLNK | 0o777 : type | member.mode;
    const file = this.#writer.create(place.directory, place.name, {
      mode,
      ...this.#owner(member),
      ...(type === S_IFLNK ? { target: member.link } : {}),
      ...(type === S_IFCHR || type === S_IFBLK ? { rdev: makeDevice(member.major, member.minor) } : {}),
    });
    if (member.type !== 'file') this.#finish(member, file, path, mode);
    return file;
  }

  /** A new file with all its content. */
  #small(member: TarMember, path: string, place: Place, content: Uint8Array): void {
    this.#file(member, place, this.#make(member, path, place, undefined), content);
  }

  /** Fill a file that was just made; where that fails it is not left behind. */
  #file(member: TarMember, place: Place, file: FileRef, content: Uint8Array | TarReader): void {
    try {
      if (!(content instanceof Uint8Array)) this.#content(member, file, content);
      else if (content.length > 0) this.#writer.write(file, 0, content);
      this.#finish(member, file, '', S_IFREG | member.mode);
    } catch (error) {
      this.#writer.unlink(place.directory, place.name);
      throw error;
    }
  }

  #content(member: TarMember, file: FileRef, reader: TarReader): void {
    replacing(this.#writer, file, member.size, (content) =>
      reader.content({
        write: (piece) => {
          this.#options.tick?.();
          content.write(piece);
        },
        writeZeroes: (length) => content.writeZeroes(length),
      }),
    );
  }

  #remove(place: Place, there: FileRef, path: string): void {
    const mode = this.#tree.stat(there).mode & S_IFMT;
    if (mode === S_IFDIR) this.#writer.rmdir(place.directory, place.name);
    else this.#writer.unlink(place.directory, place.name);
    if (mode !== S_IFDIR && mode !== S_IFLNK) return;
    this.#directories.delete(path);
    this.#places.changed(path);
  }

  #owner({ uid, gid }: TarMember): { uid: number; gid: number } {
    return this.#owners ? { uid, gid } : { uid: 0, gid: 0 };
  }

  /** Owner, mode, attributes and times; of a directory the times come later. */
  #finish(member: TarMember, file: FileRef, path: string, mode: number): void {
    const directory = member.type === 'directory';
    const link = member.type === 'symlink';
    const hasAttributes =
      member.xattrs.length > 0 || member.selinux !== undefined || member.aclAccess !== undefined;
    if (hasAttributes) {
      // Capabilities and ACLs go where owner and mode change after them.
      this.#change(file, { uid: member.uid, gid: member.gid, ...(link ? {} : { mode: member.mode }) });
      this.#attributes(member, file, mode);
      if (!directory) this.#writer.setAttributes(file, { mtime: member.mtime });
    } else {
      this.#change(file, {
        uid: member.uid,
        gid: member.gid,
        ...(link ? {} : { mode: member.mode }),
        ...(directory ? {} : { mtime: member.mtime }),
      });
    }
    if (directory) this.#directories.set(path, { file, mtime: member.mtime });
  }

  /** A filesystem without owners and modes keeps what it can. */
  #change(file: FileRef, changes: AttributeChanges): void {
    if (this.#owners) {
      try {
        this.#writer.setAttributes(file, changes);
        return;
      } catch (error) {
        if (!(error instanceof GuestfsError) || (error.code !== 'EPERM' && error.code !== 'ENOTSUP'))
          throw error;
        this.#options.warn?.(`owners and special modes are not kept: ${error.message}`);
        this.#owners = false;
      }
    }
    const { mode, mtime } = changes;
    if (mode !== undefined) {
      try {
        this.#writer.setAttributes(file, { mode: mode & 0o777 });
      } catch (error) {
        // The kernel refuses for FAT every mode that differs in more than who may write.
        if (!(error instanceof GuestfsError) || error.code !== 'EPERM') throw error;
      }
    }
    if (mtime !== undefined) this.#writer.setAttributes(file, { mtime });
  }

  #attributes(member: TarMember, file: FileRef, mode: number): void {
    const { xattrs = false, selinux = false, acls = false } = this.#options;
    const set = (name: string, value: Uint8Array): void =>
      this.#tolerate(member, name, () => this.#writer.setXattr(file, name, value));
    if (xattrs) {
      for (const { name, value } of member.xattrs) {
        if (name !== ACL_ACCESS && name !== ACL_DEFAULT) set(name, value);
      }
    }
    if (selinux) {
      const label = member.selinux ?? member.xattrs.find(({ name }) => name === SELINUX)?.value;
      // Linux keeps labels with a NUL at their end.
      if (label !== undefined) set(SELINUX, label.at(-1) === 0 ? label : Uint8Array.of(...label, 0));
    }
    if (!acls || member.type === 'symlink') return;
    for (const [name, text] of [
      [ACL_ACCESS, member.aclAccess],
      [ACL_DEFAULT, member.aclDefault],
    ] as const) {
      if (text === undefined) continue;
      const value = parseAcl(text, this.#options.names ?? { user: () => undefined, group: () => undefined });
      const current = (mode & S_IFMT) | member.mode;
      this.#tolerate(member, name, () => setAcl(this.#writer, file, current, name, value));
    }
  }

  /** What a filesystem has no room for by its nature is left out with a warning, as GNU tar does. */
  #tolerate(member: TarMember, name: string, set: () => void): void {
    try {
      set();
    } catch (error) {
      if (!(error instanceof GuestfsError) || (error.code !== 'ENOTSUP' && error.code !== 'EPERM'))
        throw error;
      this.#options.warn?.(`${member.name}: the attribute ${name} cannot be set: ${error.message}`);
    }
  }

  #setTimes(): void {
    for (const { file, mtime } of this.#directories.values()) {
      try {
        this.#writer.setAttributes(file, { mtime });
      } catch (error) {
        // A later member replaced it.
        if (!(error instanceof GuestfsError)) throw error;
      }
    }
    this.#directories.clear();
  }
}
