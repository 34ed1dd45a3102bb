/** A run of file blocks with one fate. */
export interface MappedRun {
  /** First block on the device, also where the run was never written; 0 for a hole. */
  block: number;
  /** Blocks from the asked one to the end of the run; at least 1. */
  length: number;
  kind: 'hole' | 'data' | 'unwritten';
}

/** Receives a run that is no longer mapped: file block, device block, blocks. */
export type RunTaker = (logical: number, block: number, count: number) => void;

/** The block map of files of one kind: extents, or indirect blocks. The blocks that the map itself takes are its own. */
export interface FileMap {
  /** Most blocks that a file can have. */
  readonly maxBlocks: number;
  /** Most bytes that Linux lets a file have, and shows of it. */
  readonly maxSize: number;
  lookup(inode: number, logical: number, run: MappedRun): void;
  /** Map a run that is a hole. Throws ENOSPC. */
  insert(inode: number, logical: number, block: number, count: number, unwritten: boolean): void;
  /**
   * Unmap a range; `take` gets what was mapped, in order. Stops early once the operation has touched `budget` blocks.
   * Returns the first file block that was not looked at: the end of the range where all is done.
   */
  remove(inode: number, logical: number, count: number, take: RunTaker, budget?: number): number;
  /** Call with each block that the map itself takes; the caller changes nothing but their checksums. */
  nodes(inode: number, visit: (block: number) => void): void;
  /** Set the checksum of a block of the map, for the inode that it belongs to now. */
  seal(inode: number, block: number): void;
}
