import type { BlockDevice } from '../../block/device.ts';
import { CorruptError, GuestfsError, UnsupportedError } from '../../errors/index.ts';
import {
  DESCRIPTORS,
  FIRST_DESCRIPTOR,
  SECTOR,
  TYPE_END,
  TYPE_PRIMARY,
  TYPE_SUPPLEMENTARY,
  VolumeDescriptor,
} from './layout.ts';

/** A volume descriptor that was found. */
export type Descriptor = ReturnType<typeof VolumeDescriptor.view>;

/** The descriptors of a disc that lead to directories. */
export interface Descriptors {
  primary?: Descriptor;
  joliet?: Descriptor;
}

/** Joliet's levels 1 to 3: the escape sequences of UCS-2. */
const JOLIET = ['%/@', '%/C', '%/E'];

/**
 * The primary descriptor and Joliet's of the session that begins at sector `session`; the first of each kind counts.
 * Throws EINVAL where there are none, UnsupportedError for High Sierra.
 */
export function readDescriptors(device: BlockDevice, session = 0): Descriptors {
  const found: Descriptors = {};
  for (let i = 0; i < DESCRIPTORS; i++) {
    const offset = (session + FIRST_DESCRIPTOR + i) * SECTOR;
    if (offset + SECTOR > device.size) break;
    const bytes = new Uint8Array(SECTOR);
    device.readAt(offset, bytes);
    const descriptor = VolumeDescriptor.view(bytes);
    if (!isStandard(descriptor)) {
      if (String.fromCharCode(...bytes.subarray(9, 14)) === 'CDROM') {
        throw new UnsupportedError('the disc is in High Sierra format, which came before ISO 9660', {
          structure: 'iso9660 volume descriptor',
          offset,
        });
      }
      continue;
    }
    if (descriptor.type === TYPE_END) break;
    if (descriptor.type === TYPE_PRIMARY) found.primary ??= descriptor;
    else if (descriptor.type === TYPE_SUPPLEMENTARY && isJoliet(descriptor)) found.joliet ??= descriptor;
  }
  if (found.primary === undefined && found.joliet === undefined) {
    const offset = (session + FIRST_DESCRIPTOR) * SECTOR;
    throw new GuestfsError('EINVAL', `there is no ISO 9660 volume descriptor from byte ${offset} on`, {
      structure: 'iso9660 volume descriptor',
      offset,
    });
  }
  return found;
}

function isStandard(descriptor: Descriptor): boolean {
  return String.fromCharCode(...descriptor.id) === 'CD001';
}

function isJoliet(descriptor: Descriptor): boolean {
  const escapes = String.fromCharCode(...descriptor.escape_sequences.subarray(0, 3));
  return JOLIET.includes(escapes);
}

/** Bytes in a logical block of the volume; CorruptError where it is not a size that the standard allows here. */
export function blockSizeOf(descriptor: Descriptor): number {
  const size = descriptor.logical_block_size;
  if (size !== 512 && size !== 1024 && size !== 2048) {
    throw new CorruptError(
      'iso9660 volume descriptor',
      `logical_block_size is ${size}, expected 512, 1024 or 2048`,
    );
  }
  return size;
}
