import { fstatSync, readFileSync, readSync } from 'node:fs';
import { GuestfsError } from '../errors/index.ts';

/** What a descriptor's bytes are measured by. */
export interface Measure {
  /** Bytes. */
  size: number;
  /** Bytes in a logical sector. */
  sectorSize: number;
  /** It is a block device, whose size does not change. */
  fixed: boolean;
}

/** Size and sector size of an open file or block device. */
export function measure(fd: number, path: string): Measure {
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isBlockDevice()) return { size: Number(stat.size), sectorSize: 512, fixed: false };
  // Linux' encoding of device numbers; the name tells nothing, it may be a link.
  const major = ((stat.rdev >> 8n) & 0xfffn) | ((stat.rdev >> 32n) & ~0xfffn);
  const minor = (stat.rdev & 0xffn) | ((stat.rdev >> 12n) & ~0xffn);
  const folder = `/sys/dev/block/${major}:${minor}`;
  const sectors = readNumber(`${folder}/size`);
  // A partition's queue is its disk's.
  const sectorSize =
    readNumber(`${folder}/queue/logical_block_size`) ??
    readNumber(`${folder}/../queue/logical_block_size`) ??
    512;
  const size = sectors === undefined ? searchEnd(fd) : sectors * 512;
  if (size === 0) {
    throw new GuestfsError('EINVAL', `${path} is a block device of 0 bytes, expected one with a medium`, {
      path,
    });
  }
  return { size, sectorSize, fixed: true };
}

function readNumber(path: string): number | undefined {
  try {
    const value = Number(readFileSync(path, 'latin1').trim());
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The size of a block device where the system does not tell: the first sector that gives no bytes. */
function searchEnd(fd: number): number {
  const sector = new Uint8Array(512);
  const exists = (index: number): boolean => {
    try {
      return readSync(fd, sector, 0, 512, index * 512) === 512;
    } catch {
      return false;
    }
  };
  let beyond = 1;
  while (beyond < 2 ** 43 && exists(beyond)) beyond *= 2;
  let last = 0;
  if (!exists(0)) return 0;
  while (beyond - last > 1) {
    const middle = Math.floor((last + beyond) / 2);
    if (exists(middle)) last = middle;
    else beyond = middle;
  }
  return beyond * 512;
}
