import type { BlockDevice } from '../block/device.ts';
import { latin1 } from '../bytes/text.ts';
import type { PartitionTable, PartitionTableType } from './table.ts';

/** Bytes from the start of the device that the magics below lie in: an Amiga block may be in any of 16 sectors. */
const HEAD = 16 * 512;

/**
 * Name a partition table that is not read here by its magic: sun, mac, bsd, dvh (SGI), amiga, aix, atari, pc98.
 * `partitions` is empty and `readable` false. Null where there is none.
 */
export function foreignTable(device: BlockDevice, mbr: Uint8Array | undefined): PartitionTable | null {
  const head = new Uint8Array(Math.min(HEAD, device.size));
  if (head.length < 512) return null;
  device.readAt(0, head);
  const type = foreignType(head, device.sectorSize, mbr !== undefined);
  if (type === undefined) return null;
  return { type, sectorSize: device.sectorSize, partitions: [], readable: false };
}

/** True where a first sector that ends in 55 AA belongs to an NEC PC-98 and not to a PC. */
export function isPc98(sector: Uint8Array): boolean {
  return latin1(sector, 4, 8) === 'IPL1';
}

function foreignType(head: Uint8Array, sectorSize: number, signed: boolean): PartitionTableType | undefined {
  const data = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (signed && isPc98(head)) return 'pc98';
  if (data.getUint32(0) === 0xc9c2d4c1) return 'aix';
  if (data.getUint32(0) === 0x0be5a941) return 'dvh';
  if (data.getUint16(508) === 0xdabe && xor16(data) === 0) return 'sun';
  if (latin1(head, 0, 2) === 'ER') return 'mac';
  if (head.length >= sectorSize + 2 && latin1(head, sectorSize, sectorSize + 2) === 'PM') return 'mac';
  for (const at of [64, sectorSize, sectorSize + 64]) {
    if (at + 4 <= head.length && data.getUint32(at, true) === 0x82564557) return 'bsd';
  }
  for (let at = 0; at + 512 <= head.length; at += 512) {
    if (latin1(head, at, at + 4) === 'RDSK') return 'amiga';
  }
  return undefined;
}

/** The Sun label's checksum: all 16-bit words together give 0. */
function xor16(data: DataView): number {
  let sum = 0;
  for (let at = 0; at < 512; at += 2) sum ^= data.getUint16(at);
  return sum;
}
