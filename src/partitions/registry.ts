import type { BlockDevice } from '../block/device.ts';
import { foreignTable, isPc98 } from './foreign.ts';
import { hasGptMagic, readGpt } from './gpt/index.ts';
import { isMbr, mbrRecords, readMbr, TYPE_GPT_PROTECTIVE } from './mbr/index.ts';
import type { PartitionTable, PartitionTableOptions } from './table.ts';

/** A kind of partition table: reads its own and returns null on everything else. */
export interface PartitionTableFormat {
  readonly name: string;
  read(
    device: BlockDevice,
    mbr: Uint8Array | undefined,
    options: PartitionTableOptions,
  ): PartitionTable | null;
}

/**
 * A GPT counts only behind an MBR with a protective entry, as Linux and parted(8) have it: without one the disk was
 * given another table since, and what is left of the GPT is stale.
 *
 * Where the device has 512-byte sectors and no GPT of that size is good, 4096 is tried: an image copied from a 4Kn
 * disk. Linux would see no partitions until the drive's `blocksize` is set; we read it and say so.
 */
const gpt: PartitionTableFormat = {
  name: 'gpt',
  read(device, mbr, options) {
    if (mbr === undefined) return null;
    const records = mbrRecords(mbr);
    if (!records.some((record) => record.type === TYPE_GPT_PROTECTIVE)) return null;
    const unit = device.sectorSize;
    const other = unit === 512 ? 4096 : 512;
    let table: PartitionTable | null = null;
    if (!hasGptMagic(device, unit) && hasGptMagic(device, other)) {
      table = readGpt(device, other, options);
      if (table !== null) {
        options.warn?.(
          `GPT: the table has ${other}-byte sectors, the device ${unit}; state the drive's blocksize to be rid of doubt`,
        );
      }
    }
    table ??= readGpt(device, unit, options);
    if (table === null) return null;
    table.hybrid = records.some((record) => record.type !== TYPE_GPT_PROTECTIVE && record.type !== 0);
    return table;
  },
};

/** An NEC PC-98 disk ends its first sector in 55 AA too. */
const msdos: PartitionTableFormat = {
  name: 'msdos',
  read(device, mbr, options) {
    return mbr !== undefined && !isPc98(mbr) && isMbr(mbr) ? readMbr(device, mbr, options) : null;
  },
};

const foreign: PartitionTableFormat = { name: 'foreign', read: (device, mbr) => foreignTable(device, mbr) };

/**
 * In order of trust. GPT before MBR, because every GPT has an MBR in front of it. The others last: an ISO image may
 * carry an Apple map for old firmware beside the MBR that Linux uses.
 */
export const partitionTableFormats: readonly PartitionTableFormat[] = [gpt, msdos, foreign];
