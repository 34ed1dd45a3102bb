import { decodeText } from '../../bytes/text.ts';
import { isDirectory, storedName, systemUse, type DirectoryRecord } from './record.ts';
import type { NameMap } from './options.ts';

const SEMICOLON = 0x3b;
const DOT = 0x2e;
const SLASH = 0x2f;
const ONE = 0x31;

/** The name of a record on a disc that has neither Rock Ridge nor Joliet, as the option `map` wants it. */
export function plainName(record: DirectoryRecord, map: NameMap): string {
  const stored = storedName(record);
  if (map === 'off') return decodeText(stored);
  const name = decodeText(mapped(stored));
  return map === 'acorn' ? acornName(record, name) : name;
}

/** Lower case, without the version 1 and an empty extension; `;` and `/` become dots. */
function mapped(stored: Uint8Array): Uint8Array {
  const name = new Uint8Array(stored.length);
  const length = stored.length;
  for (let i = 0; i < length; i++) {
    let c = stored[i]!;
    if (c === 0) return name.subarray(0, i);
    if (c >= 0x41 && c <= 0x5a) c |= 0x20;
    if (c === DOT && i === length - 3 && stored[i + 1] === SEMICOLON && stored[i + 2] === ONE) {
      return name.subarray(0, i);
    }
    if (c === SEMICOLON && i === length - 2 && stored[i + 1] === ONE) return name.subarray(0, i);
    name[i] = c === SEMICOLON || c === SLASH ? DOT : c;
  }
  return name;
}

/** RISC OS keeps `!` of program directories and types of files beside the name. */
function acornName(record: DirectoryRecord, name: string): string {
  const area = systemUse(record);
  if (area.length !== 32 || String.fromCharCode(...area.subarray(0, 10)) !== 'ARCHIMEDES') return name;
  const shown = name.startsWith('_') && (area[19]! & 1) !== 0 ? `!${name.slice(1)}` : name;
  if (isDirectory(record) || area[13] !== 0xff || (area[12]! & 0xf0) !== 0xf0) return shown;
  const type = ((area[12]! & 0xf) << 8) | area[11]!;
  return `${shown},${type.toString(16).padStart(3, '0')}`;
}

/** A name of Joliet: UCS-2, big-endian, without the version 1 and dots at its end. */
export function jolietName(record: DirectoryRecord): string {
  const stored = storedName(record);
  let name = '';
  for (let i = 0; i + 1 < stored.length; i += 2) {
    const unit = (stored[i]! << 8) | stored[i + 1]!;
    if (unit === 0) break;
    name += String.fromCharCode(unit);
  }
  // Halves of pairs are no characters; Linux drops them.
  name = name.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '');
  if (name.length > 2 && name.endsWith(';1')) name = name.slice(0, -2);
  while (name.length >= 2 && name.endsWith('.')) name = name.slice(0, -1);
  return name;
}

/** The form in which relaxed names are compared. */
export function folded(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()).replace(/(?<=.)\.+$/, '');
}
