import type { BlockDevice } from '../../../block/device.ts';
import { crc32Raw } from '../../../bytes/crc32.ts';
import { roundUp } from '../../../bytes/round.ts';
import { encodeText } from '../../../bytes/text.ts';
import { GuestfsError } from '../../../errors/index.ts';
import {
  CRC_START,
  METADATA_HEADER_SIZE,
  METADATA_MAGIC,
  MetadataHeader,
  RawLocation,
  SECTOR,
} from '../layout.ts';
import { readMetadataArea, type TextLocation } from '../metadata-area.ts';
import type { FoundPhysicalVolume } from '../scan.ts';

/** A metadata area: bytes from the start of the device, the header included. */
interface AreaPlace {
  start: number;
  size: number;
}

/** Write the header of a metadata area in one sector: with it the text that it points to is the valid one. */
export function writeMetadataHeader(
  device: BlockDevice,
  { start, size }: AreaPlace,
  text: TextLocation | undefined,
): void {
  const sector = new Uint8Array(METADATA_HEADER_SIZE);
  const header = MetadataHeader.view(sector);
  header.magic = encodeText(METADATA_MAGIC);
  header.version = 1;
  header.start = start;
  header.size = size;
  if (text !== undefined) {
    const location = RawLocation.view(sector, MetadataHeader.size);
    location.offset = text.offset;
    location.size = text.size;
    location.checksum = text.checksum;
  }
  header.checksum_xl = crc32Raw(CRC_START, sector, 4, METADATA_HEADER_SIZE);
  device.writeAt(start, sector);
}

interface Prepared {
  found: FoundPhysicalVolume;
  area: AreaPlace;
  location: TextLocation;
}

/**
 * Make `text` the metadata of a group in every metadata area of its PVs that is in use. In each the text goes into
 * the ring behind the one that is valid, all are flushed, and only then the headers are switched, each with one
 * sector. A cut leaves the old or the new text valid in each area; of both the higher seqno counts, on Linux too.
 *
 * Throws ENOSPC where a ring has no room beside the valid text, EINVAL where no PV has a metadata area, and then
 * nothing is changed.
 */
export function commitText(volumes: readonly FoundPhysicalVolume[], text: Uint8Array): void {
  const prepared: Prepared[] = [];
  for (const found of volumes) {
    for (const known of found.metadataAreas) {
      if (known.ignored) continue;
      const area = readMetadataArea(found.device, { offset: known.start, size: known.size });
      const place = textPlace(area.size, area.text, text.length);
      if (place === undefined) {
        throw new GuestfsError(
          'ENOSPC',
          `${found.name}: the LVM metadata has ${text.length} bytes and does not fit in its area of ${area.size} beside the ${area.text?.size ?? 0} bytes that are valid`,
          { device: found.name },
        );
      }
      const location = { offset: place, size: text.length, checksum: crc32Raw(CRC_START, text) };
      prepared.push({ found, area, location });
    }
  }
  if (prepared.length === 0) {
    const names = volumes.map(({ name }) => name).join(', ');
    throw new GuestfsError('EINVAL', `none of the physical volumes ${names} has a metadata area in use`);
  }
  for (const { found, area, location } of prepared) writeRing(found.device, area, location.offset, text);
  for (const device of devicesOf(prepared)) device.flush();
  for (const { found, area, location } of prepared) writeMetadataHeader(found.device, area, location);
  for (const device of devicesOf(prepared)) device.flush();
}

/** Make the areas of PVs hold no text. Durable when it returns. */
export function forgetText(volumes: readonly FoundPhysicalVolume[]): void {
  for (const { device, metadataAreas } of volumes) {
    for (const area of metadataAreas) {
      if (!area.ignored) writeMetadataHeader(device, area, undefined);
    }
    device.flush();
  }
}

function devicesOf(prepared: readonly Prepared[]): Set<BlockDevice> {
  return new Set(prepared.map(({ found }) => found.device));
}

/**
 * Where in an area of `size` bytes a new text of `length` begins, beside the valid one: behind it, or at the start of
 * the ring, or around its end. Undefined where there is no room.
 */
export function textPlace(size: number, valid: TextLocation | undefined, length: number): number | undefined {
  const ring = size - METADATA_HEADER_SIZE;
  if (valid === undefined) return length <= ring ? METADATA_HEADER_SIZE : undefined;
  const end = valid.offset + valid.size;
  const wrapped = end > size;
  const from = roundUp(wrapped ? end - ring : end, SECTOR);
  // Behind a text that wraps there is only what is before its beginning.
  if (wrapped) return from + length <= valid.offset ? from : undefined;
  if (from + length <= size) return from;
  if (METADATA_HEADER_SIZE + length <= valid.offset) return METADATA_HEADER_SIZE;
  const rest = length - (size - from);
  return from < size && METADATA_HEADER_SIZE + rest <= valid.offset ? from : undefined;
}

function writeRing(device: BlockDevice, area: AreaPlace, offset: number, text: Uint8Array): void {
  const first = Math.min(text.length, area.size - offset);
  device.writeAt(area.start + offset, text.subarray(0, first));
  if (first < text.length) device.writeAt(area.start + METADATA_HEADER_SIZE, text.subarray(first));
}
