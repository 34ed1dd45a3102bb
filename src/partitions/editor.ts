import type { BlockDevice } from '../block/device.ts';
import { GuestfsError } from '../errors/index.ts';

/** A partition of a table that is being changed. Units are sectors of the table; both ends are within it. */
export interface EditedPartition {
  number: number;
  first: number;
  last: number;
  kind: 'primary' | 'extended' | 'logical';
}

/** Kinds that a new partition can have; a GPT calls everything primary. */
export type PartitionKind = EditedPartition['kind'];

/**
 * A partition table in memory that is changed and then written. Every change is checked against the whole table
 * and throws a GuestfsError that leaves it as it was: EINVAL for what makes no sense, ENOSPC where there is no room.
 */
export interface PartitionEditor {
  readonly type: 'gpt' | 'msdos';
  /** Bytes. */
  readonly sectorSize: number;
  /** In ascending order of number. */
  partitions(): EditedPartition[];
  /**
   * Returns the number of the new partition: the lowest that is free, or `number`, which a logical partition cannot
   * choose.
   */
  add(kind: PartitionKind, first: number, last: number, number?: number): number;
  /** Deleting an extended partition deletes its logical ones. */
  remove(number: number): void;
  /** Move the end. */
  resize(number: number, last: number): void;
  setBootable(number: number, bootable: boolean): void;
  /**
   * Write what changed, in an order in which a cut between any two writes, and a write that is torn, leaves the
   * old table or the new one. All is durable when it returns.
   */
  write(device: BlockDevice): void;
}

/** Throws EINVAL where a range of sectors is turned around or not of this disk. */
export function checkRange(first: number, last: number, sectors: number): void {
  if (last < first) {
    throw new GuestfsError(
      'EINVAL',
      `a partition cannot end before it starts: sectors ${first} to ${last} were asked for`,
    );
  }
  if (first < 0 || last >= sectors) {
    throw new GuestfsError(
      'EINVAL',
      `sectors ${first} to ${last} are not all on the disk, which has sectors 0 to ${sectors - 1}`,
    );
  }
}

/** Throws EINVAL naming the first of `others` that sectors `first` to `last` overlap. */
export function checkOverlap(first: number, last: number, others: readonly EditedPartition[]): void {
  for (const other of others) {
    if (first > other.last || last < other.first) continue;
    throw new GuestfsError(
      'EINVAL',
      `sectors ${first} to ${last} overlap partition ${other.number}, which has sectors ${other.first} to ${other.last}`,
    );
  }
}

/** The partition of that number. Throws EINVAL naming those that there are. */
export function needNumber<T extends { number: number }>(partitions: readonly T[], number: number): T {
  const found = partitions.find((partition) => partition.number === number);
  if (found !== undefined) return found;
  const numbers = partitions.map((partition) => partition.number).join(', ');
  throw new GuestfsError('EINVAL', `there is no partition ${number}, there are: ${numbers || 'none'}`);
}

/** The error for a number that a new partition cannot have. */
export function entryTaken(number: number, entries: number): GuestfsError {
  return new GuestfsError(
    'EINVAL',
    `entry ${number} of the partition table is in use or not one of its ${entries}`,
  );
}
