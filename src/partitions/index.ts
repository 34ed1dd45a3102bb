import type { BlockDevice } from '../block/device.ts';
import { readMbrSector } from './mbr/index.ts';
import { partitionTableFormats } from './registry.ts';
import type { PartitionTable, PartitionTableOptions } from './table.ts';

export type { Partition, PartitionTable, PartitionTableOptions, PartitionTableType } from './table.ts';

/**
 * The partition table of a disk, or null where it has none: blank, or a filesystem or volume fills it.
 *
 * Reads a few sectors. Damage that leaves something to work with (a broken primary GPT, a partition that reaches
 * beyond the disk, an EBR chain that loops) is told to `warn`; a disk whose GPT is broken in both copies answers null
 * after a warning, as Linux shows no partitions on it. Throws only what reading the device throws.
 */
export function readPartitionTable(
  device: BlockDevice,
  options: PartitionTableOptions = {},
): PartitionTable | null {
  const mbr = readMbrSector(device);
  for (const format of partitionTableFormats) {
    const table = format.read(device, mbr, options);
    if (table !== null) return table;
  }
  return null;
}
