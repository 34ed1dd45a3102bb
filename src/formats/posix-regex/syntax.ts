import { GuestfsError } from '../../errors/index.ts';

/** A set of bytes: 256 flags. */
export type ByteSet = Uint8Array;

/** Where an assertion holds: at the edges of the line or of a word (letters, digits, underscore). */
export type Assertion = 'lineStart' | 'lineEnd' | 'wordStart' | 'wordEnd' | 'wordEdge' | 'notWordEdge';

/** A parsed regular expression. */
export type RegexNode =
  | { kind: 'empty' }
  | { kind: 'set'; set: ByteSet }
  | { kind: 'assert'; assertion: Assertion }
  | { kind: 'sequence'; parts: RegexNode[] }
  | { kind: 'choice'; parts: RegexNode[] }
  | { kind: 'repeat'; node: RegexNode; min: number; max: number }
  | { kind: 'group'; node: RegexNode; index: number }
  | { kind: 'reference'; index: number };

/** EINVAL saying what is wrong with a pattern. */
export function badPattern(pattern: string, why: string): GuestfsError {
  return new GuestfsError('EINVAL', `the regular expression ${JSON.stringify(pattern)} is not valid: ${why}`);
}

/** The set of one byte. */
export function singleByte(byte: number): ByteSet {
  const set = new Uint8Array(256);
  set[byte] = 1;
  return set;
}

/** The set of all bytes that a test accepts. */
export function bytesWhere(test: (byte: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => (test(byte) ? 1 : 0));
}

/** Letters, digits and underscore: what words are made of in the C locale. */
export function isWordByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x5f
  );
}

/** The set with the other case of each ASCII letter in it. */
export function foldCase(set: ByteSet): ByteSet {
  const folded = Uint8Array.from(set);
  for (let upper = 0x41; upper <= 0x5a; upper++) {
    if (set[upper] || set[upper + 0x20]) folded[upper] = folded[upper + 0x20] = 1;
  }
  return folded;
}
