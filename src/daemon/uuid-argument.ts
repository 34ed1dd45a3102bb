import { clockMilliseconds } from '../bytes/clock.ts';
import { randomBytes, randomUuid } from '../crypto/random.ts';
import { GuestfsError } from '../errors/index.ts';

/** Ticks of 100 ns from the start of the Gregorian calendar (RFC 9562) to 1970. */
const GREGORIAN = 0x01b21dd213814000n;

/** A UUID of version 1: the time, and a random node, marked as such, in place of a network card's address. */
function timeUuid(): Uint8Array {
  const bytes = randomBytes(16);
  const view = new DataView(bytes.buffer);
  const ticks = BigInt(clockMilliseconds()) * 10_000n + GREGORIAN;
  view.setUint32(0, Number(ticks & 0xffffffffn));
  view.setUint16(4, Number((ticks >> 32n) & 0xffffn));
  view.setUint16(6, Number((ticks >> 48n) & 0x0fffn) | 0x1000);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  bytes[10]! |= 0x01;
  return bytes;
}

/** The 16 bytes that a UUID stands for. Throws EINVAL where the text is none. */
export function uuidArgument(text: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    throw new GuestfsError(
      'EINVAL',
      `${text} is no UUID, expected 32 hexadecimal digits as in 01234567-89ab-cdef-0123-456789abcdef`,
    );
  }
  const hex = text.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
}

/** As {@link uuidArgument}, and `clear`, `random` and `time` as tune2fs(8) and mke2fs(8) take them. */
export function extUuidArgument(text: string): Uint8Array {
  if (text === 'clear') return new Uint8Array(16);
  if (text === 'random') return randomUuid();
  if (text === 'time') return timeUuid();
  return uuidArgument(text);
}
