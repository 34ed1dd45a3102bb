import { GuestfsError } from '../errors/index.ts';

/** Blocks of directories that one filesystem may have in use: about 50 MB of memory. */
const MAX_CLAIMS = 1_000_000;

/**
 * Which directory each block of directories belongs to, in formats that do not say it themselves. A block may
 * belong to one directory only: then every entry is in one directory, no directory is below itself, and a walk of
 * the tree ends.
 */
export class Claims {
  readonly #owners = new Map<number, number>();
  readonly #structure: string;

  /** `structure` names the format in messages. */
  constructor(structure: string) {
    this.#structure = structure;
  }

  /**
   * Claim a block for a directory. Returns the directory that has it already, undefined where it was free or the
   * claimant's. Throws ENOMEM where there are too many.
   */
  claim(block: number, directory: number): number | undefined {
    const owner = this.#owners.get(block);
    if (owner !== undefined) return owner === directory ? undefined : owner;
    if (this.#owners.size >= MAX_CLAIMS) {
      throw new GuestfsError(
        'ENOMEM',
        `the directories of this ${this.#structure} volume have more than ${MAX_CLAIMS} blocks, the most that are kept in mind`,
        { structure: this.#structure },
      );
    }
    this.#owners.set(block, directory);
    return undefined;
  }

  /** The directory that a block belongs to, where that is known. */
  owner(block: number): number | undefined {
    return this.#owners.get(block);
  }

  /** Forget all. */
  clear(): void {
    this.#owners.clear();
  }
}
