import type { BlockDevice } from '../../block/device.ts';
import { allocate } from '../../bytes/budget.ts';
import { crc32Raw } from '../../bytes/crc32.ts';
import { latin1 } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import type { Area } from './label.ts';
import {
  CRC_START,
  METADATA_HEADER_SIZE,
  METADATA_MAGIC,
  MetadataHeader,
  RAW_LOCATION_IGNORED,
  RawLocation,
} from './layout.ts';

/** Bytes of one text: a volume group of thousands of volumes has a few MiB. */
const MAX_TEXT = 16 * 1024 * 1024;

/** A metadata area of a PV, its header checked. */
export interface MetadataArea {
  /** Bytes from the start of the device. */
  start: number;
  /** Bytes, the header included. */
  size: number;
  /** True where LVM keeps no current text here. */
  ignored: boolean;
  /** The committed text; undefined where nothing was ever written. */
  text: TextLocation | undefined;
}

/** Where the committed text lies in its area. */
export interface TextLocation {
  /** Bytes from the start of the area. */
  offset: number;
  /** Bytes. */
  size: number;
  checksum: number;
}

/** Read and check the header of a metadata area. Throws CorruptError. */
export function readMetadataArea(device: BlockDevice, area: Area): MetadataArea {
  const { offset } = area;
  const fail = (problem: string): never => {
    throw new CorruptError(MetadataHeader.name, problem, { offset });
  };
  if (offset > device.size - METADATA_HEADER_SIZE) {
    fail(`the label puts it at byte ${offset} of a device of ${device.size} bytes`);
  }
  const bytes = new Uint8Array(METADATA_HEADER_SIZE);
  device.readAt(offset, bytes);
  const header = MetadataHeader.view(bytes);
  const computed = crc32Raw(CRC_START, bytes, 4, METADATA_HEADER_SIZE);
  if (header.checksum_xl !== computed) {
    throw new CorruptError(
      MetadataHeader.name,
      `checksum_xl is 0x${header.checksum_xl.toString(16)}, computed 0x${computed.toString(16)}`,
      { offset, checksum: true },
    );
  }
  if (latin1(header.magic) !== METADATA_MAGIC) fail("the magic is not LVM2's");
  if (header.version !== 1) fail(`version is ${header.version}, expected 1`);
  if (header.start !== offset) fail(`start is ${header.start}, found at ${offset}`);
  if (header.size <= METADATA_HEADER_SIZE || header.size > device.size - offset) {
    fail(`size is ${header.size} at ${offset} of a device of ${device.size} bytes`);
  }
  const location = RawLocation.view(bytes, MetadataHeader.size);
  const ignored = (location.flags & RAW_LOCATION_IGNORED) !== 0;
  const result: MetadataArea = { start: offset, size: header.size, ignored, text: undefined };
  if (location.offset === 0) return result;
  if (location.offset < METADATA_HEADER_SIZE || location.offset >= header.size) {
    fail(`raw_locn offset is ${location.offset} in an area of ${header.size} bytes`);
  }
  if (location.size === 0 || location.size > header.size - METADATA_HEADER_SIZE) {
    fail(`raw_locn size is ${location.size} in an area of ${header.size} bytes`);
  }
  result.text = { offset: location.offset, size: location.size, checksum: location.checksum };
  return result;
}

/**
 * The committed text of an area. The area behind its header is a ring: a text that reaches its end goes on there.
 * Throws CorruptError where the checksum does not match.
 */
export function readMetadataText(device: BlockDevice, area: MetadataArea, text: TextLocation): Uint8Array {
  const bytes = allocate(text.size, 'LVM2 metadata text', MAX_TEXT);
  const first = Math.min(text.size, area.size - text.offset);
  device.readAt(area.start + text.offset, bytes.subarray(0, first));
  if (first < text.size) {
    device.readAt(area.start + METADATA_HEADER_SIZE, bytes.subarray(first));
  }
  const computed = crc32Raw(CRC_START, bytes);
  if (text.checksum !== computed) {
    throw new CorruptError(
      'LVM2 metadata text',
      `checksum is 0x${text.checksum.toString(16)}, computed 0x${computed.toString(16)}`,
      { offset: area.start + text.offset, checksum: true },
    );
  }
  return bytes;
}
