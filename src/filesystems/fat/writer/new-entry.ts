import {
  ATTR_LONG_NAME,
  ATTR_VOLUME_ID,
  DELETED,
  ENTRY,
  Entry,
  LAST_LONG_ENTRY,
  LONG_CHARACTERS,
  LongEntry,
} from '../layout.ts';
import { shortNameChecksum } from '../names.ts';
import { fatTime, type FatTime } from '../times.ts';
import type { StoredName } from './new-name.ts';

const PART = LONG_CHARACTERS.length;

/** Entries that a name takes: one for every 13 characters of a long name, and its short entry. */
export function entriesOf(name: StoredName): number {
  return name.isShort ? 1 : Math.ceil(name.name.length / PART) + 1;
}

/**
 * The entries of a name in stored order. `rest` is the short entry from its attributes on (21 bytes), whose DIR_NTRes is
 * replaced.
 */
export function encodeEntries(name: StoredName, rest: Uint8Array): Uint8Array {
  const count = entriesOf(name);
  const bytes = new Uint8Array(count * ENTRY);
  const short = bytes.subarray((count - 1) * ENTRY);
  short.set(name.short);
  short.set(rest, Entry.DIR_Attr);
  short[Entry.DIR_NTRes] = name.flags;
  const checksum = shortNameChecksum(short, 0);
  for (let i = 0; i < count - 1; i++) {
    const number = count - 1 - i;
    const at = i * ENTRY;
    bytes[at + LongEntry.LDIR_Ord] = number | (i === 0 ? LAST_LONG_ENTRY : 0);
    bytes[at + LongEntry.LDIR_Attr] = ATTR_LONG_NAME;
    bytes[at + LongEntry.LDIR_Chksum] = checksum;
    for (let j = 0; j < PART; j++) {
      const index = (number - 1) * PART + j;
      // A NUL ends the name where it does not fill its last part; the rest of that is all ones.
      const unit =
        index < name.name.length ? name.name.charCodeAt(index) : index === name.name.length ? 0 : 0xffff;
      bytes[at + LONG_CHARACTERS[j]!] = unit & 0xff;
      bytes[at + LONG_CHARACTERS[j]! + 1] = unit >> 8;
    }
  }
  return bytes;
}

/** What a short entry holds behind its name, for a new file. */
export function newEntryRest(attributes: number, first: number, now: FatTime): Uint8Array {
  const entry = new Uint8Array(ENTRY);
  const view = new DataView(entry.buffer);
  entry[Entry.DIR_Attr] = attributes;
  entry[Entry.DIR_CrtTimeTenth] = now.hundredths;
  view.setUint16(Entry.DIR_CrtTime, now.time, true);
  view.setUint16(Entry.DIR_CrtDate, now.date, true);
  view.setUint16(Entry.DIR_LstAccDate, now.date, true);
  view.setUint16(Entry.DIR_WrtTime, now.time, true);
  view.setUint16(Entry.DIR_WrtDate, now.date, true);
  setFirstCluster(view, 0, first);
  return entry.subarray(Entry.DIR_Attr);
}

/** Set the first cluster of the short entry at `at`. */
export function setFirstCluster(view: DataView, at: number, first: number): void {
  view.setUint16(at + Entry.DIR_FstClusLO, first & 0xffff, true);
  view.setUint16(at + Entry.DIR_FstClusHI, first >>> 16, true);
}

/** True where the entry at `at` is free: deleted, or never used. */
export function isFree(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0 || bytes[at] === DELETED;
}

/** A label's entry of the root directory; `time` is milliseconds since 1970. */
export function labelEntry(label: Uint8Array, time: number): Uint8Array {
  const entry = new Uint8Array(ENTRY);
  const view = new DataView(entry.buffer);
  const now = fatTime(Math.floor(time / 1000), 0, 0);
  entry.set(label);
  entry[Entry.DIR_Attr] = ATTR_VOLUME_ID;
  view.setUint16(Entry.DIR_CrtTime, now.time, true);
  view.setUint16(Entry.DIR_CrtDate, now.date, true);
  view.setUint16(Entry.DIR_LstAccDate, now.date, true);
  view.setUint16(Entry.DIR_WrtTime, now.time, true);
  view.setUint16(Entry.DIR_WrtDate, now.date, true);
  return entry;
}
