import type { BlockDevice } from '../../block/device.ts';
import { GPT_SIGNATURE } from '../gpt/layout.ts';
import { chsAddress } from './chs.ts';
import type { MbrEditor } from './editor.ts';
import { MbrEntry, type MbrRecord, mbrRecords, TYPE_EXTENDED } from './layout.ts';

/** Bytes at the start of a disk in which other tables and filesystems keep their magic; parted(8) clears as many. */
const REMNANT_BYTES = 9728;

/**
 * Write an MBR and the EBRs of its chain. EBRs in new places come first and are flushed; then each sector that the
 * table has now is replaced in one write, the MBR last. So a new logical partition appears, and any other one goes,
 * with the one sector that leads to it. Remnants of the table before a new one go when that is durable.
 *
 * Throws what writing the device throws.
 */
export function writeMbr(device: BlockDevice, table: MbrEditor): void {
  const ebrs = chainSectors(table);
  const fresh = [...ebrs].filter(([ebr]) => !table.oldLinks.has(ebr));
  for (const [ebr, sector] of fresh) writeSector(device, table.sectorSize, ebr, sector);
  if (fresh.length > 0) device.flush();
  for (const [ebr, sector] of ebrs) {
    if (table.oldLinks.has(ebr)) writeSector(device, table.sectorSize, ebr, sector);
  }
  const mbr = table.sector.slice();
  setRecords(mbr, table.primary);
  writeSector(device, table.sectorSize, 0, mbr, table.isNew);
  device.flush();
  if (!table.isNew) return;
  clearRemnants(device, table);
  device.flush();
}

/** The EBRs as they are to be, by their sector. */
function chainSectors(table: MbrEditor): Map<number, Uint8Array> {
  const sectors = new Map<number, Uint8Array>();
  const start = table.extended?.start ?? 0;
  for (const [index, { ebr, sector, data }] of table.links.entries()) {
    const next = table.links[index + 1];
    const free = { bootIndicator: 0, type: 0, start: 0, size: 0 };
    const records = [data === undefined ? free : { ...data, start: data.start - ebr }, free, free, free];
    if (next?.data !== undefined) {
      records[1] = {
        bootIndicator: 0,
        type: TYPE_EXTENDED,
        start: next.ebr - start,
        size: next.data.start + next.data.size - next.ebr,
      };
    }
    const bytes = sector.slice();
    setRecords(bytes, records, ebr, start);
    sectors.set(ebr, bytes);
  }
  return sectors;
}

/**
 * Put the entries into a sector. An entry that says the same as before keeps all its bytes, addresses in cylinders
 * of another geometry too. Data of an EBR counts from sector `ebr`, its link from `extended`.
 */
function setRecords(sector: Uint8Array, records: readonly MbrRecord[], ebr = 0, extended = ebr): void {
  const before = mbrRecords(sector);
  for (const [slot, record] of records.entries()) {
    const old = before[slot]!;
    const same =
      old.start === record.start &&
      old.size === record.size &&
      old.type === record.type &&
      old.bootIndicator === record.bootIndicator;
    if (same && record.size !== 0) continue;
    const at = 446 + slot * MbrEntry.size;
    const moved = old.start !== record.start || old.size !== record.size;
    const entry = MbrEntry.view(sector, at);
    if (record.size === 0) {
      sector.fill(0, at, at + MbrEntry.size);
      continue;
    }
    entry.boot_indicator = record.bootIndicator;
    entry.os_type = record.type;
    entry.starting_lba = record.start;
    entry.size_in_lba = record.size;
    if (!moved) continue;
    const first = record.start + (record.type === TYPE_EXTENDED ? extended : ebr);
    entry.starting_chs = chsAddress(first);
    entry.ending_chs = chsAddress(first + record.size - 1);
  }
}

/** Replace the first 512 bytes of a sector; the rest of a larger one stays, or is cleared. */
function writeSector(
  device: BlockDevice,
  sectorSize: number,
  lba: number,
  bytes: Uint8Array,
  clear = false,
): void {
  const sector = new Uint8Array(sectorSize);
  if (sectorSize > bytes.length && !clear) device.readAt(lba * sectorSize, sector);
  sector.set(bytes);
  device.writeAt(lba * sectorSize, sector);
}

/** Other tables' magic at the start of the disk, and a GPT's backup at its end. */
function clearRemnants(device: BlockDevice, table: MbrEditor): void {
  const { sectorSize, sectors } = table;
  // Partitions of a table that was made with it may begin there.
  const used = table.partitions().map(({ first }) => first * sectorSize);
  const end = Math.min(REMNANT_BYTES, device.size, ...used);
  if (end > sectorSize) device.zero(sectorSize, end - sectorSize);
  const magic = new Uint8Array(GPT_SIGNATURE.length);
  const last = (sectors - 1) * sectorSize;
  if (sectors < 2) return;
  device.readAt(last, magic);
  if (magic.every((byte, i) => byte === GPT_SIGNATURE[i])) device.zero(last, sectorSize);
}
