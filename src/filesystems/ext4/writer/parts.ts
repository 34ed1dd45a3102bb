import type { BlockDevice } from '../../../block/device.ts';
import { CorruptError } from '../../../errors/index.ts';
import { readGeometry, readSuperBlock } from '../superblock.ts';
import { WriterCore } from './core.ts';
import type { StoreOptions } from './store.ts';
import { writeInPlace } from './write-blocks.ts';

/** The parts of a writer without a journal, names or attributes: for those who change a filesystem nobody else uses. */
export interface BareParts {
  readonly parts: WriterCore;
  /** Do something as one operation. */
  operation<T>(action: () => T): T;
  /** Write everything to its place; a cut before it ends leaves a broken filesystem. */
  commit(): void;
}

/** Open a clean filesystem to change it without protection. */
export function bareParts(device: BlockDevice, options: StoreOptions = {}): BareParts {
  const superBlock = readSuperBlock(device);
  if (superBlock === null) throw new CorruptError('ext4_super_block', 'there is no superblock');
  const core = new WriterCore(device, { ...readGeometry(superBlock, device) }, options);
  return {
    parts: core,
    operation: (action) => core.store.operation(action),
    commit() {
      core.prepareCommit();
      writeInPlace(device, core.store.dirtyBlocks(), core.geometry.blockSize);
      core.committed();
      device.flush();
    },
  };
}
