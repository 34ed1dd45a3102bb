import type { FileContent } from '../content.ts';
import { WindowedContent } from '../content.ts';
import { WAL_MAGIC_BIG, WAL_MAGIC_LITTLE, WAL_VERSION, WalFrame, WalHeader } from './layout.ts';

/** What a write-ahead log changes: offset in the log of the newest committed content of each page. */
export interface WalIndex {
  /** Page number to the offset of its content in the log. */
  pages: Map<number, number>;
  /** Pages of the database after the last commit. */
  databasePages: number;
}

/**
 * Read the log beside a database: every frame up to the last commit whose salts and running checksum hold.
 * Undefined where the log is empty, of another page size or begins with no valid commit: then it says nothing.
 * Source: SQLite file format, section 4.
 */
export function readWal(content: FileContent, pageSize: number): WalIndex | undefined {
  if (content.size < WalHeader.size + WalFrame.size + pageSize) return undefined;
  const window = new WindowedContent(content, 'sqlite WAL');
  const head = window.bytes(0, WalHeader.size);
  const header = WalHeader.view(head);
  const { magic, salt1, salt2 } = header;
  if (magic !== WAL_MAGIC_LITTLE && magic !== WAL_MAGIC_BIG) return undefined;
  if (header.version !== WAL_VERSION || header.pageSize !== pageSize) return undefined;
  const little = magic === WAL_MAGIC_LITTLE;
  const sum = new RunningChecksum(little);
  sum.add(head, 0, 24);
  if (sum.first !== header.checksum1 || sum.second !== header.checksum2) return undefined;

  const committed = new Map<number, number>();
  const pending = new Map<number, number>();
  let databasePages = 0;
  const step = WalFrame.size + pageSize;
  for (let at = WalHeader.size; at + step <= content.size; at += step) {
    const bytes = window.bytes(at, step);
    const frame = WalFrame.view(bytes);
    if (frame.salt1 !== salt1 || frame.salt2 !== salt2 || frame.page === 0) break;
    sum.add(bytes, 0, 8);
    sum.add(bytes, WalFrame.size, pageSize);
    if (sum.first !== frame.checksum1 || sum.second !== frame.checksum2) break;
    pending.set(frame.page, at + WalFrame.size);
    if (frame.commitPages === 0) continue;
    for (const [page, offset] of pending) committed.set(page, offset);
    pending.clear();
    databasePages = frame.commitPages;
  }
  return databasePages === 0 ? undefined : { pages: committed, databasePages };
}

class RunningChecksum {
  first = 0;
  second = 0;
  readonly #little: boolean;

  constructor(little: boolean) {
    this.#little = little;
  }

  add(bytes: Uint8Array, offset: number, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
    const little = this.#little;
    let { first, second } = this;
    for (let i = 0; i < length; i += 8) {
      first = (first + view.getUint32(i, little) + second) >>> 0;
      second = (second + view.getUint32(i + 4, little) + first) >>> 0;
    }
    this.first = first;
    this.second = second;
  }
}
