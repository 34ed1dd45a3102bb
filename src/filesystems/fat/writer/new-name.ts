import { GuestfsError } from '../../../errors/index.ts';
import { KANJI_E5, LOWER_BASE, LOWER_EXTENSION } from '../layout.ts';
import { folded, shortName } from '../names.ts';
import type { FatOptions } from '../options.ts';

/** UTF-16 units that a long name has at most. */
const MAX_UNITS = 255;
/** What FAT cannot hold in a long name. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f*?<>|":/\\]/;
/** What a long name may hold, but not a short one. */
const LONG_ONLY = '[];,+=';
const BASE = 8;
const EXTENSION = 3;
const SPACE = 0x20;
const UNDERSCORE = 0x5f;
const TILDE = 0x7e;

/** A name as it is stored. */
export interface StoredName {
  /** The name as it is shown: dots at the end are gone. */
  name: string;
  /** The 11 bytes of the short name. */
  short: Uint8Array;
  /** DIR_NTRes. */
  flags: number;
  /** The short name says it all: no long entries. */
  isShort: boolean;
}

/** A part of a short name on its way. */
interface Part {
  bytes: number[];
  /** All characters of the long name are there as they were, but for the case of letters. */
  exact: boolean;
  /** No small letters, no capitals; both where there are no letters. */
  upper: boolean;
  lower: boolean;
}

/**
 * The name without the dots at its end, which FAT does not keep. Throws ENOENT where nothing is left, EINVAL for what
 * FAT cannot hold, ENAMETOOLONG.
 */
export function checkName(name: string): string {
  const kept = name.replace(/\.+$/, '');
  if (kept === '') throw new GuestfsError('ENOENT', `the name ${name} consists of dots, FAT cannot hold it`);
  if (kept.length > MAX_UNITS) {
    throw new GuestfsError(
      'ENAMETOOLONG',
      `a name of ${kept.length} UTF-16 units is too long for FAT, expected at most ${MAX_UNITS}`,
    );
  }
  if (FORBIDDEN.test(kept) || kept.endsWith(' ')) {
    throw new GuestfsError(
      'EINVAL',
      `FAT cannot hold the name ${JSON.stringify(name)}: control characters, * ? < > | " : \\ and a space at the end are not allowed`,
    );
  }
  if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(kept)) {
    throw new GuestfsError('EINVAL', `FAT cannot hold a name that is not UTF-8: ${JSON.stringify(name)}`);
  }
  return kept;
}

/**
 * How a name that {@link checkName} gave is stored: as a short name if it is one, else with a short name made of it
 * that is unique. `isTaken` is asked for names as they are compared. Throws EEXIST where the short name that the name
 * itself is stands for another file, EINVAL where no short name can be made.
 */
export function storeName(
  name: string,
  options: FatOptions,
  isTaken: (comparedName: string) => boolean,
): StoredName {
  const { base: baseText, extension: extensionText } = split(name);
  const base = convert(baseText, BASE, options);
  const extension = convert(extensionText, EXTENSION, options);
  if (base.bytes.length === 0) {
    throw new GuestfsError('EINVAL', `no short name can be made of ${JSON.stringify(name)}`);
  }
  if (base.bytes[0] === 0xe5) base.bytes[0] = KANJI_E5;
  const taken = (short: Uint8Array): boolean => isTaken(folded(shortName(short, 0, 0, options)));
  const plain = pack(base.bytes, extension.bytes);
  if (base.exact && extension.exact && !name.startsWith('.')) {
    if (taken(plain)) throw new GuestfsError('EEXIST', `${name} exists already as a short name`);
    const isUpper = base.upper && extension.upper;
    if (!options.lowerFlags) return { name, short: plain, flags: 0, isShort: isUpper };
    const isShort = (base.upper || base.lower) && (extension.upper || extension.lower);
    const flags =
      (isShort && !base.upper ? LOWER_BASE : 0) | (isShort && !extension.upper ? LOWER_EXTENSION : 0);
    return { name, short: plain, flags, isShort };
  }
  if (options.noTail && !taken(plain)) return { name, short: plain, flags: 0, isShort: false };
  return { name, short: withTail(name, base.bytes, extension.bytes, taken), flags: 0, isShort: false };
}

/** Base and extension: what follows the last dot, unless there are only dots and spaces before it. */
function split(name: string): { base: string; extension: string } {
  const dot = name.lastIndexOf('.');
  if (dot < 0 || /^[. ]*$/.test(name.slice(0, dot))) return { base: name, extension: '' };
  return { base: name.slice(0, dot), extension: name.slice(dot + 1) };
}

function convert(text: string, most: number, options: FatOptions): Part {
  const { characters } = options.codePage;
  const part: Part = { bytes: [], exact: true, upper: true, lower: true };
  for (const character of text) {
    if (character === '.' || character === ' ') {
      part.exact = false;
      continue;
    }
    if (part.bytes.length === most) {
      part.exact = false;
      break;
    }
    const byte = LONG_ONLY.includes(character) ? -1 : characters.indexOf(character.toUpperCase());
    if (byte < 0) part.exact = false;
    part.bytes.push(byte < 0 ? UNDERSCORE : byte);
    if (byte >= 0x7f) part.upper = part.lower = false;
    else if (/[a-z]/.test(character)) part.upper = false;
    else if (/[A-Z]/.test(character)) part.lower = false;
  }
  return part;
}

function pack(base: readonly number[], extension: readonly number[]): Uint8Array {
  const short = new Uint8Array(BASE + EXTENSION).fill(SPACE);
  short.set(base);
  short.set(extension, BASE);
  return short;
}

/** `~1` to `~9` after six characters, then four digits of a hash after two of them. */
function withTail(
  name: string,
  base: readonly number[],
  extension: readonly number[],
  taken: (short: Uint8Array) => boolean,
): Uint8Array {
  for (let number = 1; number <= 9; number++) {
    const short = pack([...base.slice(0, 6), TILDE, 0x30 + number], extension);
    if (!taken(short)) return short;
  }
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  for (let tries = 0; tries < 0x80000; tries++) {
    const value = (hash >>> 8) + tries;
    const digits = [...(value & 0xffff).toString(16).toUpperCase().padStart(4, '0')];
    const last = 0x31 + ((value >>> 16) % 9);
    const short = pack([...base.slice(0, 2), ...digits.map((c) => c.charCodeAt(0)), TILDE, last], extension);
    if (!taken(short)) return short;
  }
  throw new GuestfsError('ENOSPC', `no short name is left for ${JSON.stringify(name)} in its directory`);
}
