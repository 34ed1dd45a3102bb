import { decodeText } from '../bytes/text.ts';
import type { FileContent } from './content.ts';
import { LineReader } from './lines.ts';
import { capped, emptyPackage, LARGEST_DATABASE, PackageBudget, type PackageRecord } from './package.ts';

const COLON = 0x3a;

/**
 * The packages of Alpine's /lib/apk/db/installed, in the file's order: paragraphs of `X:value` lines. The one text
 * that it has of a package is the description, as libguestfs has it. Source: apk's package format,
 * wiki.alpinelinux.org/wiki/Apk_spec. Throws EFBIG above 512 MiB or 200000 packages.
 */
export function* apkPackages(content: FileContent, what = 'apk database'): Generator<PackageRecord, void> {
  const budget = new PackageBudget(what);
  const lines = new LineReader(content, what, LARGEST_DATABASE);
  let record: PackageRecord | undefined;
  while (lines.next()) {
    const { bytes, start, end } = lines;
    if (start === end) {
      if (record !== undefined && record.name !== '') yield budget.add(record);
      record = undefined;
    } else if (bytes[start + 1] === COLON) {
      record ??= emptyPackage('');
      readField(record, bytes[start] as number, bytes, start + 2, end);
    }
  }
  if (record !== undefined && record.name !== '') yield budget.add(record);
}

function readField(record: PackageRecord, key: number, bytes: Uint8Array, start: number, end: number): void {
  switch (key) {
    case 0x50: // P
      record.name = decodeText(bytes, start, end);
      break;
    case 0x56: {
      // V: version-rN
      const value = decodeText(bytes, start, end);
      const dash = value.lastIndexOf('-');
      record.version = dash < 0 ? value : value.slice(0, dash);
      record.release = dash < 0 ? '' : value.slice(dash + 1).replace(/^r/, '');
      break;
    }
    case 0x41: // A
      record.arch = decodeText(bytes, start, end);
      break;
    case 0x54: // T
      record.description = capped(decodeText(bytes, start, end));
      break;
    case 0x55: // U
      record.url = decodeText(bytes, start, end);
      break;
    case 0x6f: // o
      record.sourcePackage = decodeText(bytes, start, end);
      break;
    default:
  }
}
