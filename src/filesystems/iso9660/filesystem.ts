import type { BlockDevice } from '../../block/device.ts';
import { decodeText } from '../../bytes/text.ts';
import { CorruptError, GuestfsError, UnsupportedError } from '../../errors/index.ts';
import type {
  DirEntry,
  FileSystem,
  FileType,
  OpenFileSystemOptions,
  Stat,
  StatFs,
  Xattr,
} from '../filesystem.ts';
import { Claims } from '../claims.ts';
import { NameIndex } from '../name-index.ts';
import { FLAG_ASSOCIATED, FLAG_HIDDEN, FLAG_MULTI_EXTENT, Record } from './layout.ts';
import { folded, jolietName, plainName } from './names.ts';
import {
  dataStart,
  findRecord,
  INODE_UNIT,
  isDirectoryNode,
  readNode,
  rockEntries,
  selfRecord,
  type Node,
  type Volume,
} from './nodes.ts';
import { parseOptions } from './options.ts';
import { isDirectory, isSelfOrParent, recordAt, records, systemUse, type DirectoryRecord } from './record.ts';
import { rockRidgeName, rockRidgeType } from './rock-ridge.ts';
import { Sectors } from './sectors.ts';
import { signature, systemUseEntries } from './susp.ts';
import { blockSizeOf, readDescriptors, type Descriptor } from './volume.ts';
import { ZisofsReader } from './zisofs.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../mode.ts';

/** What Linux reads discs in, whatever their logical blocks. */
const PREFERRED_SIZE = 2048;
const SP = signature('SP');
/** Files kept, and places of records kept. */
const MAX_NODES = 2048;
const MAX_PLACES = 200_000;

const TYPES: Readonly<Record<number, FileType>> = {
  [S_IFIFO]: 'fifo',
  [S_IFCHR]: 'chardev',
  [S_IFDIR]: 'directory',
  [S_IFBLK]: 'blockdev',
  [S_IFREG]: 'file',
  [S_IFLNK]: 'symlink',
  [S_IFSOCK]: 'socket',
};

/** Which of the disc's trees is shown, in order of preference. */
export type IsoExtension = 'rock-ridge' | 'joliet' | 'none';

/** ISO 9660 with Rock Ridge or Joliet, as the isofs driver of Linux shows it. */
export class IsoFileSystem implements FileSystem {
  readonly type = 'iso9660';
  readonly root: number;
  readonly caseInsensitive: boolean;
  readonly extension: IsoExtension;
  readonly #descriptor: Descriptor;
  readonly #volume: Volume;
  readonly #warn: (message: string) => void;
  readonly #names = new NameIndex();
  readonly #nodes = new Map<number, Node>();
  /** Byte offsets of records, by inode; of directories that of their record in their parent. */
  readonly #places = new Map<number, number>();
  /** Which record names each directory, by its inode. */
  readonly #parents = new Claims('ISO 9660');
  /** Which directory each logical block of directories belongs to. */
  readonly #owners = new Claims('ISO 9660');
  #zisofs: { inode: number; reader: ZisofsReader } | undefined;

  constructor(device: BlockDevice, options: OpenFileSystemOptions) {
    const isoOptions = parseOptions(options.mountOptions ?? []);
    const { primary, joliet } = readDescriptors(device, isoOptions.session);
    this.#warn = options.warn ?? ((): void => {});
    const sectors = new Sectors(device);
    const open = (descriptor: Descriptor, rock: boolean, skip: number): Volume => ({
      sectors,
      blockSize: blockSizeOf(descriptor),
      options: isoOptions,
      rock,
      skip,
    });
    const wantsJoliet = joliet !== undefined && isoOptions.joliet;
    let skip: number | null = null;
    if (primary !== undefined && isoOptions.rock) skip = findSharingProtocol(open(primary, true, 0), primary);
    if (wantsJoliet && (primary === undefined || skip === null)) {
      this.extension = 'joliet';
      this.#descriptor = joliet;
      this.#volume = open(joliet, false, 0);
    } else if (primary !== undefined) {
      this.extension = skip === null ? 'none' : 'rock-ridge';
      this.#descriptor = primary;
      // Linux looks for Rock Ridge's entries even where the disc does not announce them.
      this.#volume = open(primary, isoOptions.rock, skip ?? 0);
    } else {
      throw new GuestfsError(
        'EINVAL',
        'the disc has a Joliet tree only, and the mount options leave that out',
      );
    }
    this.caseInsensitive = isoOptions.relaxed ?? this.extension === 'joliet';
    const start = dataStart(this.#volume, { offset: 0, bytes: this.#descriptor.root_directory_record });
    selfRecord(this.#volume, start);
    this.root = start / INODE_UNIT;
    this.#parents.claim(this.root, -1);
  }

  lookup(directory: number, name: string): number {
    const node = this.#directory(directory);
    const compared = (text: string): string => (this.caseInsensitive ? folded(text) : text);
    const names = this.#names.of(directory, () => this.#comparedNames(node, compared));
    return names.get(compared(name)) ?? 0;
  }

  readdir(directory: number): Iterable<DirEntry> {
    return this.#entries(this.#directory(directory));
  }

  stat(inode: number): Stat {
    const node = this.#node(inode);
    return {
      inode,
      mode: node.mode,
      nlink: node.nlink,
      uid: node.uid,
      gid: node.gid,
      rdev: node.rdev,
      size: node.size,
      blockSize: PREFERRED_SIZE,
      blocks: node.blocks,
      atime: node.atime.seconds,
      atimeNsec: node.atime.nanoseconds,
      mtime: node.mtime.seconds,
      mtimeNsec: node.mtime.nanoseconds,
      ctime: node.ctime.seconds,
      ctimeNsec: node.ctime.nanoseconds,
    };
  }

  read(inode: number, offset: number, into: Uint8Array): number {
    const node = this.#node(inode);
    const kind = node.mode & S_IFMT;
    if (kind === S_IFDIR)
      throw new GuestfsError('EISDIR', `inode ${inode} is a directory, it has no content to read`);
    if (kind !== S_IFREG) throw new GuestfsError('EINVAL', `inode ${inode} is no regular file`);
    if (node.unreadable !== undefined) {
      throw new UnsupportedError(`the file at inode ${inode} cannot be read: ${node.unreadable}`, {
        structure: 'iso9660 directory record',
        offset: inode * INODE_UNIT,
      });
    }
    if (node.zisofs === undefined) return this.#readStored(node, offset, into);
    if (this.#zisofs?.inode !== inode) {
      const reader = new ZisofsReader(node.zisofs, (at, part) => this.#readStored(node, at, part));
      this.#zisofs = { inode, reader };
    }
    return this.#zisofs.reader.read(offset, into);
  }

  readlink(inode: number): string {
    const node = this.#node(inode);
    if ((node.mode & S_IFMT) !== S_IFLNK || node.target === undefined) {
      throw new GuestfsError('EINVAL', `inode ${inode} is no symbolic link`);
    }
    return decodeText(node.target);
  }

  xattrs(inode: number): Xattr[] {
    this.#node(inode);
    return [];
  }

  statfs(): StatFs {
    const { volume_space_size: blocks } = this.#descriptor;
    return {
      bsize: PREFERRED_SIZE,
      frsize: PREFERRED_SIZE,
      blocks: Math.floor((blocks * this.#volume.blockSize) / PREFERRED_SIZE),
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      favail: 0,
      fsid: 0,
      flag: 0,
      namemax: 255,
    };
  }

  close(): void {
    this.#volume.sectors.clear();
    this.#names.clear();
    this.#nodes.clear();
    this.#places.clear();
    this.#owners.clear();
    this.#zisofs = undefined;
  }

  #node(inode: number): Node {
    let node = this.#nodes.get(inode);
    if (node === undefined) {
      const place = this.#places.get(inode);
      const record =
        (place === undefined ? null : recordAt(this.#volume.sectors, place)) ?? this.#find(inode);
      node = readNode(this.#volume, inode, record);
      if (this.#nodes.size >= MAX_NODES) this.#nodes.delete(this.#nodes.keys().next().value!);
      this.#nodes.set(inode, node);
    }
    return node;
  }

  #find(inode: number): DirectoryRecord {
    // A directory's number is where its extent begins; its own record is there.
    return this.#parents.owner(inode) !== undefined
      ? selfRecord(this.#volume, inode * INODE_UNIT)
      : findRecord(this.#volume, inode);
  }

  #directory(inode: number): Node {
    const node = this.#node(inode);
    if (!isDirectoryNode(node)) throw new GuestfsError('ENOTDIR', `inode ${inode} is not a directory`);
    return node;
  }

  *#comparedNames(
    directory: Node,
    compared: (text: string) => string,
  ): Generator<{ name: string; inode: number }> {
    for (const { name, inode } of this.#entries(directory)) yield { name: compared(name), inode };
  }

  *#entries(directory: Node): Generator<DirEntry> {
    const { options, sectors } = this.#volume;
    let first: DirectoryRecord | undefined;
    for (const { start, length } of directory.sections) {
      for (const record of records(sectors, start, length)) {
        this.#claim(directory.inode, record.offset);
        if (isSelfOrParent(record)) continue;
        // A file of several extents has the number of its first record, and the name of its last.
        first ??= record;
        const flags = record.bytes[Record.flags]!;
        if ((flags & FLAG_MULTI_EXTENT) !== 0) continue;
        const inode = this.#inodeOf(first);
        first = undefined;
        if (options.hide && (flags & FLAG_HIDDEN) !== 0) continue;
        if (!options.showAssociated && (flags & FLAG_ASSOCIATED) !== 0) continue;
        const entry = this.#entry(record, inode);
        if (entry !== null) yield entry;
      }
    }
  }

  #entry(record: DirectoryRecord, inode: number): DirEntry | null {
    const { rock, options } = this.#volume;
    let name: string | undefined;
    let type: FileType = isDirectory(record) ? 'directory' : 'file';
    if (rock) {
      const entries = rockEntries(this.#volume, record);
      const found = rockRidgeName(entries);
      if (found.hidden) return null;
      if (found.name !== null) name = decodeText(found.name);
      type = TYPES[rockRidgeType(entries) ?? -1] ?? type;
    }
    name ??= this.extension === 'joliet' ? jolietName(record) : plainName(record, options.map);
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
      this.#warn(`the record at byte ${record.offset} has a name that no path can hold and is left out`);
      return null;
    }
    return { name, inode, type };
  }

  /**
   * Number of the file of a record. A directory has that of its extent, unless another record names it already: then
   * this one is numbered as a file is, and listing it fails.
   */
  #inodeOf(record: DirectoryRecord): number {
    const { offset } = record;
    if (isDirectory(record)) {
      const inode = dataStart(this.#volume, record) / INODE_UNIT;
      const parent = this.#parents.owner(inode);
      if (parent === undefined) this.#parents.claim(inode, offset);
      if (parent === undefined || parent === offset) return inode;
    }
    const inode = Math.floor(offset / INODE_UNIT);
    if (this.#places.size >= MAX_PLACES) this.#places.clear();
    this.#places.set(inode, offset);
    return inode;
  }

  /** Every block of a directory belongs to that one only; see {@link Claims}. */
  #claim(inode: number, offset: number): void {
    const block = Math.floor(offset / this.#volume.blockSize);
    const owner = this.#owners.claim(block, inode);
    if (owner === undefined) return;
    throw new CorruptError(
      'iso9660 directory',
      `block ${block} is part of two directories, those of inodes ${owner} and ${inode}`,
      { offset },
    );
  }

  #readStored(node: Node, offset: number, into: Uint8Array): number {
    let done = 0;
    let sectionStart = 0;
    for (const { start, length } of node.sections) {
      const inside = offset + done - sectionStart;
      sectionStart += length;
      if (inside >= length) continue;
      const part = Math.min(length - inside, into.length - done);
      if (part <= 0) break;
      const from = start + inside;
      const { device } = this.#volume.sectors;
      if (from + part > device.size) {
        throw new CorruptError(
          'iso9660 directory record',
          `the file at inode ${node.inode} goes on to byte ${start + length}, the device has ${device.size}`,
          { offset: node.inode * INODE_UNIT },
        );
      }
      device.readAt(from, into.subarray(done, done + part));
      done += part;
    }
    return done;
  }
}

/**
 * The SP entry in the record of the root directory (SUSP 5.3), which says that system use areas are to be read and
 * from which byte on; null where there is none. On discs for XA 14 bytes precede it.
 */
function findSharingProtocol(volume: Volume, descriptor: Descriptor): number | null {
  const start = dataStart(volume, { offset: 0, bytes: descriptor.root_directory_record });
  const area = systemUse(selfRecord(volume, start));
  for (const before of [0, 14]) {
    for (const { signature: letters, bytes } of systemUseEntries(
      volume.sectors,
      volume.blockSize,
      area,
      before,
    )) {
      if (letters === SP && bytes.length >= 7 && bytes[4] === 0xbe && bytes[5] === 0xef) return bytes[6]!;
    }
  }
  return null;
}
