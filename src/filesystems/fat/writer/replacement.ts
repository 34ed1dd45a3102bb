import { divideUp } from '../../../bytes/round.ts';
import { checkRange, clusterOffset } from '../directory.ts';
import type { FatVolume } from '../volume.ts';
import type { Replacement } from '../../writer.ts';
import { checkFileSize, type FileContent } from './content.ts';
import type { Transaction } from './transaction.ts';

/** New content of a file in a chain of its own, which takes the old one's place by one change of the file's entry. */
export class FatReplacement implements Replacement {
  /** Inode of the file; it changes when the file is renamed, and is 0 when it was removed. */
  inode: number;
  readonly #volume: FatVolume;
  readonly #transaction: Transaction;
  readonly #content: FileContent;
  readonly #operation: (act: () => void) => void;
  readonly #done: (replacement: FatReplacement) => void;
  #first = 0;
  #size = 0;
  #last = 0;
  /** Byte offset on the device at which the next byte goes, and how many follow it in allocated clusters. */
  #at = 0;
  #room = 0;

  /** `operation` does something as one operation of the writer; `done` hears that nothing more will come. */
  constructor(
    volume: FatVolume,
    transaction: Transaction,
    content: FileContent,
    inode: number,
    operation: (act: () => void) => void,
    done: (replacement: FatReplacement) => void,
  ) {
    this.#volume = volume;
    this.#transaction = transaction;
    this.#content = content;
    this.inode = inode;
    this.#operation = operation;
    this.#done = done;
  }

  write(from: Uint8Array): void {
    this.#operation(() => {
      this.#append(from.length, (at, done, length) => {
        this.#volume.device.writeAt(at, from.subarray(done, done + length));
      });
    });
  }

  writeZeroes(length: number): void {
    this.#operation(() => {
      this.#append(length, (at, _done, part) => this.#volume.device.zero(at, part));
    });
  }

  finish(): void {
    // What is written to a file without a name goes with it.
    if (this.inode === 0) return this.abandon();
    try {
      this.#operation(() => this.#content.exchange(this.inode, this.#first, this.#size));
    } catch (error) {
      this.abandon();
      throw error;
    }
    this.#done(this);
  }

  abandon(): void {
    this.#done(this);
    if (this.#first === 0) return;
    try {
      this.#operation(() => this.#transaction.free(this.#first, 'file'));
    } catch {
      // The device failed before, or fails now: the clusters stay lost, and the next call says so.
    }
    this.#first = 0;
  }

  #append(length: number, act: (at: number, done: number, length: number) => void): void {
    checkFileSize(this.#size + length);
    const { geometry, device } = this.#volume;
    let done = Math.min(this.#room, length);
    if (done > 0) act(this.#at, 0, done);
    this.#at += done;
    this.#room -= done;
    this.#size += done;
    if (done === length) return;
    const clusters = divideUp(length - done, geometry.clusterSize);
    const goal = this.#last === 0 ? 0 : this.#last + 1;
    const added = this.#transaction.allocate(clusters, goal);
    if (this.#last === 0) this.#first = added.first;
    else this.#transaction.link(this.#last, added.first, 'file');
    this.#last = added.last;
    for (let cluster = added.first; done < length;) {
      // Runs of the new part, found in the table as it was chained.
      let count = 1;
      while (count < clusters && this.#volume.table.next(cluster + count - 1) === cluster + count) count++;
      const at = clusterOffset(geometry, cluster);
      const part = Math.min(count * geometry.clusterSize, length - done);
      checkRange(device, at, part);
      act(at, done, part);
      done += part;
      this.#size += part;
      this.#at = at + part;
      this.#room = count * geometry.clusterSize - part;
      if (done < length) cluster = this.#volume.table.next(cluster + count - 1);
    }
  }
}
