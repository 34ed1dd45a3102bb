/** Packs images into corpus.json.gz: `pack.ts FOLDER OUTPUT`; make.sh calls it. */
import { closeSync, ftruncateSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openFile } from '../../../block/file.ts';
import type { BlockDevice } from '../../../block/device.ts';
import { identify } from '../index.ts';
import { blkid } from './blkid.ts';
import { SECTOR, type Sample } from './corpus.ts';
import { crafted } from './crafted.ts';

const [folder, output] = process.argv.slice(2);
if (folder === undefined || output === undefined) throw new Error('usage: pack.ts FOLDER OUTPUT');

for (const { name, size, pieces } of crafted()) {
  const fd = openSync(join(folder, `${name}.img`), 'w');
  ftruncateSync(fd, size);
  for (const [offset, bytes] of pieces) writeSync(fd, bytes, 0, bytes.length, offset);
  closeSync(fd);
}

const samples: Sample[] = [];
for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith('.img')) continue;
  const path = join(folder, file);
  const device = openFile(path);
  const wanted = new Set<number>();
  const recorder: BlockDevice = {
    ...device,
    size: device.size,
    sectorSize: device.sectorSize,
    writable: false,
    readAt(offset, into) {
      device.readAt(offset, into);
      const last = Math.floor((offset + into.length - 1) / SECTOR);
      for (let number = Math.floor(offset / SECTOR); number <= last; number++) wanted.add(number);
    },
  };
  identify(recorder);
  const sectors: [number, string][] = [];
  for (const number of [...wanted].sort((a, b) => a - b)) {
    const sector = new Uint8Array(Math.min(SECTOR, device.size - number * SECTOR));
    device.readAt(number * SECTOR, sector);
    if (sector.some((byte) => byte !== 0)) sectors.push([number, Buffer.from(sector).toString('base64')]);
  }
  samples.push({ name: file.slice(0, -4), size: device.size, tags: blkid(path), sectors });
  device.close();
}
writeFileSync(output, gzipSync(JSON.stringify(samples), { level: 9 }));
process.stdout.write(`${samples.length} samples\n`);
