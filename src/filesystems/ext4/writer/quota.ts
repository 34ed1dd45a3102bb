import type { InodeView } from '../inodes.ts';
import type { Geometry } from '../superblock.ts';
import type { WriterCore } from './core.ts';
import type { OperationPart } from './store.ts';

/** What counts the space and the inodes of users, groups and projects. */
export interface QuotaAccounts {
  /** Add to (or take from) what the owners of an inode use. Throws EDQUOT. */
  charge(inode: InodeView, bytes: number, inodes: number): void;
}

/** Quota files. */
export class QuotaFiles implements QuotaAccounts, OperationPart {
  constructor(_geometry: Geometry) {}
  attach(_core: WriterCore): void {}
  charge(_inode: InodeView, _bytes: number, _inodes: number): void {}
  undo(): void {}
  /** The owners of an inode are about to become others. */
  moveOwner(_inode: InodeView, _uid: number, _gid: number): void {}
  /** Set the project of an inode. */
  moveProject(_inode: InodeView, _project: number): void {}
}
