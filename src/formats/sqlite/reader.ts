import { latin1 } from '../../bytes/text.ts';
import { isPowerOfTwo } from '../../bytes/round.ts';
import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import { type Blob, ChainedBlob, type FileContent, WindowedContent } from '../content.ts';
import { DatabaseHeader, MAGIC, PAGE_INTERIOR_TABLE, PAGE_LEAF_TABLE } from './layout.ts';
import { columnsOf, integerOf, textOf, varint } from './record.ts';
import { readWal, type WalIndex } from './wal.ts';

/** A row of a table: its key and its record, which is read only as far as it is asked for. */
export interface Row {
  rowid: number;
  record: Blob;
}

/** Depth of a b-tree; a table of 2^47 rows in pages of 512 bytes is not deeper. */
const DEEPEST = 40;
/** Bytes one record may have. */
const LARGEST_RECORD = 256 * 1024 * 1024;

/** Pages of a row that may be read a second time, where it is read in parts. */
const READ_TWICE = 8;

const STRUCTURE = 'sqlite b-tree page';

/**
 * A SQLite 3 database, for reading whole tables. Pages come from the write-ahead log where it has newer ones.
 * Source: "Database File Format", sqlite.org/fileformat2.html.
 */
export class SqliteReader {
  readonly #main: WindowedContent;
  readonly #log: WindowedContent | undefined;
  readonly #wal: WalIndex | undefined;
  readonly #pageSize: number;
  readonly #usable: number;
  /** Pages of the database, the log considered. */
  readonly pageCount: number;
  /** Overflow pages that may still be read: each belongs to one row, and a row reads few of them twice. */
  #overflowsLeft: number;

  /** Throws CorruptError where `content` is no SQLite 3 database, UnsupportedError for UTF-16. */
  constructor(content: FileContent, wal?: FileContent) {
    this.#main = new WindowedContent(content, 'sqlite database');
    const header = DatabaseHeader.view(this.#main.bytes(0, DatabaseHeader.size));
    if (latin1(header.magic) !== MAGIC) {
      throw new CorruptError('sqlite database header', 'its magic is missing', { offset: 0 });
    }
    const pageSize = header.pageSize === 1 ? 65536 : header.pageSize;
    if (pageSize < 512 || !isPowerOfTwo(pageSize) || pageSize - header.reservedSpace < 480) {
      throw new CorruptError(
        'sqlite database header',
        `page size ${pageSize} with ${header.reservedSpace} bytes reserved, expected a power of two from 512 to 65536`,
        { offset: 16 },
      );
    }
    if (header.readVersion > 2) {
      throw new UnsupportedError(
        `sqlite file format ${header.readVersion} is not known, only 1 and 2 are read`,
      );
    }
    if (header.textEncoding > 1) {
      throw new UnsupportedError('sqlite databases in UTF-16 are not read');
    }
    this.#pageSize = pageSize;
    this.#usable = pageSize - header.reservedSpace;
    if (wal !== undefined && header.readVersion === 2) {
      this.#wal = readWal(wal, pageSize);
      if (this.#wal !== undefined) this.#log = new WindowedContent(wal, 'sqlite WAL');
    }
    this.pageCount = this.#wal?.databasePages ?? Math.floor(content.size / pageSize);
    this.#overflowsLeft = this.pageCount;
  }

  /** Number of the first page of a table, by its name in any case; undefined where there is no such table. */
  rootOf(table: string): number | undefined {
    for (const { record } of this.rows(1)) {
      const [type, name, , root] = columnsOf(record);
      if (textOf(record, type) !== 'table') continue;
      if (textOf(record, name)?.toLowerCase() === table.toLowerCase()) return integerOf(record, root);
    }
    return undefined;
  }

  /** The rows of the table whose b-tree begins at page `root`, in the order of their keys. */
  *rows(root: number): Generator<Row, void> {
    const seen = new Set<number>();
    const stack = [{ page: root, depth: 0 }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { page, depth } = next;
      if (seen.has(page) || depth > DEEPEST) {
        throw new CorruptError(STRUCTURE, `page ${page} is reached twice or lies deeper than ${DEEPEST}`);
      }
      seen.add(page);
      // The window moves while rows are read: the page is copied.
      const bytes = this.#page(page).slice(0, this.#usable);
      const start = page === 1 ? DatabaseHeader.size : 0;
      const view = new DataView(bytes.buffer);
      const cells = view.getUint16(start + 3);
      const kind = bytes[start];
      const pointers = start + (kind === PAGE_INTERIOR_TABLE ? 12 : 8);
      if (pointers + cells * 2 > bytes.length) {
        throw new CorruptError(STRUCTURE, `page ${page} has ${cells} cells, more than fit in it`);
      }
      if (kind === PAGE_LEAF_TABLE) {
        let used = 0;
        for (let i = 0; i < cells; i++) {
          const { row, local } = this.#leafCell(bytes, view.getUint16(pointers + i * 2), page);
          // Cells that share bytes would let a small page have a great many large rows.
          used += local;
          if (used > bytes.length) throw new CorruptError(STRUCTURE, `the cells of page ${page} overlap`);
          yield row;
        }
      } else if (kind === PAGE_INTERIOR_TABLE) {
        stack.push({ page: view.getUint32(start + 8), depth: depth + 1 });
        for (let i = cells - 1; i >= 0; i--) {
          const at = view.getUint16(pointers + i * 2);
          if (at + 4 > bytes.length) throw this.#outside(page, at);
          stack.push({ page: view.getUint32(at), depth: depth + 1 });
        }
        // A page is smaller than this many children of it can be, so the stack stays below the page count.
        if (stack.length > this.pageCount + DEEPEST) {
          throw new CorruptError(STRUCTURE, `page ${page} has more children than there are pages`);
        }
      } else {
        throw new CorruptError(
          STRUCTURE,
          `page ${page} is of kind 0x${(kind ?? 0).toString(16)}, expected 0x5 or 0xd of a table`,
        );
      }
    }
  }

  #leafCell(bytes: Uint8Array, at: number, page: number): { row: Row; local: number } {
    if (at >= bytes.length) throw this.#outside(page, at);
    const { value: size, length: sizeLength } = varint(bytes, at);
    const { value: rowid, length: keyLength } = varint64(bytes, at + sizeLength);
    const from = at + sizeLength + keyLength;
    const local = localPayload(size, this.#usable);
    const end = from + local + (local < size ? 4 : 0);
    if (end > bytes.length) throw this.#outside(page, from);
    if (size > LARGEST_RECORD || size - local > this.pageCount * this.#usable) {
      throw new CorruptError(STRUCTURE, `a record of page ${page} has ${size} bytes, more than the database`);
    }
    const inPage = bytes.subarray(from, from + local);
    if (local === size) {
      return { row: { rowid, record: { size, prefix: (length) => inPage.subarray(0, length) } }, local };
    }
    const overflow = new DataView(bytes.buffer, bytes.byteOffset).getUint32(from + local);
    this.#overflowsLeft += READ_TWICE;
    const record = new ChainedBlob('sqlite record', size, inPage, overflow, (number) =>
      this.#overflow(number),
    );
    return { row: { rowid, record }, local };
  }

  #outside(page: number, at: number): CorruptError {
    return new CorruptError(STRUCTURE, `a cell of page ${page} lies at ${at}, outside of the page`);
  }

  #overflow(page: number): { data: Uint8Array; next: number } {
    if (this.#overflowsLeft-- === 0) {
      throw new CorruptError('sqlite database', 'its rows share overflow pages');
    }
    const bytes = this.#page(page);
    const next = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    return { data: bytes.subarray(4, this.#usable), next };
  }

  #page(page: number): Uint8Array {
    if (page < 1 || page > this.pageCount) {
      throw new CorruptError('sqlite database', `page ${page} is asked for, it has ${this.pageCount}`);
    }
    const logged = this.#wal?.pages.get(page);
    if (logged !== undefined) return this.#log!.bytes(logged, this.#pageSize);
    return this.#main.bytes((page - 1) * this.#pageSize, this.#pageSize);
  }
}

/** Rowids are 64-bit and may be negative; rpm's are small, and only the order of those matters here. */
function varint64(bytes: Uint8Array, at: number): { value: number; length: number } {
  let length = 0;
  while (length < 8 && (bytes[at + length] ?? 0) >= 0x80) length++;
  length++;
  if (length < 8) return varint(bytes, at);
  if (at + length > bytes.length) throw new CorruptError(STRUCTURE, `a key at ${at} has no end`);
  return { value: Number.MAX_SAFE_INTEGER, length };
}

/** Bytes of a payload that lie in the leaf itself, section 1.6 "Cell payload overflow pages". */
function localPayload(size: number, usable: number): number {
  const most = usable - 35;
  if (size <= most) return size;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const wanted = least + ((size - least) % (usable - 4));
  return wanted <= most ? wanted : least;
}
