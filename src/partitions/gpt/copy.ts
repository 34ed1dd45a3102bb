import type { BlockDevice } from '../../block/device.ts';
import { allocate } from '../../bytes/budget.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { guidText } from '../../bytes/guid.ts';
import { isPowerOfTwo } from '../../bytes/round.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import { GPT_SIGNATURE, GptEntry, GptHeader } from './layout.ts';

/** Bytes of entries that are read: Linux refuses more too. The usual table has 16 KiB. */
const MAX_ARRAY_BYTES = 4 * 1024 * 1024;

/** One of the two copies, checked. */
export interface GptCopy {
  /** The header's whole sector. */
  header: Uint8Array;
  /** Lower case. */
  diskGuid: string;
  entries: Uint8Array;
  /** Bytes. */
  entrySize: number;
  entryCount: number;
}

/** Whether an error says that a copy is damaged, and not that the disk cannot be read. */
export function isDamage(error: unknown): error is GuestfsError {
  return error instanceof GuestfsError && (error.code === 'EUCLEAN' || error.code === 'EBADMSG');
}

/**
 * Read and check the copy whose header is at sector `lba`. Throws CorruptError naming what is wrong with it, and what
 * reading the device throws.
 */
export function readGptCopy(device: BlockDevice, sectorSize: number, lba: number): GptCopy {
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
    header: sector,
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

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
