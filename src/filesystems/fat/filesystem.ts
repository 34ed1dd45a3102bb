import type { BlockDevice } from '../../block/device.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import type { DirEntry, FileSystem, OpenFileSystemOptions, Stat, StatFs, Xattr } from '../filesystem.ts';
import { Claims } from '../claims.ts';
import { NameIndex } from '../name-index.ts';
import { ChainCache } from './chain.ts';
import {
  checkRange,
  clusterOffset,
  countDirectories,
  entries,
  type DirectoryContext,
  type FatEntry,
  type Place,
} from './directory.ts';
import { EntryReader, type EntryView } from './entry-reader.ts';
import { FIRST_CLUSTER, readGeometry, type Geometry } from './geometry.ts';
import { ATTR_DIRECTORY, ATTR_READ_ONLY, ENTRY, Entry } from './layout.ts';
import { folded } from './names.ts';
import { parseOptions, type FatOptions } from './options.ts';
import { DirectorySectors } from './sectors.ts';
import { FatTable } from './table.ts';
import { fatSeconds } from './times.ts';
import type { FatVolume, FileFacts } from './volume.ts';
import { WatchedDevice } from './watched-device.ts';
import { FatWriter } from './writer/index.ts';
import { S_IFDIR, S_IFREG } from '../mode.ts';

/** As Linux numbers it; the entry of every other file is farther from the start of the device. */
const ROOT_INODE = 1;
/** Linux gives this for vfat: 255 characters of up to 6 bytes. */
const NAME_MAX = 1530;
/** Link counts kept. */
const MAX_LINKS = 100_000;
const PROGRAM = /^(exe|com|bat)$/i;
const CLEAN_16 = 0x8000;
const CLEAN_32 = 0x08000000;

/** What is kept of the file that was read last. */
interface OpenFile extends FileFacts {
  inode: number;
}

/** FAT12, FAT16 and FAT32 with long names, as Linux shows it under the name vfat. */
export class FatFileSystem implements FileSystem {
  readonly type = 'vfat';
  readonly root = ROOT_INODE;
  readonly caseInsensitive = true;
  readonly geometry: Geometry;
  readonly #device: WatchedDevice;
  readonly #options: FatOptions;
  readonly #table: FatTable;
  readonly #chains: ChainCache;
  readonly #reader: EntryReader;
  readonly #context: DirectoryContext;
  readonly #names = new NameIndex();
  /** Which directory each cluster of a directory belongs to. */
  readonly #owners = new Claims('FAT');
  /** Link counts of directories, which take reading them. */
  readonly #links = new Map<number, number>();
  readonly #open: OpenFile = { inode: 0, isDirectory: false, first: 0, size: 0 };
  #statfs: StatFs | undefined;
  readonly #sectors: DirectorySectors;
  readonly #wasDirty: boolean;
  #writer: FatWriter | undefined;

  constructor(below: BlockDevice, options: OpenFileSystemOptions) {
    const warn = options.warn ?? ((): void => {});
    const device = new WatchedDevice(below);
    this.#device = device;
    this.#options = parseOptions(options.mountOptions ?? []);
    this.geometry = readGeometry(device);
    this.#table = new FatTable(device, this.geometry);
    this.#chains = new ChainCache(this.#table);
    this.#sectors = new DirectorySectors(device);
    this.#reader = new EntryReader(this.#sectors, this.geometry);
    this.#context = { device: this.#sectors, geometry: this.geometry, options: this.#options, warn };
    this.#wasDirty = this.#isDirty();
    if (this.#wasDirty) warn('the volume was not unmounted; some of its data may be lost or wrong');
  }

  lookup(directory: number, name: string): number {
    const names = this.#namesOf(directory);
    const wanted = folded(name);
    // Linux drops dots at the end of what is looked for.
    return names.get(wanted) ?? names.get(wanted.replace(/\.+$/, '')) ?? 0;
  }

  *readdir(directory: number): Generator<DirEntry> {
    for (const entry of entries(this.#context, this.#place(directory))) {
      yield {
        name: entry.name,
        inode: entry.offset / ENTRY,
        type: entry.isDirectory ? 'directory' : 'file',
      };
    }
  }

  stat(inode: number): Stat {
    if (inode === ROOT_INODE) return this.#rootStat();
    const { isDirectory, size: fileSize } = this.#file(inode);
    const place = isDirectory ? this.#place(inode) : null;
    const size = isDirectory ? this.#placeSize(place) : fileSize;
    const nlink = isDirectory ? this.#linkCount(inode, place) : 1;
    const { view, bytes, at } = this.#reader.get(inode);
    const { timeOffset, uid, gid } = this.#options;
    const written = fatSeconds(
      view.getUint16(at + Entry.DIR_WrtDate, true),
      view.getUint16(at + Entry.DIR_WrtTime, true),
      timeOffset,
    );
    const hundredths = bytes[at + Entry.DIR_CrtTimeTenth]!;
    const created = fatSeconds(
      view.getUint16(at + Entry.DIR_CrtDate, true),
      view.getUint16(at + Entry.DIR_CrtTime, true),
      timeOffset,
    );
    // One literal: a spread costs more than all the rest.
    return {
      inode,
      mode: this.#mode(bytes, at, isDirectory),
      nlink,
      uid,
      gid,
      rdev: 0,
      size,
      blockSize: this.geometry.clusterSize,
      blocks: this.#allocated(size),
      atime: fatSeconds(view.getUint16(at + Entry.DIR_LstAccDate, true), 0, timeOffset),
      atimeNsec: 0,
      mtime: written,
      mtimeNsec: 0,
      // Linux shows the time of writing here; of creation there is none in POSIX.
      ctime: written,
      ctimeNsec: 0,
      btime: created + Math.floor(hundredths / 100),
      btimeNsec: (hundredths % 100) * 10_000_000,
    };
  }

  read(inode: number, offset: number, into: Uint8Array): number {
    const file = this.#file(inode);
    if (file.isDirectory) {
      throw new GuestfsError('EISDIR', `inode ${inode} is a directory, it has no content to read`);
    }
    const length = Math.min(into.length, file.size - offset);
    if (length <= 0) return 0;
    if (!this.#isCluster(file.first)) {
      throw new CorruptError(
        'FAT directory entry',
        `a file of ${file.size} bytes starts at cluster ${file.first}, which is not of the data area`,
        { offset: inode * ENTRY },
      );
    }
    const { clusterSize } = this.geometry;
    const chain = this.#chains.get(file.first);
    for (let done = 0; done < length;) {
      const index = Math.floor((offset + done) / clusterSize);
      const inside = (offset + done) % clusterSize;
      const run = chain.locate(index, Math.ceil((inside + length - done) / clusterSize));
      if (run === null) {
        throw new CorruptError(
          'FAT',
          `the file at inode ${inode} has ${file.size} bytes, but its chain ends after ${index} clusters of ${clusterSize}`,
          { offset: inode * ENTRY },
        );
      }
      const from = clusterOffset(this.geometry, run.cluster) + inside;
      const part = Math.min(run.count * clusterSize - inside, length - done);
      checkRange(this.#device, from, part);
      this.#device.readAt(from, into.subarray(done, done + part));
      done += part;
    }
    return length;
  }

  readlink(inode: number): string {
    throw new GuestfsError('EINVAL', `inode ${inode} is no symbolic link; FAT has none`);
  }

  xattrs(_inode: number): Xattr[] {
    return [];
  }

  statfs(): StatFs {
    // What the information sector says of free clusters is often wrong: Linux counts them as well.
    this.#statfs ??= this.#countedStatFs();
    const free = this.#writer?.freeClusters() ?? this.#statfs.bfree;
    return { ...this.#statfs, bfree: free, bavail: free };
  }

  openWriter(): FatWriter {
    if (!this.#device.writable) {
      throw new GuestfsError('EROFS', 'the device of the FAT volume is read-only');
    }
    this.#writer ??= new FatWriter(this.#volume(), this.#device, (inode) => this.stat(inode).mode);
    return this.#writer;
  }

  close(): void {
    this.#writer?.close();
    this.#writer = undefined;
    this.#sectors.clear();
    this.#table.clear();
    this.#chains.clear();
    this.#reader.clear();
    this.#names.clear();
    this.#owners.clear();
    this.#links.clear();
    this.#open.inode = 0;
  }

  #volume(): FatVolume {
    return {
      device: this.#device,
      geometry: this.geometry,
      options: this.#options,
      table: this.#table,
      chains: this.#chains,
      sectors: this.#sectors,
      entries: this.#reader,
      context: this.#context,
      names: this.#names,
      root: ROOT_INODE,
      wasDirty: this.#wasDirty,
      file: (inode) => this.#file(inode),
      place: (inode) => this.#place(inode),
      lookup: (directory, name) => this.lookup(directory, name),
      namesOf: (directory) => this.#namesOf(directory),
      changed: (inode) => {
        this.#reader.forget(inode * ENTRY);
        if (this.#open.inode === inode) this.#open.inode = 0;
      },
      directoryChanged: (inode, moved) => {
        this.#links.delete(inode);
        if (!moved) return;
        this.#names.forget(inode);
        this.#owners.clear();
      },
    };
  }

  #namesOf(directory: number): ReadonlyMap<string, number> {
    const place = this.#place(directory);
    return this.#names.of(directory, () => comparedNames(entries(this.#context, place)));
  }

  #countedStatFs(): StatFs {
    const { clusterSize, clusterCount, serial } = this.geometry;
    const free = this.#table.countFree();
    return {
      bsize: clusterSize,
      frsize: clusterSize,
      blocks: clusterCount,
      bfree: free,
      bavail: free,
      files: 0,
      ffree: 0,
      favail: 0,
      fsid: serial,
      flag: 0,
      namemax: NAME_MAX,
    };
  }

  #isDirty(): boolean {
    if (this.geometry.dirty) return true;
    if (this.geometry.fatBits === 12) return false;
    return (this.#table.reserved() & (this.geometry.fatBits === 16 ? CLEAN_16 : CLEAN_32)) === 0;
  }

  #isCluster(number: number): boolean {
    return number >= FIRST_CLUSTER && number < this.geometry.clusterCount + FIRST_CLUSTER;
  }

  #mode(bytes: Uint8Array, at: number, isDirectory: boolean): number {
    const { fmask, dmask, showexec, rodir } = this.#options;
    const readOnly = (bytes[at + Entry.DIR_Attr]! & ATTR_READ_ONLY) !== 0 && (!isDirectory || rodir);
    let permissions = readOnly ? 0o555 : 0o777;
    if (isDirectory) return S_IFDIR | (permissions & ~dmask);
    const extension = String.fromCharCode(...bytes.subarray(at + 8, at + 11));
    if (showexec && !PROGRAM.test(extension)) permissions &= ~0o111;
    return S_IFREG | (permissions & ~fmask);
  }

  /** Space that a file of a size takes, in units of 512 bytes. */
  #allocated(size: number): number {
    const { clusterSize } = this.geometry;
    return Math.ceil(size / clusterSize) * (clusterSize / 512);
  }

  #rootStat(): Stat {
    const place = this.#place(ROOT_INODE);
    const { uid, gid, dmask } = this.#options;
    const size = this.#placeSize(place);
    return {
      inode: ROOT_INODE,
      mode: S_IFDIR | (0o777 & ~dmask),
      // The root has no `.` and `..` among its entries.
      nlink: this.#linkCount(ROOT_INODE, place) + 2,
      uid,
      gid,
      rdev: 0,
      size,
      blockSize: this.geometry.clusterSize,
      blocks: this.#allocated(size),
      atime: 0,
      atimeNsec: 0,
      mtime: 0,
      mtimeNsec: 0,
      ctime: 0,
      ctimeNsec: 0,
      btime: 0,
      btimeNsec: 0,
    };
  }

  #placeSize(place: Place): number {
    if (place === null) return 0;
    return 'offset' in place ? place.length : place.length() * this.geometry.clusterSize;
  }

  #linkCount(inode: number, place: Place): number {
    let count = this.#links.get(inode);
    if (count === undefined) {
      count = countDirectories(this.#context, place);
      if (this.#links.size >= MAX_LINKS) this.#links.clear();
      this.#links.set(inode, count);
    }
    return count;
  }

  #file(inode: number): OpenFile {
    const file = this.#open;
    if (file.inode === inode) return file;
    if (inode === ROOT_INODE) return { inode, isDirectory: true, first: this.geometry.rootCluster, size: 0 };
    const entry = this.#reader.get(inode);
    file.inode = inode;
    file.isDirectory = (entry.bytes[entry.at + Entry.DIR_Attr]! & ATTR_DIRECTORY) !== 0;
    file.first = this.#firstCluster(entry);
    file.size = entry.view.getUint32(entry.at + Entry.DIR_FileSize, true);
    return file;
  }

  #firstCluster({ view, at }: EntryView): number {
    const low = view.getUint16(at + Entry.DIR_FstClusLO, true);
    // The high half has other uses on FAT12 and FAT16.
    return this.geometry.fatBits === 32
      ? low + view.getUint16(at + Entry.DIR_FstClusHI, true) * 0x10000
      : low;
  }

  /** Where a directory's entries are; claims its clusters for it. */
  #place(inode: number): Place {
    const { rootCluster, rootOffset, rootLength } = this.geometry;
    if (inode === ROOT_INODE && rootCluster === 0) return { offset: rootOffset, length: rootLength };
    const file = this.#file(inode);
    if (!file.isDirectory) throw new GuestfsError('ENOTDIR', `inode ${inode} is a file, not a directory`);
    if (file.first === 0) return null;
    if (!this.#isCluster(file.first)) {
      throw new CorruptError(
        'FAT directory entry',
        `a directory starts at cluster ${file.first}, which is not of the data area`,
        { offset: inode * ENTRY },
      );
    }
    const chain = this.#chains.get(file.first);
    if (this.#owners.owner(file.first) !== inode) this.#claim(inode, chain);
    return chain;
  }

  /** Every cluster of a directory belongs to that one only; see {@link Claims}. */
  #claim(inode: number, chain: ReturnType<ChainCache['get']>): void {
    for (let index = 0; ;) {
      const run = chain.locate(index, Number.MAX_SAFE_INTEGER - index);
      if (run === null) return;
      for (let cluster = run.cluster; cluster < run.cluster + run.count; cluster++) {
        const owner = this.#owners.claim(cluster, inode);
        if (owner !== undefined) {
          throw new CorruptError(
            'FAT',
            `cluster ${cluster} is part of two directories, those of inodes ${owner} and ${inode}`,
            { offset: clusterOffset(this.geometry, cluster) },
          );
        }
      }
      index += run.count;
    }
  }
}

/** Long and short names of files, as they are compared. */
function* comparedNames(files: Iterable<FatEntry>): Generator<{ name: string; inode: number }> {
  for (const { name, alias, offset } of files) {
    const inode = offset / ENTRY;
    yield { name: folded(name), inode };
    if (alias !== '' && alias !== name) yield { name: folded(alias), inode };
  }
}
