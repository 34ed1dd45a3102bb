import { UnsupportedError } from '../../../errors/index.ts';
import { BitPages } from './bit-pages.ts';
import type { Volume } from './volume.ts';

/** Inodes that can be counted: two numbers of 16 bits for each are in memory. */
const INODES_CAP = 2 ** 27;
/** Problems of which the words are kept; all are counted. */
const PROBLEMS_CAP = 10_000;

/** What is not put right without being asked: content may be lost by it. */
const UNSAFE = new Set([
  'superblock',
  'inode-checksum',
  'extent-checksum',
  'attribute-checksum',
  'directory-checksum',
  'entry-inode',
  'entry-name',
  'entry-root',
  'entry-unused',
  'entry-dots',
  'entry-directory',
  'orphan-list',
]);

/** Something that is wrong. */
export interface Problem {
  /** What kind it is: `link-count`, `block-bitmap`, `extent-tree`, ... */
  code: string;
  /** In words, with numbers found and expected. */
  text: string;
  /** True if it was put right; false where it is left, because it cannot be or nothing should be repaired. */
  fixed: boolean;
}

/** An attribute block that inodes may share. */
export interface AttributeBlock {
  references: number;
  stored: number;
}

/** What the passes of a check tell each other. */
export class CheckState {
  readonly volume: Volume;
  readonly repair: boolean;
  readonly #onlySafe: boolean;
  readonly problems: Problem[] = [];
  problemCount = 0;
  uncorrected = 0;
  /** Clusters that something holds. */
  readonly clusters = new BitPages('blocks in use');
  /** Inodes that are in use. */
  readonly inodes = new BitPages('inodes in use');
  /** Directories, in order of number. */
  readonly directories: number[] = [];
  readonly isDirectory = new BitPages('directories');
  /** Inodes whose content cannot be trusted. */
  readonly broken = new Set<number>();
  /** Inodes that no directory names: journal, quotas, the orphan file. */
  readonly system = new Set<number>();
  /** `i_links_count` by inode. */
  readonly links: Uint16Array;
  /** Names that lead to each inode, `.` and `..` included. */
  readonly names: Uint16Array;
  /** By directory: the one that names it, and the one its `..` names. */
  readonly parents = new Map<number, number>();
  readonly dotDots = new Map<number, number>();
  readonly attributeBlocks = new Map<number, AttributeBlock>();
  /** Inodes that hold attribute values: how often they are used. */
  readonly attributeInodes = new Map<number, number>();
  /** Groups whose inode table is read to its end, whatever the descriptor says of its unused rest. */
  readonly wholeTables: Set<number>;
  /** A name led into the unused rest of these tables: the check begins again. */
  readonly distrusted = new Set<number>();

  constructor(volume: Volume, repair: boolean | 'safe', wholeTables: Set<number>) {
    const { inodesCount } = volume.geometry;
    if (inodesCount > INODES_CAP) {
      throw new UnsupportedError(
        `the filesystem has ${inodesCount} inodes, at most ${INODES_CAP} are checked here`,
      );
    }
    this.volume = volume;
    this.repair = repair !== false;
    this.#onlySafe = repair === 'safe';
    this.wholeTables = wholeTables;
    this.links = new Uint16Array(inodesCount + 1);
    this.names = new Uint16Array(inodesCount + 1);
  }

  /** Report a problem that `fix` puts right, if there is repair to be done. */
  found(code: string, text: string, fix?: () => void): void {
    this.problemCount++;
    const fixed = this.repair && fix !== undefined && !(this.#onlySafe && UNSAFE.has(code));
    if (!fixed) this.uncorrected++;
    if (this.problems.length < PROBLEMS_CAP) this.problems.push({ code, text, fixed });
    if (fixed) fix();
  }

  /** One more name of an inode. */
  addName(inode: number): void {
    if (this.names[inode]! < 0xffff) this.names[inode]!++;
  }

  clusterOf(block: number): number {
    const { firstDataBlock, clusterRatio } = this.volume.geometry;
    return Math.floor((block - firstDataBlock) / clusterRatio);
  }
}
