import { decodeText, encodeText } from '../../bytes/text.ts';
import type { WantedName } from './directory.ts';

/**
 * Case-insensitive names of directories with the casefold flag. ext4 compares names after canonical decomposition,
 * full case folding and removal of ignorable code points, by Unicode 12.1 ("utf8-12.1.0"). The platform's own
 * Unicode tables stand in for that version here: they agree on everything that version knew, and may take two names
 * for one where the letters are younger than 2019. Names that are not valid UTF-8 compare byte for byte.
 */

/** Code points that fold to nothing. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;
const ESCAPED = /[\uDC80-\uDCFF]/;

/** U+0131: its capital is I, but it does not fold to i. */
const DOTLESS_I = '\u0131';

/** The form of a name that compares equal for all spellings of it; undefined where it is not valid UTF-8. */
export function fold(name: string): string | undefined {
  if (ESCAPED.test(name)) {
    // A lone escape is an invalid byte; the second half of a surrogate pair is not.
    if (!isWellFormed(name)) return undefined;
  }
  let folded = '';
  for (const character of name.normalize('NFD').replace(IGNORABLE, '')) {
    // Character by character, since the small sigma at the end of a word folds like the others. By way of capitals,
    // which brings together what has several small forms.
    folded += character === DOTLESS_I ? character : character.toUpperCase().toLowerCase();
  }
  return folded.normalize('NFD');
}

function isWellFormed(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) return false;
  }
  return true;
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! >= 0x80) return false;
  return true;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** A name that is looked for in a directory that ignores case. */
export function foldedName(name: string, bytes: Uint8Array): WantedName {
  const folded = fold(name);
  const ascii = isAscii(bytes, 0, bytes.length);
  return {
    hashed: folded === undefined ? bytes : encodeText(folded),
    // The hash is that of the folded form: certain for ASCII, as good as our tables for the rest.
    hashIsGuess: !ascii,
    matches(stored, start, end) {
      if (ascii && isAscii(stored, start, end)) {
        if (end - start !== bytes.length) return false;
        for (let i = 0; i < bytes.length; i++)
          if (lower(stored[start + i]!) !== lower(bytes[i]!)) return false;
        return true;
      }
      const other = decodeText(stored, start, end);
      return other === name || (folded !== undefined && fold(other) === folded);
    },
  };
}
