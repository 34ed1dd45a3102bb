import type { BlockDevice } from '../../../../block/device.ts';
import type { Geometry } from '../../superblock.ts';
import type { WriterCore } from '../core.ts';
import { writeInPlace } from '../write-blocks.ts';
import type { Committer } from './contract.ts';
import { markMounted, writeSuperBlockSector } from './mark.ts';

/** Bit of `s_state`: unmounted cleanly. */
const STATE_CLEAN = 0x1;

/** Commits of filesystems without a journal. */
export class OrderedCommitter implements Committer {
  readonly capacity = 2048;
  readonly eager = false;
  readonly reusesInodes = false;
  readonly #device: BlockDevice;
  readonly #blockSize: number;
  #wasClean = false;

  constructor(device: BlockDevice, geometry: Geometry) {
    this.#device = device;
    this.#blockSize = geometry.blockSize;
  }

  begin(core: WriterCore): void {
    this.#wasClean = (core.superBlock.read().s_state & STATE_CLEAN) !== 0;
    markMounted(core, (view) => {
      view.s_state &= ~STATE_CLEAN;
    });
    writeSuperBlockSector(this.#device, core);
    this.#device.flush();
  }

  commit(core: WriterCore): void {
    core.prepareCommit();
    writeInPlace(this.#device, core.store.dirtyBlocks(), this.#blockSize);
    this.#device.flush();
    core.committed();
  }

  end(core: WriterCore): void {
    if (this.#wasClean) {
      core.store.operation(() => {
        core.superBlock.change().s_state |= STATE_CLEAN;
      });
    }
    writeSuperBlockSector(this.#device, core);
    this.#device.flush();
    core.committed();
  }
}
