import type { BlockDevice } from '../../block/device.ts';

/** What a device writes as a whole or not at all: a directory changes in these units. */
export const SECTOR = 512;
/** Most bytes written at once. */
const RUN = 64 * 1024;

/** A sector of a directory that is to be written. */
interface Sector {
  bytes: Uint8Array;
  /** What the device has. */
  durable: Uint8Array;
}

/** The sectors of directories that were changed in memory, over what is on the device. */
export class DirectorySectors {
  readonly size: number;
  readonly #device: BlockDevice;
  readonly #sectors = new Map<number, Sector>();
  /** How many times something was changed in memory. */
  changes = 0;

  constructor(device: BlockDevice) {
    this.#device = device;
    this.size = device.size;
  }

  /** How many sectors wait to be written. */
  get count(): number {
    return this.#sectors.size;
  }

  readAt(offset: number, into: Uint8Array): void {
    this.#device.readAt(offset, into);
    if (this.#sectors.size === 0) return;
    const end = offset + into.length;
    for (let number = Math.floor(offset / SECTOR); number * SECTOR < end; number++) {
      const sector = this.#sectors.get(number);
      if (sector === undefined) continue;
      const start = number * SECTOR;
      const from = Math.max(offset, start);
      into.set(sector.bytes.subarray(from - start, Math.min(end, start + SECTOR) - start), from - offset);
    }
  }

  /** The sector that a byte offset is in, to be changed in place. */
  change(offset: number): Uint8Array {
    const number = Math.floor(offset / SECTOR);
    let sector = this.#sectors.get(number);
    if (sector === undefined) {
      const bytes = new Uint8Array(SECTOR);
      this.#device.readAt(number * SECTOR, bytes);
      sector = { bytes, durable: bytes.slice() };
      this.#sectors.set(number, sector);
    }
    this.changes++;
    return sector.bytes;
  }

  /** First byte of the entry at an offset as the device has it, where its sector was changed. */
  durableByte(offset: number): number {
    return this.#sectors.get(Math.floor(offset / SECTOR))!.durable[offset % SECTOR]!;
  }

  /**
   * Write all changed sectors. Entries at the offsets `held` are written as the device has them: their change waits for
   * {@link release}.
   */
  writeOut(held: ReadonlySet<number>, entrySize: number): void {
    const restored = new Map<number, Uint8Array>();
    for (const offset of held) {
      const number = Math.floor(offset / SECTOR);
      const sector = this.#sectors.get(number)!;
      let image = restored.get(number);
      if (image === undefined) restored.set(number, (image = sector.bytes.slice()));
      const at = offset % SECTOR;
      image.set(sector.durable.subarray(at, at + entrySize), at);
    }
    this.#write((number, sector) => restored.get(number) ?? sector.bytes, [...this.#sectors.keys()]);
  }

  /** Write the sectors of the offsets `held` as they are now. */
  release(held: ReadonlySet<number>): void {
    const numbers = new Set<number>();
    for (const offset of held) numbers.add(Math.floor(offset / SECTOR));
    this.#write((_number, sector) => sector.bytes, [...numbers]);
  }

  /** Forget what was written. */
  clear(): void {
    this.#sectors.clear();
  }

  #write(image: (number: number, sector: Sector) => Uint8Array, numbers: number[]): void {
    numbers.sort((a, b) => a - b);
    const run = new Uint8Array(Math.min(RUN, numbers.length * SECTOR));
    let length = 0;
    let start = 0;
    const put = (): void => {
      if (length > 0) this.#device.writeAt(start, run.subarray(0, length));
      length = 0;
    };
    for (const number of numbers) {
      if (number * SECTOR !== start + length || length === run.length) {
        put();
        start = number * SECTOR;
      }
      run.set(image(number, this.#sectors.get(number)!), length);
      length += SECTOR;
    }
    put();
  }
}
