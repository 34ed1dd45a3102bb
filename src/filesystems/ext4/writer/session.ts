import type { BlockDevice } from '../../../block/device.ts';
import { GuestfsError, isHostFull } from '../../../errors/index.ts';
import { createAttributeWriter } from './attributes/index.ts';
import type { Committer, NameChange } from './commit/contract.ts';
import type { AttributeWriter, DirectoryWriter } from './contract.ts';
import { WriterCore } from './core.ts';
import { createDirectoryWriter } from './directories/index.ts';
import { GatheringDevice } from './gather.ts';
import { OrphanList } from './orphans.ts';
import { REVOKED_IN_BLOCK, type StoreOptions } from './store.ts';
import type { LiveGeometry } from './superblock.ts';

/** A filesystem while it is being written: its parts, and the transaction that operations join. */
export class WriterSession {
  readonly core: WriterCore;
  readonly directories: DirectoryWriter;
  readonly attributes: AttributeWriter;
  readonly orphans: OrphanList;
  /** For file content; remembers failures. */
  readonly device: BlockDevice;
  readonly #gathering: GatheringDevice;
  readonly #committer: Committer;
  readonly #changed: () => void;
  #failure: unknown;
  /** A commit failed since the host is full; nothing else is done before it succeeds. */
  #unfinished = false;
  /** What the running transaction does to names. */
  #names: NameChange | undefined;

  /** `changed` is called after each operation. */
  constructor(
    device: BlockDevice,
    geometry: LiveGeometry,
    makeCommitter: (device: BlockDevice) => Committer,
    changed: () => void,
    options: StoreOptions = {},
  ) {
    this.#gathering = new GatheringDevice(device);
    this.device = this.#watch(this.#gathering);
    this.#committer = makeCommitter(this.device);
    this.#changed = changed;
    this.core = new WriterCore(this.device, geometry, options);
    this.directories = createDirectoryWriter(this.core);
    this.attributes = createAttributeWriter(this.core);
    this.orphans = new OrphanList(this.core);
    this.core.store.join(this.orphans);
    this.core.inodes.reuseAtOnce = this.#committer.atomic;
    this.orphans.active = this.#committer.atomic;
  }

  /** The device, noting what failed. A host without space is no damage: what was to be written can be given up. */
  #watch(device: BlockDevice): BlockDevice {
    const note = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        if (!isHostFull(error)) this.#failure ??= error;
        throw error;
      }
    };
    return {
      size: device.size,
      sectorSize: device.sectorSize,
      writable: device.writable,
      readAt: (offset, into) => device.readAt(offset, into),
      writeAt: (offset, from) => note(() => device.writeAt(offset, from)),
      zero: (offset, length) => note(() => device.zero(offset, length)),
      discard: (offset, length) => device.discard(offset, length),
      extents: (offset, length) => device.extents(offset, length),
      flush: () => note(() => device.flush()),
      close() {},
    };
  }

  /** See {@link Committer.atomic}. */
  get atomic(): boolean {
    return this.#committer.atomic;
  }

  /** Mark the filesystem as being written. */
  begin(): void {
    this.#guarded(() => this.#committer.begin(this.core));
  }

  /** Throws EROFS after a failure that left it unknown what the device holds. */
  assertUsable(): void {
    if (this.#failure === undefined) return;
    const reason = this.#failure instanceof Error ? this.#failure.message : String(this.#failure);
    throw new GuestfsError(
      'EROFS',
      `the ext4 filesystem is written no more, since writing to its device failed: ${reason}`,
      { cause: this.#failure },
    );
  }

  /**
   * Do something as one operation: all of it, or nothing. Where space runs out although freed blocks wait for a commit,
   * that commit is made and the operation tried again. `names` says whether names come or go.
   */
  run<T>(action: () => T, names?: NameChange): T {
    if (this.core.store.running) return action();
    this.assertUsable();
    if (this.#unfinished) this.commit();
    const mixed = names !== undefined && this.#names !== undefined && names !== this.#names;
    if (this.#isLarge() || (mixed && !this.atomic)) this.commit();
    if (names !== undefined) this.#names = names;
    let result: T;
    try {
      result = this.core.store.operation(action);
    } catch (error) {
      this.#changed();
      const full = error instanceof GuestfsError && error.code === 'ENOSPC';
      const waits = this.core.space.pendingClusters > 0 || this.core.inodes.hasPending;
      if (!full || !waits || this.#failure !== undefined) throw error;
      this.commit();
      try {
        result = this.core.store.operation(action);
      } catch (second) {
        this.#changed();
        throw second;
      }
    }
    this.#changed();
    if (this.#isLarge()) this.commit();
    return result;
  }

  /** True if the running transaction should be committed before more is added to it. */
  #isLarge(): boolean {
    const { store } = this.core;
    return store.dirtyCount + store.revoked.size / REVOKED_IN_BLOCK > this.#committer.capacity;
  }

  /** Make everything so far durable. */
  commit(): void {
    this.assertUsable();
    // Where the host has no space for contents, nothing is lost yet: the commit can be tried again.
    this.#gathering.drain();
    try {
      this.#committer.commit(this.core, this.#names);
    } catch (error) {
      this.#unfinished = isHostFull(error) && this.#committer.retryable;
      if (!this.#unfinished) this.#failure ??= error;
      throw error;
    }
    this.#unfinished = false;
    this.#names = undefined;
    this.#changed();
  }

  /** The last commit, and the mark of a clean unmount. */
  end(): void {
    this.commit();
    this.#guarded(() => this.#committer.end(this.core));
  }

  /** What fails here, fails for good: the log and the places may differ. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
  }
}
