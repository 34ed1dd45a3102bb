import type { WriterCore } from '../core.ts';

/** What the operations of a transaction do to names; undefined where they do nothing. */
export type NameChange = 'added' | 'removed';

/** Makes transactions durable. */
export interface Committer {
  /** Blocks that a transaction had better not exceed. */
  readonly capacity: number;
  /**
   * True if a transaction is durable as a whole or not at all. Where it is not, names are not added and removed in one
   * transaction, an inode is not used again in the transaction that freed it, and the orphan list is left alone.
   */
  readonly atomic: boolean;
  /**
   * After {@link commit} failed: whether it may be called again, before anything else changes, and then does what it was
   * to do. It may where the device took what it was given or refused it, as a host without space does.
   */
  readonly retryable: boolean;
  /** Before the first change: mark the filesystem as being written. Durable when it returns. */
  begin(core: WriterCore): void;
  /** Make the running transaction durable and put it in place; data was written before. */
  commit(core: WriterCore, names: NameChange | undefined): void;
  /** After the last commit: mark the filesystem as cleanly unmounted. Durable when it returns. */
  end(core: WriterCore): void;
}
