/**
 * Text and its encodings, as file(1) tells them apart: by which bytes occur, and in what order.
 */
const MAX_BYTES = 65_536;
const MAX_LINE = 300;

/** Control characters that text has: BEL, BS, HT, LF, VT, FF, CR, ESC. */
const TEXT_CONTROLS = new Set([7, 8, 9, 10, 11, 12, 13, 27]);
const NEL = 0x85;

/** What is known of a text. */
export interface TextKind {
  /** `ASCII`, `Unicode text, UTF-8`, ... */
  code: string;
  /** The first characters, for telling languages. */
  text: string;
  /** What follows: line ends and the like, with its comma; or empty. */
  details: string;
}

/** Recognise text; undefined where the bytes are something else. */
export function recogniseText(bytes: Uint8Array): TextKind | undefined {
  const part = trimNuls(bytes.subarray(0, MAX_BYTES));
  if (part.length === 0) return undefined;
  const decoded = decode(part) ?? decodeUtf16(bytes.subarray(0, MAX_BYTES));
  if (decoded === undefined) return undefined;
  return { ...decoded, details: details(decoded.text) };
}

function trimNuls(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 1 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}

function decode(bytes: Uint8Array): { code: string; text: string } | undefined {
  let high = false;
  let plain = true;
  let latin = true;
  let extended = true;
  for (const byte of bytes) {
    if (byte >= 0x80) {
      high = true;
      plain = false;
      if (byte < 0xa0 && byte !== NEL) latin = false;
    } else if (byte < 0x20 ? !TEXT_CONTROLS.has(byte) : byte === 0x7f) {
      plain = latin = extended = false;
      break;
    }
  }
  if (plain) return { code: 'ASCII', text: characters(bytes) };
  if (extended && high) {
    const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    const text = decodeUtf8(bytes.subarray(bom ? 3 : 0));
    if (text !== undefined)
      return { code: bom ? 'Unicode text, UTF-8 (with BOM)' : 'Unicode text, UTF-8', text };
    if (latin) return { code: 'ISO-8859', text: characters(bytes) };
    return { code: 'Non-ISO extended-ASCII', text: characters(bytes) };
  }
  return undefined;
}

function characters(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

/** The text where the bytes are UTF-8, but for a character that is cut off at the end. */
function decodeUtf8(bytes: Uint8Array): string | undefined {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

function decodeUtf16(bytes: Uint8Array): { code: string; text: string } | undefined {
  const little = bytes[0] === 0xff && bytes[1] === 0xfe;
  if (!little && !(bytes[0] === 0xfe && bytes[1] === 0xff)) return undefined;
  let text = '';
  for (let at = 2; at + 1 < bytes.length; at += 2) {
    const unit = little
      ? (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
      : (bytes[at + 1] as number) | ((bytes[at] as number) << 8);
    if (unit === 0xfffe || unit === 0xffff) return undefined;
    if (unit < 0x20 ? !TEXT_CONTROLS.has(unit) : unit === 0x7f) return undefined;
    text += String.fromCharCode(unit);
  }
  return { code: `Unicode text, UTF-16, ${little ? 'little' : 'big'}-endian`, text };
}

function details(text: string): string {
  let crlf = 0;
  let cr = 0;
  let lf = 0;
  let nel = 0;
  let escapes = false;
  let overstrikes = false;
  let longest = 0;
  let lineStart = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x0a:
        if (i > 0 && text.charCodeAt(i - 1) === 0x0d) {
          crlf++;
          cr--;
        } else {
          lf++;
        }
        break;
      case 0x0d:
        cr++;
        break;
      case NEL:
        nel++;
        break;
      case 0x1b:
        escapes = true;
        continue;
      case 0x08:
        overstrikes = true;
        continue;
      default:
        continue;
    }
    longest = Math.max(longest, i - lineStart);
    lineStart = i + 1;
  }
  longest = Math.max(longest, text.length - lineStart);
  let said = longest > MAX_LINE ? `, with very long lines (${longest})` : '';
  if (crlf + cr + lf + nel === 0) {
    said += ', with no line terminators';
  } else if (crlf + cr + nel > 0) {
    const ends = [crlf && 'CRLF', cr && 'CR', lf && 'LF', nel && 'NEL'].filter(Boolean);
    said += `, with ${ends.join(', ')} line terminators`;
  }
  if (escapes) said += ', with escape sequences';
  if (overstrikes) said += ', with overstriking';
  return said;
}
