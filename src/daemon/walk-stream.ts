import { decodeText, encodeText } from '../bytes/text.ts';
import { CorruptError } from '../errors/index.ts';
import type { TreeStat } from '../vfs/tree.ts';
import type { ByteSink } from './context.ts';

/**
 * The stream of `walk_out`: one record a file, little-endian. 32-bit words: length of the record (a multiple of 8),
 * mode, links, uid, gid, bytes of the path, bytes of the link's target (0xffffffff where it is no link), nanoseconds
 * of access, modification and change, block size, 0; then 64-bit floating point numbers: inode, size, blocks, device, rdev,
 * and the seconds of access, modification and change; then path and target, padded with zeroes.
 */
const WORDS = 12;
const NUMBERS_AT = WORDS * 4;
const HEADER = NUMBERS_AT + 8 * 8;
const NO_LINK = 0xffffffff;
const BUFFER = 64 * 1024;
const ASCII = /^[\0-\x7f]*$/;

/** Writes the records of a walk. */
export class WalkWriter {
  readonly #sink: ByteSink;
  #bytes = Buffer.allocUnsafeSlow(BUFFER);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Add a file: its path, and its target if it is a symbolic link. */
  add(path: string, stat: TreeStat, link: string | undefined): void {
    this.#reserve(HEADER + (path.length + (link?.length ?? 0)) * 3 + 8);
    const base = this.#length;
    const view = this.#view;
    const pathLength = this.#text(base + HEADER, path);
    const linkLength = link === undefined ? 0 : this.#text(base + HEADER + pathLength, link);
    const end = HEADER + pathLength + linkLength;
    const length = (end + 7) & ~7;
    this.#bytes.fill(0, base + end, base + length);
    view.setUint32(base, length, true);
    view.setUint32(base + 4, stat.mode, true);
    view.setUint32(base + 8, stat.nlink, true);
    view.setUint32(base + 12, stat.uid, true);
    view.setUint32(base + 16, stat.gid, true);
    view.setUint32(base + 20, pathLength, true);
    view.setUint32(base + 24, link === undefined ? NO_LINK : linkLength, true);
    view.setUint32(base + 28, stat.atimeNsec, true);
    view.setUint32(base + 32, stat.mtimeNsec, true);
    view.setUint32(base + 36, stat.ctimeNsec, true);
    view.setUint32(base + 40, stat.blockSize, true);
    view.setUint32(base + 44, 0, true);
    const numbers = base + NUMBERS_AT;
    view.setFloat64(numbers, stat.inode, true);
    view.setFloat64(numbers + 8, stat.size, true);
    view.setFloat64(numbers + 16, stat.blocks, true);
    view.setFloat64(numbers + 24, stat.dev, true);
    view.setFloat64(numbers + 32, stat.rdev, true);
    view.setFloat64(numbers + 40, stat.atime, true);
    view.setFloat64(numbers + 48, stat.mtime, true);
    view.setFloat64(numbers + 56, stat.ctime, true);
    this.#length += length;
  }

  /** Write out what is buffered. */
  flush(): void {
    if (this.#length > 0) this.#sink.write(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
  }

  #reserve(needed: number): void {
    if (this.#length + needed <= this.#bytes.length) return;
    this.flush();
    if (needed <= this.#bytes.length) return;
    this.#bytes = Buffer.allocUnsafeSlow(needed);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #text(at: number, text: string): number {
    if (ASCII.test(text)) return this.#bytes.write(text, at, 'latin1');
    const encoded = encodeText(text);
    this.#bytes.set(encoded, at);
    return encoded.length;
  }
}

/** A file as a walk tells it. */
export interface WalkedEntry {
  path: string;
  stat: TreeStat;
  /** Target of a symbolic link. */
  link: string | undefined;
}

/** Takes the stream of a walk apart; chunks may end anywhere. */
export class WalkReader {
  #rest = new Uint8Array(0);

  /** The records that are complete now. Throws CorruptError where the stream is no walk. */
  *push(chunk: Uint8Array): Generator<WalkedEntry, void, void> {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at + HEADER <= bytes.length) {
      const length = view.getUint32(at, true);
      const pathEnd = HEADER + view.getUint32(at + 20, true);
      const linkWord = view.getUint32(at + 24, true);
      const linkEnd = pathEnd + (linkWord === NO_LINK ? 0 : linkWord);
      if (length % 8 !== 0 || linkEnd > length) {
        throw new CorruptError('walk record', `length ${length}, expected a multiple of 8 from ${linkEnd}`);
      }
      if (at + length > bytes.length) break;
      yield {
        path: decodeText(bytes, at + HEADER, at + pathEnd),
        stat: readStat(view, at),
        link: linkWord === NO_LINK ? undefined : decodeText(bytes, at + pathEnd, at + linkEnd),
      };
      at += length;
    }
    this.#rest = bytes.slice(at);
  }
}

function readStat(view: DataView, base: number): TreeStat {
  const numbers = base + NUMBERS_AT;
  return {
    mode: view.getUint32(base + 4, true),
    nlink: view.getUint32(base + 8, true),
    uid: view.getUint32(base + 12, true),
    gid: view.getUint32(base + 16, true),
    atimeNsec: view.getUint32(base + 28, true),
    mtimeNsec: view.getUint32(base + 32, true),
    ctimeNsec: view.getUint32(base + 36, true),
    blockSize: view.getUint32(base + 40, true),
    inode: view.getFloat64(numbers, true),
    size: view.getFloat64(numbers + 8, true),
    blocks: view.getFloat64(numbers + 16, true),
    dev: view.getFloat64(numbers + 24, true),
    rdev: view.getFloat64(numbers + 32, true),
    atime: view.getFloat64(numbers + 40, true),
    mtime: view.getFloat64(numbers + 48, true),
    ctime: view.getFloat64(numbers + 56, true),
  };
}
