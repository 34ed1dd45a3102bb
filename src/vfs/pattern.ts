/** One element of a parsed pattern: `*`, or something that matches one character. */
type Element = '*' | ((character: string) => boolean);

const CLASSES: Record<string, RegExp> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /[^ -~\u0080-\u{10ffff}]/u,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\v\f\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

/** Whether a pattern has wildcards (`*`, `?`, a closed `[...]`) that are not quoted by a backslash. */
export function hasWildcards(pattern: string): boolean {
  let bracket = false;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === '\\') i++;
    else if (c === '*' || c === '?') return true;
    else if (c === '[') bracket = true;
    else if (c === ']' && bracket) return true;
  }
  return false;
}

/** The literal text of a pattern without wildcards. */
export function unescapePattern(pattern: string): string {
  return pattern.replace(/\\(.)/gsu, '$1');
}

/**
 * Shell pattern matching as fnmatch(3): `*`, `?`, `[...]` with ranges and classes, backslash quotes. Characters
 * are Unicode code points; a byte that is not valid UTF-8 counts as one. `*` and `?` match `/` too. Takes time
 * proportional to pattern times text, whatever they are.
 */
export class ShellPattern {
  readonly #elements: Element[];
  readonly #literal: string | undefined;
  readonly #explicitPeriod: boolean;

  /** With `period`, a leading `.` of the text is only matched by a `.` in the pattern, as shells have it. */
  constructor(pattern: string, options: { period?: boolean } = {}) {
    this.#literal = /[*?[\\]/.test(pattern) ? undefined : pattern;
    this.#elements = this.#literal === undefined ? parse(pattern) : [];
    this.#explicitPeriod =
      (options.period ?? false) && !pattern.startsWith('.') && !pattern.startsWith('\\.');
  }

  matches(text: string): boolean {
    if (this.#literal !== undefined) return text === this.#literal;
    if (this.#explicitPeriod && text.startsWith('.')) return false;
    const characters = Array.from(text);
    const elements = this.#elements;
    let e = 0;
    let c = 0;
    // Where the last star was and what it has taken: going back further can never help.
    let star = -1;
    let starAt = 0;
    while (c < characters.length) {
      const element = elements[e];
      if (element === '*') {
        star = e++;
        starAt = c;
      } else if (element !== undefined && element(characters[c] as string)) {
        e++;
        c++;
      } else if (star >= 0) {
        e = star + 1;
        c = ++starAt;
      } else {
        return false;
      }
    }
    while (elements[e] === '*') e++;
    return e === elements.length;
  }
}

function parse(pattern: string): Element[] {
  const characters = Array.from(pattern);
  const elements: Element[] = [];
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i] as string;
    if (c === '*') {
      if (elements.at(-1) !== '*') elements.push('*');
    } else if (c === '?') {
      elements.push(() => true);
    } else if (c === '[') {
      const bracket = parseBracket(characters, i + 1);
      if (bracket === null) {
        elements.push((other) => other === '[');
      } else {
        elements.push(bracket.test);
        i = bracket.end;
      }
    } else {
      const literal = c === '\\' && i + 1 < characters.length ? (characters[++i] as string) : c;
      elements.push((other) => other === literal);
    }
  }
  return elements;
}

/** What is between brackets, `at` being after the `[`; null where there is no closing one. */
function parseBracket(
  characters: readonly string[],
  at: number,
): { test: (character: string) => boolean; end: number } | null {
  let i = at;
  const negated = characters[i] === '!' || characters[i] === '^';
  if (negated) i++;
  const tests: ((character: string) => boolean)[] = [];
  for (let first = true; ; first = false) {
    const c = characters[i];
    if (c === undefined) return null;
    if (c === ']' && !first) break;
    const named = c === '[' ? parseNamed(characters, i) : null;
    if (named?.test) {
      tests.push(named.test);
      i = named.end + 1;
      continue;
    }
    const from = bracketCharacter(characters, i);
    if (from === null) return null;
    i = from.end + 1;
    if (characters[i] === '-' && characters[i + 1] !== ']' && characters[i + 1] !== undefined) {
      const to = bracketCharacter(characters, i + 1);
      if (to === null) return null;
      i = to.end + 1;
      const low = from.character.codePointAt(0) as number;
      const high = to.character.codePointAt(0) as number;
      tests.push((other) => {
        const code = other.codePointAt(0) as number;
        return code >= low && code <= high;
      });
    } else {
      tests.push((other) => other === from.character);
    }
  }
  return { test: (character) => tests.some((test) => test(character)) !== negated, end: i };
}

/** A single character in brackets: itself, after a backslash, or as `[.x.]` or `[=x=]`. */
function bracketCharacter(
  characters: readonly string[],
  at: number,
): { character: string; end: number } | null {
  const c = characters[at];
  if (c === undefined) return null;
  if (c === '\\') {
    const quoted = characters[at + 1];
    return quoted === undefined ? null : { character: quoted, end: at + 1 };
  }
  if (c === '[') {
    const named = parseNamed(characters, at);
    if (named?.character !== undefined) return { character: named.character, end: named.end };
  }
  return { character: c, end: at };
}

/** `[:class:]`, `[.x.]` or `[=x=]` at `at`. */
function parseNamed(
  characters: readonly string[],
  at: number,
): { test?: (character: string) => boolean; character?: string; end: number } | null {
  const kind = characters[at + 1];
  if (kind !== ':' && kind !== '.' && kind !== '=') return null;
  for (let end = at + 2; end + 1 < characters.length; end++) {
    if (characters[end] !== kind || characters[end + 1] !== ']') continue;
    const name = characters.slice(at + 2, end).join('');
    if (kind === ':') {
      const set = CLASSES[name];
      return set === undefined ? null : { test: (character) => set.test(character), end: end + 1 };
    }
    return Array.from(name).length === 1 ? { character: name, end: end + 1 } : null;
  }
  return null;
}
