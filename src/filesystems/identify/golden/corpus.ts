import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { BlockDevice } from '../../../block/device.ts';
import { guard } from '../../../block/guard.ts';
import type { Tags } from '../signature.ts';

/** Bytes in one stored piece. */
export const SECTOR = 512;

/** An image of the corpus: what is not stored reads as zeroes. */
export interface Sample {
  name: string;
  /** Bytes. */
  size: number;
  /** What blkid(8) reports. */
  tags: Tags;
  /** Sector number and content in base64. */
  sectors: [number, string][];
}

/** The samples that make.sh packed. */
export function corpus(): Sample[] {
  const file = readFileSync(join(import.meta.dirname, 'corpus.json.gz'));
  return JSON.parse(gunzipSync(file).toString('utf8')) as Sample[];
}

/** A device over stored sectors. `onRead` hears of every read. */
export function sparseDevice(
  size: number,
  sectors: Map<number, Uint8Array>,
  onRead: (offset: number, length: number) => void = () => {},
): BlockDevice {
  const refuse = (): never => {
    throw new Error('read-only');
  };
  return guard(
    {
      size,
      sectorSize: 512,
      writable: false,
      readAt(offset, into) {
        onRead(offset, into.length);
        into.fill(0);
        const last = Math.floor((offset + into.length - 1) / SECTOR);
        for (let number = Math.floor(offset / SECTOR); number <= last; number++) {
          const sector = sectors.get(number);
          if (sector === undefined) continue;
          const from = Math.max(offset, number * SECTOR);
          const to = Math.min(offset + into.length, number * SECTOR + sector.length);
          if (to > from)
            into.set(sector.subarray(from - number * SECTOR, to - number * SECTOR), from - offset);
        }
      },
      writeAt: refuse,
      zero: refuse,
      discard: refuse,
      extents: (offset, length) => [{ offset, length, kind: 'data' }],
      flush() {},
      close() {},
    },
    'sample',
  );
}

/** The stored sectors of a sample, decoded. */
export function sectorsOf(sample: Sample): Map<number, Uint8Array> {
  return new Map(
    sample.sectors.map(([number, text]) => [number, new Uint8Array(Buffer.from(text, 'base64'))]),
  );
}
