import type { BlockDevice } from '../../block/device.ts';
import { allocate } from '../../bytes/budget.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { guidText } from '../../bytes/guid.ts';
import { isPowerOfTwo } from '../../bytes/round.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import type { Partition, PartitionTable, PartitionTableOptions } from '../table.ts';
import { GPT_SIGNATURE, GptEntry, GptHeader } from './layout.ts';

/** Bytes of entries that are read: Linux refuses more too. The usual table has 16 KiB. */
const MAX_ARRAY_BYTES = 4 * 1024 * 1024;
/** Linux gives device nodes to no more. */
const MAX_PARTITIONS = 256;

/** One of the two copies, checked. */
interface GptCopy {
  diskGuid: string;
  entries: Uint8Array;
  entrySize: number;
  entryCount: number;
}

/** True where the header's magic stands at sector 1 of that size; says nothing of its health. */
export function hasGptMagic(device: BlockDevice, sectorSize: number): boolean {
  if (device.size < sectorSize + 8) return false;
  const magic = new Uint8Array(8);
  device.readAt(sectorSize, magic);
  return magic.every((byte, i) => byte === GPT_SIGNATURE[i]);
}

/**
 * Read the GPT of a disk whose sectors have `sectorSize` bytes: the primary copy, or with a warning the backup in
 * the last sector where the primary is damaged. Null where neither is good; the warnings then say why.
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
    copy = readCopy(device, sectorSize, 1);
  } catch (error) {
    const primary = damage(error);
    try {
      copy = readCopy(device, sectorSize, sectors - 1);
    } catch (second) {
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

function readCopy(device: BlockDevice, sectorSize: number, lba: number): GptCopy {
  const offset = lba * sectorSize;
  const sectors = Math.floor(device.size / sectorSize);
  if (lba < 1 || lba >= sectors) {
    throw new CorruptError('GPT header', `expected at sector ${lba} of a disk of ${sectors} sectors`, {
      offset,
    });
  }
  const sector = new Uint8Array(sectorSize);
  device.readAt(offset, sector);
  const header = GptHeader.view(sector);
  if (!header.signature.every((byte, i) => byte === GPT_SIGNATURE[i])) {
    throw new CorruptError('GPT header', `no "EFI PART" at sector ${lba}`, { offset });
  }
  if (header.header_size < GptHeader.size || header.header_size > sectorSize) {
    throw new CorruptError(
      'GPT header',
      `header_size is ${header.header_size}, expected ${GptHeader.size} to ${sectorSize}`,
      { offset },
    );
  }
  const stored = header.header_crc32;
  header.header_crc32 = 0;
  const computed = crc32(sector, 0, header.header_size);
  header.header_crc32 = stored;
  if (stored !== computed) {
    throw new CorruptError('GPT header', `header_crc32 is ${hex(stored)}, computed ${hex(computed)}`, {
      offset,
      checksum: true,
    });
  }
  if (header.my_lba !== lba) {
    throw new CorruptError('GPT header', `my_lba is ${header.my_lba}, found at sector ${lba}`, { offset });
  }
  if (header.first_usable_lba > header.last_usable_lba || header.last_usable_lba >= sectors) {
    throw new CorruptError(
      'GPT header',
      `usable sectors are ${header.first_usable_lba} to ${header.last_usable_lba}, the disk has ${sectors}`,
      { offset },
    );
  }
  return {
    diskGuid: guidText(header.disk_guid),
    entries: readArray(device, sectorSize, sector, offset),
    entrySize: header.size_of_partition_entry,
    entryCount: header.number_of_partition_entries,
  };
}

function readArray(
  device: BlockDevice,
  sectorSize: number,
  sector: Uint8Array,
  headerOffset: number,
): Uint8Array {
  const header = GptHeader.view(sector);
  const entrySize = header.size_of_partition_entry;
  const count = header.number_of_partition_entries;
  if (entrySize < GptEntry.size || !isPowerOfTwo(entrySize) || entrySize > 4096) {
    throw new CorruptError(
      'GPT header',
      `size_of_partition_entry is ${entrySize}, expected 128, 256, ... 4096`,
      {
        offset: headerOffset,
      },
    );
  }
  const bytes = entrySize * count;
  if (bytes > MAX_ARRAY_BYTES) {
    throw new CorruptError(
      'GPT header',
      `number_of_partition_entries is ${count}: ${bytes} bytes of entries, expected at most ${MAX_ARRAY_BYTES}`,
      { offset: headerOffset },
    );
  }
  const offset = header.partition_entry_lba * sectorSize;
  if (header.partition_entry_lba < 2 && bytes > 0) {
    throw new CorruptError(
      'GPT header',
      `partition_entry_lba is ${header.partition_entry_lba}, expected 2 or more`,
      { offset: headerOffset },
    );
  }
  if (offset > device.size - bytes) {
    throw new CorruptError(
      'GPT header',
      `the entries at byte ${offset} end at ${offset + bytes}, the device at ${device.size}`,
      { offset: headerOffset },
    );
  }
  const entries = allocate(bytes, 'GPT partition entry array', MAX_ARRAY_BYTES);
  device.readAt(offset, entries);
  const stored = header.partition_entry_array_crc32;
  const computed = crc32(entries);
  if (stored !== computed) {
    throw new CorruptError(
      'GPT partition entry array',
      `partition_entry_array_crc32 is ${hex(stored)}, computed ${hex(computed)}`,
      { offset, checksum: true },
    );
  }
  return entries;
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

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
