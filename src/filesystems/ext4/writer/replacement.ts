import { GuestfsError } from '../../../errors/index.ts';
import type { Replacement } from '../../writer.ts';
import { inlineRoom } from './attributes/index.ts';
import type { ContentWriter } from './content.ts';
import { fileSizeOf, flagsOf, groupOf, hasProject, modeOf, projectOf, setFlagsOf, userOf } from './fields.ts';
import { INCOMPAT_INLINE_DATA } from '../features.ts';
import type { InodeView } from '../inodes.ts';
import { I_BLOCK_SIZE, INODE_EXTENTS, INODE_HUGE_FILE, INODE_INLINE_DATA, Inode } from '../layout.ts';
import type { Removal } from './removal.ts';
import type { WriterSession } from './session.ts';

/** Flags that say what `i_block` and `i_blocks` hold. */
const MAP_FLAGS = INODE_EXTENTS | INODE_HUGE_FILE;

/**
 * New content goes into an inode without a name, in the orphan list, and changes places with the old content in one
 * operation; then the old content is freed with that inode.
 */
export class InodeReplacement implements Replacement {
  readonly #session: WriterSession;
  readonly #content: ContentWriter;
  readonly #removal: Removal;
  readonly #target: number;
  /** The inode with the new content; 0 while there is none. */
  #spare = 0;
  #size = 0;
  #open = true;
  /** All of the content, as long as it may fit into the inode. */
  #small: Uint8Array | undefined;

  constructor(session: WriterSession, content: ContentWriter, removal: Removal, target: number) {
    this.#session = session;
    this.#content = content;
    this.#removal = removal;
    this.#target = target;
    content.assertWritable(target);
    if (session.core.geometry.incompat & INCOMPAT_INLINE_DATA) this.#small = new Uint8Array(0);
  }

  #assertOpen(): void {
    if (!this.#open)
      throw new GuestfsError('EBADF', `the new content of inode ${this.#target} was finished or given up`);
  }

  write(from: Uint8Array): void {
    this.#assertOpen();
    if (from.length === 0) return;
    if (this.#small !== undefined) {
      const size = this.#size + from.length;
      if (size <= inlineRoom(this.#session.core, this.#target)) {
        const grown = new Uint8Array(size);
        grown.set(this.#small);
        grown.set(from, this.#size);
        this.#small = grown;
        this.#size = size;
        return;
      }
      this.#spill();
    }
    this.#makeSpare();
    this.#content.write(this.#spare, this.#size, from);
    this.#size += from.length;
  }

  writeZeroes(length: number): void {
    this.#assertOpen();
    if (length === 0) return;
    if (this.#small !== undefined) this.#spill();
    this.#makeSpare();
    this.#size += length;
    this.#content.truncate(this.#spare, this.#size);
  }

  /** The content is too large for the inode after all. */
  #spill(): void {
    const small = this.#small!;
    this.#small = undefined;
    if (small.length === 0) return;
    this.#makeSpare();
    this.#content.write(this.#spare, 0, small);
  }

  #makeSpare(): void {
    if (this.#spare !== 0) return;
    this.#spare = this.#session.run(() => {
      const { core, orphans } = this.#session;
      const target = core.inodes.read(this.#target);
      const mode = modeOf(target);
      const uid = userOf(target);
      const gid = groupOf(target);
      const project = projectOf(target, core.geometry);
      const number = core.inodes.allocate(this.#target, mode, uid, gid);
      const inode = core.inodes.change(number);
      setFlagsOf(inode, flagsOf(inode) & MAP_FLAGS);
      if (project !== projectOf(inode, core.geometry) && hasProject(inode, core.geometry)) {
        core.quota.setProject(inode, project);
      }
      orphans.add(number);
      return number;
    });
  }

  finish(): void {
    this.#assertOpen();
    this.#open = false;
    if (this.#small !== undefined && this.#small.length === 0 && this.#size === 0) this.#small = undefined;
    this.#makeSpare();
    const done = this.#exchangeWith(this.#spare);
    if (!done) this.#removal.proceed(this.#spare);
  }

  /** Put the new content in place and free as much of the old one as one operation can; true if that was all. */
  #exchangeWith(spare: number): boolean {
    try {
      return this.#session.run(() => {
        this.#content.assertWritable(this.#target);
        this.#takeInline();
        this.#exchange();
        if (this.#small !== undefined) {
          if (!this.#session.attributes.setInlineData(this.#target, this.#small)) {
            this.#content.writePiece(this.#target, 0, this.#small);
          }
          this.#content.setSize(this.#target, this.#size);
        }
        return this.#removal.step(spare);
      });
    } catch (error) {
      this.#discard();
      throw error;
    }
  }

  /**
   * Content that found room in the inode that carries it, as one with attributes may have less than a new one: it
   * cannot be exchanged as blocks are, and is put into the target instead.
   */
  #takeInline(): void {
    const { core, attributes } = this.#session;
    if ((flagsOf(core.inodes.read(this.#spare)) & INODE_INLINE_DATA) === 0) return;
    this.#small = attributes.inlineData(this.#spare)?.slice() ?? new Uint8Array(0);
    attributes.clearInlineData(this.#spare);
  }

  /** Swap the contents of the two inodes, as far as they lie in blocks; what lies in the target itself goes. */
  #exchange(): void {
    const { core, attributes } = this.#session;
    if (flagsOf(core.inodes.read(this.#target)) & INODE_INLINE_DATA) attributes.clearInlineData(this.#target);
    const size = fileSizeOf(core.inodes.read(this.#spare));
    const stateOf = (number: number): MapState =>
      snapshot(core.inodes.read(number), core.geometry.blockSize, attributes.sectors(number));
    const ofTarget = stateOf(this.#target);
    const ofSpare = stateOf(this.#spare);
    // The maps' checksums are made with the inode's number: those of all blocks of both maps change.
    const nodesOf = (number: number): number[] => {
      const nodes: number[] = [];
      if (core.geometry.checksums) core.maps.of(number).nodes(number, (block) => nodes.push(block));
      return nodes;
    };
    const targetNodes = nodesOf(this.#target);
    const spareNodes = nodesOf(this.#spare);
    restore(core.inodes.change(this.#target), ofSpare, ofTarget.attributeSectors);
    restore(core.inodes.change(this.#spare), ofTarget, ofSpare.attributeSectors);
    for (const block of spareNodes) core.maps.of(this.#target).seal(this.#target, block);
    for (const block of targetNodes) core.maps.of(this.#spare).seal(this.#spare, block);
    this.#content.setSize(this.#target, size);
  }

  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#discard();
  }

  /** Free the inode that holds what is not wanted. */
  #discard(): void {
    if (this.#spare === 0) return;
    try {
      this.#removal.proceed(this.#spare);
    } catch {
      // It stays in the orphan list: whoever opens the filesystem next frees it.
    }
  }
}

/** What an inode says of its blocks. */
interface MapState {
  readonly iBlock: Uint8Array;
  readonly flags: number;
  /** i_blocks without what the attributes hold, in units of 512 bytes; and that. */
  readonly sectors: number;
  readonly attributeSectors: number;
}

function snapshot({ bytes, view, base }: InodeView, blockSize: number, attributeSectors: number): MapState {
  const at = base + Inode.i_block;
  const flags = view.getUint32(base + Inode.i_flags, true);
  const unit = flags & INODE_HUGE_FILE ? blockSize / 512 : 1;
  const blocks =
    view.getUint32(base + Inode.i_blocks_lo, true) +
    view.getUint16(base + Inode.l_i_blocks_high, true) * 0x100000000;
  return {
    iBlock: bytes.slice(at, at + I_BLOCK_SIZE),
    flags: flags & INODE_EXTENTS,
    sectors: blocks * unit - attributeSectors,
    attributeSectors,
  };
}

function restore({ bytes, view, base }: InodeView, state: MapState, attributeSectors: number): void {
  bytes.set(state.iBlock, base + Inode.i_block);
  const flags = (view.getUint32(base + Inode.i_flags, true) & ~MAP_FLAGS) | state.flags;
  view.setUint32(base + Inode.i_flags, flags >>> 0, true);
  const sectors = state.sectors + attributeSectors;
  view.setUint32(base + Inode.i_blocks_lo, sectors % 0x100000000, true);
  view.setUint16(base + Inode.l_i_blocks_high, Math.floor(sectors / 0x100000000), true);
}
