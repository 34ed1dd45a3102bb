import { INODE_EXTENTS, Inode } from '../../layout.ts';
import type { InodeStore, SpaceAllocator } from '../contract.ts';
import type { BlockStore } from '../store.ts';
import type { FileMap } from './contract.ts';
import { ExtentMap } from './extents.ts';
import { IndirectMap } from './indirect.ts';

/** The maps of a filesystem's files, each by the kind that its inode has. */
export class FileMaps {
  readonly #inodes: InodeStore;
  readonly extents: ExtentMap;
  readonly indirect: IndirectMap;

  constructor(store: BlockStore, inodes: InodeStore, space: SpaceAllocator) {
    this.#inodes = inodes;
    this.extents = new ExtentMap(store, inodes, space);
    this.indirect = new IndirectMap(store, inodes, space);
  }

  /** True if an inode has extents. */
  usesExtents(inode: number): boolean {
    const { view, base } = this.#inodes.read(inode);
    return (view.getUint32(base + Inode.i_flags, true) & INODE_EXTENTS) !== 0;
  }

  /** The map of an inode's kind. */
  of(inode: number): FileMap {
    return this.usesExtents(inode) ? this.extents : this.indirect;
  }
}
