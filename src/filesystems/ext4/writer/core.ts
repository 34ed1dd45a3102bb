import type { BlockDevice } from '../../../block/device.ts';
import { COMPAT_HAS_JOURNAL } from '../features.ts';
import { groupFirstBlock } from '../groups.ts';
import { inodeSize } from '../stat.ts';
import { tableBlocks } from '../statfs.ts';
import { FileBlocks } from './blocks.ts';
import { Bitmaps, leadingBlocks } from './bitmaps.ts';
import type { WriterParts } from './contract.ts';
import { GroupDescriptors } from './groups.ts';
import { LiveInodeStore } from './inodes.ts';
import type { MappedRun } from './map/contract.ts';
import { FileMaps } from './map/index.ts';
import { QuotaFiles } from './quota/index.ts';
import { ClusterAllocator } from './space.ts';
import { BlockStore, type StoreOptions } from './store.ts';
import { SystemZones } from './zones.ts';
import { LiveSuperBlock, type LiveGeometry } from './superblock.ts';

/** All that changes a filesystem's metadata, below names and contents. */
export class WriterCore implements WriterParts {
  readonly geometry: LiveGeometry;
  readonly store: BlockStore;
  readonly superBlock: LiveSuperBlock;
  readonly groups: GroupDescriptors;
  readonly bitmaps: Bitmaps;
  readonly inodes: LiveInodeStore;
  readonly space: ClusterAllocator;
  readonly maps: FileMaps;
  readonly files: FileBlocks;
  readonly quota: QuotaFiles;
  readonly zones: SystemZones;

  /** `geometry` becomes this object's: its features and superblock follow what is written. */
  constructor(device: BlockDevice, geometry: LiveGeometry, options: StoreOptions = {}) {
    this.geometry = geometry;
    this.store = new BlockStore(device, geometry, options);
    this.groups = new GroupDescriptors(this.store, geometry);
    this.zones = new SystemZones(geometry);
    this.superBlock = new LiveSuperBlock(this.store, geometry, this.#lookAtGroups());
    this.bitmaps = new Bitmaps(this.store, geometry, this.groups);
    this.quota = new QuotaFiles(geometry, this);
    const { store, groups, bitmaps, superBlock } = this;
    this.inodes = new LiveInodeStore(store, geometry, groups, bitmaps, superBlock, this.quota);
    this.space = new ClusterAllocator(store, geometry, groups, bitmaps, superBlock, this.inodes, this.zones);
    this.maps = new FileMaps(store, this.inodes, this.space);
    this.files = new FileBlocks(store, this.maps, this.space, this.zones);
    this.quota.isCounted = (inode) => this.inodes.isCounted(inode);
    store.featureSetter = (word, bit) => superBlock.enableFeature(word, bit);
    // What changes inodes comes before what sums them up.
    store.join(this.quota);
    store.join(this.space);
    store.join(this.inodes);
    store.join(superBlock);
  }

  /** Sums of what is free, and where the metadata of groups are. */
  #lookAtGroups(): { clusters: number; inodes: number } {
    const { geometry, zones } = this;
    const table = tableBlocks(geometry);
    const sums = { clusters: 0, inodes: 0 };
    for (let group = 0; group < this.geometry.groupsCount; group++) {
      const descriptor = this.groups.aim(group);
      sums.clusters += descriptor.freeClusters;
      sums.inodes += descriptor.freeInodes;
      zones.add(groupFirstBlock(geometry, group), leadingBlocks(geometry, group));
      zones.add(descriptor.blockBitmap, 1);
      zones.add(descriptor.inodeBitmap, 1);
      zones.add(descriptor.inodeTable, table);
    }
    zones.addLater(() => this.#journalRuns());
    return sums;
  }

  *#journalRuns(): Generator<readonly [first: number, count: number]> {
    const { s_journal_inum: number } = this.geometry.superBlock;
    if ((this.geometry.compat & COMPAT_HAS_JOURNAL) === 0 || number === 0) return;
    const { blockSize, blocksCount } = this.geometry;
    const size = inodeSize(this.inodes.read(number), this.geometry);
    const blocks = Math.min(Math.ceil(size / blockSize), blocksCount);
    const run: MappedRun = { block: 0, length: 0, kind: 'hole' };
    for (let logical = 0; logical < blocks; logical += run.length) {
      this.maps.of(number).lookup(number, logical, run);
      if (run.kind !== 'hole') yield [run.block, run.length];
    }
  }

  /** The last operation of a transaction: sums and checksums that were put off. */
  prepareCommit(): void {
    this.store.operation(() => {
      this.bitmaps.seal();
      this.superBlock.writeCounts();
    });
  }

  /** The transaction is durable and in place. */
  committed(): void {
    this.store.committed();
    this.space.committed();
    this.inodes.committed();
  }
}
