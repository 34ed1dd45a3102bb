import type { BlockDevice } from '../../../block/device.ts';
import type { StoredBlock } from './contract.ts';

/** Bytes that one device write has at most. */
const WRITE_BYTES = 1024 * 1024;

let scratch: Uint8Array | undefined;

/** Gathers blocks that lie together into large writes. */
export class BlockGatherer {
  readonly #device: BlockDevice;
  readonly #blockSize: number;
  readonly #most: number;
  readonly #bytes: Uint8Array;
  #first = 0;
  #count = 0;

  constructor(device: BlockDevice, blockSize: number) {
    this.#device = device;
    this.#blockSize = blockSize;
    this.#most = WRITE_BYTES / blockSize;
    this.#bytes = scratch ?? new Uint8Array(WRITE_BYTES);
    scratch = undefined;
  }

  /** Write a block, now or with those that follow it. */
  add(number: number, bytes: Uint8Array): Uint8Array {
    if (this.#count > 0 && (number !== this.#first + this.#count || this.#count === this.#most))
      this.#write();
    if (this.#count === 0) this.#first = number;
    const at = this.#count * this.#blockSize;
    this.#bytes.set(bytes, at);
    this.#count++;
    return this.#bytes.subarray(at, at + this.#blockSize);
  }

  /** Write what is left. The gatherer must not be used afterwards. */
  end(): void {
    this.#write();
    scratch = this.#bytes;
  }

  #write(): void {
    if (this.#count === 0) return;
    const count = this.#count;
    this.#count = 0;
    this.#device.writeAt(this.#first * this.#blockSize, this.#bytes.subarray(0, count * this.#blockSize));
  }
}

/** Write blocks to their places, in ascending order. */
export function writeInPlace(device: BlockDevice, blocks: Iterable<StoredBlock>, blockSize: number): void {
  const gatherer = new BlockGatherer(device, blockSize);
  for (const block of [...blocks].sort((a, b) => a.number - b.number))
    gatherer.add(block.number, block.bytes);
  gatherer.end();
}
