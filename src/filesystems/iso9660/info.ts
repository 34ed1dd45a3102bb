import type { BlockDevice } from '../../block/device.ts';
import { decodeText } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import { volumeDate } from './dates.ts';
import { FIRST_DESCRIPTOR, SECTOR, TYPE_PRIMARY, VolumeDescriptor } from './layout.ts';

/** The primary volume descriptor, as `isoinfo_device` gives it. Times are seconds since 1970, -1 where not set. */
export interface IsoInfo {
  isoSystemId: string;
  isoVolumeId: string;
  /** Logical blocks. */
  isoVolumeSpaceSize: number;
  isoVolumeSetSize: number;
  isoVolumeSequenceNumber: number;
  /** Bytes. */
  isoLogicalBlockSize: number;
  isoVolumeSetId: string;
  isoPublisherId: string;
  isoDataPreparerId: string;
  isoApplicationId: string;
  isoCopyrightFileId: string;
  isoAbstractFileId: string;
  isoBibliographicFileId: string;
  isoVolumeCreationT: number;
  isoVolumeModificationT: number;
  isoVolumeExpirationT: number;
  isoVolumeEffectiveT: number;
}

/** Where the primary volume descriptor is on a disc, and how many bytes it has. */
export const PRIMARY_DESCRIPTOR = { offset: FIRST_DESCRIPTOR * SECTOR, length: SECTOR } as const;

/** Read the primary volume descriptor; CorruptError where there is none in sector 16. */
export function readIsoInfo(device: BlockDevice): IsoInfo {
  const { offset, length } = PRIMARY_DESCRIPTOR;
  const bytes = new Uint8Array(Math.max(0, Math.min(length, device.size - offset)));
  if (bytes.length === length) device.readAt(offset, bytes);
  return parseIsoInfo(bytes);
}

/** As {@link readIsoInfo}, of the bytes of {@link PRIMARY_DESCRIPTOR}; fewer are as wrong as other ones. */
export function parseIsoInfo(bytes: Uint8Array): IsoInfo {
  const { offset, length } = PRIMARY_DESCRIPTOR;
  if (
    bytes.length < length ||
    bytes[0] !== TYPE_PRIMARY ||
    String.fromCharCode(...bytes.subarray(1, 6)) !== 'CD001'
  ) {
    throw new CorruptError(
      'iso9660 volume descriptor',
      `there is no primary volume descriptor at byte ${offset}, so this is not an ISO 9660 disc`,
      { offset },
    );
  }
  const pvd = VolumeDescriptor.view(bytes);
  return {
    isoSystemId: text(pvd.system_id),
    isoVolumeId: text(pvd.volume_id),
    isoVolumeSpaceSize: pvd.volume_space_size,
    isoVolumeSetSize: pvd.volume_set_size,
    isoVolumeSequenceNumber: pvd.volume_sequence_number,
    isoLogicalBlockSize: pvd.logical_block_size,
    isoVolumeSetId: text(pvd.volume_set_id),
    isoPublisherId: text(pvd.publisher_id),
    isoDataPreparerId: text(pvd.preparer_id),
    isoApplicationId: text(pvd.application_id),
    isoCopyrightFileId: text(pvd.copyright_file_id),
    isoAbstractFileId: text(pvd.abstract_file_id),
    isoBibliographicFileId: text(pvd.bibliographic_file_id),
    isoVolumeCreationT: volumeDate(pvd.creation_date)?.seconds ?? -1,
    isoVolumeModificationT: volumeDate(pvd.modification_date)?.seconds ?? -1,
    isoVolumeExpirationT: volumeDate(pvd.expiration_date)?.seconds ?? -1,
    isoVolumeEffectiveT: volumeDate(pvd.effective_date)?.seconds ?? -1,
  };
}

/** A field without the spaces, or in bad discs the NULs, that fill it. */
function text(field: Uint8Array): string {
  let end = field.indexOf(0);
  if (end < 0) end = field.length;
  while (end > 0 && field[end - 1] === 0x20) end--;
  return decodeText(field, 0, end);
}
