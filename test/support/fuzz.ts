import { GuestfsError } from '../../src/errors/index.ts';

/** A seeded generator of numbers in [0, 1): mulberry32, so that a failing round can be had again. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One fuzzing run. */
export interface FuzzPlan {
  seed: number;
  rounds: number;
  /** The sound image; it is copied for every round. */
  image: Uint8Array;
  /** Parts worth hitting, as [start, end); default: everything. */
  regions?: readonly (readonly [number, number])[];
  /** Most mutations in one round; default 4. */
  mutations?: number;
  /** Put checksums right again, so that the mutation gets past them. */
  fixup?: (image: Uint8Array) => void;
  /** Open and read; GuestfsErrors may come out of it, nothing else. */
  read: (image: Uint8Array) => void;
}

/** Values that found bugs before. */
const INTERESTING = [
  0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** `npm run fuzz` sets these: how many times the rounds of the tests, and by how much their seeds are moved. */
function longerRun(): { factor: number; shift: number } {
  return { factor: Number(process.env['FUZZ_FACTOR'] ?? 1), shift: Number(process.env['FUZZ_SEED'] ?? 0) };
}

/**
 * Mutate, read, and let only GuestfsErrors pass. Anything else is thrown again with the round's number, which the same
 * seed gives again. Returns how many rounds ended in an error.
 */
export function fuzz(plan: FuzzPlan): number {
  const { image, regions = [[0, image.length]] as const, mutations = 4 } = plan;
  let refused = 0;
  const { factor, shift } = longerRun();
  for (let round = 0; round < plan.rounds * factor; round++) {
    const next = random(plan.seed + shift + round);
    const copy = new Uint8Array(image);
    const count = 1 + Math.floor(next() * mutations);
    for (let i = 0; i < count; i++) mutate(copy, regions, next);
    plan.fixup?.(copy);
    try {
      plan.read(copy);
    } catch (error) {
      if (!(error instanceof GuestfsError)) {
        throw new Error(`seed ${plan.seed + shift}, round ${round}: ${String(error)}`, { cause: error });
      }
      refused++;
    }
  }
  return refused;
}

function mutate(
  image: Uint8Array,
  regions: readonly (readonly [number, number])[],
  next: () => number,
): void {
  const [start, end] = regions[Math.floor(next() * regions.length)] as readonly [number, number];
  const at = start + Math.floor(next() * (end - start));
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const value = INTERESTING[Math.floor(next() * INTERESTING.length)] as number;
  switch (Math.floor(next() * 7)) {
    case 0:
      image[at] = Math.floor(next() * 256);
      break;
    case 1:
      image[at] = (image[at] as number) ^ (1 << Math.floor(next() * 8));
      break;
    case 2: {
      const even = at - (at % 2);
      if (even + 2 <= image.length) view.setUint16(even, value & 0xffff, next() < 0.5);
      break;
    }
    case 3: {
      const whole = at - (at % 4);
      if (whole + 4 <= image.length) view.setUint32(whole, value, next() < 0.5);
      break;
    }
    case 4: {
      const whole = at - (at % 4);
      const littleEndian = next() < 0.5;
      if (whole + 4 <= image.length) {
        const delta = Math.floor(next() * 32) - 16;
        view.setUint32(whole, (view.getUint32(whole, littleEndian) + delta) >>> 0, littleEndian);
      }
      break;
    }
    case 5: {
      // One piece over another: structures of the right shape in the wrong place.
      const from = start + Math.floor(next() * (end - start));
      const length = Math.min(1 + Math.floor(next() * 64), image.length - Math.max(at, from));
      image.copyWithin(at, from, from + length);
      break;
    }
    default:
      image.fill(next() < 0.5 ? 0 : 0xff, at, Math.min(image.length, at + 1 + Math.floor(next() * 64)));
  }
}
