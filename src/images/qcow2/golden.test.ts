import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { blockContract } from '../../../test/support/block-contract.ts';
import { temporaryFolder } from '../../../test/support/tools.ts';
import type { BlockDevice } from '../../block/device.ts';
import { openImage } from '../index.ts';

const golden = join(import.meta.dirname, 'golden');
const folder = temporaryFolder();
after(() => folder.remove());
for (const name of readdirSync(golden)) {
  if (!name.endsWith('.gz')) continue;
  writeFileSync(join(folder.path, name.slice(0, -3)), gunzipSync(readFileSync(join(golden, name))));
}

const open = (name: string): BlockDevice => {
  const [file, snapshot] = name.split('@') as [string, string | undefined];
  return openImage(join(folder.path, file), {
    readonly: true,
    format: 'qcow2',
    ...(snapshot === undefined ? {} : { snapshot }),
  }).device;
};

const content = (device: BlockDevice): Uint8Array => {
  const all = new Uint8Array(device.size);
  device.readAt(0, all);
  return all;
};

describe('golden qcow2 images show what qemu-img shows', () => {
  for (const line of readFileSync(join(golden, 'MANIFEST'), 'utf8').trim().split('\n')) {
    const [name, hash, size] = line.split(' ') as [string, string, string];
    test(name, () => {
      const device = open(name);
      assert.equal(device.size, Number(size));
      assert.equal(createHash('sha256').update(content(device)).digest('hex'), hash);
      device.close();
    });
  }
});

for (const name of [
  'overlay.qcow2',
  'extended-l2.qcow2',
  'cluster-512-zlib.qcow2',
  'snapshots.qcow2@first',
]) {
  blockContract(name, () => ({ device: open(name), content: content(open(name)) }));
}
