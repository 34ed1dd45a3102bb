import { RO_COMPAT_QUOTA } from '../../features.ts';
import type { InodeView } from '../../inodes.ts';
import { Inode } from '../../layout.ts';
import { inodeSectors } from '../../stat.ts';
import type { Geometry } from '../../superblock.ts';
import type { WriterParts } from '../contract.ts';
import { groupOf, projectOf, userOf } from '../fields.ts';
import type { OperationPart } from '../store.ts';
import { QuotaFile } from './file.ts';

/** What counts the space and the inodes of users, groups and projects. */
export interface QuotaAccounts {
  /** Add to (or take from) what the owners of an inode use, in bytes and inodes. */
  charge(inode: InodeView, bytes: number, inodes: number): void;
}

/** What the running operation changes for one identifier. */
interface Change {
  readonly id: number;
  space: number;
  inodes: number;
}

/**
 * The quota files of the feature `quota`, kept true by each operation. Limits bind no one here: who changes an image
 * is root, whom Linux does not hold to them either.
 */
export class QuotaFiles implements QuotaAccounts, OperationPart {
  readonly #geometry: Geometry;
  /** By kind: the file, where there is one. */
  readonly #files: (QuotaFile | undefined)[];
  readonly #changes: Map<number, Change>[] = [new Map(), new Map(), new Map()];
  readonly #active: boolean;
  /** True if an inode counts; given by the keeper of the inodes. */
  isCounted: (inode: InodeView) => boolean = () => true;

  constructor(geometry: Geometry, parts: WriterParts) {
    this.#geometry = geometry;
    const { s_usr_quota_inum, s_grp_quota_inum, s_prj_quota_inum } = geometry.superBlock;
    this.#active = (geometry.roCompat & RO_COMPAT_QUOTA) !== 0;
    const numbers = [s_usr_quota_inum, s_grp_quota_inum, s_prj_quota_inum];
    this.#files = numbers.map((number, kind) =>
      this.#active && number !== 0 ? new QuotaFile(parts, kind as 0 | 1 | 2, number) : undefined,
    );
  }

  charge(inode: InodeView, bytes: number, inodes: number): void {
    if (!this.#active) return;
    this.#note(0, userOf(inode), bytes, inodes);
    this.#note(1, groupOf(inode), bytes, inodes);
    this.#note(2, projectOf(inode, this.#geometry), bytes, inodes);
  }

  #note(kind: number, id: number, space: number, inodes: number): void {
    if (this.#files[kind] === undefined) return;
    const changes = this.#changes[kind]!;
    const known = changes.get(id);
    if (known === undefined) {
      changes.set(id, { id, space, inodes });
    } else {
      known.space += space;
      known.inodes += inodes;
    }
  }

  /** The owners of an inode are about to become others. */
  moveOwner(inode: InodeView, uid: number, gid: number): void {
    if (!this.#active || !this.isCounted(inode)) return;
    const space = inodeSectors(inode, this.#geometry) * 512;
    this.#move(0, userOf(inode), uid, space);
    this.#move(1, groupOf(inode), gid, space);
  }

  /** Set the project of an inode, which must have room for one. */
  setProject(inode: InodeView, project: number): void {
    if (this.#active && this.isCounted(inode)) {
      const space = inodeSectors(inode, this.#geometry) * 512;
      this.#move(2, projectOf(inode, this.#geometry), project, space);
    }
    inode.view.setUint32(inode.base + Inode.i_projid, project, true);
  }

  #move(kind: number, from: number, to: number, space: number): void {
    if (from === to) return;
    this.#note(kind, from, -space, -1);
    this.#note(kind, to, space, 1);
  }

  finish(): void {
    if (!this.#active) return;
    this.#changes.forEach((changes, kind) => {
      for (const { id, space, inodes } of changes.values()) {
        if (space !== 0 || inodes !== 0) this.#files[kind]!.add(id, space, inodes);
      }
      changes.clear();
    });
  }

  undo(): void {
    for (const changes of this.#changes) changes.clear();
  }
}
