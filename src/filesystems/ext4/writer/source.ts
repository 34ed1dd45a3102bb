import type { BlockDevice } from '../../../block/device.ts';
import type { WriterSource } from '../filesystem.ts';
import type { Geometry } from '../superblock.ts';
import { makeWriter } from './begin.ts';
import type { StoreOptions } from './store.ts';

/**
 * Where the writer of a filesystem comes from. `device` is the device itself, also where the reader sees it through a
 * replay in memory; `recovers` is false where the log is to be left alone (mount option norecovery).
 */
export function writerSource(
  device: BlockDevice,
  geometry: Geometry,
  recovers: boolean,
  options: StoreOptions = {},
): WriterSource {
  return {
    open: (attach, changed) => makeWriter(device, geometry, recovers, options, attach, changed),
  };
}
