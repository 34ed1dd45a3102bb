import { ShellError } from './shell-error.ts';

const TRUE = new Set(['1', 'true', 't', 'yes', 'y', 'on']);
const FALSE = new Set(['0', 'false', 'f', 'no', 'n', 'off']);

/**
 * `true`, `t`, `yes`, `y`, `on`, `1` and their opposites, in any case.
 *
 * @throws ShellError for anything else.
 */
export function parseBoolean(text: string, what: string): boolean {
  const lower = text.toLowerCase();
  if (TRUE.has(lower)) return true;
  if (FALSE.has(lower)) return false;
  throw new ShellError(`${what}: '${text}' is not a boolean: use true or false`);
}

/**
 * A list argument: words separated by white space; single quotes keep white space together, `\'` is a quote.
 *
 * @throws ShellError where a quote is not closed.
 */
export function splitList(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text[at] as string;
    if (unit === '\\' && text[at + 1] === "'") {
      word = `${word ?? ''}'`;
      at++;
    } else if (unit === "'") {
      quoted = !quoted;
      word ??= '';
    } else if (!quoted && /[ \t\n\r\v\f]/.test(unit)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + unit;
    }
  }
  if (quoted) throw new ShellError(`the single quote is not closed in the list "${text}"`);
  if (word !== undefined) words.push(word);
  return words;
}
