import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { fuzz } from '../../../test/support/fuzz.ts';
import { memoryDevice } from '../../block/memory.ts';
import { GuestfsError } from '../../errors/index.ts';
import { openQcow2, readHeader, readSnapshots } from './index.ts';

const golden = (name: string): Uint8Array =>
  new Uint8Array(gunzipSync(readFileSync(join(import.meta.dirname, 'golden', `${name}.qcow2.gz`))));

/** Most bytes that are read of a mutated image, whatever size it claims. */
const MOST = 6 * 1024 * 1024;
const buffer = new Uint8Array(256 * 1024);

/** Open an image in memory and read it; backing and data files are little devices of noise. */
function read(bytes: Uint8Array): void {
  const file = memoryDevice(bytes, { writable: false });
  const header = readHeader(file);
  const snapshots = readSnapshots(file, header);
  const backing = memoryDevice(new Uint8Array(1024 * 1024).fill(0x5a));
  for (const snapshot of [undefined, ...snapshots.slice(0, 3).map(({ id }) => id)]) {
    const device = openQcow2(file, header, {
      name: 'image',
      ...(header.backingFile === undefined ? {} : { backing }),
      ...(header.externalData ? { data: backing } : {}),
      ...(snapshot === undefined ? {} : { snapshot }),
    });
    let extents = 0;
    try {
      for (const extent of device.extents(0, Math.min(device.size, 64 * MOST))) {
        assert.ok(extent.length > 0);
        if (++extents > 5000) break;
      }
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
    }
    let failures = 0;
    for (let at = 0; at < Math.min(device.size, MOST) && failures < 20; at += buffer.length) {
      try {
        device.readAt(at, buffer.subarray(0, Math.min(buffer.length, device.size - at)));
      } catch (error) {
        // One broken table does not end the round: what is behind it is read too.
        if (!(error instanceof GuestfsError)) throw error;
        failures++;
      }
    }
  }
}

/** Where the structures of an image are: header, L1, L2 and refcount tables, snapshot table. */
function structures(image: Uint8Array): [number, number][] {
  const view = new DataView(image.buffer, image.byteOffset);
  const header = readHeader(memoryDevice(image));
  const regions: [number, number][] = [
    [0, 112],
    [104, 600],
    [header.l1Offset, header.l1Offset + header.l1Size * 8],
    [header.refcountTableOffset, header.refcountTableOffset + 64],
  ];
  for (let i = 0; i < header.l1Size; i++) {
    const table = Number(view.getBigUint64(header.l1Offset + i * 8) & 0x00fffffffffffe00n);
    if (table > 0) regions.push([table, Math.min(table + 1024, table + header.clusterSize)]);
  }
  if (header.snapshotCount > 0) regions.push([header.snapshotsOffset, header.snapshotsOffset + 200]);
  return regions;
}

for (const [name, rounds] of [
  ['v3', 150],
  ['v2', 150],
  ['zlib', 150],
  ['zstd', 100],
  ['cluster-512-zlib', 100],
  ['extended-l2', 250],
  ['extended-l2-zlib', 100],
  ['overlay', 200],
  ['snapshots', 150],
] as const) {
  test(`mutated ${name}: only GuestfsErrors come out`, () => {
    const image = golden(name);
    fuzz({ seed: 1000, rounds, image, regions: structures(image), read });
  });
}

test('mutated anywhere', () => {
  for (const name of ['zlib', 'zstd', 'snapshots'])
    fuzz({ seed: 5, rounds: 60, image: golden(name), mutations: 40, read });
});

test('cut anywhere', () => {
  const image = golden('overlay');
  for (let length = 0; length < image.length; length += 1 + Math.floor(length / 9)) {
    try {
      read(image.slice(0, length));
    } catch (error) {
      assert.ok(error instanceof GuestfsError, `cut at ${length}: ${String(error)}`);
    }
  }
});
