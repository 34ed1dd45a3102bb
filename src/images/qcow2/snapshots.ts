import type { BlockDevice } from '../../block/device.ts';
import { decodeText } from '../../bytes/text.ts';
import { roundUp } from '../../bytes/round.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import { checkL1, type QcowImageHeader } from './header.ts';
import { SnapshotExtra, SnapshotHeader } from './layout.ts';

/** An internal snapshot of a qcow2 image. */
export interface QcowSnapshot {
  /** Unique id, as `qemu-img snapshot -l` shows it. */
  id: string;
  name: string;
  /** Virtual size in bytes when the snapshot was taken. */
  size: number;
  /** Seconds since 1970. */
  date: number;
  /** Bytes of saved machine state. */
  vmStateSize: number;
  l1Offset: number;
  l1Size: number;
}

/** QEMU's own limits. */
const MAX_SNAPSHOTS = 65536;
const MAX_TABLE_BYTES = 64 * 1024 * 1024;
const MAX_EXTRA = 1024;
const TABLE = 'qcow2 snapshot table';

/** The snapshot table. Throws CorruptError where an entry leaves the file or is larger than QEMU allows. */
export function readSnapshots(file: BlockDevice, header: QcowImageHeader): QcowSnapshot[] {
  if (header.snapshotCount === 0) return [];
  if (header.snapshotCount > MAX_SNAPSHOTS) {
    throw new CorruptError(TABLE, `has ${header.snapshotCount} entries, expected at most ${MAX_SNAPSHOTS}`, {
      offset: header.snapshotsOffset,
    });
  }
  if (header.snapshotsOffset % header.clusterSize !== 0) {
    throw new CorruptError(
      TABLE,
      `offset ${header.snapshotsOffset} is not a multiple of the cluster size ${header.clusterSize}`,
      { offset: header.snapshotsOffset },
    );
  }
  const snapshots: QcowSnapshot[] = [];
  let at = header.snapshotsOffset;
  for (let i = 0; i < header.snapshotCount; i++) {
    const [snapshot, length] = readEntry(file, header, at, i);
    snapshots.push(snapshot);
    at += roundUp(length, 8);
    if (at - header.snapshotsOffset > MAX_TABLE_BYTES) {
      throw new CorruptError(TABLE, `entry ${i} ends over ${MAX_TABLE_BYTES} bytes into the table`, {
        offset: at,
      });
    }
  }
  return snapshots;
}

/** Bytes of the snapshot table. Throws as {@link readSnapshots}. */
export function snapshotTableLength(file: BlockDevice, header: QcowImageHeader): number {
  let at = header.snapshotsOffset;
  for (let i = 0; i < header.snapshotCount; i++) at += roundUp(readEntry(file, header, at, i)[1], 8);
  return at - header.snapshotsOffset;
}

function readEntry(
  file: BlockDevice,
  header: QcowImageHeader,
  at: number,
  index: number,
): [snapshot: QcowSnapshot, length: number] {
  const fixed = readPart(file, at, SnapshotHeader.size, index);
  const entry = SnapshotHeader.view(fixed);
  if (entry.extra_data_size > MAX_EXTRA) {
    throw new CorruptError(
      TABLE,
      `entry ${index} has ${entry.extra_data_size} bytes of extra data, expected at most ${MAX_EXTRA}`,
      { offset: at },
    );
  }
  const variable = entry.extra_data_size + entry.id_str_size + entry.name_size;
  const rest = readPart(file, at + SnapshotHeader.size, variable, index);
  const padded = new Uint8Array(SnapshotExtra.size);
  padded.set(rest.subarray(0, Math.min(entry.extra_data_size, SnapshotExtra.size)));
  const extra = SnapshotExtra.view(padded);
  const idEnd = entry.extra_data_size + entry.id_str_size;
  return [
    {
      id: decodeText(rest.subarray(entry.extra_data_size, idEnd)),
      name: decodeText(rest.subarray(idEnd)),
      size: entry.extra_data_size >= 16 ? extra.disk_size - (extra.disk_size % 512) : header.size,
      date: entry.date_sec,
      vmStateSize: entry.extra_data_size >= 8 ? extra.vm_state_size_large : entry.vm_state_size,
      l1Offset: entry.l1_table_offset,
      l1Size: entry.l1_size,
    },
    SnapshotHeader.size + variable,
  ];
}

function readPart(file: BlockDevice, at: number, length: number, index: number): Uint8Array {
  if (at + length > file.size) {
    throw new CorruptError(TABLE, `entry ${index} ends at ${at + length}, the file has ${file.size} bytes`, {
      offset: at,
    });
  }
  const bytes = new Uint8Array(length);
  file.readAt(at, bytes);
  return bytes;
}

/** The snapshot of an id or else of a name. Throws ENOENT naming those that there are. */
export function findSnapshot(
  snapshots: readonly QcowSnapshot[],
  wanted: string,
  header: QcowImageHeader,
  fileSize: number,
): QcowSnapshot {
  const found =
    snapshots.find((snapshot) => snapshot.id === wanted) ??
    snapshots.find((snapshot) => snapshot.name === wanted);
  if (found === undefined) {
    const known = snapshots.slice(0, 20).map((snapshot) => `${snapshot.id} (${snapshot.name})`);
    throw new GuestfsError(
      'ENOENT',
      `the image has no internal snapshot with the id or name ${wanted}; it has ${known.join(', ') || 'none'}`,
    );
  }
  checkL1(found.l1Offset, found.l1Size, header.clusterSize, fileSize);
  return found;
}
