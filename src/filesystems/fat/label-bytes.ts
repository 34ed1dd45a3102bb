import { GuestfsError } from '../../errors/index.ts';
import { codePage } from './codepage.ts';

/** Bytes of a label. */
const LENGTH = 11;
const SPACE = 0x20;
/** What stands in the boot sector where there is no label. */
const NO_NAME = 'NO NAME';
/** What no label may hold. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f*?<>|":/\\.,;+=[\]]/;

/** Where nothing is, 11 bytes that say so. */
export function noLabel(): Uint8Array {
  return padded([...NO_NAME].map((character) => character.charCodeAt(0)));
}

/**
 * The bytes of a label in code page 850, as mkfs.fat and fatlabel write it; undefined where it is empty or the name
 * that stands for none. Throws EINVAL for what no label may hold, or more than 11 characters.
 */
export function labelBytes(label: string): Uint8Array | undefined {
  const text = label.replace(/ +$/, '');
  if (text === '' || text === NO_NAME) return undefined;
  if (text.length > LENGTH) {
    throw new GuestfsError(
      'EINVAL',
      `a label of FAT has at most ${LENGTH} characters, ${JSON.stringify(label)} has more`,
    );
  }
  const { characters } = codePage('850');
  const bytes = Array.from(text, (character) => characters.indexOf(character));
  if (FORBIDDEN.test(text) || text.startsWith(' ') || bytes.includes(-1)) {
    throw new GuestfsError(
      'EINVAL',
      `${JSON.stringify(label)} cannot be a label of FAT: * ? < > | " : / \\ . , ; + = [ ], control characters, a space at the start, and what code page 850 has not are not allowed`,
    );
  }
  // A first byte of 0xe5 would be a deleted entry.
  if (bytes[0] === 0xe5) bytes[0] = 0x05;
  return padded(bytes);
}

function padded(bytes: readonly number[]): Uint8Array {
  const label = new Uint8Array(LENGTH).fill(SPACE);
  label.set(bytes);
  return label;
}
