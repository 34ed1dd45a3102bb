import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

const FOLDER = new URL('../../src/partitions/golden/', import.meta.url);

/** Names of the disks that `golden/make.sh` made, in the order of stock's drives. */
export function partitionDisks(): string[] {
  return Object.keys(JSON.parse(readFileSync(new URL('images.json', FOLDER), 'utf8')) as object);
}

let images: Record<string, string> | undefined;

/** The bytes of a disk. */
export function partitionImage(name: string): Uint8Array {
  images ??= JSON.parse(readFileSync(new URL('images.json', FOLDER), 'utf8')) as Record<string, string>;
  const packed = images[name];
  if (packed === undefined) throw new Error(`there is no golden disk ${name}`);
  // Not a Buffer: its slice() would share memory.
  return new Uint8Array(brotliDecompressSync(Buffer.from(packed, 'base64')));
}

/** Write an image, leaving holes where it has zeroes. */
export function writeSparse(path: string, image: Uint8Array): void {
  const zeroes = new Uint8Array(65536);
  const fd = openSync(path, 'w');
  ftruncateSync(fd, image.length);
  for (let at = 0; at < image.length; at += zeroes.length) {
    const piece = image.subarray(at, at + zeroes.length);
    if (Buffer.compare(piece, zeroes.subarray(0, piece.length)) !== 0)
      writeSync(fd, piece, 0, piece.length, at);
  }
  closeSync(fd);
}

/** What stock guestfish printed: by disk, by command (`part-get-name 1`), the lines. */
export function stockAnswers(): Map<string, Map<string, string[]>> {
  const answers = new Map<string, Map<string, string[]>>();
  let disk = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of readFileSync(new URL('stock.txt', FOLDER), 'utf8').split('\n')) {
    const [, name] = /^== (.*)$/.exec(line) ?? [];
    if (name !== undefined) answers.set(name, (disk = new Map([['', (lines = [])]])));
    else if (/^(part-|sfdisk-|blockdev-)/.test(line)) disk.set(line, (lines = []));
    else lines.push(line);
  }
  return answers;
}
