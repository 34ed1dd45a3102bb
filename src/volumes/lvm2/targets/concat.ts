import type { BlockDevice, Extent } from '../../../block/device.ts';
import { guard } from '../../../block/guard.ts';

/**
 * Devices one after another as one: the segments of a logical volume. Closing it leaves the parts open. At least one
 * part; the sizes add up to a safe integer.
 */
export function concatDevice(parts: readonly BlockDevice[], name: string, writable: boolean): BlockDevice {
  const starts: number[] = [];
  let size = 0;
  for (const part of parts) {
    starts.push(size);
    size += part.size;
  }
  /** Index of the part that holds `offset`. */
  const find = (offset: number): number => {
    let low = 0;
    let high = parts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const each = (
    offset: number,
    length: number,
    visit: (part: BlockDevice, at: number, done: number, count: number) => void,
  ): void => {
    for (let index = find(offset), done = 0; done < length; index++) {
      const part = parts[index]!;
      const at = offset + done - starts[index]!;
      const count = Math.min(length - done, part.size - at);
      visit(part, at, done, count);
      done += count;
    }
  };
  return guard(
    {
      size,
      sectorSize: Math.max(...new Set(parts.map((part) => part.sectorSize))),
      writable: writable && parts.every((part) => part.writable),
      readAt(offset, into) {
        each(offset, into.length, (part, at, done, count) => {
          part.readAt(at, count === into.length ? into : into.subarray(done, done + count));
        });
      },
      writeAt(offset, from) {
        each(offset, from.length, (part, at, done, count) => {
          part.writeAt(at, from.subarray(done, done + count));
        });
      },
      zero(offset, length) {
        each(offset, length, (part, at, _done, count) => part.zero(at, count));
      },
      discard(offset, length) {
        each(offset, length, (part, at, _done, count) => part.discard(at, count));
      },
      *extents(offset, length): Iterable<Extent> {
        for (let index = find(offset), done = 0; done < length; index++) {
          const part = parts[index]!;
          const at = offset + done - starts[index]!;
          const count = Math.min(length - done, part.size - at);
          for (const extent of part.extents(at, count)) {
            yield { offset: extent.offset + starts[index]!, length: extent.length, kind: extent.kind };
          }
          done += count;
        }
      },
      flush() {
        for (const part of parts) part.flush();
      },
      close() {},
    },
    name,
  );
}
