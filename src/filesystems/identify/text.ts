import { decodeText } from '../../bytes/text.ts';
import { uuidText } from '../../bytes/guid.ts';
import type { Tags } from './signature.ts';

/** A fixed field as text: up to the first NUL, without white space at its end, invalid UTF-8 escaped. */
export function fieldText(bytes: Uint8Array): string {
  let end = bytes.indexOf(0);
  if (end < 0) end = bytes.length;
  while (end > 0 && isSpace(bytes[end - 1]!)) end--;
  return decodeText(bytes, 0, end);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 9 && byte <= 13);
}

/** The text of UTF-16 code units up to the first NUL, without white space at its end. */
export function utf16Text(bytes: Uint8Array, littleEndian: boolean): string {
  let text = '';
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    const unit = littleEndian ? bytes[i]! | (bytes[i + 1]! << 8) : (bytes[i]! << 8) | bytes[i + 1]!;
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return wellFormed(text).replace(/[ \t-\r]+$/, '');
}

/** `text` with surrogates that have no partner replaced, so that none is taken for an escaped byte. */
export function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}

/** Set a tag unless its text is empty. */
export function setText(tags: Tags, name: string, text: string): void {
  if (text !== '') tags[name] = text;
}

/** Set a tag to a 16-byte UUID unless all of it is zero. */
export function setUuid(tags: Tags, name: string, bytes: Uint8Array): void {
  if (!isZero(bytes)) tags[name] = uuidText(bytes);
}

/** True where every byte is 0. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** A number as hexadecimal digits, at least `width` of them. */
export function hex(value: number | bigint, width: number): string {
  return value.toString(16).padStart(width, '0');
}
