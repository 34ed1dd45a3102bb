import type { BlockDevice } from '../../../block/device.ts';
import type { Geometry } from '../geometry.ts';
import type { ProblemList } from './report.ts';

/** Bytes compared at once. */
const PIECE = 64 * 1024;

/**
 * Compare the tables, and make all as the one that is right: the first, unless its media byte is not the volume's and
 * that of another one is. Returns where that is. `media` is BPB_Media.
 */
export function compareTables(
  device: BlockDevice,
  geometry: Geometry,
  media: number,
  problems: ProblemList,
): number {
  const { tables, fatLength } = geometry;
  const mark = new Uint8Array(1);
  const right =
    tables.find((offset) => {
      device.readAt(offset, mark);
      return mark[0] === media;
    }) ?? tables[0]!;
  const expected = new Uint8Array(PIECE);
  const found = new Uint8Array(PIECE);
  for (const table of tables) {
    if (table === right) continue;
    let differs = false;
    for (let at = 0; at < fatLength; at += PIECE) {
      const length = Math.min(PIECE, fatLength - at);
      const [a, b] = [expected.subarray(0, length), found.subarray(0, length)];
      device.readAt(right + at, a);
      device.readAt(table + at, b);
      if (a.every((byte, i) => byte === b[i])) continue;
      if (!differs) {
        const text = `the tables at bytes ${right} and ${table} differ from byte ${at} on; the first of these is taken`;
        problems.add('tables-differ', text);
      }
      differs = true;
      device.writeAt(table + at, a);
    }
  }
  return right;
}
