/**
 * SHA-256 (FIPS 180-4) in plain TypeScript: for the few bytes that parsers hash, where loading the platform's
 * cryptography would cost more than the hashing. Streams and files go through the platform.
 */

interface Constants {
  readonly constants: Int32Array;
  readonly initial: Int32Array;
}

let known: Constants | undefined;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes, and square roots of 8. */
function makeConstants(): Constants {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < 64; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return {
    constants: Int32Array.from(primes, (prime) => fraction(BigInt(prime), 3n)),
    initial: Int32Array.from(primes.slice(0, 8), (prime) => fraction(BigInt(prime), 2n)),
  };
}

/** 32 bits after the binary point of the `degree`-th root, found exactly: the root of prime * 2^(32 * degree). */
function fraction(prime: bigint, degree: bigint): number {
  const target = prime << (32n * degree);
  let low = 0n;
  let high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= target) low = middle;
    else high = middle;
  }
  return Number(BigInt.asIntN(32, low));
}

function rotate(value: number, by: number): number {
  return (value >>> by) | (value << (32 - by));
}

/** SHA-256 of `bytes`: 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 0x20000000));
  view.setUint32(padded.length - 4, (bytes.length << 3) >>> 0);
  // Not made before they are needed: most programs that load this hash nothing.
  const { constants, initial } = (known ??= makeConstants());
  const state = initial.slice();
  const words = new Int32Array(64);
  for (let at = 0; at < padded.length; at += 64) block(view, at, state, words, constants);
  const digest = new Uint8Array(32);
  const out = new DataView(digest.buffer);
  state.forEach((word, i) => out.setInt32(i * 4, word));
  return digest;
}

function block(
  view: DataView,
  at: number,
  state: Int32Array,
  words: Int32Array,
  constants: Int32Array,
): void {
  for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + i * 4);
  for (let i = 16; i < 64; i++) {
    const w15 = words[i - 15]!;
    const w2 = words[i - 2]!;
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
    words[i] = words[i - 16]! + s0 + words[i - 7]! + s1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + constants[i]! + words[i]!) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((value, i) => {
    state[i] = state[i]! + value;
  });
}
