import { CorruptError } from '../../../errors/index.ts';
import { verifyDirectoryBlock, type DirectoryPiece } from '../directory.ts';
import { INCOMPAT_FILETYPE } from '../features.ts';
import {
  INODE_EA_INODE,
  INODE_ENCRYPT,
  INODE_INDEX,
  INODE_INLINE_DATA,
  Inode,
  ROOT_INODE,
  S_IFMT,
} from '../layout.ts';
import {
  changePart,
  directoryParts,
  eachEntry,
  NAME_AT,
  sealDirectoryBlock,
  type DirectoryPart,
} from './directory-blocks.ts';
import { hasGroupChecksums } from './descriptors.ts';
import { checkIndex, dropIndex } from './index-check.ts';
import { fixInode } from './inode-pass.ts';
import type { CheckState } from './state.ts';

const DOT = 0x2e;
/** Type codes of directory entries by the type bits of a mode, shifted down. */
const TYPE_CODES: Readonly<Record<number, number>> = { 8: 1, 4: 2, 2: 3, 6: 4, 1: 5, 12: 6, 10: 7 };

/** The code of an inode's type in directory entries. */
export function typeCode(mode: number): number {
  return TYPE_CODES[(mode & S_IFMT) >>> 12] ?? 0;
}

/** Read all directories: what each entry leads to, and whether it may. */
export function checkDirectories(state: CheckState): void {
  for (const directory of state.directories) {
    if (state.broken.has(directory)) continue;
    try {
      new DirectoryCheck(state, directory).run();
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      state.broken.add(directory);
      state.found('directory', error.message);
    }
  }
}

class DirectoryCheck {
  readonly #state: CheckState;
  readonly #directory: number;
  readonly #flags: number;
  readonly #seed: number;
  readonly #piece: DirectoryPiece;
  readonly #names = new Set<string>();
  #hasDot = false;

  constructor(state: CheckState, directory: number) {
    this.#state = state;
    this.#directory = directory;
    const inode = state.volume.readInode(directory);
    this.#flags = inode.view.getUint32(inode.base + Inode.i_flags, true);
    this.#seed = state.volume.seedOf(inode);
    this.#piece = { geometry: state.volume.geometry, directory, offset: 0 };
  }

  run(): void {
    const { volume } = this.#state;
    const inode = volume.readInode(this.#directory);
    const inline = (this.#flags & INODE_INLINE_DATA) !== 0;
    if (inline) this.#inlineParent(inode.view.getUint32(inode.base + Inode.i_block, true));
    let expected = 0;
    for (const part of directoryParts(volume, inode)) {
      if (!part.inline) {
        if (part.logical !== expected) this.#hole(expected, part.logical);
        expected = part.logical + 1;
        this.#checksum(part);
      }
      let index = 0;
      eachEntry(volume, this.#directory, part, (at, _length, target, nameLength) => {
        const isFirst = part.logical === 0 && !part.inline;
        if (isFirst && index === 0) this.#dot(part, at, target, nameLength);
        else if (isFirst && index === 1) this.#dotDot(part, at, target, nameLength);
        else if (target !== 0) this.#entry(part, at, target, nameLength);
        index++;
      });
    }
    if (!inline && !this.#hasDot) {
      throw new CorruptError('ext4_dir_entry_2', `directory ${this.#directory} has no first block`);
    }
    if (this.#flags & INODE_INDEX && !inline) {
      const problem = checkIndex(volume, this.#directory);
      if (problem !== undefined) {
        this.#state.found('directory-index', problem, () => dropIndex(volume, this.#directory));
      }
    }
  }

  #hole(from: number, to: number): void {
    this.#state.found(
      'directory-hole',
      `directory ${this.#directory} has a hole from block ${from} to ${to - 1}`,
    );
  }

  #checksum(part: DirectoryPart): void {
    const { volume } = this.#state;
    if (!volume.geometry.checksums) return;
    const indexed = (this.#flags & INODE_INDEX) !== 0;
    this.#piece.offset = part.block * volume.geometry.blockSize;
    try {
      verifyDirectoryBlock(this.#piece, part.bytes, 0, this.#seed, indexed);
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      if (error.code !== 'EBADMSG') throw error;
      this.#state.found('directory-checksum', error.message, () =>
        sealDirectoryBlock(volume, part.block, this.#seed, indexed),
      );
    }
  }

  #inlineParent(parent: number): void {
    this.#state.addName(this.#directory);
    this.#state.dotDots.set(this.#directory, parent);
  }

  #dot(part: DirectoryPart, at: number, target: number, nameLength: number): void {
    if (nameLength !== 1 || part.bytes[at + NAME_AT] !== DOT) {
      throw new CorruptError('ext4_dir_entry_2', `directory ${this.#directory} does not begin with "."`);
    }
    this.#hasDot = true;
    this.#state.addName(this.#directory);
    if (target !== this.#directory) {
      const text = `"." of directory ${this.#directory} is inode ${target}`;
      this.#state.found('dot', text, () => this.#setInode(part, at, this.#directory));
    }
  }

  #dotDot(part: DirectoryPart, at: number, target: number, nameLength: number): void {
    const { bytes } = part;
    if (nameLength !== 2 || bytes[at + NAME_AT] !== DOT || bytes[at + NAME_AT + 1] !== DOT) {
      throw new CorruptError('ext4_dir_entry_2', `directory ${this.#directory} has no ".." behind "."`);
    }
    // Whose name it is shows when all directories have been read.
    this.#state.dotDots.set(this.#directory, target);
  }

  #setInode(part: DirectoryPart, at: number, inode: number): void {
    changePart(this.#state.volume, this.#directory, part, (view) => view.setUint32(at, inode, true));
  }

  #entry(part: DirectoryPart, at: number, target: number, nameLength: number): void {
    const state = this.#state;
    const { volume } = state;
    const { geometry } = volume;
    const what = `entry of ${nameLength} bytes in directory ${this.#directory}, block ${part.logical},`;
    const clear = (): void => this.#setInode(part, at, 0);
    if (target > geometry.inodesCount || (target < geometry.firstInode && target !== ROOT_INODE)) {
      state.found('entry-inode', `${what} names inode ${target}, which cannot be`, clear);
      return;
    }
    if (nameLength === 0) {
      state.found('entry-name', `${what} has no name`, clear);
      return;
    }
    if (target === ROOT_INODE) {
      state.found('entry-root', `${what} names the root directory`, clear);
      return;
    }
    if (!state.inodes.has(target)) {
      const group = volume.groupOfInode(target);
      if (!state.wholeTables.has(group) && hasGroupChecksums(geometry) && this.#isUsed(target)) {
        state.distrusted.add(group);
      }
      state.found('entry-unused', `${what} names inode ${target}, which is not in use`, clear);
      return;
    }
    if (state.system.has(target) || state.attributeInodes.has(target)) {
      state.found(
        'entry-inode',
        `${what} names inode ${target}, which the filesystem keeps for itself`,
        clear,
      );
      return;
    }
    const from = at + NAME_AT;
    const name = part.bytes.subarray(from, from + nameLength);
    const isDots = name[0] === DOT && (nameLength === 1 || (nameLength === 2 && name[1] === DOT));
    if (isDots) {
      state.found('entry-dots', `${what} is "." or ".." once more`, clear);
      return;
    }
    if (!(this.#flags & INODE_ENCRYPT) && name.some((byte) => byte === 0x2f || byte === 0)) {
      state.found('entry-name', `${what} has / or NUL in its name`, () => {
        changePart(volume, this.#directory, part, (_, bytes) => {
          for (let i = from; i < from + nameLength; i++) {
            if (bytes[i] === 0x2f || bytes[i] === 0) bytes[i] = DOT;
          }
        });
      });
    }
    const key = String.fromCharCode(...name);
    if (this.#names.has(key)) {
      state.found('entry-twice', `${what} has a name that is there already`);
    }
    this.#names.add(key);
    if (state.isDirectory.has(target)) {
      const other = state.parents.get(target);
      if (other !== undefined) {
        state.found(
          'entry-directory',
          `${what} names directory ${target}, which is in ${other} already`,
          clear,
        );
        return;
      }
      state.parents.set(target, this.#directory);
    }
    state.addName(target);
    this.#type(part, at, target, what);
  }

  /** True if an inode that was taken for unused is in use. */
  #isUsed(number: number): boolean {
    const inode = this.#state.volume.readInode(number);
    if (inode.view.getUint16(inode.base + Inode.i_links_count, true) === 0) return false;
    if (!this.#state.volume.geometry.checksums) return true;
    const { computed, stored } = this.#state.volume.inodeChecksum(inode);
    return computed === stored;
  }

  #type(part: DirectoryPart, at: number, target: number, what: string): void {
    const { volume } = this.#state;
    const inode = volume.readInode(target);
    const stored = part.bytes[at + 7]!;
    const typed = (volume.geometry.incompat & INCOMPAT_FILETYPE) !== 0;
    const right = typed ? typeCode(inode.view.getUint16(inode.base + Inode.i_mode, true)) : 0;
    if (inode.view.getUint32(inode.base + Inode.i_flags, true) & INODE_EA_INODE) return;
    if (stored === right) return;
    this.#state.found('entry-type', `${what} says type ${stored}, inode ${target} has ${right}`, () =>
      changePart(volume, this.#directory, part, (view) => view.setUint8(at + 7, right)),
    );
  }
}

/** Make `..` of a directory name another inode. */
export function setDotDot(state: CheckState, directory: number, parent: number): void {
  const { volume } = state;
  const inode = volume.readInode(directory);
  if (inode.view.getUint32(inode.base + Inode.i_flags, true) & INODE_INLINE_DATA) {
    fixInode(volume, directory, (fix) => fix.view.setUint32(fix.base + Inode.i_block, parent, true));
    return;
  }
  for (const part of directoryParts(volume, inode)) {
    // Behind ".", whose record has 12 bytes.
    changePart(volume, directory, part, (view) => view.setUint32(12, parent, true));
    return;
  }
}
