import { decodeText } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import type { Blob } from '../content.ts';
import { capped, emptyPackage, type PackageRecord } from '../package.ts';

/**
 * The header of an installed package as rpm's database keeps it: index entries, then data; without the magic that
 * a package file has before it. Source: rpm's manual, "RPM v4 header format" and "RPM tags".
 */

const STRUCTURE = 'rpm header';
const PREAMBLE = 8;
const ENTRY = 16;
/** Limits that rpm itself sets. */
const MOST_ENTRIES = 0xffff;
const MOST_DATA = 0x0fffffff;
/** Bytes of data up to the end of the texts that are read; lists of files come after them. */
const MOST_TEXT = 16 * 1024 * 1024;

const TYPE_INT32 = 4;
const TYPE_STRING = 6;
const TYPE_STRING_ARRAY = 8;
const TYPE_I18NSTRING = 9;

const TAG_I18NTABLE = 100;
const TAG_NAME = 1000;
const TAG_VERSION = 1001;
const TAG_RELEASE = 1002;
const TAG_EPOCH = 1003;
const TAG_SUMMARY = 1004;
const TAG_DESCRIPTION = 1005;
const TAG_VENDOR = 1011;
const TAG_URL = 1020;
const TAG_ARCH = 1022;
const TAG_SOURCERPM = 1044;

const WANTED: ReadonlySet<number> = new Set([
  TAG_I18NTABLE,
  TAG_NAME,
  TAG_VERSION,
  TAG_RELEASE,
  TAG_EPOCH,
  TAG_SUMMARY,
  TAG_DESCRIPTION,
  TAG_VENDOR,
  TAG_URL,
  TAG_ARCH,
  TAG_SOURCERPM,
]);

interface Entry {
  type: number;
  /** From the start of the data. */
  offset: number;
  count: number;
  /** Offset where the next entry's data begins, or the end of all data. */
  end: number;
}

/** Strings of one header that are looked at for one tag. */
const MOST_STRINGS = 1024;

/**
 * The package that a header describes; undefined for one without a name. Reads the blob only as far as the tags
 * that are wanted. Throws CorruptError.
 */
export function parseRpmHeader(blob: Blob): PackageRecord | undefined {
  if (blob.size < PREAMBLE) {
    throw new CorruptError(STRUCTURE, `has ${blob.size} bytes, expected at least ${PREAMBLE}`);
  }
  const start = blob.prefix(PREAMBLE);
  const preamble = new DataView(start.buffer, start.byteOffset, PREAMBLE);
  const entryCount = preamble.getUint32(0);
  const dataLength = preamble.getUint32(4);
  if (entryCount > MOST_ENTRIES || dataLength > MOST_DATA) {
    throw new CorruptError(
      STRUCTURE,
      `has ${entryCount} entries and ${dataLength} bytes of data, expected at most ${MOST_ENTRIES} and ${MOST_DATA}`,
    );
  }
  const dataStart = PREAMBLE + entryCount * ENTRY;
  if (dataStart + dataLength > blob.size) {
    throw new CorruptError(
      STRUCTURE,
      `${entryCount} entries and ${dataLength} bytes of data need ${dataStart + dataLength} bytes, found ${blob.size}`,
    );
  }
  const entries = readEntries(blob.prefix(dataStart), entryCount, dataLength);
  let needed = 0;
  for (const { end } of entries.values()) needed = Math.max(needed, end);
  if (needed > MOST_TEXT) {
    throw new CorruptError(STRUCTURE, `its texts end at ${needed}, expected at most ${MOST_TEXT}`);
  }
  const data = blob.prefix(dataStart + needed).subarray(dataStart);

  const name = firstString(data, entries.get(TAG_NAME));
  if (name === '') return undefined;
  const locale = localeIndex(data, entries.get(TAG_I18NTABLE));
  const record = emptyPackage(name);
  record.epoch = int32(data, entries.get(TAG_EPOCH));
  record.version = firstString(data, entries.get(TAG_VERSION));
  record.release = firstString(data, entries.get(TAG_RELEASE));
  record.arch = firstString(data, entries.get(TAG_ARCH));
  record.publisher = firstString(data, entries.get(TAG_VENDOR));
  record.url = firstString(data, entries.get(TAG_URL));
  record.sourcePackage = firstString(data, entries.get(TAG_SOURCERPM));
  record.summary = localised(data, entries.get(TAG_SUMMARY), locale);
  record.description = capped(localised(data, entries.get(TAG_DESCRIPTION), locale));
  return record;
}

function readEntries(head: Uint8Array, count: number, dataLength: number): Map<number, Entry> {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const entries = new Map<number, Entry>();
  const offsets = new Uint32Array(count);
  let sorted = 0;
  for (let i = 0; i < count; i++) {
    const at = PREAMBLE + i * ENTRY;
    const tag = view.getUint32(at);
    const offset = view.getUint32(at + 8);
    // A region tag (62 to 64) points at its trailer and says nothing about where the others end.
    if (tag < TAG_I18NTABLE) continue;
    if (offset > dataLength) {
      throw new CorruptError(STRUCTURE, `tag ${tag} begins at ${offset}, the data ends at ${dataLength}`, {
        offset: at,
      });
    }
    offsets[sorted++] = offset;
    if (!WANTED.has(tag) || entries.has(tag)) continue;
    entries.set(tag, {
      type: view.getUint32(at + 4),
      offset,
      count: view.getUint32(at + 12),
      end: dataLength,
    });
  }
  const order = offsets.subarray(0, sorted).sort();
  for (const entry of entries.values()) entry.end = nextAbove(order, entry.offset) ?? dataLength;
  return entries;
}

/** The smallest member of a sorted array that is above `value`. */
function nextAbove(sorted: Uint32Array, value: number): number | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return sorted[low];
}

function int32(data: Uint8Array, entry: Entry | undefined): number {
  if (entry === undefined || entry.type !== TYPE_INT32 || entry.count < 1) return 0;
  if (entry.offset + 4 > data.length) {
    throw new CorruptError(STRUCTURE, `an integer lies at ${entry.offset}, the data ends at ${data.length}`);
  }
  return new DataView(data.buffer, data.byteOffset, data.length).getInt32(entry.offset);
}

function strings(data: Uint8Array, entry: Entry | undefined, most: number): string[] {
  if (entry === undefined) return [];
  if (entry.type < TYPE_STRING || entry.type > TYPE_I18NSTRING || entry.type === 7) return [];
  const count = entry.type === TYPE_STRING ? 1 : Math.min(entry.count, most, MOST_STRINGS);
  const found: string[] = [];
  let at = entry.offset;
  while (found.length < count && at < entry.end) {
    let end = data.indexOf(0, at);
    if (end < 0 || end > entry.end) end = entry.end;
    found.push(decodeText(data, at, end));
    at = end + 1;
  }
  return found;
}

function firstString(data: Uint8Array, entry: Entry | undefined): string {
  return strings(data, entry, 1)[0] ?? '';
}

/** Where the untranslated text stands among the languages; rpm puts it first, and calls it "C". */
function localeIndex(data: Uint8Array, table: Entry | undefined): number {
  if (table?.type !== TYPE_STRING_ARRAY) return 0;
  return Math.max(0, strings(data, table, MOST_STRINGS).indexOf('C'));
}

function localised(data: Uint8Array, entry: Entry | undefined, locale: number): string {
  const texts = strings(data, entry, locale + 1);
  return texts[locale] ?? texts[0] ?? '';
}
