import {
  I_BLOCK_SIZE,
  INODE_EXTENTS,
  INODE_INLINE_DATA,
  Inode,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../layout.ts';
import type { InodeView } from '../inodes.ts';
import { STEP_BUDGET } from './blocks.ts';
import { fileSizeOf, flagsOf, linksOf, modeOf } from './fields.ts';
import type { WriterSession } from './session.ts';

/** True if `i_block` is a map of blocks: not a link's target, device number, or inline content. */
export function hasMap(inode: InodeView): boolean {
  const type = modeOf(inode) & S_IFMT;
  if (flagsOf(inode) & INODE_INLINE_DATA) return false;
  if (type === S_IFREG || type === S_IFDIR) return true;
  if (type !== S_IFLNK) return false;
  return (
    (flagsOf(inode) & INODE_EXTENTS) !== 0 ||
    inode.view.getUint32(inode.base + Inode.i_size_lo, true) >= I_BLOCK_SIZE
  );
}

/**
 * Frees inodes whose last name went, and cuts files: what is large takes several operations, between which the inode
 * is in the orphan list, so that a crash loses nothing but the rest of the work.
 */
export class Removal {
  readonly #session: WriterSession;

  constructor(session: WriterSession) {
    this.#session = session;
    session.core.inodes.empty = (number) => {
      this.#cut(number, 0, Infinity);
      session.attributes.release(number);
    };
  }

  /** Free an inode without links within the running operation, as far as it goes; {@link proceed} does the rest. */
  start(number: number): boolean {
    if (this.#free(number)) return true;
    this.#session.orphans.add(number);
    return false;
  }

  /** Go on with what {@link start} or {@link startCut} left. */
  proceed(number: number): void {
    while (!this.#session.run(() => this.step(number)));
  }

  /** One step of an inode of the orphan list; true if it was the last. */
  step(number: number): boolean {
    const { core, orphans } = this.#session;
    if (linksOf(core.inodes.read(number)) === 0) return this.#free(number);
    const first = Math.ceil(fileSizeOf(core.inodes.read(number)) / core.geometry.blockSize);
    if (hasMap(core.inodes.read(number)) && !this.#cut(number, first, STEP_BUDGET)) return false;
    orphans.remove(number);
    return true;
  }

  #free(number: number): boolean {
    const { core, orphans, attributes } = this.#session;
    if (!this.#cut(number, 0, STEP_BUDGET)) return false;
    attributes.release(number);
    orphans.remove(number);
    core.inodes.release(number);
    return true;
  }

  /** Give back the blocks behind the end of a file within the running operation; as {@link start}. */
  startCut(number: number, firstLogical: number): boolean {
    if (this.#cut(number, firstLogical, STEP_BUDGET)) return true;
    this.#session.orphans.add(number);
    return false;
  }

  #cut(number: number, firstLogical: number, budget: number): boolean {
    const { core } = this.#session;
    const inode = core.inodes.read(number);
    if (!hasMap(inode)) return true;
    const kind = (modeOf(inode) & S_IFMT) === S_IFREG ? 'data' : 'metadata';
    const { maxBlocks } = core.maps.of(number);
    const count = maxBlocks - firstLogical;
    return core.files.release(number, firstLogical, count, kind, budget) >= maxBlocks;
  }
}
