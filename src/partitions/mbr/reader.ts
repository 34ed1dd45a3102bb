import type { BlockDevice } from '../../block/device.ts';
import type { Partition, PartitionTable, PartitionTableOptions } from '../table.ts';
import { isFilesystemBootSector } from './boot-sector.ts';
import {
  isExtendedType,
  Mbr,
  MBR_SIGNATURE,
  type MbrRecord,
  mbrRecords,
  TYPE_GPT_PROTECTIVE,
} from './layout.ts';

/** Partitions that Linux gives device nodes to; it stops counting there, and so does the walk of a chain. */
const MAX_PARTITIONS = 256;
/** Links without a partition in them after which Linux gives up a chain. */
const MAX_EMPTY_LINKS = 100;
/** The second EBR entry of a sane writer is the link; entries 3 and 4 often hold rubbish. */
const FIRST_DOUBTFUL_SLOT = 2;

/** The first 512 bytes if they end in 55 AA, else undefined. */
export function readMbrSector(device: BlockDevice): Uint8Array | undefined {
  if (device.size < 512) return undefined;
  const sector = new Uint8Array(512);
  device.readAt(0, sector);
  return Mbr.view(sector).signature === MBR_SIGNATURE ? sector : undefined;
}

/**
 * True where a sector with 55 AA is an MBR as Linux and parted(8) decide: every entry's active flag is 0 or 0x80,
 * no entry is a GPT's protective one, and it is not a filesystem's boot sector.
 */
export function isMbr(sector: Uint8Array): boolean {
  const records = mbrRecords(sector);
  return (
    records.every((record) => record.bootIndicator === 0 || record.bootIndicator === 0x80) &&
    records.every((record) => record.type !== TYPE_GPT_PROTECTIVE) &&
    !isFilesystemBootSector(sector, records)
  );
}

/** The table in an MBR that {@link isMbr} accepted, logical partitions included. */
export function readMbr(
  device: BlockDevice,
  sector: Uint8Array,
  options: PartitionTableOptions,
): PartitionTable {
  const reader = new MbrReader(device, options);
  reader.readPrimary(mbrRecords(sector));
  return {
    type: 'msdos',
    sectorSize: device.sectorSize,
    partitions: reader.partitions.toSorted((a, b) => a.number - b.number),
    readable: true,
    diskSignature: Mbr.view(sector).unique_mbr_disk_signature,
  };
}

class MbrReader {
  readonly partitions: Partition[] = [];
  readonly #device: BlockDevice;
  readonly #unit: number;
  readonly #warn: (message: string) => void;
  #nextLogical = 5;

  constructor(device: BlockDevice, options: PartitionTableOptions) {
    this.#device = device;
    this.#unit = device.sectorSize;
    this.#warn = options.warn ?? (() => {});
  }

  readPrimary(records: readonly MbrRecord[]): void {
    for (const [slot, record] of records.entries()) {
      if (record.size === 0) continue;
      const extended = isExtendedType(record.type);
      this.#add(slot + 1, record.start, record, extended ? 'extended' : 'primary');
      if (extended) this.#walkChain(record.start, record.size);
    }
  }

  /** Add a partition that begins at sector `start`, cut at the end of the device as Linux does. */
  #add(number: number, start: number, record: MbrRecord, kind: Partition['kind']): void {
    const from = start * this.#unit;
    if (from >= this.#device.size) {
      this.#warn(
        `MBR: partition ${number} starts at byte ${from}, the device ends at ${this.#device.size}; left out`,
      );
      return;
    }
    let size = record.size * this.#unit;
    if (size > this.#device.size - from) {
      this.#warn(
        `MBR: partition ${number} ends at byte ${from + size}, the device at ${this.#device.size}; cut there`,
      );
      size = this.#device.size - from;
    }
    this.partitions.push({
      number,
      start: from,
      size,
      deviceSize: kind === 'extended' ? Math.min(size, Math.max(this.#unit, 1024)) : size,
      kind,
      type: record.type,
      bootable: record.bootIndicator === 0x80,
    });
  }

  /**
   * Follow the chain of EBRs in an extended partition. Data entries count from their own EBR, links from the start
   * of the extended partition. A chain may loop or point anywhere: it ends at a sector seen before, outside the
   * device, or at Linux's limits.
   */
  #walkChain(first: number, total: number): void {
    const seen = new Set<number>();
    const sector = new Uint8Array(512);
    let here = first;
    let length = total;
    for (let empty = 0; empty < MAX_EMPTY_LINKS && this.#nextLogical < MAX_PARTITIONS; empty++) {
      if (seen.has(here)) {
        this.#warn(`EBR chain: the link at sector ${here} was met before; the chain is a loop and ends here`);
        return;
      }
      seen.add(here);
      const at = here * this.#unit;
      if (at > this.#device.size - 512) {
        this.#warn(`EBR chain: a link leads to byte ${at}, the device ends at ${this.#device.size}`);
        return;
      }
      this.#device.readAt(at, sector);
      if (Mbr.view(sector).signature !== MBR_SIGNATURE) {
        this.#warn(`EBR at sector ${here}: the signature is not 55 AA; the chain ends here`);
        return;
      }
      const records = mbrRecords(sector);
      for (const [slot, record] of records.entries()) {
        if (record.size === 0 || isExtendedType(record.type)) continue;
        const start = here + record.start;
        const inside =
          record.start + record.size <= length && start >= first && start + record.size <= first + total;
        if (slot >= FIRST_DOUBTFUL_SLOT && !inside) continue;
        this.#add(this.#nextLogical++, start, record, 'logical');
        empty = 0;
        if (this.#nextLogical >= MAX_PARTITIONS) return;
      }
      const link = records.find((record) => record.size !== 0 && isExtendedType(record.type));
      if (link === undefined) return;
      here = first + link.start;
      length = link.size;
    }
  }
}
