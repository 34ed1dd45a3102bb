import type { BlockDevice } from '../../block/device.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { GuestfsError } from '../../errors/index.ts';
import { Mbr, MBR_SIGNATURE, MbrEntry, mbrRecords, TYPE_GPT_PROTECTIVE } from '../mbr/layout.ts';
import type { GptEditor } from './editor.ts';
import { GptHeader } from './layout.ts';

/** Sectors that an MBR can count. */
const MBR_SECTORS = 0xffffffff;

/**
 * Write both copies of a GPT, flushed one by one, so that one is whole at any time: the backup first and then the
 * primary, but a primary that is damaged now before the backup, which then is the only good one. The backup goes to
 * the last sector of the disk wherever it was. A new table's protective MBR comes last: until then the disk has the
 * table that it had.
 *
 * Throws what writing the device throws, and ENOSPC where the entries overlap what partitions may use.
 */
export function writeGpt(device: BlockDevice, table: GptEditor): void {
  const last = table.sectors - 1;
  const backupArray = last - table.arraySectors;
  const primaryEnd = table.arraySector + table.arraySectors;
  if (primaryEnd > table.firstUsable || backupArray <= table.lastUsable) {
    throw new GuestfsError(
      'ENOSPC',
      `the entries of this GPT need sectors ${table.arraySector} to ${primaryEnd - 1} and ${backupArray} to ${last - 1}, but ${table.firstUsable} to ${table.lastUsable} are for partitions`,
    );
  }
  const primary = { lba: 1, alternate: last, array: table.arraySector };
  const backup = { lba: last, alternate: 1, array: backupArray };
  for (const copy of table.primaryGood ? [backup, primary] : [primary, backup]) {
    writeCopy(device, table, copy);
    device.flush();
  }
  table.primaryGood = true;
  if (table.writesProtectiveMbr) writeProtectiveMbr(device, table);
  forgetStrayBackup(device, table);
  device.flush();
}

interface Place {
  lba: number;
  alternate: number;
  /** First sector of the entries. */
  array: number;
}

function writeCopy(device: BlockDevice, table: GptEditor, { lba, alternate, array }: Place): void {
  const { sectorSize, entries, arraySectors } = table;
  const sector = table.header.slice();
  const header = GptHeader.view(sector);
  header.my_lba = lba;
  header.alternate_lba = alternate;
  header.partition_entry_lba = array;
  header.partition_entry_array_crc32 = crc32(entries);
  header.header_crc32 = 0;
  header.header_crc32 = crc32(sector, 0, header.header_size);
  // Header and entries are neighbours in every usual table: then one write serves.
  const start = Math.min(lba, array);
  if (array === lba + 1 || array + arraySectors === lba) {
    const both = new Uint8Array((arraySectors + 1) * sectorSize);
    both.set(sector, (lba - start) * sectorSize);
    both.set(entries, (array - start) * sectorSize);
    device.writeAt(start * sectorSize, both);
  } else {
    const padded = new Uint8Array(arraySectors * sectorSize);
    padded.set(entries);
    device.writeAt(array * sectorSize, padded);
    device.writeAt(lba * sectorSize, sector);
  }
}

/**
 * One entry of type EE over the whole disk (UEFI specification 2.10, 5.2.3). The boot code stays; of a hybrid MBR,
 * which has other entries too, everything stays.
 */
function writeProtectiveMbr(device: BlockDevice, table: GptEditor): void {
  const sector = new Uint8Array(table.sectorSize);
  const size = Math.min(table.sectors - 1, MBR_SECTORS);
  if (table.bootCode === undefined) {
    device.readAt(0, sector);
    const records = mbrRecords(sector);
    const protective = records.findIndex(({ type }) => type === TYPE_GPT_PROTECTIVE);
    const hybrid = records.some(({ type }) => type !== 0 && type !== TYPE_GPT_PROTECTIVE);
    if (protective < 0 || hybrid) return;
    MbrEntry.view(sector, 446 + protective * MbrEntry.size).size_in_lba = size;
  } else {
    const mbr = Mbr.view(sector);
    mbr.boot_code = table.bootCode;
    mbr.signature = MBR_SIGNATURE;
    const entry = MbrEntry.view(sector, 446);
    entry.starting_chs = Uint8Array.of(0, 2, 0);
    entry.os_type = TYPE_GPT_PROTECTIVE;
    entry.ending_chs = Uint8Array.of(0xff, 0xff, 0xff);
    entry.starting_lba = 1;
    entry.size_in_lba = size;
  }
  device.writeAt(0, sector);
}

/** A backup that is no longer the table's must not be found by tools that look through the disk. */
function forgetStrayBackup(device: BlockDevice, table: GptEditor): void {
  const { strayBackup, sectorSize, lastUsable, sectors, arraySectors } = table;
  if (strayBackup === undefined || strayBackup < table.firstUsable) return;
  const inPartition = table
    .partitions()
    .some(({ first, last }) => first <= strayBackup && strayBackup <= last);
  const inNewBackup = strayBackup >= sectors - 1 - arraySectors;
  if (!inPartition && !inNewBackup && strayBackup > 1 && lastUsable > 0)
    device.zero(strayBackup * sectorSize, sectorSize);
  table.strayBackup = undefined;
}
