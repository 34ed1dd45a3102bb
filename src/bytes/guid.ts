const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

function dashed(bytes: Uint8Array, order: readonly number[]): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[bytes[order[i]!]!]!;
  }
  return text;
}

const STRAIGHT = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const MIXED = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/** 16 bytes as a UUID in network order (RFC 9562), lower case. */
export function uuidText(bytes: Uint8Array): string {
  return dashed(bytes, STRAIGHT);
}

/** 16 bytes as a GUID whose first three fields are little-endian, as GPT stores them; lower case. */
export function guidText(bytes: Uint8Array): string {
  return dashed(bytes, MIXED);
}

function parse(text: string, order: readonly number[]): Uint8Array | undefined {
  const hex = text.replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/i.test(hex)) return undefined;
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[order[i]!] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** The 16 bytes of a GUID as GPT stores it; undefined where `text` is none. */
export function parseGuid(text: string): Uint8Array | undefined {
  return parse(text, MIXED);
}
