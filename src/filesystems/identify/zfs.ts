import type { Signature, Tags } from './signature.ts';
import { fieldText, hex } from './text.ts';
import type { Window } from './window.ts';

/** Source: ZFS On-Disk Specification, chapter 1: four labels of 256 KiB, two at either end. */
const LABEL = 256 * 1024;
const RING = 128 * 1024;
const NAME_VALUES = 16 * 1024;
const NAME_VALUES_READ = 16 * 1024;
/** Uberblocks have slots of at least 1 KiB. */
const SLOT = 1024;
const UBERBLOCK_MAGIC = 0x00bab10c;
/** Found fewer than these, it may be a left-over. */
const WANTED = 4;

const TYPE_UINT64 = 8;
const TYPE_STRING = 9;
const TYPE_NVLIST = 19;

/** Name-value pairs in XDR, nested lists among them. */
function nameValues(bytes: Uint8Array, start: number, tags: Tags, depth: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  while (at + 12 <= bytes.length) {
    const size = view.getUint32(at);
    const nameLength = view.getUint32(at + 8);
    if (size < 20 || at + size > bytes.length || nameLength > size - 20) return;
    const name = fieldText(bytes.subarray(at + 12, at + 12 + nameLength));
    const typeAt = at + 12 + Math.ceil(nameLength / 4) * 4;
    if (typeAt + 8 > at + size) return;
    const type = view.getUint32(typeAt);
    const value = typeAt + 8;
    if (type === TYPE_STRING && name === 'name' && value + 4 <= at + size) {
      const length = view.getUint32(value);
      if (length <= at + size - value - 4)
        tags['LABEL'] = fieldText(bytes.subarray(value + 4, value + 4 + length));
    } else if (type === TYPE_UINT64 && value + 8 <= at + size) {
      if (name === 'guid' && depth === 0) tags['UUID_SUB'] = `${view.getBigUint64(value)}`;
      if (name === 'pool_guid') tags['UUID'] = `${view.getBigUint64(value)}`;
      if (name === 'ashift') {
        const shift = view.getBigUint64(value);
        if (shift < 32n) tags['BLOCK_SIZE'] = `${2 ** Number(shift)}`;
      }
    } else if (type === TYPE_NVLIST && depth < 4) {
      nameValues(bytes.subarray(0, at + size), value + 8, tags, depth + 1);
    }
    at += size;
  }
}

function probe(window: Window): Tags | null {
  const end = window.size - (window.size % LABEL);
  let found = 0;
  let version = 0n;
  let label: number | undefined;
  for (const offset of [0, LABEL, end - 2 * LABEL, end - LABEL]) {
    // A label whose name-value list is not there is not worth 128 KiB of reading.
    const head = window.read(offset + NAME_VALUES, 4);
    if (head === null || head[0] !== 1) continue;
    const ring = window.read(offset + RING, RING);
    if (ring === null) continue;
    const view = new DataView(ring.buffer, ring.byteOffset, ring.byteLength);
    for (let at = 0; at < RING && found < WANTED; at += SLOT) {
      const little = view.getUint32(at, true) === UBERBLOCK_MAGIC && view.getUint32(at + 4, true) === 0;
      const big = view.getUint32(at, false) === 0 && view.getUint32(at + 4, false) === UBERBLOCK_MAGIC;
      if (!little && !big) continue;
      found++;
      label = offset;
      version = view.getBigUint64(at + 8, little);
    }
    if (found >= WANTED) break;
  }
  if (found < WANTED || label === undefined) return null;
  const tags: Tags = {};
  const bytes = window.read(label + NAME_VALUES, NAME_VALUES_READ);
  if (bytes !== null) nameValues(bytes, 12, tags, 0);
  tags['VERSION'] = hex(version, 1) === '0' ? '0' : `${version}`;
  return tags;
}

/** A device of a ZFS pool. */
export const zfs: Signature = {
  type: 'zfs_member',
  usage: 'filesystem',
  minimumSize: 64 * 1024 * 1024,
  probe,
};
