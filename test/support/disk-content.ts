import { random } from './fuzz.ts';

const TEXT = new TextEncoder().encode('It was a bright cold day in April, and the clocks were striking. ');

/** A disk with noise, text, zeroes, single sectors and gaps: what makes every kind of cluster. */
export function diskContent(size: number, seed = 42): Uint8Array {
  const bytes = new Uint8Array(size);
  const next = random(seed);
  for (let at = 0; at < size;) {
    const length = Math.min(size - at, 512 * (1 + Math.floor(next() * next() * 1500)));
    const kind = next();
    if (kind < 0.25) for (let i = 0; i < length; i++) bytes[at + i] = next() * 256;
    else if (kind < 0.55) {
      const shift = Math.floor(next() * TEXT.length);
      for (let i = 0; i < length; i++) bytes[at + i] = TEXT[(i + shift) % TEXT.length] as number;
    } else if (kind < 0.65) for (let i = 0; i < length; i += 4096) bytes[at + i] = 1 + next() * 255;
    at += length;
  }
  return bytes;
}
