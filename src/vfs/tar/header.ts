/**
 * Headers of tar archives. Sources: pax(1) of POSIX.1-2017 (ustar interchange format), and the section "Basic Tar
 * Format" of the GNU tar manual for GNU's own magic, long names and base-256 numbers.
 */

/** Size of a header, and what everything in an archive is a multiple of. */
export const BLOCK = 512;

/** Offset and length of the fields. */
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const UID = [108, 8] as const;
const GID = [116, 8] as const;
const SIZE = [124, 12] as const;
const MTIME = [136, 12] as const;
const CHECKSUM = [148, 8] as const;
const TYPE = 156;
const LINK = [157, 100] as const;
const MAGIC = 257;
const UNAME = [265, 32] as const;
const GNAME = [297, 32] as const;
const MAJOR = [329, 8] as const;
const MINOR = [337, 8] as const;

const GNU_MAGIC = Uint8Array.of(0x75, 0x73, 0x74, 0x61, 0x72, 0x20, 0x20, 0x00);
const PAX_MAGIC = Uint8Array.of(0x75, 0x73, 0x74, 0x61, 0x72, 0x00, 0x30, 0x30);

/** Bytes of a name or link target that a header holds. */
export const NAME_BYTES = 100;
/** Bytes of a user or group name that a header holds. */
export const OWNER_BYTES = 32;
/** Largest numbers that the octal fields hold. */
export const MAX_ID = 0o7777777;
export const MAX_LARGE = 0o77777777777;

/** What the header of a member says. */
export interface TarHeader {
  name: Uint8Array;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  /** Character of the type flag. */
  type: string;
  link: Uint8Array;
  uname: Uint8Array;
  gname: Uint8Array;
  /** Numbers of a device node. */
  device: { major: number; minor: number } | undefined;
}

/**
 * Fill in a zeroed block. Names that are too long are cut; numbers that are too large are written in base 256 in
 * GNU's format and must have been replaced by the caller in pax format.
 */
export function fillHeader(block: Uint8Array, header: TarHeader, format: 'gnu' | 'pax'): void {
  bytes(block, NAME, header.name);
  octal(block, MODE, header.mode);
  number(block, UID, header.uid);
  number(block, GID, header.gid);
  number(block, SIZE, header.size);
  number(block, MTIME, header.mtime);
  block[TYPE] = header.type.charCodeAt(0);
  bytes(block, LINK, header.link);
  block.set(format === 'gnu' ? GNU_MAGIC : PAX_MAGIC, MAGIC);
  bytes(block, UNAME, header.uname);
  bytes(block, GNAME, header.gname);
  if (header.device !== undefined) {
    number(block, MAJOR, header.device.major);
    number(block, MINOR, header.device.minor);
  }
  // The checksum counts its own field as spaces.
  const [at, length] = CHECKSUM;
  let sum = length * 0x20;
  for (let i = 0; i < BLOCK; i++) sum += block[i] as number;
  octal(block, [at, length - 1], sum);
  block[at + length - 1] = 0x20;
}

function bytes(block: Uint8Array, [at, length]: readonly [number, number], value: Uint8Array): void {
  block.set(value.length <= length ? value : value.subarray(0, length), at);
}

/** Octal digits that fill the field but for a NUL at its end. */
function octal(block: Uint8Array, [at, length]: readonly [number, number], value: number): void {
  let rest = value;
  for (let i = at + length - 2; i >= at; i--) {
    block[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

function number(block: Uint8Array, field: readonly [number, number], value: number): void {
  const [at, length] = field;
  if (value >= 0 && value < 8 ** (length - 1)) {
    octal(block, field, value);
    return;
  }
  // Two's complement, the first byte marking it: 0x80 for what is not negative, 0xff for what is.
  let rest = value;
  for (let i = at + length - 1; i > at; i--) {
    block[i] = ((rest % 256) + 256) % 256;
    rest = Math.floor(rest / 256);
  }
  block[at] = value < 0 ? 0xff : 0x80;
}
