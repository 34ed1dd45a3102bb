import type { BlockDevice, Extent } from '../../block/device.ts';
import { roundUp } from '../../bytes/round.ts';
import type { Progress } from '../steps.ts';
import type { Sink } from './sink.ts';

/** Bytes that are read at once. */
const CHUNK = 2 * 1024 * 1024;

/** What is copied. */
export interface CopySource {
  /** The guest's view. */
  device: BlockDevice;
  /** What of it is copied; holes are not. */
  extents(): Iterable<Extent>;
  /** Zeroes are told to the sink, because what lies below would show through. */
  zeroes: boolean;
}

/** Copy a disk, by steps. What the sink stores together is given to it together. */
export function* copyDisk(
  source: CopySource,
  sink: Pick<Sink, 'unit' | 'data' | 'zero'>,
): Generator<Progress, void, void> {
  const { device, zeroes } = source;
  const { unit } = sink;
  const total = device.size;
  const chunk = Math.max(CHUNK, unit);
  const buffer = new Uint8Array(Math.min(chunk, roundUp(Math.max(1, total), unit)));
  /** Data that waits for more to be read with it, and the end of all that was given to the sink or waits. */
  let start = 0;
  let end = 0;

  function* give(): Generator<Progress, void, void> {
    while (start < end) {
      const part = buffer.subarray(0, Math.min(end - start, chunk - (start % chunk)));
      device.readAt(start, part);
      sink.data(start, part);
      start += part.length;
      yield { position: start, total };
    }
  }

  function* data(from: number, to: number): Generator<Progress, void, void> {
    const begin = Math.max(from, end);
    if (to <= begin) return;
    if (begin !== end) {
      yield* give();
      start = begin;
    }
    end = to;
    if (end - start >= chunk) yield* give();
  }

  for (const { offset, length, kind } of source.extents()) {
    if (kind === 'hole' || (kind === 'zero' && !zeroes)) {
      yield { position: offset, total };
      continue;
    }
    const from = offset - (offset % unit);
    const to = Math.min(total, roundUp(offset + length, unit));
    if (kind === 'data') {
      yield* data(from, to);
      continue;
    }
    // What is stored together with something else is copied with it.
    const first = roundUp(offset, unit);
    const last = offset + length === total ? total : to === offset + length ? to : to - unit;
    if (last <= first) {
      yield* data(from, to);
      continue;
    }
    yield* data(from, first);
    const begin = Math.max(first, end);
    if (last > begin) {
      yield* give();
      sink.zero(begin, last - begin);
      start = last;
      end = last;
    }
    yield* data(last, to);
  }
  yield* give();
}
