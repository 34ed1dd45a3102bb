import type { Run } from './mapping.ts';

/**
 * What fast commits change beyond single inodes. They name operations, not blocks, so that writing their outcome
 * would need an allocator; for reading it is enough to know the outcome.
 */
export interface Patches {
  /** Block maps by inode number, in place of those on disk. */
  readonly maps: Map<number, ExtentList>;
  /** Changes of directories by inode number. */
  readonly directories: Map<number, DirectoryPatch>;
  /** Clusters and inodes that the operations freed; negative where they took more. */
  freedClusters: number;
  freedInodes: number;
}

/** Changes of one directory; names as they are shown. */
export interface DirectoryPatch {
  /** True if the directory is new: what is on disk is not its contents. */
  fresh: boolean;
  readonly added: Map<string, { inode: number; bytes: Uint8Array }>;
  readonly removed: Set<string>;
}

/** A run of file blocks. */
export interface PatchedExtent {
  first: number;
  length: number;
  block: number;
  unwritten: boolean;
}

/** A file's block map as a sorted list. */
export class ExtentList {
  readonly #extents: PatchedExtent[];

  constructor(extents: PatchedExtent[]) {
    this.#extents = extents;
  }

  /** Blocks that are mapped. */
  get mapped(): number {
    return this.#extents.reduce((sum, extent) => sum + extent.length, 0);
  }

  /** Unmap a range. */
  remove(first: number, length: number): void {
    const end = first + length;
    for (let i = this.#indexOf(first); i < this.#extents.length;) {
      const extent = this.#extents[i]!;
      const extentEnd = extent.first + extent.length;
      if (extent.first >= end) return;
      const pieces: PatchedExtent[] = [];
      if (extent.first < first) pieces.push({ ...extent, length: first - extent.first });
      if (extentEnd > end) {
        pieces.push({
          ...extent,
          first: end,
          length: extentEnd - end,
          block: extent.block + (end - extent.first),
        });
      }
      this.#extents.splice(i, 1, ...pieces);
      i += pieces.length;
    }
  }

  /** Map a range, in place of what was there. */
  add(extent: PatchedExtent): void {
    this.remove(extent.first, extent.length);
    this.#extents.splice(this.#indexOf(extent.first), 0, extent);
  }

  /** Where file block `logical` is; the rules of BlockMapper.map. */
  map(logical: number, run: Run): void {
    const extent = this.#extents[this.#indexOf(logical)];
    if (extent !== undefined && extent.first <= logical) {
      run.kind = extent.unwritten ? 'zero' : 'data';
      run.block = extent.unwritten ? 0 : extent.block + (logical - extent.first);
      run.length = extent.length - (logical - extent.first);
      return;
    }
    run.kind = 'hole';
    run.block = 0;
    run.length = (extent?.first ?? 0x100000000) - logical;
  }

  /** Index of the first extent that ends after `logical`. */
  #indexOf(logical: number): number {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const extent = this.#extents[middle]!;
      if (extent.first + extent.length <= logical) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
