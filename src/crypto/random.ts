import { encodeText } from '../bytes/text.ts';
import { sha256 } from './sha256.ts';

/** What the bytes are made of where they are not to be left to chance. */
let seeded: { seed: string; counter: number } | undefined;

/**
 * Make {@link randomBytes} give the same bytes each time, as they follow from the seed; undefined makes them random
 * again. Holds for the whole thread. For images that are the same each time they are made, never for keys.
 */
export function seedRandom(seed: string | undefined): void {
  seeded = seed === undefined ? undefined : { seed, counter: 0 };
}

/**
 * Fill with what the kernel's generator gives, where there is one to read: loading Node's cryptography takes longer
 * than making a filesystem.
 */
function draw(bytes: Uint8Array): Uint8Array {
  try {
    const fs = process.getBuiltinModule('node:fs');
    const fd = fs.openSync('/dev/urandom', 'r');
    try {
      if (fs.readSync(fd, bytes) === bytes.length) return bytes;
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // Not a Unix, not a Node, or no /dev.
  }
  return globalThis.crypto.getRandomValues(bytes);
}

/** `length` random bytes out of the platform's cryptographic generator, at most 65536; see {@link seedRandom}. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (seeded === undefined) return draw(bytes);
  for (let at = 0; at < length; at += 32) {
    const block = sha256(encodeText(`${seeded.seed}\0${seeded.counter++}`));
    bytes.set(block.subarray(0, Math.min(32, length - at)), at);
  }
  return bytes;
}

/** The 16 bytes of a random UUID, version 4 of RFC 9562, in network order. */
export function randomUuid(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}
