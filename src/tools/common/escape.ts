/**
 * What a terminal would obey: C0 but tab and line feed, DEL, C1, a carriage return that does not end a line, bytes
 * that are no UTF-8 (U+DC80 to U+DCFF, see bytes/text), and the marks that reorder what is read.
 */
const HARMFUL =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)/u;
const HARMFUL_ALL = new RegExp(HARMFUL.source, 'gu');
// oxlint-disable-next-line no-control-regex
const LINE_BREAKING = /[\t\n\r]/g;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

function escapeOne(found: string): string {
  const code = found.charCodeAt(0);
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${hex(code - 0xdc00, 2)}`;
  if (code <= 0x7f) return `\\x${hex(code, 2)}`;
  return `\\u${hex(code, 4)}`;
}

/** Text from a guest for a terminal: everything that the terminal would obey is shown as an escape. */
export function escapeForTerminal(text: string): string {
  return HARMFUL.test(text) ? text.replace(HARMFUL_ALL, escapeOne) : text;
}

/** As {@link escapeForTerminal}, and tabs and line ends too: for a name that must stay on one line. */
export function escapeName(text: string): string {
  return escapeForTerminal(text).replace(LINE_BREAKING, escapeOne);
}
