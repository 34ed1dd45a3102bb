import type { BlockDevice, Extent } from '../../../block/device.ts';
import { guard } from '../../../block/guard.ts';
import { CorruptError } from '../../../errors/index.ts';
import { lookup, seek } from './btree.ts';
import { MAPPING_TIME_BITS, ThinDeviceDetails } from './layout.ts';
import { type PoolHeader, ThinMetadata } from './metadata.ts';

/** A run of blocks of a volume that lie one after another in the pool, or that the volume does not have. */
interface Run {
  /** Block of the pool; -1 where the volume has none. */
  block: number;
  /** Blocks. */
  length: number;
}

/** A pool of thin volumes, read through its metadata. */
export class ThinPool {
  readonly #metadata: ThinMetadata;
  readonly #data: BlockDevice;
  readonly #name: string;

  constructor(metadata: BlockDevice, data: BlockDevice, name: string, warn: (message: string) => void) {
    this.#metadata = new ThinMetadata(metadata, name);
    this.#data = data;
    this.#name = name;
    if (this.header.needsCheck) {
      warn(
        `${name}: the kernel marked this thin pool as damaged (needs_check); what it holds may be incomplete`,
      );
    }
  }

  get header(): PoolHeader {
    return this.#metadata.header;
  }

  /** Blocks that a volume has; undefined where the pool does not know it. */
  mappedBlocks(device: number): number | undefined {
    const found = lookup(this.#metadata, this.header.detailsRoot, device, ThinDeviceDetails.size);
    if (found === undefined) return undefined;
    return ThinDeviceDetails.view(found.leaf.bytes, found.leaf.valueOffset(found.index)).mapped_blocks;
  }

  /**
   * A thin volume, read-only. What it does not have reads as `origin` has it, and beyond that as zeroes. Throws
   * CorruptError where the pool does not know the device id.
   */
  openVolume(device: number, size: number, origin: BlockDevice | undefined, name: string): BlockDevice {
    const { mappingRoot } = this.header;
    const found = lookup(this.#metadata, mappingRoot, device, 8);
    if (found === undefined) {
      // The kernel makes the inner tree when it makes the volume.
      throw new CorruptError('thin pool metadata', `the pool ${this.#name} has no device ${device}`, {
        device: name,
      });
    }
    const root = readBlockNumber(found.leaf.data, found.leaf.valueOffset(found.index));
    return this.#volumeDevice(root, size, origin, name);
  }

  /** The run that begins at `block`, up to `most` blocks long. */
  #run(root: number, block: number, most: number): Run {
    const { leaf, index, limit } = seek(this.#metadata, root, block, 8);
    if (index >= leaf.count || leaf.key(index) !== block) {
      const next = index < leaf.count ? leaf.key(index) : limit;
      return { block: -1, length: Math.min(most, next - block) };
    }
    const first = mappedBlock(leaf.data, leaf.valueOffset(index));
    let length = 1;
    while (
      length < most &&
      index + length < leaf.count &&
      leaf.key(index + length) === block + length &&
      mappedBlock(leaf.data, leaf.valueOffset(index + length)) === first + length
    ) {
      length++;
    }
    const { blockSize } = this.header;
    if ((first + length) * blockSize > this.#data.size) {
      throw new CorruptError(
        'thin pool metadata',
        `block ${block} is mapped to ${first}, the pool has ${Math.floor(this.#data.size / blockSize)}`,
        { device: this.#name },
      );
    }
    return { block: first, length };
  }

  /** The runs of a range of a volume, in order: place in the pool in bytes (-1 if none), offset and bytes. */
  *#runs(
    root: number,
    offset: number,
    length: number,
  ): Generator<{ place: number; at: number; count: number }> {
    const { blockSize } = this.header;
    const end = offset + length;
    for (let at = offset; at < end;) {
      const within = at % blockSize;
      const run = this.#run(root, (at - within) / blockSize, Math.ceil((end - at + within) / blockSize));
      const count = Math.min(end - at, run.length * blockSize - within);
      yield { place: run.block < 0 ? -1 : run.block * blockSize + within, at, count };
      at += count;
    }
  }

  #volumeDevice(root: number, size: number, origin: BlockDevice | undefined, name: string): BlockDevice {
    const data = this.#data;
    const runs = (offset: number, length: number) => this.#runs(root, offset, length);
    return guard(
      {
        size,
        sectorSize: data.sectorSize,
        writable: false,
        readAt(offset, into) {
          for (const { place, at, count } of runs(offset, into.length)) {
            const part = into.subarray(at - offset, at - offset + count);
            if (place >= 0) {
              data.readAt(place, part);
              continue;
            }
            const below = Math.max(0, Math.min(count, (origin?.size ?? 0) - at));
            if (below > 0) origin?.readAt(at, part.subarray(0, below));
            part.fill(0, below);
          }
        },
        writeAt() {},
        zero() {},
        discard() {},
        *extents(offset, length): Iterable<Extent> {
          for (const { place, at, count } of runs(offset, length)) {
            yield { offset: at, length: count, kind: place >= 0 || origin !== undefined ? 'data' : 'hole' };
          }
        },
        flush() {},
        close() {},
      },
      name,
    );
  }
}

function readBlockNumber(data: DataView, at: number): number {
  return data.getUint32(at + 4, true) * 0x100000000 + data.getUint32(at, true);
}

/** A mapping's value without the time in its low bits; 40 bits. */
function mappedBlock(data: DataView, at: number): number {
  return Math.floor(readBlockNumber(data, at) / 2 ** MAPPING_TIME_BITS);
}
