/**
 * Directory hashes: a name becomes the 32-bit number that orders a hash tree.
 *
 * The functions are those of the format: a hash of its own ("legacy"), the compression of MD4 (RFC 1320) cut to three
 * rounds of eight steps, and TEA (Wheeler and Needham, "TEA, a tiny encryption algorithm", 16 cycles).
 */

import type { SuperBlockView } from './layout.ts';

const LEGACY = 0;
const HALF_MD4 = 1;
const TEA = 2;
/** The versions from here on take bytes as unsigned; those below sign-extend them, as `char` does on x86. */
const UNSIGNED = 3;

/** The one value that is kept free: it marks the end of a directory. */
const END_OF_DIRECTORY = 0xfffffffe;

/** A name's place in a hash tree. */
export interface NameHash {
  /** What index entries are ordered by; always even. */
  major: number;
  /** Breaks ties where Linux keeps entries in memory; never on disk. */
  minor: number;
}

/** Bit of `s_flags`: hashes take characters as unsigned. */
const FLAG_UNSIGNED_HASH = 0x2;

/** The version that a stored one stands for: whether characters are signed is the filesystem's choice. */
export function hashVersion(stored: number, superBlockFlags: number): number {
  return stored < UNSIGNED && superBlockFlags & FLAG_UNSIGNED_HASH ? stored + UNSIGNED : stored;
}

const seeds = new WeakMap<SuperBlockView, readonly number[]>();

/** `s_hash_seed`, taken out of a superblock once: no filesystem that is open gets another. */
export function hashSeed(superBlock: SuperBlockView): readonly number[] {
  let seed = seeds.get(superBlock);
  if (seed === undefined) {
    seed = superBlock.s_hash_seed;
    seeds.set(superBlock, seed);
  }
  return seed;
}

/**
 * Hash of a name, or undefined for a version that is not computed here. `seed` is `s_hash_seed`; all zeroes stand
 * for MD4's initial state.
 */
export function nameHash(version: number, name: Uint8Array, seed: readonly number[]): NameHash | undefined {
  const signed = version < UNSIGNED;
  const kind = signed ? version : version - UNSIGNED;
  let state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  if (seed.some((word) => word !== 0)) state = seed.map((word) => word | 0);
  let hash: number;
  let minor = 0;
  switch (kind) {
    case LEGACY:
      hash = legacy(name, signed);
      break;
    case HALF_MD4: {
      const block = new Int32Array(8);
      for (let at = 0; at === 0 || at < name.length; at += 32) {
        packName(name, at, block, signed);
        halfMd4(state, block);
      }
      hash = state[1]!;
      minor = state[2]!;
      break;
    }
    case TEA: {
      const block = new Int32Array(4);
      for (let at = 0; at === 0 || at < name.length; at += 16) {
        packName(name, at, block, signed);
        tea(state, block);
      }
      hash = state[0]!;
      minor = state[1]!;
      break;
    }
    default:
      return undefined;
  }
  hash = (hash & ~1) >>> 0;
  return { major: hash === END_OF_DIRECTORY ? END_OF_DIRECTORY - 2 : hash, minor: minor >>> 0 };
}

function character(name: Uint8Array, at: number, signed: boolean): number {
  const byte = name[at]!;
  return signed ? (byte << 24) >> 24 : byte;
}

function legacy(name: Uint8Array, signed: boolean): number {
  let previous = 0x37abe8f9;
  let current = 0x12a3fe2d;
  for (let i = 0; i < name.length; i++) {
    let next = (previous + (current ^ Math.imul(character(name, i, signed), 7152373))) | 0;
    if (next & 0x80000000) next = (next - 0x7fffffff) | 0;
    previous = current;
    current = next;
  }
  return current << 1;
}

/** Fill a block from `name[at...]`: characters packed big-endian, the rest filled with the length in each byte. */
function packName(name: Uint8Array, at: number, block: Int32Array, signed: boolean): void {
  const left = Math.max(0, name.length - at);
  const byte = left & 0xff;
  const filler = byte | (byte << 8) | (byte << 16) | (byte << 24);
  const take = Math.min(left, block.length * 4);
  let word = filler;
  let index = 0;
  for (let i = 0; i < take; i++) {
    word = (character(name, at + i, signed) + (word << 8)) | 0;
    if (i % 4 === 3) {
      block[index++] = word;
      word = filler;
    }
  }
  if (index < block.length) block[index++] = word;
  while (index < block.length) block[index++] = filler;
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

const F = (x: number, y: number, z: number): number => z ^ (x & (y ^ z));
const G = (x: number, y: number, z: number): number => (x & y) + ((x ^ y) & z);
const H = (x: number, y: number, z: number): number => x ^ y ^ z;

/** The rounds: MD4's functions and constants, eight steps each, with their own order of the words and rotations. */
const ROUNDS = [
  { mix: F, add: 0, order: [0, 1, 2, 3, 4, 5, 6, 7], turn: [3, 7, 11, 19] },
  { mix: G, add: 0x5a827999, order: [1, 3, 5, 7, 0, 2, 4, 6], turn: [3, 5, 9, 13] },
  { mix: H, add: 0x6ed9eba1, order: [3, 7, 2, 6, 1, 5, 0, 4], turn: [3, 9, 11, 15] },
] as const;

function halfMd4(state: number[], block: Int32Array): void {
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  for (const { mix, add, order, turn } of ROUNDS) {
    for (let i = 0; i < 8; i++) {
      const sum = (a + mix(b, c, d) + block[order[i]!]! + add) | 0;
      a = d;
      d = c;
      c = b;
      b = rotate(sum, turn[i % 4]!);
    }
  }
  state[0] = (state[0]! + a) | 0;
  state[1] = (state[1]! + b) | 0;
  state[2] = (state[2]! + c) | 0;
  state[3] = (state[3]! + d) | 0;
}

function tea(state: number[], key: Int32Array): void {
  let x = state[0]!;
  let y = state[1]!;
  let sum = 0;
  for (let cycle = 0; cycle < 16; cycle++) {
    sum = (sum + 0x9e3779b9) | 0;
    x = (x + (((y << 4) + key[0]!) ^ (y + sum) ^ ((y >>> 5) + key[1]!))) | 0;
    y = (y + (((x << 4) + key[2]!) ^ (x + sum) ^ ((x >>> 5) + key[3]!))) | 0;
  }
  state[0] = (state[0]! + x) | 0;
  state[1] = (state[1]! + y) | 0;
}
