import { decodeText, encodeText } from '../../../../bytes/text.ts';
import { GuestfsError, UnsupportedError } from '../../../../errors/index.ts';
import { fold, foldedName } from '../../casefold.ts';
import { exactName, type NameDecoder, type WantedName } from '../../directory.ts';
import { wantedNoKey } from '../../fscrypt.ts';
import { hashSeed, hashVersion, nameHash } from '../../hash.ts';
import { INODE_CASEFOLD, INODE_ENCRYPT } from '../../layout.ts';
import type { Geometry } from '../../superblock.ts';

/** Longest name of an entry in bytes. */
const NAME_LIMIT = 255;
/** Bit of `s_encoding_flags`: names that are not valid UTF-8 are refused in directories that ignore case. */
const ENCODING_STRICT = 0x1;

/** Bytes of a new name. Throws ENAMETOOLONG, and EINVAL where the directory takes only valid UTF-8. */
export function newName(geometry: Geometry, flags: number, name: string): Uint8Array {
  const bytes = encodeText(name);
  if (bytes.length === 0 || bytes.length > NAME_LIMIT) {
    throw new GuestfsError(
      bytes.length === 0 ? 'EINVAL' : 'ENAMETOOLONG',
      `name of ${bytes.length} bytes, expected 1 to ${NAME_LIMIT}`,
    );
  }
  const strict = (geometry.superBlock.s_encoding_flags & ENCODING_STRICT) !== 0;
  if (flags & INODE_CASEFOLD && strict && fold(name) === undefined) {
    throw new GuestfsError(
      'EINVAL',
      `name of ${bytes.length} bytes is not valid UTF-8, which a case-insensitive directory of this filesystem requires`,
    );
  }
  return bytes;
}

/**
 * How the entry of a name is recognised in a directory with these flags; undefined where none can have the name. For
 * encrypted directories the name is the one that is shown without the key, as `decoder` shows it.
 */
export function wantedName(flags: number, name: string, decoder: () => NameDecoder): WantedName | undefined {
  if (flags & INODE_ENCRYPT) return wantedNoKey(name, decoder);
  const bytes = encodeText(name);
  if (bytes.length === 0 || bytes.length > NAME_LIMIT) return undefined;
  return flags & INODE_CASEFOLD ? foldedName(name, bytes) : exactName(bytes);
}

/** Hashes names as a directory's tree orders them; undefined for a name whose folded form is not sure. */
export type Hasher = (bytes: Uint8Array) => number | undefined;

/**
 * The hash of names in a directory by the version that its root stores. Throws ENOTSUP for a version that is not
 * computed here.
 */
export function hasherOf(geometry: Geometry, flags: number, storedVersion: number): Hasher {
  const { superBlock } = geometry;
  const seed = hashSeed(superBlock);
  const version = hashVersion(storedVersion, superBlock.s_flags);
  if (nameHash(version, NO_NAME, seed) === undefined || (flags & INODE_ENCRYPT) !== 0) {
    throw new UnsupportedError(
      `changing a hash tree directory whose names have hashes of version ${storedVersion}` +
        `${flags & INODE_ENCRYPT ? ' in encrypted form' : ''}, 0 to 5 are known here`,
      { structure: 'dx_root' },
    );
  }
  if ((flags & INODE_CASEFOLD) === 0) return (bytes) => nameHash(version, bytes, seed)!.major;
  return (bytes) => {
    const folded = foldedBytes(bytes);
    return folded === undefined ? undefined : nameHash(version, folded, seed)!.major;
  };
}

const NO_NAME = new Uint8Array(0);

/** Throws ENOTSUP for a name that has no sure place in a hash tree. */
export function unsureName(directory: number, name: Uint8Array): UnsupportedError {
  return new UnsupportedError(
    `the name ${decodeText(name)} in case-insensitive directory ${directory}: its letters fold differently in Unicode 12.1, which orders the directory, and in the Unicode known here`,
  );
}

/**
 * Where the folding of the platform's Unicode and that of version 12.1 differ, in whole blocks rather than letters:
 * Cherokee, capital sharp s, and what is younger. Found by comparing every code point's hash with that of
 * `debugfs -R 'dx_hash -c -e utf8'`, alone and among combining marks.
 */
const UNSURE =
  /\u0345|\u0c3c|\ua82c|\u1dfa|[\u1ab0-\u1aff]|[\u0870-\u08ff\u13a0-\u13ff\u1715\u180b-\u180f\u1c80-\u1c8f\u1e9e\u2c2f\u2c5f\ua7ba-\ua7ff\uab70-\uabbf\u{10000}-\u{1efff}]|[\u1f80-\u1fff]\p{M}|\p{Cn}/u;

/** The folded form of a name, undefined where it is not sure. What is not valid UTF-8 is taken as it is. */
function foldedBytes(bytes: Uint8Array): Uint8Array | undefined {
  const name = decodeText(bytes);
  const folded = fold(name);
  if (folded === undefined) return bytes;
  return UNSURE.test(name) ? undefined : encodeText(folded);
}
