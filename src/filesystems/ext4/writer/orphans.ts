import { CorruptError } from '../../../errors/index.ts';
import { Inode } from '../layout.ts';
import type { WriterCore } from './core.ts';
import type { OperationPart } from './store.ts';

/**
 * The list of inodes that are being freed or truncated over several transactions: it begins in `s_last_orphan` and goes
 * on in `i_dtime`. Whoever opens the filesystem after a crash finishes what it names. When writing begins it is empty,
 * since what was there has been finished then.
 */
export class OrphanList implements OperationPart {
  readonly #core: WriterCore;
  /** Newest first, as on disk. */
  #numbers: number[] = [];
  #settled: number[] = [];
  /** False where nothing is put into the list: without a journal it could name what is no longer to be freed. */
  active = true;

  constructor(core: WriterCore) {
    this.#core = core;
  }

  /** True if the list names an inode. */
  has(number: number): boolean {
    return this.#numbers.includes(number);
  }

  add(number: number): void {
    if (!this.active || this.has(number)) return;
    const view = this.#core.superBlock.change();
    const inode = this.#core.inodes.change(number);
    inode.view.setUint32(inode.base + Inode.i_dtime, view.s_last_orphan, true);
    view.s_last_orphan = number;
    this.#numbers = [number, ...this.#numbers];
  }

  remove(number: number): void {
    const index = this.#numbers.indexOf(number);
    if (index < 0) return;
    const inode = this.#core.inodes.change(number);
    const next = inode.view.getUint32(inode.base + Inode.i_dtime, true);
    inode.view.setUint32(inode.base + Inode.i_dtime, 0, true);
    if (index === 0) {
      this.#core.superBlock.change().s_last_orphan = next;
    } else {
      const previous = this.#core.inodes.change(this.#numbers[index - 1]!);
      previous.view.setUint32(previous.base + Inode.i_dtime, next, true);
    }
    this.#numbers = this.#numbers.filter((other) => other !== number);
  }

  /** Take up what the list on disk names, so that it can be worked off. Throws CorruptError for a bad list. */
  load(): readonly number[] {
    const { firstInode } = this.#core.geometry;
    const numbers: number[] = [];
    const seen = new Set<number>();
    for (let number = this.#core.superBlock.read().s_last_orphan; number !== 0;) {
      if (number < firstInode || seen.has(number)) {
        throw new CorruptError('ext4_inode', `the orphan list goes on with inode ${number}, which cannot be`);
      }
      seen.add(number);
      numbers.push(number);
      const inode = this.#core.inodes.read(number);
      number = inode.view.getUint32(inode.base + Inode.i_dtime, true);
    }
    this.#numbers = this.#settled = numbers;
    return numbers;
  }

  settle(): void {
    this.#settled = this.#numbers;
  }

  undo(): void {
    this.#numbers = this.#settled;
  }
}
