import { badPattern, bytesWhere, foldCase, type ByteSet } from './syntax.ts';

/** POSIX character classes in the C locale (XBD 7.3.1). */
const CLASSES: Record<string, ByteSet> = {
  alnum: matching(/[0-9A-Za-z]/),
  alpha: matching(/[A-Za-z]/),
  blank: matching(/[ \t]/),
  cntrl: bytesWhere((byte) => byte < 0x20 || byte === 0x7f),
  digit: matching(/[0-9]/),
  graph: matching(/[!-~]/),
  lower: matching(/[a-z]/),
  print: matching(/[ -~]/),
  punct: matching(/[!-/:-@[-`{-~]/),
  space: matching(/[ \t\n\v\f\r]/),
  upper: matching(/[A-Z]/),
  xdigit: matching(/[0-9A-Fa-f]/),
};

function matching(expression: RegExp): ByteSet {
  return bytesWhere((byte) => byte < 0x80 && expression.test(String.fromCharCode(byte)));
}

/**
 * Parse a bracket expression (XBD 9.3.5) of `bytes`, a string of code points 0 to 255; `at` is after the `[`.
 * Gives the set and the position after the `]`. `shown` is the pattern for messages;
 * with `insensitive` each letter stands for both its cases.
 */
export function parseBracket(
  bytes: string,
  at: number,
  shown: string,
  insensitive: boolean,
): { set: ByteSet; end: number } {
  let set: ByteSet = new Uint8Array(256);
  let i = at;
  const negated = bytes[i] === '^';
  if (negated) i++;
  const from = i;
  for (;;) {
    const c = bytes[i];
    if (c === undefined) throw badPattern(shown, 'a [ has no ]');
    if (c === ']' && i > from) break;
    const named = c === '[' ? parseNamed(bytes, i, shown) : null;
    if (named?.set) {
      for (let byte = 0; byte < 256; byte++) if (named.set[byte]) set[byte] = 1;
      i = named.end;
      continue;
    }
    const low = named?.byte ?? c.charCodeAt(0);
    i = named?.end ?? i + 1;
    if (bytes[i] !== '-' || bytes[i + 1] === ']' || bytes[i + 1] === undefined) {
      set[low] = 1;
      continue;
    }
    const upper = bytes[i + 1] === '[' ? parseNamed(bytes, i + 1, shown) : null;
    if (upper?.set) throw badPattern(shown, 'a range ends in a character class');
    const high = upper?.byte ?? bytes.charCodeAt(i + 1);
    i = upper?.end ?? i + 2;
    if (high < low) throw badPattern(shown, 'a range ends before it begins');
    set.fill(1, low, high + 1);
  }
  if (bytes[from] === ':' && bytes[i - 1] === ':' && i - 1 > from) {
    throw badPattern(shown, 'a character class is written [[:space:]], not [:space:]');
  }
  if (insensitive) set = foldCase(set);
  if (negated) for (let byte = 0; byte < 256; byte++) set[byte] = set[byte] ? 0 : 1;
  return { set, end: i + 1 };
}

/** `[:class:]`, `[.x.]` or `[=x=]` at `at`; null where the `[` stands for itself. */
function parseNamed(
  bytes: string,
  at: number,
  shown: string,
): { set?: ByteSet; byte?: number; end: number } | null {
  const kind = bytes[at + 1];
  if (kind !== ':' && kind !== '.' && kind !== '=') return null;
  const close = bytes.indexOf(`${kind}]`, at + 2);
  if (close < 0) {
    if (kind === ':') return null;
    throw badPattern(shown, `a [${kind} has no ${kind}]`);
  }
  const name = bytes.slice(at + 2, close);
  const end = close + 2;
  if (kind === ':') {
    const set = CLASSES[name];
    if (set === undefined) throw badPattern(shown, `there is no character class ${name}`);
    return { set, end };
  }
  if (name.length !== 1) throw badPattern(shown, `there is no collating element ${JSON.stringify(name)}`);
  return { byte: name.charCodeAt(0), end };
}
