import type { BlockDevice, Extent } from '../../src/block/device.ts';
import { guard } from '../../src/block/guard.ts';

/** Bytes that a disk writes whole or not at all. */
const SECTOR = 512;

/** One thing that was done to a device: bytes that were written, or a flush. */
export type Step = { kind: 'write'; offset: number; bytes: Uint8Array } | { kind: 'flush' };

/** A device in memory that logs every write and flush, and what it held before. */
export interface Recorder {
  readonly device: BlockDevice;
  /** The content when the recording began. */
  readonly before: Uint8Array;
  readonly steps: Step[];
}

/** Record what is done to a device of these bytes; they stay as they are. */
export function record(before: Uint8Array, sectorSize = 512): Recorder {
  const now = new Uint8Array(before);
  const steps: Step[] = [];
  const write = (offset: number, bytes: Uint8Array): void => {
    now.set(bytes, offset);
    // A part of a sector goes to the disk with what the host's cache has of the rest of it.
    const start = Math.floor(offset / SECTOR) * SECTOR;
    const end = Math.min(now.length, Math.ceil((offset + bytes.length) / SECTOR) * SECTOR);
    steps.push({ kind: 'write', offset: start, bytes: now.slice(start, end) });
  };
  const device = guard(
    {
      size: now.length,
      sectorSize,
      writable: true,
      readAt: (offset, into) => into.set(now.subarray(offset, offset + into.length)),
      writeAt: write,
      zero: (offset, length) => write(offset, new Uint8Array(length)),
      // What is discarded may read as anything: as zeroes here, which no filesystem takes for its own.
      discard: (offset, length) => write(offset, new Uint8Array(length)),
      extents: (offset, length): Iterable<Extent> => [{ offset, length, kind: 'data' }],
      flush: () => void steps.push({ kind: 'flush' }),
      close() {},
    },
    'recorded device',
  );
  return { device, before, steps };
}

/** A state in which a power cut may have left the device. */
export interface Cut {
  /** What survived, in words: for the message of a failure. */
  name: string;
  /** Flushes that had returned before the cut. */
  flushes: number;
  /** Index of the first step that was not yet begun. */
  step: number;
  image: Uint8Array;
}

/** A small generator of numbers in [0, 1) from a seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How many states are tried. */
export interface CutOptions {
  seed: number;
  /** All subsets are tried of so many writes between two flushes; samples of more. Default 8. */
  exhaustive?: number;
  /** Samples of each longer run of writes. Default 200. */
  samples?: number;
  /** How many times the last write of each of these is torn somewhere, beside being whole. Default 1. */
  tears?: number;
  /** Leave out so much at random: 1 tries every state, 0.1 a tenth. Default 1. */
  share?: number;
}

type Write = Extract<Step, { kind: 'write' }>;

/**
 * Every state that a cut can leave, as far as the options go: what was flushed is there; of the writes since then any
 * subset is, as a drive may reorder them, and one of them may be torn at any sector. Each prefix is among them. The
 * image of a cut is reused for the next one.
 */
export function* cuts(recorder: Recorder, options: CutOptions): Generator<Cut, void, void> {
  const { exhaustive = 8, samples = 200, share = 1, tears = 1 } = options;
  const random = randomNumbers(options.seed);
  const durable = new Uint8Array(recorder.before);
  const image = new Uint8Array(durable);
  let flushes = 0;
  let first = 0;
  const { steps } = recorder;
  for (let end = 0; end <= steps.length; end++) {
    if (end < steps.length && steps[end]?.kind !== 'flush') continue;
    const writes = steps.slice(first, end) as Write[];
    for (const chosen of subsets(writes.length, exhaustive, samples, random)) {
      const last = chosen.findLastIndex((there) => there);
      const lastBytes = writes[last]?.bytes.length ?? 0;
      for (let torn = 0; torn <= (lastBytes > SECTOR ? tears : 0); torn++) {
        if (share < 1 && random() >= share) continue;
        image.set(durable);
        for (const [index, { offset, bytes }] of writes.entries()) {
          if (!chosen[index]) continue;
          // The last of them may be torn: its first sectors are there, or any of them.
          if (index === last && torn > 0) tear(image, offset, bytes, random);
          else image.set(bytes, offset);
        }
        const kept = chosen.map((there) => (there ? '1' : '0')).join('');
        yield {
          name: `after flush ${flushes}: writes ${kept || 'none'}${torn > 0 ? ', the last one torn' : ''}`,
          flushes,
          step: first + last + 1,
          image,
        };
      }
    }
    for (const { offset, bytes } of writes) durable.set(bytes, offset);
    first = end + 1;
    flushes++;
  }
}

/** Some of a write's sectors: the first ones, or any. A sector is written whole or not at all. */
function tear(image: Uint8Array, offset: number, bytes: Uint8Array, random: () => number): void {
  const first = Math.floor(offset / SECTOR);
  const last = Math.floor((offset + bytes.length - 1) / SECTOR);
  const prefix = random() < 0.5 ? first + Math.floor(random() * (last - first + 1)) : -1;
  for (let sector = first; sector <= last; sector++) {
    if (prefix >= 0 ? sector >= prefix : random() < 0.5) continue;
    const start = Math.max(offset, sector * SECTOR);
    const end = Math.min(offset + bytes.length, (sector + 1) * SECTOR);
    image.set(bytes.subarray(start - offset, end - offset), start);
  }
}

/** Which of `count` writes survive: all subsets of few, all prefixes and samples of many. */
function* subsets(
  count: number,
  exhaustive: number,
  samples: number,
  random: () => number,
): Generator<boolean[], void, void> {
  if (count <= exhaustive) {
    for (let bits = 0; bits < 2 ** count; bits++) {
      yield Array.from({ length: count }, (_, index) => ((bits >> index) & 1) === 1);
    }
    return;
  }
  for (let length = 0; length <= count; length++)
    yield Array.from({ length: count }, (_, index) => index < length);
  for (let sample = 0; sample < samples; sample++) {
    const density = random();
    yield Array.from({ length: count }, () => random() < density);
  }
}
