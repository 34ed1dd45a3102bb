import type { DirectorySectors } from '../sectors.ts';
import { SECTOR } from '../sectors.ts';
import { latin1 } from '../../../bytes/text.ts';
import { divideUp } from '../../../bytes/round.ts';
import { clusterOffset } from '../directory.ts';
import type { Geometry } from '../geometry.ts';
import {
  ATTR_DIRECTORY,
  ATTR_LONG_NAME,
  ATTR_VOLUME_ID,
  DELETED,
  ENTRY,
  Entry,
  LAST_LONG_ENTRY,
  LongEntry,
} from '../layout.ts';
import { isDots } from '../long-name.ts';
import { shortName, shortNameChecksum } from '../names.ts';
import type { FatOptions } from '../options.ts';
import { isFree, setFirstCluster } from '../writer/new-entry.ts';
import type { ChainCheck } from './chains.ts';
import type { ProblemList } from './report.ts';

/** A directory that waits for its turn. */
export interface PendingDirectory {
  path: string;
  /** First cluster, 0 for the root. */
  first: number;
  /** What its `..` must name. */
  parent: number;
  /** Byte ranges of its entries. */
  ranges: { offset: number; length: number }[];
}

/** What checks a directory. */
export interface DirectoryParts {
  geometry: Geometry;
  sectors: DirectorySectors;
  chains: ChainCheck;
  problems: ProblemList;
  options: FatOptions;
}

const NAME_LENGTH = Entry.DIR_Attr;
const SPACE = 0x20;
const DOT = 0x2e;
/** What a short name may not hold, beside what is below a space. */
const FORBIDDEN = new Set(Array.from('*?<>|":/\\.,;+=[]', (character) => character.charCodeAt(0)));

/** Checks the entries of one directory, and takes the chains that they name. */
export class DirectoryCheck {
  readonly #parts: DirectoryParts;
  readonly #directory: PendingDirectory;
  readonly #names = new Set<string>();
  /** Offsets of the parts of a long name that wait for their short one, and what they say. */
  #long: number[] = [];
  #order = 0;
  #checksum = 0;
  #renamed = 0;

  constructor(parts: DirectoryParts, directory: PendingDirectory) {
    this.#parts = parts;
    this.#directory = directory;
  }

  /** Returns the directories in it. */
  run(): { directories: PendingDirectory[]; files: number } {
    const { sectors } = this.#parts;
    const { ranges, path } = this.#directory;
    const directories: PendingDirectory[] = [];
    let files = 0;
    let slot = 0;
    const bytes = new Uint8Array(SECTOR);
    for (const { offset, length } of ranges) {
      for (let start = offset; start < offset + length; start += SECTOR) {
        sectors.readAt(start, bytes);
        for (let at = 0; at < SECTOR; at += ENTRY, slot++) {
          if (path !== '' && slot < 2) this.#checkDots(bytes, at, start + at, slot);
          else if (this.#isFile(bytes, at, start + at)) {
            files++;
            const inner = this.#checkEntry(bytes, at, start + at);
            if (inner !== undefined) directories.push(inner);
          }
        }
      }
    }
    this.#dropLong();
    return { directories, files };
  }

  /** Puts long names together; true for the short entry of a file. */
  #isFile(bytes: Uint8Array, at: number, offset: number): boolean {
    if (isFree(bytes, at)) {
      this.#dropLong();
      return false;
    }
    const attributes = bytes[at + Entry.DIR_Attr]!;
    if (attributes === ATTR_LONG_NAME) {
      const order = bytes[at + LongEntry.LDIR_Ord]!;
      const checksum = bytes[at + LongEntry.LDIR_Chksum]!;
      const number = order & ~LAST_LONG_ENTRY;
      if ((order & LAST_LONG_ENTRY) !== 0) this.#dropLong();
      else if (number !== this.#order - 1 || number === 0 || checksum !== this.#checksum) {
        this.#dropLong();
        this.#long.push(offset);
        this.#dropLong();
        return false;
      }
      this.#long.push(offset);
      this.#order = number;
      this.#checksum = checksum;
      return false;
    }
    const belongs = this.#order === 1 && this.#checksum === shortNameChecksum(bytes, at);
    if (!belongs) this.#dropLong();
    if ((attributes & ATTR_VOLUME_ID) !== 0) {
      this.#dropLong();
      return false;
    }
    return true;
  }

  #dropLong(): void {
    if (this.#long.length > 0) {
      this.#parts.problems.add(
        'long-name',
        `${this.#directory.path || '/'}: ${this.#long.length} parts of a long name at byte ${this.#long[0]} belong to no file`,
      );
      for (const offset of this.#long) this.#sector(offset)[offset % SECTOR] = DELETED;
    }
    this.#forgetLong();
  }

  #forgetLong(): void {
    this.#long = [];
    this.#order = 0;
  }

  #checkEntry(bytes: Uint8Array, at: number, offset: number): PendingDirectory | undefined {
    const { geometry, chains, problems, options } = this.#parts;
    const shown = shortName(bytes, at, 0, options);
    const path = `${this.#directory.path}/${shown}`;
    this.#checkName(bytes, at, offset, path);
    this.#forgetLong();
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, ENTRY);
    const high = geometry.fatBits === 32 ? view.getUint16(Entry.DIR_FstClusHI, true) : 0;
    const first = high * 0x10000 + view.getUint16(Entry.DIR_FstClusLO, true);
    const size = view.getUint32(Entry.DIR_FileSize, true);
    const isDirectory = (bytes[at + Entry.DIR_Attr]! & ATTR_DIRECTORY) !== 0;
    if (isDirectory) {
      const runs = first === 0 ? [] : chains.take(path, first, Infinity);
      if (runs.length === 0) {
        problems.add('directory', `${path}: a directory has no clusters of its own; it is removed`);
        this.#sector(offset)[offset % SECTOR] = DELETED;
        return undefined;
      }
      if (size !== 0) {
        problems.add('file-size', `${path}: a directory has a size of ${size}, expected 0`);
        this.#view(offset).setUint32(Entry.DIR_FileSize, 0, true);
      }
      const ranges = runs.map(({ cluster, count }) => ({
        offset: clusterOffset(geometry, cluster),
        length: count * geometry.clusterSize,
      }));
      return { path, first, parent: this.#directory.first, ranges };
    }
    this.#checkFile(path, offset, first, size);
    return undefined;
  }

  #checkFile(path: string, offset: number, first: number, size: number): void {
    const { geometry, chains, problems } = this.#parts;
    const needed = divideUp(size, geometry.clusterSize);
    let clusters = 0;
    if (first !== 0 && needed === 0) {
      problems.add('chain-length', `${path}: an empty file starts at cluster ${first}, expected none`);
    } else if (first !== 0) {
      for (const { count } of chains.take(path, first, needed)) clusters += count;
    }
    if (clusters === 0 && first !== 0) setFirstCluster(this.#view(offset), 0, 0);
    if (clusters === needed) return;
    const fits = clusters * geometry.clusterSize;
    problems.add(
      'file-size',
      `${path}: the size is ${size} bytes, but its chain has ${fits}; it is cut to that`,
    );
    this.#view(offset).setUint32(Entry.DIR_FileSize, fits, true);
  }

  #checkName(bytes: Uint8Array, at: number, offset: number, path: string): void {
    const key = latin1(bytes, at, at + NAME_LENGTH);
    let bad = bytes[at] === SPACE;
    for (let i = at; i < at + NAME_LENGTH; i++) {
      const byte = bytes[i]!;
      const isKanji = i === at && byte === 0x05;
      if ((byte < SPACE && !isKanji) || FORBIDDEN.has(byte)) bad = true;
    }
    const double = this.#names.has(key);
    if (!bad && !double) {
      this.#names.add(key);
      return;
    }
    let fresh: string;
    do fresh = `FSCK${String(this.#renamed++).padStart(4, '0')}000`;
    while (this.#names.has(fresh));
    this.#names.add(fresh);
    const why = bad ? 'is no short name' : 'is the short name of two files';
    this.#parts.problems.add(
      'short-name',
      `${path} ${why}; it is renamed to ${fresh.slice(0, 8)}.${fresh.slice(8)}`,
    );
    const sector = this.#sector(offset);
    for (let i = 0; i < NAME_LENGTH; i++) sector[(offset % SECTOR) + i] = fresh.charCodeAt(i);
    sector[(offset % SECTOR) + Entry.DIR_NTRes] = 0;
    // The checksum of the long name is that of the old one.
    for (const long of this.#long) this.#sector(long)[long % SECTOR] = DELETED;
  }

  #checkDots(bytes: Uint8Array, at: number, offset: number, slot: number): void {
    const { problems, geometry } = this.#parts;
    const { path, first, parent } = this.#directory;
    const name = slot === 0 ? '.' : '..';
    const isDot = isDots(bytes, at) && (bytes[at + 1] === DOT) === (slot === 1);
    if (!isDot && !isFree(bytes, at)) {
      problems.leave('dot-entries', `${path}: entry ${slot} is not ${name}, but a file's`);
      return;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, ENTRY);
    const high = geometry.fatBits === 32 ? view.getUint16(Entry.DIR_FstClusHI, true) : 0;
    const found = high * 0x10000 + view.getUint16(Entry.DIR_FstClusLO, true);
    const expected = slot === 0 ? first : parent;
    const isOne = isDot && (bytes[at + Entry.DIR_Attr]! & ATTR_DIRECTORY) !== 0;
    if (isOne && found === expected) return;
    problems.add(
      'dot-entries',
      isOne
        ? `${path}: ${name} names cluster ${found}, expected ${expected}`
        : `${path}: entry ${slot} is not ${name}`,
    );
    const sector = this.#sector(offset);
    const start = offset % SECTOR;
    sector.fill(SPACE, start, start + NAME_LENGTH);
    sector.fill(DOT, start, start + name.length);
    sector[start + Entry.DIR_Attr] = ATTR_DIRECTORY;
    setFirstCluster(this.#view(offset), 0, expected);
  }

  #sector(offset: number): Uint8Array {
    return this.#parts.sectors.change(offset);
  }

  #view(offset: number): DataView {
    const sector = this.#sector(offset);
    return new DataView(sector.buffer, sector.byteOffset + (offset % SECTOR), ENTRY);
  }
}
