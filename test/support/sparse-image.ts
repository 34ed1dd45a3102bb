import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { BlockDevice } from '../../src/block/device.ts';
import { guard } from '../../src/block/guard.ts';

/** Bytes in one stored piece of an image. */
const BLOCK = 512;

/**
 * An image of which only the blocks are stored that are not zero, for goldens whose size would be mostly zeroes:
 * a line of JSON (`size`, `blocks`), then the blocks, compressed by gzip.
 */
export interface SparseImage {
  /** Bytes. */
  size: number;
  /** Content by number of 512-byte block. */
  blocks: Map<number, Uint8Array>;
}

/** Pack the bytes of an image; `read` gives a part of it. */
export function packImage(size: number, read: (offset: number, into: Uint8Array) => void): Uint8Array {
  const numbers: number[] = [];
  const parts: Uint8Array[] = [];
  const chunk = new Uint8Array(1024 * 1024);
  for (let start = 0; start < size; start += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, size - start));
    read(start, part);
    for (let at = 0; at < part.length; at += BLOCK) {
      const block = part.subarray(at, Math.min(part.length, at + BLOCK));
      if (block.every((byte) => byte === 0)) continue;
      numbers.push((start + at) / BLOCK);
      const copy = new Uint8Array(BLOCK);
      copy.set(block);
      parts.push(copy);
    }
  }
  const header = Buffer.from(`${JSON.stringify({ size, blocks: numbers })}\n`);
  return gzipSync(Buffer.concat([header, ...parts]), { level: 9 });
}

/** An image that {@link packImage} packed, from its file. */
export function loadImage(path: string): SparseImage {
  const bytes = gunzipSync(readFileSync(path));
  const line = bytes.indexOf(10);
  const header = JSON.parse(bytes.subarray(0, line).toString()) as { size: number; blocks: number[] };
  const blocks = new Map<number, Uint8Array>();
  for (const [i, number] of header.blocks.entries()) {
    const start = line + 1 + i * BLOCK;
    blocks.set(number, new Uint8Array(bytes.subarray(start, start + BLOCK)));
  }
  return { size: header.size, blocks };
}

/** All bytes of an image. */
export function imageBytes({ size, blocks }: SparseImage): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const [number, block] of blocks) {
    bytes.set(block.subarray(0, Math.min(BLOCK, size - number * BLOCK)), number * BLOCK);
  }
  return bytes;
}

/** An image as a read-only device. */
export function imageDevice({ size, blocks }: SparseImage, name = 'golden'): BlockDevice {
  const refuse = (): never => {
    throw new Error('read-only');
  };
  return guard(
    {
      size,
      sectorSize: 512,
      writable: false,
      readAt(offset, into) {
        into.fill(0);
        const last = Math.floor((offset + into.length - 1) / BLOCK);
        for (let number = Math.floor(offset / BLOCK); number <= last; number++) {
          const block = blocks.get(number);
          if (block === undefined) continue;
          const from = Math.max(offset, number * BLOCK);
          const to = Math.min(offset + into.length, (number + 1) * BLOCK);
          into.set(block.subarray(from - number * BLOCK, to - number * BLOCK), from - offset);
        }
      },
      writeAt: refuse,
      zero: refuse,
      discard: refuse,
      extents: (offset, length) => [{ offset, length, kind: 'data' }],
      flush() {},
      close() {},
    },
    name,
  );
}
