import type { BlockDevice } from '../../../block/device.ts';
import { GuestfsError, UnsupportedError } from '../../../errors/index.ts';
import { refuseEncryption, type QcowImageHeader } from '../header.ts';
import { AUTOCLEAR, INCOMPATIBLE, QcowHeader, QcowHeaderV3 } from '../layout.ts';

const WORD = 0x100000000;

/** Throws where an image may not be written to, saying why. */
export function refuseWriting(header: QcowImageHeader): void {
  refuseEncryption(header);
  if (header.corrupt) {
    throw new GuestfsError(
      'EUCLEAN',
      'the image is marked as corrupt and is not written to; "qemu-img check -r all" may repair it',
      { structure: QcowHeader.name, offset: QcowHeaderV3.fields.incompatible_features.offset },
    );
  }
  if (header.externalData && header.snapshotCount > 0) {
    throw new UnsupportedError(
      'the image has internal snapshots and an external data file, which cannot hold both states; it is not written to',
      { structure: QcowHeader.name },
    );
  }
}

function writeBits(file: BlockDevice, offset: number, bits: bigint): void {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, bits);
  file.writeAt(offset, bytes);
}

function readBits(file: BlockDevice, offset: number): bigint {
  const bytes = new Uint8Array(8);
  file.readAt(offset, bytes);
  return new DataView(bytes.buffer).getBigUint64(0);
}

/**
 * Clear the autoclear bits of what this writer does not keep true: persistent bitmaps, and features it does not know.
 * True if there were any; then it is durable.
 */
export function clearAutoclear(file: BlockDevice, header: QcowImageHeader): boolean {
  if (header.version < 3) return false;
  const at = QcowHeaderV3.fields.autoclear_features.offset;
  const bits = readBits(file, at);
  const kept = bits & AUTOCLEAR.RAW_DATA_FILE;
  if (kept === bits) return false;
  writeBits(file, at, kept);
  file.flush();
  return true;
}

/** Set or clear the mark that refcounts are not to be trusted; the caller flushes. */
export function markDirty(file: BlockDevice, header: QcowImageHeader, dirty: boolean): void {
  if (header.version < 3) return;
  const at = QcowHeaderV3.fields.incompatible_features.offset;
  const bits = readBits(file, at);
  writeBits(file, at, dirty ? bits | INCOMPATIBLE.DIRTY : bits & ~INCOMPATIBLE.DIRTY);
  header.dirty = dirty;
}

/**
 * State another virtual size and another place of the L1 table, in one write that cannot tear; the caller flushes.
 */
export function writeSizeAndL1(
  file: BlockDevice,
  header: QcowImageHeader,
  values: { size: number; l1Offset: number; l1Size: number },
): void {
  const { size, l1_size, l1_table_offset } = QcowHeader.fields;
  const start = size.offset;
  const bytes = new Uint8Array(l1_table_offset.offset + l1_table_offset.size - start);
  file.readAt(start, bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(values.size / WORD));
  view.setUint32(4, values.size % WORD);
  view.setUint32(l1_size.offset - start, values.l1Size);
  view.setUint32(l1_table_offset.offset - start, Math.floor(values.l1Offset / WORD));
  view.setUint32(l1_table_offset.offset - start + 4, values.l1Offset % WORD);
  file.writeAt(start, bytes);
  header.size = values.size;
  header.l1Offset = values.l1Offset;
  header.l1Size = values.l1Size;
}
