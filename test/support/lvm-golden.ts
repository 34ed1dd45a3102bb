import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import type { BlockDevice } from '../../src/block/device.ts';
import { memoryDevice } from '../../src/block/memory.ts';
import { rangeDevice } from '../../src/block/range.ts';
import { readPartitionTable } from '../../src/partitions/index.ts';
import { camelCase } from '../../src/actions/table.ts';

const FOLDER = new URL('../../src/volumes/lvm2/golden/', import.meta.url);

/** Letters of the drives that `golden/make.sh` made. */
export const LVM_DRIVES = [...'abcdefghijklmno'];

const images = new Map<string, Uint8Array>();

/** The bytes of /dev/sdX; shared, so that whoever changes them must copy. */
export function lvmImage(letter: string): Uint8Array {
  let image = images.get(letter);
  if (image === undefined) {
    // Not a Buffer: its slice() would share memory.
    image = new Uint8Array(
      brotliDecompressSync(readFileSync(fileURLToPath(new URL(`sd${letter}.img.br`, FOLDER)))),
    );
    images.set(letter, image);
  }
  return image;
}

/** The drives with their partitions, by the names that stock libguestfs had for them. */
export function lvmDevices(letters: Iterable<string> = LVM_DRIVES): { name: string; device: BlockDevice }[] {
  return [...letters].flatMap((letter) => {
    const name = `/dev/sd${letter}`;
    const device = memoryDevice(lvmImage(letter), { name, writable: false });
    const partitions = readPartitionTable(device)?.partitions ?? [];
    if (partitions.length === 0) return [{ name, device }];
    return partitions.map(({ number, start, size }) => ({
      name: `${name}${number}`,
      device: rangeDevice(device, start, size, `${name}${number}`),
    }));
  });
}

let stock: Map<string, string[]> | undefined;

/** Lines of a section of what stock libguestfs answered. */
export function stockSection(name: string): string[] {
  if (stock === undefined) {
    stock = new Map();
    let lines: string[] = [];
    for (const line of readFileSync(new URL('stock.txt', FOLDER), 'utf8').split('\n')) {
      const [, title] = /^== (.*)$/.exec(line) ?? [];
      if (title === undefined) lines.push(line);
      else stock.set(title, (lines = []));
    }
  }
  const lines = stock.get(name);
  if (lines === undefined) throw new Error(`stock.txt has no section ${name}`);
  return lines;
}

/** A list of structs that guestfish printed; keys in camel case, values as text. */
export function stockStructs(section: string): Record<string, string>[] {
  const structs: Record<string, string>[] = [];
  for (const line of stockSection(section)) {
    if (/^\[\d+\] = \{$/.test(line)) structs.push({});
    const [, key = '', value = ''] = /^ {2}(\w+): ?(.*)$/.exec(line) ?? [];
    if (key !== '') structs.at(-1)![camelCase(key)] = value;
  }
  return structs;
}

/** Pairs of volume and SHA-256 in a section; what stock could not read has an error in place of the sum. */
export function stockSums(section: string): Map<string, string> {
  const sums = new Map<string, string>();
  let volume = '';
  for (const line of stockSection(section)) {
    if (/^[\w-]+\/[\w-]+$/.test(line)) volume = line;
    else if (volume !== '' && !sums.has(volume)) sums.set(volume, line);
  }
  return sums;
}
