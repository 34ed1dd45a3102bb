/**
 * `length` random bytes out of the platform's cryptographic generator, at most 65536. Where nothing may depend on
 * chance (a reproducible image), callers take their bytes from elsewhere.
 */
export function randomBytes(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}

/** The 16 bytes of a random UUID, version 4 of RFC 9562, in network order. */
export function randomUuid(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}
