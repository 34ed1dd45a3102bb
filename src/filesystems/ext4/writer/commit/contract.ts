import type { WriterCore } from '../core.ts';

/** Makes transactions durable. */
export interface Committer {
  /** Blocks that a transaction had better not exceed. */
  readonly capacity: number;
  /** True if every operation is to be committed by itself. */
  readonly eager: boolean;
  /** True if an inode may be used again in the transaction that freed it. */
  readonly reusesInodes: boolean;
  /** Before the first change: mark the filesystem as being written. Durable when it returns. */
  begin(core: WriterCore): void;
  /** Make the running transaction durable and put it in place; data was written before. */
  commit(core: WriterCore): void;
  /** After the last commit: mark the filesystem as cleanly unmounted. Durable when it returns. */
  end(core: WriterCore): void;
}
