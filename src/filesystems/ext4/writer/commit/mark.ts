import type { BlockDevice } from '../../../../block/device.ts';
import { SUPERBLOCK_OFFSET, type SuperBlockView } from '../../layout.ts';
import type { WriterCore } from '../core.ts';
import { stampSuperBlock } from '../superblock.ts';

/** What a disk writes whole or not at all. */
const SECTOR = 512;

/** Note in the superblock what Linux notes when it mounts, and what `more` adds. */
export function markMounted(core: WriterCore, more: (view: SuperBlockView) => void): void {
  core.store.operation(() => {
    const view = core.superBlock.change();
    const { seconds } = core.store.now();
    view.s_mtime = seconds >>> 0;
    view.s_mnt_count = (view.s_mnt_count + 1) & 0xffff;
    stampSuperBlock(view, seconds);
    more(view);
  });
}

/** Write the first sector of the superblock to its place: all that changes at run time is in it. Not flushed. */
export function writeSuperBlockSector(device: BlockDevice, core: WriterCore): void {
  const { bytes, base } = core.superBlock.read();
  device.writeAt(SUPERBLOCK_OFFSET, bytes.subarray(base, base + SECTOR));
}
