import { concat } from './concat.ts';
import { recordDate, volumeDate } from './dates.ts';
import { u32 } from './record.ts';
import { signature, type SystemUseEntry } from './susp.ts';
import { makeDevice, S_IFDIR, S_IFMT } from '../mode.ts';

const RE = signature('RE');
const NM = signature('NM');
const PX = signature('PX');
const PN = signature('PN');
const TF = signature('TF');
const SL = signature('SL');
const CL = signature('CL');
const ZF = signature('ZF');
const SF = signature('SF');

const NAME_CONTINUES = 0x01;
const NAME_CURRENT_OR_PARENT = 0x06;
/** Longest name that Linux takes from Rock Ridge. */
const MAX_NAME = 255;

/** Name of a record by its NM entries; null where it has none. `hidden` is set for a relocated directory. */
export function rockRidgeName(entries: Iterable<SystemUseEntry>): {
  name: Uint8Array | null;
  hidden: boolean;
} {
  const parts: Uint8Array[] = [];
  let length = 0;
  let complete = false;
  for (const { signature: letters, bytes } of entries) {
    // The directory was moved here because its path is too deep; it is shown where it was.
    if (letters === RE) return { name: null, hidden: true };
    if (letters !== NM || bytes.length < 5 || complete) continue;
    const flags = bytes[4]!;
    if ((flags & NAME_CURRENT_OR_PARENT) !== 0) continue;
    if (length + bytes.length - 5 > MAX_NAME) {
      complete = true;
      continue;
    }
    let part = bytes.subarray(5);
    const end = part.indexOf(0);
    if (end >= 0) part = part.subarray(0, end);
    parts.push(part);
    length += part.length;
    complete = (flags & NAME_CONTINUES) === 0;
  }
  return { name: length === 0 ? null : concat(parts), hidden: false };
}

/** A time of a TF entry. */
export interface RockTime {
  seconds: number;
  nanoseconds: number;
}

/** Type bits of the mode that the entries of a record give; undefined where they do not say. */
export function rockRidgeType(entries: Iterable<SystemUseEntry>): number | undefined {
  let type: number | undefined;
  for (const { signature: letters, bytes } of entries) {
    if (letters === PX && bytes.length > 5) type = (bytes[5]! << 8) & S_IFMT;
    else if (letters === CL) return S_IFDIR;
  }
  return type;
}

/** What Rock Ridge says of a file. */
export interface RockAttributes {
  mode?: number;
  nlink?: number;
  uid?: number;
  gid?: number;
  /** Device number in Linux's userspace encoding. */
  rdev?: number;
  atime?: RockTime;
  mtime?: RockTime;
  ctime?: RockTime;
  /** Target of a symbolic link. */
  target?: Uint8Array;
  /** First block of a directory that was moved because its path is too deep. */
  childBlock?: number;
  zisofs?: { algorithm: string; headerSize: number; blockShift: number; size: number };
  /** The file is stored with holes, which is not read. */
  sparse?: true;
}

const TF_CREATION = 0x01;
const TF_MODIFY = 0x02;
const TF_ACCESS = 0x04;
const TF_ATTRIBUTES = 0x08;
const TF_LONG_FORM = 0x80;

/** Attributes of a record by its entries. */
export function rockRidgeAttributes(entries: Iterable<SystemUseEntry>): RockAttributes {
  const result: RockAttributes = {};
  const link = new LinkBuilder();
  for (const { signature: letters, bytes } of entries) {
    switch (letters) {
      case PX:
        if (bytes.length >= 36) {
          result.mode = u32(bytes, 4) & 0xffff;
          result.nlink = u32(bytes, 12);
          result.uid = u32(bytes, 20);
          result.gid = u32(bytes, 28);
        }
        break;
      case PN:
        if (bytes.length >= 20) result.rdev = deviceNumber(u32(bytes, 4), u32(bytes, 12));
        break;
      case TF:
        if (bytes.length >= 5) timestamps(bytes, result);
        break;
      case SL:
        if (bytes.length >= 5) result.target = link.add(bytes);
        break;
      case CL:
        if (bytes.length >= 12) result.childBlock = u32(bytes, 4);
        break;
      case ZF:
        if (bytes.length >= 16) {
          result.zisofs = {
            algorithm: String.fromCharCode(bytes[4]!, bytes[5]!),
            headerSize: bytes[6]! * 4,
            blockShift: bytes[7]!,
            size: u32(bytes, 8),
          };
        }
        break;
      case SF:
        result.sparse = true;
        break;
      default:
    }
  }
  return result;
}

/** Some writers put the whole of a small device number into the lower word. */
function deviceNumber(high: number, low: number): number {
  const [major, minor] = (low & ~0xff) !== 0 && high === 0 ? [low >>> 8, low & 0xff] : [high, low];
  // Linux has 12 bits of major and 20 of minor.
  return makeDevice(major & 0xfff, minor & 0xfffff);
}

function timestamps(bytes: Uint8Array, result: RockAttributes): void {
  const flags = bytes[4]!;
  const size = (flags & TF_LONG_FORM) !== 0 ? 17 : 7;
  let at = 5;
  const take = (): RockTime | undefined => {
    const from = at;
    at += size;
    if (at > bytes.length) return undefined;
    if (size === 7) return { seconds: recordDate(bytes, from), nanoseconds: 0 };
    return volumeDate(bytes, from) ?? { seconds: 0, nanoseconds: 0 };
  };
  const set = (name: 'atime' | 'mtime' | 'ctime'): void => {
    const time = take();
    if (time !== undefined) result[name] = time;
  };
  // Some writers put the time of change in the place of that of creation: the latter of the two counts.
  if ((flags & TF_CREATION) !== 0) set('ctime');
  if ((flags & TF_MODIFY) !== 0) set('mtime');
  if ((flags & TF_ACCESS) !== 0) set('atime');
  if ((flags & TF_ATTRIBUTES) !== 0) set('ctime');
}

const COMPONENT_CONTINUES = 0x01;
const COMPONENT_CURRENT = 0x02;
const COMPONENT_PARENT = 0x04;
const COMPONENT_ROOT = 0x08;

/** Puts the target of a link together from the components of its SL entries. */
class LinkBuilder {
  readonly #parts: Uint8Array[] = [];

  /** Take an entry; returns the target so far. */
  add(bytes: Uint8Array): Uint8Array {
    const entryContinues = (bytes[4]! & 1) !== 0;
    let at = 5;
    while (at + 2 <= bytes.length) {
      const flags = bytes[at]!;
      const length = bytes[at + 1]!;
      const isRoot = (flags & ~COMPONENT_CONTINUES) === COMPONENT_ROOT;
      this.#component(flags & ~COMPONENT_CONTINUES, bytes.subarray(at + 2, at + 2 + length));
      at += 2 + length;
      const isLast = at + 2 > bytes.length;
      const separates = !isRoot && (flags & COMPONENT_CONTINUES) === 0;
      if (separates && (!isLast || entryContinues)) this.#text('/');
    }
    return concat(this.#parts);
  }

  #component(kind: number, text: Uint8Array): void {
    if (kind === 0) this.#parts.push(text);
    else if (kind === COMPONENT_CURRENT) this.#text('.');
    else if (kind === COMPONENT_PARENT) this.#text('..');
    else if (kind === COMPONENT_ROOT) this.#text('/');
  }

  #text(text: string): void {
    this.#parts.push(new TextEncoder().encode(text));
  }
}
