import { CorruptError, GuestfsError } from '../../../errors/index.ts';
import {
  BootSector,
  DELETED,
  ENTRY,
  FSI_LEAD_SIGNATURE,
  FSI_STRUCTURE_SIGNATURE,
  InformationSector,
} from '../layout.ts';
import { FIRST_CLUSTER } from '../geometry.ts';
import { SECTOR } from '../sectors.ts';
import { END } from '../table.ts';
import type { FatVolume } from '../volume.ts';
import type { WatchedDevice } from '../watched-device.ts';
import { ClusterAllocator } from './allocator.ts';

/** Sectors of directories that may wait in memory. */
const MAX_SECTORS = 8192;
/** Bit 0 of BS_Reserved1: mounted for writing. */
const MOUNTED = 1;

/** Whose chain a new cluster is added to. */
export type LinkKind = 'file' | 'directory';

/**
 * The changes since the last commit, and the order in which they become durable. FAT has no journal; what keeps it whole
 * is that nothing is referred to before it is there, and nothing is used again before nothing refers to it:
 *
 * 1. content, and chains of clusters that were free; nothing refers to them yet
 * 2. the links by which files that exist become longer
 * 3. directories, and the links by which they become longer
 * 4. the old names of what was renamed, and the ends of chains that became shorter
 * 5. the clusters that are free now
 *
 * with a flush between any two of these that have something to write. A cut between them leaves clusters that nothing
 * refers to, a file whose chain is longer than it needs, or both names of what was renamed. The second table is
 * written with the first; where a cut leaves them different, the first is right, and so is the second.
 *
 * What a sector cannot hold as a whole is not covered: a name of more than 195 characters may lose its long form and
 * leave parts of it, and on FAT12 a chain may end wrongly where it grows behind one of the two clusters in 1024 whose
 * entries lie across sectors; new files get these only when no others are free.
 */
export class Transaction {
  readonly allocator: ClusterAllocator;
  readonly #volume: FatVolume;
  readonly #device: WatchedDevice;
  readonly #information: Uint8Array | undefined;
  readonly #kinds = new Map<number, LinkKind>();
  /** Clusters that become the last ones of their chains, with the chains' first ones. */
  readonly #cuts = new Map<number, number>();
  /** First clusters of chains that become free. */
  #frees: number[] = [];
  #freeing = 0;
  /** Offsets of entries whose removal waits. */
  readonly #held = new Set<number>();
  /** Names that the device still has, by directory. */
  readonly #removed = new Map<number, Set<string>>();
  /** Called when {@link held} entries may be used again. */
  onRelease: () => void = () => {};
  #changes = 0;
  #started = false;
  #closed = false;

  constructor(volume: FatVolume, device: WatchedDevice) {
    this.#volume = volume;
    this.#device = device;
    this.#information = readInformation(volume);
    const last = this.#information === undefined ? 0 : InformationSector.view(this.#information).FSI_Nxt_Free;
    this.allocator = new ClusterAllocator(volume.table, volume.geometry, last);
  }

  /** Free clusters, with those that will be at the next commit. */
  get freeClusters(): number {
    return this.allocator.free + this.#freeing;
  }

  /** Grows with every change in memory, so that it tells whether an operation that failed had begun to change things. */
  get changes(): number {
    return this.#changes + this.#volume.sectors.changes + this.#volume.table.changes;
  }

  /** Entries that must not be used before the next commit. */
  get held(): ReadonlySet<number> {
    return this.#held;
  }

  /** To be called before anything changes. Throws EROFS after an error of the device. */
  begin(): void {
    if (this.#closed) throw new GuestfsError('EBADF', 'the writer of the FAT volume is closed');
    this.#assertSound();
    if (!this.#started) this.#setMounted(true);
    this.#started = true;
    if (this.#volume.sectors.count > MAX_SECTORS) this.commit();
  }

  #assertSound(): void {
    const { failure } = this.#device;
    if (failure === undefined) return;
    throw new GuestfsError(
      'EROFS',
      `the FAT volume is not written any more, because its device failed: ${String(failure)}`,
      { cause: failure },
    );
  }

  /** A new chain; see {@link ClusterAllocator.allocate}. Makes pending frees real where there is too little space. */
  allocate(count: number, goal = 0): { first: number; last: number } {
    if (count > this.allocator.free && this.#freeing > 0) this.commit();
    return this.allocator.allocate(count, goal);
  }

  /** Make the chain that ends at `tail` go on at `next`. */
  link(tail: number, next: number, kind: LinkKind): void {
    if (this.allocator.isFresh(tail)) {
      this.#volume.table.set(tail, next);
      return;
    }
    this.#changes++;
    this.#volume.table.links.set(tail, next);
    this.#kinds.set(tail, kind);
  }

  /** True where the chain of a first cluster has an end that is not in the table yet. */
  isCut(first: number): boolean {
    if (this.#cuts.size === 0) return false;
    for (const cutFirst of this.#cuts.values()) if (cutFirst === first) return true;
    return false;
  }

  /** Make `last` the last cluster of the chain of `first`, and free those after it. */
  cut(first: number, last: number): void {
    const { table } = this.#volume;
    const next = table.next(last);
    if (next === END) return;
    if (this.allocator.isFresh(last)) {
      table.set(last, END);
      this.allocator.release(next);
    } else if (table.links.has(last)) {
      this.#changes++;
      table.links.delete(last);
      this.#kinds.delete(last);
      this.allocator.release(next);
    } else {
      this.#free(next);
      this.#cuts.set(last, first);
      return;
    }
    this.#volume.chains.forget(first);
  }

  /** Free a chain after what refers to it is gone. `kind` says what it held. */
  free(first: number, kind: LinkKind): void {
    // Sectors of a directory may still wait to be written, so that its clusters must not be used for others yet.
    if (kind === 'file' && this.allocator.isFresh(first)) this.allocator.release(first);
    else this.#free(first);
    this.#volume.chains.forget(first);
  }

  /** Throws CorruptError where a chain cannot be followed to its end, before anything of it is changed. */
  countChain(first: number): number {
    const { table, geometry } = this.#volume;
    if (first < FIRST_CLUSTER || first >= geometry.clusterCount + FIRST_CLUSTER) {
      throw new CorruptError(
        'FAT directory',
        `an entry begins at cluster ${first}, expected ${FIRST_CLUSTER} to ${geometry.clusterCount + 1}`,
      );
    }
    let count = 0;
    for (let cluster = first; cluster !== END; cluster = table.next(cluster)) {
      if (++count > geometry.clusterCount) {
        throw new CorruptError('FAT', `the chain from cluster ${first} does not end`);
      }
      if (this.#cuts.has(cluster)) break;
    }
    return count;
  }

  /** An entry is no more, but the device keeps it until what replaces it is there. */
  hold(offset: number): void {
    this.#held.add(offset);
  }

  /** Remember a name that the device still has. */
  removed(directory: number, name: string): void {
    const names = this.#removed.get(directory);
    if (names === undefined) this.#removed.set(directory, new Set([name]));
    else names.add(name);
  }

  /** True where the device still has a name that was removed. */
  wasRemoved(directory: number, name: string): boolean {
    return this.#removed.get(directory)?.has(name) ?? false;
  }

  /** A directory has another inode: the names that the device still has in it are the same. */
  directoryMoved(from: number, to: number): void {
    const names = this.#removed.get(from);
    this.#removed.delete(from);
    this.#removed.delete(to);
    if (names !== undefined) this.#removed.set(to, names);
  }

  /** Some name was removed since the last commit. */
  get hasRemoved(): boolean {
    return this.#removed.size > 0;
  }

  /** Write all changes in their order. What fails here, fails for good: what the device has is not known any more. */
  commit(): void {
    try {
      this.#commit();
    } catch (error) {
      this.#device.failure ??= error;
      throw error;
    }
  }

  #commit(): void {
    const { table, sectors, chains } = this.#volume;
    table.writeOut();
    if (this.#applyLinks('file')) table.writeOut();
    if (sectors.count > 0 || this.#kinds.size > 0) {
      this.#barrier();
      if (this.#applyLinks('directory')) table.writeOut();
      sectors.writeOut(this.held, ENTRY);
    }
    if (this.#held.size > 0 || this.#cuts.size > 0) {
      this.#barrier();
      sectors.release(this.held);
      for (const [last, first] of this.#cuts) {
        table.set(last, END);
        chains.forget(first);
      }
      table.writeOut();
    }
    if (this.#frees.length > 0) {
      this.#barrier();
      const frees = this.#frees;
      this.#frees = [];
      for (const first of frees) this.allocator.release(first);
      this.#freeing = 0;
      table.writeOut();
    }
    this.#writeInformation();
    sectors.clear();
    this.#held.clear();
    this.onRelease();
    this.#cuts.clear();
    this.#removed.clear();
    this.allocator.settle();
  }

  sync(): void {
    if (!this.#started) return;
    this.begin();
    this.commit();
    this.#barrier();
  }

  close(): void {
    if (this.#closed) return;
    try {
      if (!this.#started) return;
      this.#assertSound();
      this.sync();
      if (!this.#volume.wasDirty) this.#setMounted(false);
      this.#barrier();
    } finally {
      this.#closed = true;
    }
  }

  #free(first: number): void {
    this.#freeing += this.countChain(first);
    this.#changes++;
    this.#frees.push(first);
  }

  /** Put the links of one kind into the table; a flush comes before the first. */
  #applyLinks(kind: LinkKind): boolean {
    let flushed = false;
    for (const [tail, of] of this.#kinds) {
      if (of !== kind) continue;
      if (!flushed) this.#barrier();
      flushed = true;
      const next = this.#volume.table.links.get(tail)!;
      this.#volume.table.set(tail, next);
      this.#volume.table.links.delete(tail);
      this.#kinds.delete(tail);
    }
    return flushed;
  }

  #barrier(): void {
    if (this.#device.unflushed) this.#device.flush();
  }

  /** The boot sector says that the volume is mounted for writing, as Linux makes it say, who leaves the table's bits alone. */
  #setMounted(mounted: boolean): void {
    const sector = new Uint8Array(SECTOR);
    this.#device.readAt(0, sector);
    const boot = BootSector.view(sector);
    const field = this.#volume.geometry.fatBits === 32 ? 'BS_Reserved1_32' : 'BS_Reserved1';
    const state = mounted ? boot[field] | MOUNTED : boot[field] & ~MOUNTED;
    if (state === boot[field]) return;
    boot[field] = state;
    this.#device.writeAt(0, sector);
  }

  #writeInformation(): void {
    if (this.#information === undefined) return;
    const view = InformationSector.view(this.#information);
    const { free, last } = this.allocator;
    if (view.FSI_Free_Count === free && view.FSI_Nxt_Free === last) return;
    view.FSI_Free_Count = free;
    view.FSI_Nxt_Free = last;
    this.#device.writeAt(this.#volume.geometry.informationOffset, this.#information);
  }
}

/** The information sector of FAT32, unless it is none. */
function readInformation({ device, geometry }: FatVolume): Uint8Array | undefined {
  if (geometry.informationOffset === 0) return undefined;
  const sector = new Uint8Array(SECTOR);
  device.readAt(geometry.informationOffset, sector);
  const view = InformationSector.view(sector);
  const isOne = view.FSI_LeadSig === FSI_LEAD_SIGNATURE && view.FSI_StrucSig === FSI_STRUCTURE_SIGNATURE;
  return isOne ? sector : undefined;
}

/** True where the device has an entry, whatever the memory says. */
export function isDurable(volume: FatVolume, offset: number): boolean {
  const first = volume.sectors.durableByte(offset);
  return first !== 0 && first !== DELETED;
}
