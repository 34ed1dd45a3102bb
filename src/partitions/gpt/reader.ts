import type { BlockDevice } from '../../block/device.ts';
import { guidText } from '../../bytes/guid.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { Partition, PartitionTable, PartitionTableOptions } from '../table.ts';
import { isDamage, type GptCopy, readGptCopy } from './copy.ts';
import { GPT_SIGNATURE, GptEntry } from './layout.ts';

/** Linux gives device nodes to no more. */
const MAX_PARTITIONS = 256;

/** True where the header's magic stands at sector 1 of that size; says nothing of its health. */
export function hasGptMagic(device: BlockDevice, sectorSize: number): boolean {
  if (device.size < sectorSize + 8) return false;
  const magic = new Uint8Array(8);
  device.readAt(sectorSize, magic);
  return magic.every((byte, i) => byte === GPT_SIGNATURE[i]);
}

/**
 * Read the GPT of a disk whose sectors have `sectorSize` bytes: the primary copy, or with a warning the backup in
 * the last sector where the primary is damaged. Null where neither is good; the warnings then say why. Throws what
 * reading the device throws where that leaves no good copy.
 */
export function readGpt(
  device: BlockDevice,
  sectorSize: number,
  options: PartitionTableOptions,
): PartitionTable | null {
  const warn = options.warn ?? (() => {});
  const sectors = Math.floor(device.size / sectorSize);
  let copy: GptCopy;
  try {
    copy = readGptCopy(device, sectorSize, 1);
  } catch (error) {
    const primary = damage(error);
    try {
      copy = readGptCopy(device, sectorSize, sectors - 1);
    } catch (second) {
      const unread = [error, second].find((problem) => !isDamage(problem));
      // A disk that cannot be read is not one without a table.
      if (unread !== undefined) throw unread;
      warn(`GPT: neither copy can be used: ${primary}; backup: ${damage(second)}`);
      return null;
    }
    warn(`GPT: the primary copy is damaged, using the backup at the end of the disk: ${primary}`);
  }
  return {
    type: 'gpt',
    sectorSize,
    partitions: readEntries(device, copy, sectorSize, warn),
    readable: true,
    diskGuid: copy.diskGuid,
  };
}

/** What a GuestfsError says; anything else is our own mistake and goes on. */
function damage(error: unknown): string {
  if (error instanceof GuestfsError) return error.message;
  throw error;
}

function readEntries(
  device: BlockDevice,
  copy: GptCopy,
  sectorSize: number,
  warn: (message: string) => void,
): Partition[] {
  const partitions: Partition[] = [];
  const lastSector = BigInt(Math.floor(device.size / sectorSize) - 1);
  for (let i = 0; i < copy.entryCount && i < MAX_PARTITIONS; i++) {
    const entry = GptEntry.view(copy.entries, i * copy.entrySize);
    if (entry.partition_type_guid.every((byte) => byte === 0)) continue;
    const first = entry.starting_lba;
    const last = entry.ending_lba;
    if (first > last || last > lastSector) {
      warn(
        `GPT: partition ${i + 1} has sectors ${first} to ${last}, the disk ends at sector ${lastSector}; left out`,
      );
      continue;
    }
    const size = Number(last - first + 1n) * sectorSize;
    partitions.push({
      number: i + 1,
      start: Number(first) * sectorSize,
      size,
      deviceSize: size,
      kind: 'primary',
      bootable: (entry.attributes & LEGACY_BIOS_BOOTABLE) !== 0n,
      type: guidText(entry.partition_type_guid),
      guid: guidText(entry.unique_partition_guid),
      name: utf16Name(entry.partition_name),
      attributes: entry.attributes,
    });
  }
  return partitions;
}

/** Attribute bit 2. */
const LEGACY_BIOS_BOOTABLE = 4n;

/** 36 UTF-16LE units, ended by NUL; lone surrogates become U+FFFD, for these names are text and not guest bytes. */
function utf16Name(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    const unit = bytes[i]! | (bytes[i + 1]! << 8);
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD');
}
