import { fstatSync } from 'node:fs';
import type { Extent } from './device.ts';
import { nativeSeek } from './file-native.ts';

/** Values of lseek(2)'s `whence` on Linux. */
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/**
 * Data and holes of a part of a file. With koffi the kernel tells; without it all counts as data: that a file has
 * no blocks says nothing where the file system keeps small files elsewhere or does not count.
 */
export function fileExtents(fd: number, offset: number, length: number): Iterable<Extent> {
  const stat = fstatSync(fd);
  if (!stat.isFile() || stat.blocks * 512 >= stat.size) return [{ offset, length, kind: 'data' }];
  const seek = nativeSeek();
  return seek === undefined ? [{ offset, length, kind: 'data' }] : seekExtents(fd, offset, length, seek);
}

function* seekExtents(
  fd: number,
  offset: number,
  length: number,
  seek: (fd: number, offset: number, whence: number) => number,
): Iterable<Extent> {
  const end = offset + length;
  let data = false;
  for (let at = offset; at < end;) {
    const found = seek(fd, at, data ? SEEK_HOLE : SEEK_DATA);
    // Negative: no more data behind this point, which is a hole then, or a failure, after which all counts as data.
    if (found < 0 && !data && seek(fd, at, SEEK_HOLE) !== at) data = true;
    const next = found < 0 ? end : Math.min(found, end);
    if (next > at) yield { offset: at, length: next - at, kind: data ? 'data' : 'hole' };
    at = next;
    data = !data;
  }
}
