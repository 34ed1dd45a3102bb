import type { BlockDevice } from '../../../block/device.ts';
import { GuestfsError } from '../../../errors/index.ts';
import type { FileSystemWriter } from '../../writer.ts';
import { COMPAT_HAS_JOURNAL, INCOMPAT_RECOVER } from '../features.ts';
import type { LiveView } from '../filesystem.ts';
import type { Geometry } from '../superblock.ts';
import type { Committer } from './commit/contract.ts';
import { JournalCommitter } from './commit/journal.ts';
import { LogFile } from './commit/log-file.ts';
import { OrderedCommitter } from './commit/ordered.ts';
import { replayOntoDevice } from './commit/replay.ts';
import { assertWritable } from './open.ts';
import { WriterSession } from './session.ts';
import type { StoreOptions } from './store.ts';
import { Ext4Writer } from './writer.ts';

/** A writer that begins its session at the first change; what it is made of is told by `writerSource`. */
export function makeWriter(
  device: BlockDevice,
  geometry: Geometry,
  recovers: boolean,
  options: StoreOptions,
  attach: (live: LiveView) => void,
  changed: () => void,
): FileSystemWriter {
  assertWritable(device, geometry);
  if (geometry.incompat & INCOMPAT_RECOVER && !recovers) {
    throw new GuestfsError(
      'EROFS',
      'the ext4 filesystem cannot be written: its log was not replayed (mount option norecovery)',
    );
  }
  return new Ext4Writer(() => beginSession(device, geometry, attach, changed, options));
}

function beginSession(
  device: BlockDevice,
  found: Geometry,
  attach: (live: LiveView) => void,
  changed: () => void,
  options: StoreOptions,
): WriterSession {
  let geometry = found;
  let sequence: number | undefined;
  if (geometry.incompat & INCOMPAT_RECOVER) {
    const replayed = replayOntoDevice(device, geometry);
    ({ geometry, sequence } = replayed);
    assertWritable(device, geometry);
  }
  const makeCommitter = (watched: BlockDevice): Committer => {
    if ((geometry.compat & COMPAT_HAS_JOURNAL) === 0) return new OrderedCommitter(watched, geometry);
    const file = new LogFile(watched, geometry);
    if (file.geometry.errno !== 0) {
      throw new GuestfsError(
        'EROFS',
        `the ext4 filesystem cannot be written: its journal records that the guest met error ${file.geometry.errno} in it,` +
          ' e2fsck must repair it first',
      );
    }
    file.chooseFeatures(geometry);
    return new JournalCommitter(watched, file, geometry.blockSize, sequence ?? file.geometry.sequence);
  };
  const live = { ...geometry };
  const keepsBases = (geometry.compat & COMPAT_HAS_JOURNAL) === 0;
  const session = new WriterSession(device, live, makeCommitter, changed, { ...options, keepsBases });
  session.begin();
  const { store, inodes } = session.core;
  attach({
    device: {
      size: device.size,
      sectorSize: device.sectorSize,
      writable: false,
      readAt: (offset, into) => store.readThrough(offset, into),
      writeAt() {},
      zero() {},
      discard() {},
      extents: (offset, length) => session.device.extents(offset, length),
      flush() {},
      close() {},
    },
    geometry: live,
    blocks: store,
    inodes,
  });
  return session;
}
