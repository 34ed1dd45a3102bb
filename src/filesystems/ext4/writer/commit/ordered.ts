import type { BlockDevice } from '../../../../block/device.ts';
import type { Geometry } from '../../superblock.ts';
import type { WriterCore } from '../core.ts';
import type { BlockEntry, BlockRole } from '../store.ts';
import { writeInPlace } from '../write-blocks.ts';
import type { Committer, NameChange } from './contract.ts';
import { markMounted, writeSuperBlockSector } from './mark.ts';

/** Bit of `s_state`: unmounted cleanly. */
const STATE_CLEAN = 0x1;
/** What a disk writes whole or not at all. */
const SECTOR = 512;

/** What says which space is taken. */
const SPACE: ReadonlySet<BlockRole | undefined> = new Set(['bitmap', 'descriptors']);
/** What leads to blocks. */
const NODES: ReadonlySet<BlockRole | undefined> = new Set(['inodes', 'map', 'attributes']);
/** What only counts. */
const SUMS: ReadonlySet<BlockRole | undefined> = new Set(['superblock', 'quota']);

/**
 * Commits of filesystems without a journal: in steps with flushes between them, so that whatever a cut leaves has at
 * worst space that nobody has, files without a name, and counts that are too high.
 *
 * First what nothing leads to yet, then bitmaps in which all is taken that was taken before or is now, then inodes and
 * what maps their blocks, then names; at last bitmaps without what was given back. Where names went they come before
 * the inodes.
 */
export class OrderedCommitter implements Committer {
  readonly capacity = 2048;
  readonly atomic = false;
  /** All steps are done again, from the first. */
  readonly retryable = true;
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

  commit(core: WriterCore, names: NameChange | undefined): void {
    core.prepareCommit();
    const all = [...core.store.dirtyBlocks()];
    const fresh = all.filter((entry) => entry.fresh);
    const changed = all.filter((entry) => !entry.fresh);
    const bitmaps = fresh.filter(({ role }) => role === 'bitmap');
    // Contents that were written before are made durable with what nothing leads to yet.
    this.#write(fresh.filter(({ role }) => role !== 'bitmap'));
    this.#device.flush();
    const shrunk = this.#writeTaken(
      changed.filter(({ role }) => SPACE.has(role)),
      bitmaps,
    );
    const nodes = changed.filter(({ role }) => NODES.has(role));
    const contents = changed.filter(({ role }) => !SPACE.has(role) && !NODES.has(role) && !SUMS.has(role));
    if (names === 'removed') {
      this.#writeNames(contents);
      this.#writeFlushed(nodes);
    } else {
      this.#writeFlushed(nodes);
      this.#writeNames(contents);
    }
    this.#writeFlushed([...shrunk, ...changed.filter(({ role }) => SUMS.has(role))]);
    core.committed();
  }

  #write(entries: readonly BlockEntry[]): void {
    writeInPlace(this.#device, entries, this.#blockSize);
  }

  #writeFlushed(entries: readonly BlockEntry[]): void {
    if (entries.length === 0) return;
    this.#write(entries);
    this.#device.flush();
  }

  /** Bitmaps with all that is taken before or after, and descriptors. Returns the bitmaps in which something became free. */
  #writeTaken(space: readonly BlockEntry[], fresh: readonly BlockEntry[]): BlockEntry[] {
    const shrunk: BlockEntry[] = [];
    const taken: { number: number; bytes: Uint8Array; view: DataView }[] = [...fresh];
    for (const entry of space) {
      const union = entry.role === 'bitmap' ? unionOf(entry) : undefined;
      if (union === undefined) taken.push(entry);
      else {
        taken.push({ number: entry.number, bytes: union, view: new DataView(union.buffer) });
        shrunk.push(entry);
      }
    }
    if (taken.length > 0) {
      writeInPlace(this.#device, taken, this.#blockSize);
      this.#device.flush();
    }
    return shrunk;
  }

  /**
   * Blocks of directories, sector by sector from the last that changed to the first: what shortens or lengthens an entry
   * is written after what lies behind it.
   */
  #writeNames(entries: readonly BlockEntry[]): void {
    const waiting = entries.map((entry) => ({ entry, sectors: changedSectors(entry) }));
    for (;;) {
      let wrote = false;
      for (const { entry, sectors } of waiting) {
        const sector = sectors.pop();
        if (sector === undefined) continue;
        const at = sector * SECTOR;
        this.#device.writeAt(
          entry.number * this.#blockSize + at,
          entry.bytes.subarray(at, Math.min(at + SECTOR, this.#blockSize)),
        );
        wrote = true;
      }
      if (!wrote) return;
      this.#device.flush();
    }
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

/** The bitmap with what was taken before too; undefined where that adds nothing. */
function unionOf({ bytes, base }: BlockEntry): Uint8Array | undefined {
  if (base === undefined) return undefined;
  let union: Uint8Array | undefined;
  for (let at = 0; at < bytes.length; at++) {
    const both = bytes[at]! | base[at]!;
    if (both === bytes[at]) continue;
    union ??= bytes.slice();
    union[at] = both;
  }
  return union;
}

/** Sectors of a block that differ from what the device has, in ascending order. */
function changedSectors({ bytes, base }: BlockEntry): number[] {
  const sectors: number[] = [];
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const end = Math.min(at + SECTOR, bytes.length);
    for (let index = at; index < end; index++) {
      if (base !== undefined && bytes[index] === base[index]) continue;
      sectors.push(at / SECTOR);
      break;
    }
  }
  return sectors;
}
