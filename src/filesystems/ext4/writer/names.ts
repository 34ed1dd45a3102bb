import { encodeText } from '../../../bytes/text.ts';
import { GuestfsError } from '../../../errors/index.ts';
import type { NewFile } from '../../writer.ts';
import { RO_COMPAT_DIR_NLINK, RO_COMPAT_PROJECT } from '../features.ts';
import type { InodeView } from '../inodes.ts';
import {
  I_BLOCK_SIZE,
  INODE_CASEFOLD,
  INODE_EXTENTS,
  INODE_INDEX,
  Inode,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../layout.ts';
import {
  flagsOf,
  groupOf,
  LINK_MAX,
  linksOf,
  modeOf,
  projectOf,
  setFlagsOf,
  setLinksOf,
  stampContent,
} from './fields.ts';
import { INODE_APPEND, INODE_IMMUTABLE, INODE_PROJINHERIT } from './flags.ts';
import type { Removal } from './removal.ts';
import type { WriterSession } from './session.ts';
import { writeTime } from './times.ts';
import { deviceMajor, deviceMinor } from '../../mode.ts';

const S_ISGID = 0o2000;

/** `file_type` of struct ext4_dir_entry_2, by the type bits of a mode. */
const ENTRY_TYPES: Readonly<Record<number, number>> = {
  [S_IFREG]: 1,
  [S_IFDIR]: 2,
  [S_IFCHR]: 3,
  [S_IFBLK]: 4,
  [S_IFIFO]: 5,
  [S_IFSOCK]: 6,
  [S_IFLNK]: 7,
};

function entryType(mode: number): number {
  return ENTRY_TYPES[mode & S_IFMT] ?? 0;
}

function isDirectory(inode: InodeView): boolean {
  return (modeOf(inode) & S_IFMT) === S_IFDIR;
}

/** Names: making, linking, moving and removing them, each in one operation. */
export class NameWriter {
  readonly #session: WriterSession;
  readonly #removal: Removal;

  constructor(session: WriterSession, removal: Removal) {
    this.#session = session;
    this.#removal = removal;
  }

  #assertMayAdd(directory: number): void {
    if (flagsOf(this.#session.core.inodes.read(directory)) & INODE_IMMUTABLE) {
      throw new GuestfsError(
        'EPERM',
        `directory ${directory} is immutable (chattr +i): no name can be added`,
      );
    }
  }

  #assertMayRemove(directory: number, name: string, number: number): void {
    const { inodes } = this.#session.core;
    const flags = flagsOf(inodes.read(directory));
    if (flags & (INODE_IMMUTABLE | INODE_APPEND)) {
      throw new GuestfsError(
        'EPERM',
        `directory ${directory} is immutable or append-only: ${name} stays in it`,
      );
    }
    if (flagsOf(inodes.read(number)) & (INODE_IMMUTABLE | INODE_APPEND)) {
      throw new GuestfsError(
        'EPERM',
        `${name} (inode ${number}) is immutable or append-only (lsattr shows i or a)`,
      );
    }
  }

  #find(directory: number, name: string): number {
    const number = this.#session.directories.lookup(directory, name);
    if (number === 0) throw new GuestfsError('ENOENT', `directory ${directory} has no ${name}`);
    return number;
  }

  /** A name of a directory came or went. */
  #stamp(directory: number): InodeView {
    const { core } = this.#session;
    const inode = core.inodes.change(directory);
    stampContent(inode, core.store.now(), core.geometry);
    return inode;
  }

  #stampChange(inode: InodeView): void {
    const { core } = this.#session;
    writeTime(inode, 'ctime', core.store.now(), core.geometry);
  }

  /** One more subdirectory. What cannot count them says 1. */
  #addSubdirectory(directory: number): void {
    const { core } = this.#session;
    const inode = core.inodes.change(directory);
    const links = linksOf(inode);
    if (links === 1) return;
    if (links + 1 < LINK_MAX) {
      setLinksOf(inode, links + 1);
      return;
    }
    if ((flagsOf(inode) & INODE_INDEX) === 0 || (core.geometry.roCompat & RO_COMPAT_DIR_NLINK) === 0) {
      throw new GuestfsError('EMLINK', `directory ${directory} has ${links} links already`);
    }
    setLinksOf(inode, 1);
  }

  #removeSubdirectory(directory: number): void {
    const inode = this.#session.core.inodes.change(directory);
    const links = linksOf(inode);
    if (links > 2) setLinksOf(inode, links - 1);
  }

  create(directory: number, name: string, file: NewFile): number {
    return this.#session.run(() => {
      const { core, directories, attributes } = this.#session;
      this.#assertMayAdd(directory);
      if (directories.lookup(directory, name) !== 0) {
        throw new GuestfsError('EEXIST', `directory ${directory} has a ${name} already`);
      }
      let { mode, gid } = file;
      const type = mode & S_IFMT;
      const parent = core.inodes.read(directory);
      if (modeOf(parent) & S_ISGID) {
        gid = groupOf(parent);
        if (type === S_IFDIR) mode |= S_ISGID;
      }
      const number = core.inodes.allocate(directory, mode, file.uid, gid);
      setLinksOf(core.inodes.change(number), type === S_IFDIR ? 2 : 1);
      if (type === S_IFLNK) this.#setTarget(number, file.target ?? '');
      else if (type === S_IFCHR || type === S_IFBLK) setDevice(core.inodes.change(number), file.rdev ?? 0);
      if (type !== S_IFLNK) {
        const inherited = attributes.inherit(directory, number, mode);
        const inode = core.inodes.change(number);
        inode.view.setUint16(inode.base + Inode.i_mode, inherited, true);
      }
      if (type === S_IFDIR) {
        directories.initialise(number, directory);
        this.#addSubdirectory(directory);
      }
      directories.insert(directory, name, number, entryType(mode));
      this.#stamp(directory);
      return number;
    }, 'added');
  }

  /** A short target lies in the inode, a longer one in a block. */
  #setTarget(number: number, text: string): void {
    const { core } = this.#session;
    const target = encodeText(text);
    const { blockSize } = core.geometry;
    if (target.length === 0) throw new GuestfsError('ENOENT', 'the target of a symbolic link is empty');
    if (target.length >= blockSize) {
      throw new GuestfsError(
        'ENAMETOOLONG',
        `the target of a symbolic link has ${target.length} bytes, expected less than ${blockSize}`,
      );
    }
    const inode = core.inodes.change(number);
    inode.view.setUint32(inode.base + Inode.i_size_lo, target.length, true);
    if (target.length < I_BLOCK_SIZE) {
      setFlagsOf(inode, flagsOf(inode) & ~INODE_EXTENTS);
      inode.bytes.fill(0, inode.base + Inode.i_block, inode.base + Inode.i_block + I_BLOCK_SIZE);
      inode.bytes.set(target, inode.base + Inode.i_block);
    } else {
      core.files.grow(number, 0).bytes.set(target);
    }
  }

  link(directory: number, name: string, number: number): void {
    this.#session.run(() => {
      const { core, directories } = this.#session;
      this.#assertMayAdd(directory);
      const flags = flagsOf(core.inodes.read(number));
      if (flags & (INODE_IMMUTABLE | INODE_APPEND)) {
        throw new GuestfsError('EPERM', `inode ${number} is immutable or append-only: it gets no more names`);
      }
      if (directories.lookup(directory, name) !== 0) {
        throw new GuestfsError('EEXIST', `directory ${directory} has a ${name} already`);
      }
      this.#assertSameProject(directory, number);
      const inode = core.inodes.change(number);
      const links = linksOf(inode);
      const mode = modeOf(inode);
      if (links >= LINK_MAX) throw new GuestfsError('EMLINK', `inode ${number} has ${links} links already`);
      if (links === 0) throw new GuestfsError('ENOENT', `inode ${number} is deleted`);
      setLinksOf(inode, links + 1);
      this.#stampChange(inode);
      directories.insert(directory, name, number, entryType(mode));
      this.#stamp(directory);
    }, 'added');
  }

  unlink(directory: number, name: string): void {
    const rest = this.#session.run(() => {
      const number = this.#find(directory, name);
      this.#assertMayRemove(directory, name, number);
      this.#session.directories.remove(directory, name);
      this.#stamp(directory);
      return this.#unlinked(number);
    }, 'removed');
    if (rest !== 0) this.#removal.proceed(rest);
  }

  /** A name of what is no directory went; returns the inode if there is more to free of it. */
  #unlinked(number: number): number {
    const inode = this.#session.core.inodes.change(number);
    const links = linksOf(inode);
    setLinksOf(inode, Math.max(0, links - 1));
    this.#stampChange(inode);
    if (links > 1) return 0;
    return this.#removal.start(number) ? 0 : number;
  }

  rmdir(directory: number, name: string): void {
    const rest = this.#session.run(() => {
      const number = this.#find(directory, name);
      this.#assertMayRemove(directory, name, number);
      this.#assertEmpty(number, name);
      this.#session.directories.remove(directory, name);
      this.#removeSubdirectory(directory);
      this.#stamp(directory);
      return this.#unlinkedDirectory(number);
    }, 'removed');
    if (rest !== 0) this.#removal.proceed(rest);
  }

  #assertEmpty(number: number, name: string): void {
    if (!this.#session.directories.isEmpty(number)) {
      throw new GuestfsError('ENOTEMPTY', `directory ${name} (inode ${number}) is not empty`);
    }
  }

  #unlinkedDirectory(number: number): number {
    const inode = this.#session.core.inodes.change(number);
    setLinksOf(inode, 0);
    this.#stampChange(inode);
    return this.#removal.start(number) ? 0 : number;
  }

  rename(fromDirectory: number, fromName: string, toDirectory: number, toName: string): void {
    if (!this.#session.atomic && this.#renameInSteps(fromDirectory, fromName, toDirectory, toName)) return;
    const rest = this.#session.run(() => {
      const { core, directories } = this.#session;
      const number = this.#find(fromDirectory, fromName);
      this.#assertMayRemove(fromDirectory, fromName, number);
      this.#assertMayAdd(toDirectory);
      this.#assertSameProject(toDirectory, number);
      const replaced = directories.lookup(toDirectory, toName);
      const moved = core.inodes.read(number);
      const mode = modeOf(moved);
      const moving = isDirectory(moved);
      if (replaced === number) {
        // Two names of one file stay as they are; another spelling of the one name is a change.
        const folds = flagsOf(core.inodes.read(toDirectory)) & INODE_CASEFOLD;
        if (!folds || fromDirectory !== toDirectory || fromName === toName) return 0;
        directories.remove(fromDirectory, fromName);
        if (directories.lookup(toDirectory, toName) === 0)
          directories.insert(toDirectory, toName, number, entryType(mode));
        this.#stamp(toDirectory);
        return 0;
      }
      if (replaced !== 0) {
        this.#assertMayRemove(toDirectory, toName, replaced);
        if (moving) this.#assertEmpty(replaced, toName);
        directories.replace(toDirectory, toName, number, entryType(mode));
      } else {
        directories.insert(toDirectory, toName, number, entryType(mode));
      }
      directories.remove(fromDirectory, fromName);
      if (moving && replaced !== 0) this.#removeSubdirectory(toDirectory);
      if (moving && fromDirectory !== toDirectory) {
        directories.setParent(number, toDirectory);
        this.#removeSubdirectory(fromDirectory);
        this.#addSubdirectory(toDirectory);
      }
      this.#stamp(fromDirectory);
      this.#stamp(toDirectory);
      this.#stampChange(core.inodes.change(number));
      if (replaced === 0) return 0;
      return moving ? this.#unlinkedDirectory(replaced) : this.#unlinked(replaced);
    });
    if (rest !== 0) this.#removal.proceed(rest);
  }

  /**
   * A rename where a cut may leave a part of what was done: the new name first, then `..`, then the old name goes. False
   * where both names are of one file, which is another spelling at most.
   */
  #renameInSteps(fromDirectory: number, fromName: string, toDirectory: number, toName: string): boolean {
    const { core, directories } = this.#session;
    const number = this.#find(fromDirectory, fromName);
    const replaced = directories.lookup(toDirectory, toName);
    if (replaced === number) return false;
    const mode = modeOf(core.inodes.read(number));
    const moving = isDirectory(core.inodes.read(number));
    const moved = moving && fromDirectory !== toDirectory;
    this.#session.run(() => {
      this.#assertMayRemove(fromDirectory, fromName, number);
      this.#assertMayAdd(toDirectory);
      this.#assertSameProject(toDirectory, number);
      if (replaced !== 0) {
        this.#assertMayRemove(toDirectory, toName, replaced);
        if (moving) this.#assertEmpty(replaced, toName);
        directories.replace(toDirectory, toName, number, entryType(mode));
      } else directories.insert(toDirectory, toName, number, entryType(mode));
      if (moved) this.#addSubdirectory(toDirectory);
      this.#stamp(toDirectory);
      const inode = core.inodes.change(number);
      // Both names count while both are there.
      if (!moving) setLinksOf(inode, linksOf(inode) + 1);
      this.#stampChange(inode);
    }, 'added');
    this.#session.commit();
    if (moved) {
      this.#session.run(() => directories.setParent(number, toDirectory), 'added');
      this.#session.commit();
    }
    const rest = this.#session.run(() => {
      directories.remove(fromDirectory, fromName);
      if (!moving) {
        const inode = core.inodes.change(number);
        setLinksOf(inode, linksOf(inode) - 1);
      }
      if (moved) this.#removeSubdirectory(fromDirectory);
      if (moving && replaced !== 0) this.#removeSubdirectory(toDirectory);
      this.#stamp(fromDirectory);
      if (replaced === 0) return 0;
      return moving ? this.#unlinkedDirectory(replaced) : this.#unlinked(replaced);
    }, 'removed');
    if (rest !== 0) this.#removal.proceed(rest);
    return true;
  }

  /** A directory that gives its project to what is in it takes nothing of another project. */
  #assertSameProject(directory: number, number: number): void {
    const { core } = this.#session;
    if ((core.geometry.roCompat & RO_COMPAT_PROJECT) === 0) return;
    const parent = core.inodes.read(directory);
    if ((flagsOf(parent) & INODE_PROJINHERIT) === 0) return;
    const project = projectOf(parent, core.geometry);
    const own = projectOf(core.inodes.read(number), core.geometry);
    if (own !== project) {
      throw new GuestfsError(
        'EXDEV',
        `inode ${number} is of project ${own}, directory ${directory} of ${project}`,
      );
    }
  }
}

/** Set the number of a device node, given in the encoding of makedev(3): the old form where it fits. */
function setDevice({ view, base }: InodeView, rdev: number): void {
  const major = deviceMajor(rdev);
  const minor = deviceMinor(rdev);
  const at = base + Inode.i_block;
  if (major < 256 && minor < 256) {
    view.setUint32(at, (major << 8) | minor, true);
    view.setUint32(at + 4, 0, true);
  } else {
    if (major > 0xfff || minor > 0xfffff) {
      throw new GuestfsError(
        'EINVAL',
        `device ${major}:${minor} is beyond what an inode can hold (4095:1048575)`,
      );
    }
    view.setUint32(at, 0, true);
    view.setUint32(at + 4, ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0, true);
  }
}
