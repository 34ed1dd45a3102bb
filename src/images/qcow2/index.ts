import type { BlockDevice } from '../../block/device.ts';
import { guard } from '../../block/guard.ts';
import { refuseEncryption, type QcowImageHeader } from './header.ts';
import { QcowReader } from './reader.ts';
import { rebuildRefcounts } from './writer/rebuild.ts';
import { QcowWriter, type WriterParts } from './writer/writer.ts';
import { findSnapshot, readSnapshots, type QcowSnapshot } from './snapshots.ts';

export { hasQcow2Magic, readHeader, refuseEncryption, type QcowImageHeader } from './header.ts';
export { checkPlan, writeEmptyQcow2, type Qcow2Plan } from './writer/create.ts';
export { preallocateMetadata } from './writer/preallocate.ts';
export { QcowWriter } from './writer/writer.ts';
export { RUN, type ClusterMap } from './map.ts';
export { clearAutoclear, writeSizeAndL1 } from './writer/header-fields.ts';
export { moveL1 } from './writer/l1.ts';
export { cutTail, freeLostClusters } from './writer/rebuild.ts';
export { readSnapshots, type QcowSnapshot } from './snapshots.ts';

/** What belongs to a qcow2 image besides its header. */
export interface Qcow2Options {
  /** Name for messages. */
  name: string;
  /** The external data file; needed where the header says so. */
  data?: BlockDevice;
  /** The backing file's guest view; without it unallocated clusters read as zeroes. */
  backing?: BlockDevice;
  /** Id or name of the internal snapshot to read instead of the active state. */
  snapshot?: string;
  /** Place in a backing chain, 0 (the default) at the top: deeper images keep less in memory. */
  depth?: number;
}

/**
 * A read-only device over a qcow2 image whose header was read with {@link readHeader}. It owns `file`, `data` and
 * `backing` from now on and closes them. Throws ENOENT for an unknown snapshot, UnsupportedError for an encrypted image,
 * CorruptError for a damaged table.
 */
export function openQcow2(file: BlockDevice, header: QcowImageHeader, options: Qcow2Options): BlockDevice {
  refuseEncryption(header);
  let active: QcowSnapshot | QcowImageHeader = header;
  if (options.snapshot !== undefined) {
    active = findSnapshot(readSnapshots(file, header), options.snapshot, header, file.size);
  }
  const parts = { file, data: options.data, backing: options.backing };
  return guard(new QcowReader(parts, header, active, active.size, options.depth ?? 0), options.name);
}

/**
 * A writable device over a qcow2 image whose header was read with {@link readHeader}; owns the parts as
 * {@link openQcow2} does. Refcounts that a crash left out of date are rebuilt first.
 *
 * Throws EUCLEAN for an image that is marked as corrupt or whose refcounts cannot be rebuilt, UnsupportedError for an
 * encrypted one.
 */
export function openQcow2Writer(parts: WriterParts, header: QcowImageHeader): QcowWriter {
  const writer = new QcowWriter(parts, header);
  if (header.dirty) rebuildRefcounts(writer);
  return writer;
}
