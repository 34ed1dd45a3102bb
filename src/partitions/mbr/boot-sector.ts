import { isPowerOfTwo } from '../../bytes/round.ts';
import { latin1 } from '../../bytes/text.ts';
import type { MbrRecord } from './layout.ts';

/** A BIOS parameter block that a FAT driver would accept. */
function hasPlausibleBpb(sector: Uint8Array): boolean {
  const jump = sector[0]!;
  const bytesPerSector = sector[11]! | (sector[12]! << 8);
  const reserved = sector[14]! | (sector[15]! << 8);
  const fats = sector[16]!;
  const media = sector[21]!;
  return (
    (jump === 0xeb || jump === 0xe9) &&
    isPowerOfTwo(bytesPerSector) &&
    bytesPerSector >= 512 &&
    bytesPerSector <= 4096 &&
    isPowerOfTwo(sector[13]!) &&
    reserved > 0 &&
    fats > 0 &&
    fats <= 4 &&
    (media >= 0xf8 || media === 0xf0)
  );
}

/**
 * True where a first sector with the 55 AA signature is the boot sector of a FAT, NTFS or exFAT filesystem that
 * fills the whole device. parted(8) and blkid(8) then see no partition table, even where the bytes at 446 could be
 * read as one.
 */
export function isFilesystemBootSector(sector: Uint8Array, records: readonly MbrRecord[]): boolean {
  const oem = latin1(sector, 3, 11);
  if (oem === 'NTFS    ' || oem === 'EXFAT   ') return true;
  if (!hasPlausibleBpb(sector)) return false;
  if (latin1(sector, 0x36, 0x39) === 'FAT' || latin1(sector, 0x52, 0x55) === 'FAT') return true;
  return records.every((record) => record.type === 0 || record.size === 0);
}
