import type { BlockDevice } from '../../../block/device.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { CorruptError, UnsupportedError } from '../../../errors/index.ts';
import {
  BLOCK_SIZE,
  BTREE_XOR,
  BtreeNode,
  NODE_INTERNAL,
  NODE_LEAF,
  SpaceMapRoot,
  SUPERBLOCK_XOR,
  THIN_MAGIC,
  THIN_NEEDS_CHECK,
  ThinSuperBlock,
} from './layout.ts';

/** Blocks kept: 1 MiB. */
const CACHED_BLOCKS = 256;

/** A block of a B-tree, checked. Keys ascend. */
export interface Node {
  leaf: boolean;
  count: number;
  /** Key `i`; safe integers. */
  key(i: number): number;
  /** Byte offset in `data` of value `i`. */
  valueOffset(i: number): number;
  data: DataView;
  bytes: Uint8Array;
}

/** What the superblock tells. */
export interface PoolHeader {
  transactionId: number;
  needsCheck: boolean;
  mappingRoot: number;
  detailsRoot: number;
  /** Bytes in a block of the pool. */
  blockSize: number;
  dataBlocks: number;
  allocatedDataBlocks: number;
}

/** Reads and checks blocks of a pool's metadata; keeps the latest ones. */
export class ThinMetadata {
  readonly header: PoolHeader;
  readonly #device: BlockDevice;
  readonly #name: string;
  readonly #nodes = new Map<number, Node>();

  constructor(device: BlockDevice, name: string) {
    this.#device = device;
    this.#name = name;
    this.header = this.#readSuperBlock();
  }

  #read(block: number, structure: string, xor: number): Uint8Array {
    const offset = block * BLOCK_SIZE;
    if (offset > this.#device.size - BLOCK_SIZE) {
      throw new CorruptError(
        structure,
        `block ${block} is beyond the metadata of ${this.#device.size} bytes`,
        {
          device: this.#name,
          offset,
        },
      );
    }
    const bytes = new Uint8Array(BLOCK_SIZE);
    this.#device.readAt(offset, bytes);
    const stored = new DataView(bytes.buffer).getUint32(0, true);
    const computed = (crc32cRaw(0xffffffff, bytes, 4) ^ xor) >>> 0;
    if (stored !== computed) {
      throw new CorruptError(
        structure,
        `csum of block ${block} is 0x${stored.toString(16)}, computed 0x${computed.toString(16)}`,
        { device: this.#name, offset, checksum: true },
      );
    }
    return bytes;
  }

  #readSuperBlock(): PoolHeader {
    const bytes = this.#read(0, ThinSuperBlock.name, SUPERBLOCK_XOR);
    const block = ThinSuperBlock.view(bytes);
    const fail = (problem: string): never => {
      throw new CorruptError(ThinSuperBlock.name, problem, { device: this.#name, offset: 0 });
    };
    if (block.magic !== THIN_MAGIC) fail(`magic is ${block.magic}, expected ${THIN_MAGIC}`);
    if (block.version < 1 || block.version > 2) {
      throw new UnsupportedError(
        `${this.#name}: thin pool metadata of version ${block.version}, 1 and 2 can be read`,
        {
          device: this.#name,
        },
      );
    }
    if (block.incompat_flags !== 0) {
      throw new UnsupportedError(
        `${this.#name}: thin pool metadata has the unknown incompat_flags 0x${block.incompat_flags.toString(16)}`,
        { device: this.#name },
      );
    }
    if (block.metadata_block_size !== BLOCK_SIZE / 512) {
      fail(`metadata_block_size is ${block.metadata_block_size} sectors, expected ${BLOCK_SIZE / 512}`);
    }
    // dm-thin takes 64 KiB to 1 GiB in steps of 64 KiB.
    if (block.data_block_size === 0 || block.data_block_size % 128 !== 0 || block.data_block_size > 2097152) {
      fail(`data_block_size is ${block.data_block_size} sectors, expected a multiple of 128 up to 2097152`);
    }
    const space = SpaceMapRoot.view(bytes, 64);
    return {
      transactionId: block.trans_id,
      needsCheck: (block.flags & THIN_NEEDS_CHECK) !== 0,
      mappingRoot: block.data_mapping_root,
      detailsRoot: block.device_details_root,
      blockSize: block.data_block_size * 512,
      dataBlocks: space.nr_blocks,
      allocatedDataBlocks: space.nr_allocated,
    };
  }

  /** The B-tree block at `block`, whose values have `valueSize` bytes if it is a leaf. */
  node(block: number, valueSize: number): Node {
    const known = this.#nodes.get(block);
    if (known !== undefined) {
      this.#nodes.delete(block);
      this.#nodes.set(block, known);
      return known;
    }
    const node = this.#readNode(block, valueSize);
    this.#nodes.set(block, node);
    if (this.#nodes.size > CACHED_BLOCKS) {
      const [oldest] = this.#nodes.keys();
      this.#nodes.delete(oldest!);
    }
    return node;
  }

  #readNode(block: number, valueSize: number): Node {
    const bytes = this.#read(block, BtreeNode.name, BTREE_XOR);
    const header = BtreeNode.view(bytes);
    const fail = (problem: string): never => {
      throw new CorruptError(BtreeNode.name, `block ${block}: ${problem}`, {
        device: this.#name,
        offset: block * BLOCK_SIZE,
      });
    };
    const kind = header.flags & (NODE_INTERNAL | NODE_LEAF);
    if (kind !== NODE_INTERNAL && kind !== NODE_LEAF) fail(`flags are 0x${header.flags.toString(16)}`);
    const leaf = kind === NODE_LEAF;
    if (header.blocknr !== block) fail(`blocknr is ${header.blocknr}`);
    const { nr_entries: count, max_entries: capacity } = header;
    const size = header.value_size;
    if (size !== (leaf ? valueSize : 8)) fail(`value_size is ${size}, expected ${leaf ? valueSize : 8}`);
    if (capacity * (8 + size) > BLOCK_SIZE - BtreeNode.size || count > capacity) {
      fail(`${count} of ${capacity} entries of ${8 + size} bytes do not fit`);
    }
    if (!leaf && count === 0) fail('an inner node without entries');
    const { data } = header;
    const key = (i: number): number =>
      data.getUint32(BtreeNode.size + i * 8 + 4, true) * 0x100000000 +
      data.getUint32(BtreeNode.size + i * 8, true);
    for (let i = 0; i < count; i++) {
      if (!Number.isSafeInteger(key(i)) || (i > 0 && key(i) <= key(i - 1)))
        fail(`key ${i} is ${key(i)}, out of order`);
    }
    const values = BtreeNode.size + capacity * 8;
    return { leaf, count, key, valueOffset: (i) => values + i * size, data, bytes };
  }
}
