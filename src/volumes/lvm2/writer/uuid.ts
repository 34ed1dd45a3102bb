import { randomBytes } from '../../../crypto/random.ts';

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** Bytes from here on would make the first letters more frequent. */
const FAIR = 256 - (256 % LETTERS.length);

/** A random UUID as LVM makes them: 32 letters and digits, without dashes. */
export function randomLvmUuid(): string {
  let uuid = '';
  while (uuid.length < 32) {
    for (const byte of randomBytes(48)) {
      if (byte < FAIR && uuid.length < 32) uuid += LETTERS[byte % LETTERS.length]!;
    }
  }
  return uuid;
}
