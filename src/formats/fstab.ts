import { decodeText, encodeText, latin1 } from '../bytes/text.ts';

/** Mount tables: fstab(5) of Linux and the BSDs, crypttab(5). */

/** One line of fstab. */
export interface FstabEntry {
  /** Device, or `UUID=`, `LABEL=`, `PARTUUID=`, `PARTLABEL=`, `ID=`: as written, escapes and quotes resolved. */
  spec: string;
  /** Mount point, escapes resolved; `none` or `swap` for swap space. */
  file: string;
  type: string;
  /** Options, split at commas. */
  options: string[];
}

/** Lines of one file that are looked at; more are no mount table that anybody wrote. */
const MOST_LINES = 100_000;
const BACKSLASH = 0x5c;

/** Resolve `\040` and the like; a backslash that no three octal digits follow stays. */
export function resolveOctal(text: string): string {
  if (!/\\[0-3][0-7]{2}/.test(text)) return text;
  const bytes = encodeText(text);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    let byte = bytes[i] as number;
    const digits = latin1(bytes, i + 1, Math.min(i + 4, bytes.length));
    if (byte === BACKSLASH && /^[0-3][0-7]{2}$/.test(digits)) {
      byte = Number.parseInt(digits, 8);
      i += 3;
    }
    bytes[length++] = byte;
  }
  return decodeText(bytes, 0, length);
}

/** `LABEL="a b"` is written with quotes by some installers; libmount accepts them. */
function unquoteTag(spec: string): string {
  const match = /^([A-Z]+)=(["'])(.*)\2$/.exec(spec);
  return match ? `${match[1]}=${match[3]}` : spec;
}

/** Words of a line; a quoted part after `=` holds together even with blanks in it. */
function fields(line: string): string[] {
  return line.match(/(?:[^\s"']|"[^"]*"|'[^']*'|["'])+/g) ?? [];
}

/** The entries of an fstab; comments, empty and incomplete lines are passed over. */
export function parseFstab(text: string): FstabEntry[] {
  const entries: FstabEntry[] = [];
  let count = 0;
  for (const line of text.split('\n')) {
    if (++count > MOST_LINES) break;
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [spec, file, type = '', options = ''] = fields(trimmed);
    if (spec === undefined || file === undefined) continue;
    entries.push({
      spec: resolveOctal(unquoteTag(spec)),
      file: resolveOctal(file),
      type,
      options: options.split(',').filter((option) => option !== ''),
    });
  }
  return entries;
}

/** One line of crypttab: the name below /dev/mapper and the device under it. */
export interface CrypttabEntry {
  name: string;
  /** Device, or `UUID=`, ... as in fstab. */
  device: string;
}

/** The entries of a crypttab. */
export function parseCrypttab(text: string): CrypttabEntry[] {
  return parseFstab(text).map(({ spec, file }) => ({ name: spec, device: unquoteTag(file) }));
}
