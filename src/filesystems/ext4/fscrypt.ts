import { sha256 } from '../../crypto/sha256.ts';
import { latin1 } from '../../bytes/text.ts';
import { COMPAT_DIR_INDEX } from './features.ts';
import { exactName, type NameDecoder, type WantedName } from './directory.ts';
import { hashVersion, nameHash } from './hash.ts';
import { INODE_CASEFOLD, INODE_INDEX } from './layout.ts';
import type { Geometry } from './superblock.ts';

/**
 * Names in encrypted directories, as Linux shows them while the key is absent: base64url without padding of
 * u32 hash, u32 minor hash, and the encrypted name; of that only the first 149 bytes if it is longer, followed by the
 * SHA-256 of the rest. The hashes are those of the directory's hash tree, 0 where Linux reads the directory linearly.
 *
 * Source: Documentation/filesystems/fscrypt.rst ("no-key names"), and what the kernel shows.
 */
const SHOWN_BYTES = 149;
const DIGEST_BYTES = 32;
const HASH_BYTES = 8;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function base64url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += ALPHABET[group >>> 18]! + ALPHABET[(group >>> 12) & 63]!;
    if (left > 1) text += ALPHABET[(group >>> 6) & 63]!;
    if (left > 2) text += ALPHABET[group & 63]!;
  }
  return text;
}

function fromBase64url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >>> bits) & 0xff;
    }
  }
  return bytes;
}

function noKeyText(hash: number, minor: number, encrypted: Uint8Array): string {
  const long = encrypted.length > SHOWN_BYTES;
  const bytes = new Uint8Array(HASH_BYTES + (long ? SHOWN_BYTES + DIGEST_BYTES : encrypted.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, hash, true);
  view.setUint32(4, minor, true);
  bytes.set(encrypted.subarray(0, SHOWN_BYTES), HASH_BYTES);
  if (long) bytes.set(sha256(encrypted.subarray(SHOWN_BYTES)), HASH_BYTES + SHOWN_BYTES);
  return base64url(bytes);
}

/**
 * How the names of an encrypted directory are shown. `storedVersion` is the hash version in its tree's root, or the
 * superblock's default where it has none.
 */
export function noKeyDecoder(
  geometry: Geometry,
  file: { flags: number; size: number; inline: Uint8Array | undefined },
  storedVersion: number,
): NameDecoder {
  const { s_flags, s_hash_seed } = geometry.superBlock;
  const version = hashVersion(storedVersion, s_flags);
  const indexed =
    (geometry.compat & COMPAT_DIR_INDEX) !== 0 &&
    ((file.flags & INODE_INDEX) !== 0 || file.size === geometry.blockSize || file.inline !== undefined);
  return (bytes, start, end) => {
    const name = bytes.subarray(start, end);
    if (!indexed) return noKeyText(0, 0, name);
    if (file.flags & INODE_CASEFOLD) {
      // The key is needed to compute these hashes, so the entry carries them after its name.
      const at = start + ((end - start + 3) & ~3);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      if (at + HASH_BYTES > bytes.length) return noKeyText(0, 0, name);
      return noKeyText(view.getUint32(at, true), view.getUint32(at + 4, true), name);
    }
    const hash = nameHash(version, name, s_hash_seed);
    return noKeyText(hash?.major ?? 0, hash?.minor ?? 0, name);
  };
}

/**
 * Look for a name as it is shown; undefined where it cannot be one. A long name carries only a digest of its end, so
 * that all names have to be shown, by `decoder`, to find it.
 */
export function wantedNoKey(shown: string, decoder: () => NameDecoder): WantedName | undefined {
  const bytes = fromBase64url(shown);
  if (bytes === undefined || bytes.length <= HASH_BYTES) return undefined;
  if (bytes.length <= HASH_BYTES + SHOWN_BYTES) return exactName(bytes.subarray(HASH_BYTES));
  const decode = decoder();
  return {
    hashed: new Uint8Array(0),
    matches: (stored, start, end) => end - start > SHOWN_BYTES && decode(stored, start, end) === shown,
  };
}

/** Target of an encrypted symbolic link: a u16 length, then the encrypted target. */
export function noKeyTarget(content: Uint8Array): string {
  if (content.length < 2) return latin1(content);
  const length = Math.min(content[0]! | (content[1]! << 8), content.length - 2);
  return noKeyText(0, 0, content.subarray(2, 2 + length));
}
