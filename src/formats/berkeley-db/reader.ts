import { isPowerOfTwo } from '../../bytes/round.ts';
import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import { type Blob, ChainedBlob, type FileContent, WindowedContent } from '../content.ts';
import {
  BIG,
  HASH_MAGIC,
  ITEM_KEYDATA,
  ITEM_OFFPAGE,
  LITTLE,
  PAGE_HASH,
  PAGE_HASH_UNSORTED,
  PAGE_HASHMETA,
  PAGE_OVERFLOW,
  type Structures,
} from './layout.ts';

/** A key with its value; the value is read only as far as it is asked for. */
export interface Pair {
  key: Uint8Array;
  value: Blob;
}

const STRUCTURE = 'db hash page';
const PAGE_HEADER = 26;
const MOST_BUCKETS = 1 << 24;
/** Bytes one value may have. */
const LARGEST_VALUE = 256 * 1024 * 1024;
/** Pages of a value that may be read a second time, where it is read in parts. */
const READ_TWICE = 8;
const NOTHING = new Uint8Array(0);

/**
 * A Berkeley DB hash database of version 8 or 9 (Berkeley DB 4 and 5), for reading all of it. Source: Berkeley DB's
 * reference guide and page layouts as described by its tools; checked against databases that db_load makes.
 */
export class HashDatabase {
  readonly #content: WindowedContent;
  readonly #structures: Structures;
  readonly #pageSize: number;
  readonly #pageCount: number;
  readonly #maxBucket: number;
  readonly #spares: DataView;
  readonly #little: boolean;
  /** Overflow pages that may still be read: each belongs to one value, and a value reads few of them twice. */
  #overflowsLeft: number;

  /** Throws CorruptError where `content` is no hash database, UnsupportedError for one that is encrypted or newer. */
  constructor(content: FileContent) {
    this.#content = new WindowedContent(content, 'db file');
    const head = this.#content.bytes(0, 512).slice();
    const found = [LITTLE, BIG].find(({ HashMeta }) => HashMeta.view(head).magic === HASH_MAGIC);
    if (found === undefined) {
      throw new CorruptError('db hash metadata page', 'the magic of a hash database is missing', {
        offset: 12,
      });
    }
    this.#structures = found;
    this.#little = found.endian === 'le';
    const meta = found.HashMeta.view(head);
    if (meta.version < 8 || meta.version > 10 || meta.encrypt_alg !== 0) {
      throw new UnsupportedError(
        `Berkeley DB hash version ${meta.version}, encryption ${meta.encrypt_alg}: versions 8 to 10 in the clear are read`,
      );
    }
    const { pagesize } = meta;
    if (meta.type !== PAGE_HASHMETA || pagesize < 512 || pagesize > 65536 || !isPowerOfTwo(pagesize)) {
      throw new CorruptError(
        'db hash metadata page',
        `page type ${meta.type}, page size ${pagesize}: expected 8 and a power of two from 512 to 65536`,
      );
    }
    this.#pageSize = pagesize;
    this.#pageCount = Math.floor(content.size / pagesize);
    this.#overflowsLeft = this.#pageCount;
    this.#maxBucket = meta.max_bucket;
    if (this.#maxBucket >= Math.min(MOST_BUCKETS, this.#pageCount)) {
      throw new CorruptError(
        'db hash metadata page',
        `bucket ${this.#maxBucket} is the last, the file has ${this.#pageCount} pages`,
      );
    }
    const { spares } = meta;
    this.#spares = new DataView(spares.buffer, spares.byteOffset, spares.length);
  }

  /** All pairs, bucket after bucket. Throws CorruptError. */
  *pairs(): Generator<Pair, void> {
    const seen = new Set<number>();
    for (let bucket = 0; bucket <= this.#maxBucket; bucket++) {
      const doubling = bucket === 0 ? 0 : 32 - Math.clz32(bucket);
      let number = bucket + this.#spares.getUint32(doubling * 4, this.#little);
      while (number !== 0) {
        if (seen.has(number)) throw new CorruptError(STRUCTURE, `page ${number} is reached twice`);
        seen.add(number);
        // Values are read while the page is walked and move the window: the page is copied.
        const bytes = this.#page(number).slice();
        const page = this.#structures.Page.view(bytes);
        // A bucket that was never written is a page of zeroes.
        if (page.type === 0) break;
        if (page.type !== PAGE_HASH && page.type !== PAGE_HASH_UNSORTED) {
          throw new CorruptError(STRUCTURE, `page ${number} is of type ${page.type}, expected 2 or 13`);
        }
        yield* this.#pairsOf(bytes, page.entries, number);
        number = page.next_pgno;
      }
    }
  }

  *#pairsOf(bytes: Uint8Array, entries: number, number: number): Generator<Pair, void> {
    if (PAGE_HEADER + entries * 2 > bytes.length) {
      throw new CorruptError(STRUCTURE, `page ${number} has ${entries} items, more than fit in it`);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const item = (index: number): Uint8Array => {
      const start = view.getUint16(PAGE_HEADER + index * 2, this.#little);
      const end = index === 0 ? bytes.length : view.getUint16(PAGE_HEADER + index * 2 - 2, this.#little);
      if (start < PAGE_HEADER || start >= end || end > bytes.length) {
        throw new CorruptError(STRUCTURE, `item ${index} of page ${number} lies from ${start} to ${end}`);
      }
      return bytes.subarray(start, end);
    };
    for (let i = 0; i + 1 < entries; i += 2) {
      const key = this.#value(item(i));
      const value = this.#value(item(i + 1));
      // Duplicates (types 2 and 4) do not occur in the databases that are read here.
      if (key === undefined || value === undefined || key.size > this.#pageSize) continue;
      yield { key: key.prefix(key.size), value };
    }
  }

  #value(item: Uint8Array): Blob | undefined {
    if (item[0] === ITEM_KEYDATA) {
      const bytes = item.subarray(1);
      return { size: bytes.length, prefix: (length) => bytes.subarray(0, length) };
    }
    if (item[0] !== ITEM_OFFPAGE) return undefined;
    const { pgno, tlen } = this.#structures.OffPage.view(item);
    if (tlen > LARGEST_VALUE || tlen > this.#pageCount * this.#pageSize) {
      throw new CorruptError('db off-page item', `has ${tlen} bytes, more than the file`);
    }
    this.#overflowsLeft += READ_TWICE;
    return new ChainedBlob('db off-page item', tlen, NOTHING, pgno, (number) => this.#overflow(number));
  }

  #overflow(number: number): { data: Uint8Array; next: number } {
    if (this.#overflowsLeft-- === 0) throw new CorruptError('db file', 'its values share overflow pages');
    const bytes = this.#page(number);
    const page = this.#structures.Page.view(bytes);
    const length = page.hf_offset;
    if (page.type !== PAGE_OVERFLOW || length === 0 || PAGE_HEADER + length > bytes.length) {
      throw new CorruptError(
        'db overflow page',
        `page ${number} is of type ${page.type} with ${length} bytes of data, expected type 7 and some`,
      );
    }
    return { data: bytes.subarray(PAGE_HEADER, PAGE_HEADER + length), next: page.next_pgno };
  }

  #page(number: number): Uint8Array {
    if (number < 1 || number >= this.#pageCount) {
      throw new CorruptError('db file', `page ${number} is asked for, it has ${this.#pageCount}`);
    }
    return this.#content.bytes(number * this.#pageSize, this.#pageSize);
  }
}
