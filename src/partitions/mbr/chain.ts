import type { BlockDevice } from '../../block/device.ts';
import { CorruptError } from '../../errors/index.ts';
import { isExtendedType, Mbr, MBR_SIGNATURE, type MbrRecord, mbrRecords } from './layout.ts';

/** One link of the chain in an extended partition: an EBR and the logical partition that it describes. */
export interface EbrLink {
  /** Sector of the EBR. */
  ebr: number;
  /** Sector 0 of the EBR as it is on the disk; what is not an entry is kept. */
  sector: Uint8Array;
  /** The partition; `start` counts from the start of the disk. Undefined where the EBR is empty. */
  data: MbrRecord | undefined;
}

/** Linux counts no more. */
const MAX_LINKS = 256;

/**
 * The chain of an extended partition, strictly: where it is not what a partitioner writes, changing it could lose
 * partitions, so that CorruptError says what was found.
 */
export function readChain(device: BlockDevice, sectorSize: number, first: number, total: number): EbrLink[] {
  const links: EbrLink[] = [];
  const seen = new Set<number>();
  for (let here = first; ;) {
    const offset = here * sectorSize;
    const fail = (problem: string): never => {
      throw new CorruptError('EBR', `at sector ${here}: ${problem}; the table is not changed`, { offset });
    };
    if (seen.has(here)) fail('the chain is a loop');
    if (links.length >= MAX_LINKS) fail(`the chain has more than ${MAX_LINKS} links`);
    if (here < first || here >= first + total || offset > device.size - 512) {
      fail(`the link leads out of the extended partition, sectors ${first} to ${first + total - 1}`);
    }
    seen.add(here);
    const sector = new Uint8Array(512);
    device.readAt(offset, sector);
    if (Mbr.view(sector).signature !== MBR_SIGNATURE) {
      // A new extended partition whose first EBR nobody wrote yet.
      if (links.length === 0 && sector.every((byte) => byte === 0)) return [];
      fail('the signature is not 55 AA');
    }
    const used = mbrRecords(sector).filter(({ size }) => size !== 0);
    const data = used.filter(({ type }) => !isExtendedType(type));
    const next = used.filter(({ type }) => isExtendedType(type));
    if (data.length > 1 || next.length > 1) {
      fail(`${data.length} partitions and ${next.length} links, expected at most one of each`);
    }
    const [record] = data;
    links.push({
      ebr: here,
      sector,
      data: record === undefined ? undefined : { ...record, start: here + record.start },
    });
    if (next[0] === undefined) return links;
    here = first + next[0].start;
  }
}
