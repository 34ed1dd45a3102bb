import { crc32cRaw } from '../../../../bytes/crc32c.ts';
import { crcOfBe32, crcWithout } from '../../journal/checksum.ts';
import * as jbd2 from '../../journal/layout.ts';
import type { StoredBlock } from '../contract.ts';
import type { LogFile } from './log-file.ts';

/** Bytes of the UUID that follows the first tag of a descriptor. */
const UUID_SIZE = 16;

/** How the blocks of one journal are made up. */
export class LogFormat {
  readonly #file: LogFile;
  readonly #blockSize: number;
  readonly #v3: boolean;
  readonly #wide: boolean;
  readonly #tagSize: number;
  readonly #tail: number;
  /** Blocks that one descriptor can name, and blocks that one revoke block can. */
  readonly perDescriptor: number;
  readonly perRevoke: number;

  constructor(file: LogFile, blockSize: number) {
    this.#file = file;
    this.#blockSize = blockSize;
    const { incompat, checksums } = file.geometry;
    this.#v3 = (incompat & jbd2.INCOMPAT_CSUM_V3) !== 0;
    this.#wide = (incompat & jbd2.INCOMPAT_64BIT) !== 0;
    this.#tail = checksums ? jbd2.TAIL_SIZE : 0;
    this.#tagSize = this.#v3
      ? jbd2.Tag3.size
      : jbd2.Tag.size + (this.#wide ? 4 : 0) + (incompat & jbd2.INCOMPAT_CSUM_V2 ? 2 : 0);
    const room = blockSize - jbd2.JournalHeader.size - this.#tail;
    this.perDescriptor = Math.floor((room - UUID_SIZE) / this.#tagSize);
    this.perRevoke = Math.floor((blockSize - jbd2.RevokeHeader.size - this.#tail) / (this.#wide ? 8 : 4));
  }

  /** Blocks that a transaction takes in the log, its commit block included. */
  sizeOf(blocks: number, revoked: number): number {
    return blocks + Math.ceil(blocks / this.perDescriptor) + Math.ceil(revoked / this.perRevoke) + 1;
  }

  #header(bytes: Uint8Array, type: number, sequence: number): void {
    const header = jbd2.JournalHeader.view(bytes);
    header.h_magic = jbd2.JBD2_MAGIC;
    header.h_blocktype = type;
    header.h_sequence = sequence;
  }

  #seal(bytes: Uint8Array): void {
    if (this.#tail === 0) return;
    const at = bytes.length - this.#tail;
    const sum = crcWithout(this.#file.geometry.checksumSeed, bytes, at);
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, sum);
  }

  /** A block that says which blocks' earlier copies must not be replayed; at most {@link perRevoke} of them. */
  revoke(numbers: readonly number[], sequence: number): Uint8Array {
    const bytes = new Uint8Array(this.#blockSize);
    this.#header(bytes, jbd2.BLOCK_REVOKE, sequence);
    const view = jbd2.RevokeHeader.view(bytes);
    let at: number = jbd2.RevokeHeader.size;
    for (const number of numbers) {
      if (this.#wide) view.data.setUint32(at, Math.floor(number / 0x100000000));
      if (this.#wide) at += 4;
      view.data.setUint32(at, number % 0x100000000);
      at += 4;
    }
    view.r_count = at;
    this.#seal(bytes);
    return bytes;
  }

  /**
   * The descriptor of up to {@link perDescriptor} blocks. `data` gets each block's bytes as they go into the log, after
   * the descriptor; the array passed to it is valid until the next call.
   */
  descriptor(
    blocks: readonly StoredBlock[],
    sequence: number,
    data: (bytes: Uint8Array) => void,
  ): Uint8Array {
    const bytes = new Uint8Array(this.#blockSize);
    this.#header(bytes, jbd2.BLOCK_DESCRIPTOR, sequence);
    const { checksums, checksumSeed } = this.#file.geometry;
    const seed = checksums ? crcOfBe32(checksumSeed, sequence) : 0;
    let at: number = jbd2.JournalHeader.size;
    blocks.forEach((block, index) => {
      let flags = index === 0 ? 0 : jbd2.TAG_SAME_UUID;
      if (index === blocks.length - 1) flags |= jbd2.TAG_LAST;
      let content = block.bytes;
      if (block.view.getUint32(0) === jbd2.JBD2_MAGIC) {
        // What looks like a block of the journal goes without its first word.
        content = content.slice();
        content.fill(0, 0, 4);
        flags |= jbd2.TAG_ESCAPE;
      }
      data(content);
      const sum = checksums ? crc32cRaw(seed, content) : 0;
      const high = Math.floor(block.number / 0x100000000);
      if (this.#v3) {
        const tag = jbd2.Tag3.view(bytes, at);
        tag.t_blocknr = block.number % 0x100000000;
        tag.t_blocknr_high = high;
        tag.t_flags = flags;
        tag.t_checksum = sum;
      } else {
        const tag = jbd2.Tag.view(bytes, at);
        tag.t_blocknr = block.number % 0x100000000;
        tag.t_checksum = sum & 0xffff;
        tag.t_flags = flags;
        if (this.#wide) tag.data.setUint32(at + jbd2.TAG_BLOCKNR_HIGH, high);
      }
      at += this.#tagSize;
      if (index === 0) {
        bytes.set(this.#file.uuid, at);
        at += UUID_SIZE;
      }
    });
    this.#seal(bytes);
    return bytes;
  }

  /** The block that makes a transaction complete. All that is not zero in it is in its first 512 bytes. */
  commit(sequence: number, time: { seconds: number; nanoseconds: number }): Uint8Array {
    const bytes = new Uint8Array(this.#blockSize);
    this.#header(bytes, jbd2.BLOCK_COMMIT, sequence);
    const view = jbd2.CommitHeader.view(bytes);
    view.h_commit_sec = BigInt.asUintN(64, BigInt(time.seconds));
    view.h_commit_nsec = time.nanoseconds;
    if (this.#tail > 0) {
      const at = jbd2.CommitHeader.fields.h_chksum.offset;
      view.h_chksum = crcWithout(this.#file.geometry.checksumSeed, bytes, at);
    }
    return bytes;
  }
}
