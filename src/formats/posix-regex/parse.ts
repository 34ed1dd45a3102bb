import { parseBracket } from './bracket.ts';
import {
  badPattern,
  bytesWhere,
  foldCase,
  isWordByte,
  singleByte,
  type Assertion,
  type RegexNode,
} from './syntax.ts';

/** Largest count of an interval (RE_DUP_MAX of the GNU C library). */
const MAX_COUNT = 0x7fff;
/** Nesting of groups and of repetitions; each costs a level of recursion. */
const MAX_DEPTH = 200;

const ANY = bytesWhere((byte) => byte !== 0x0a);
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d]);

const ASSERTIONS: Record<string, Assertion> = {
  '<': 'wordStart',
  '>': 'wordEnd',
  b: 'wordEdge',
  B: 'notWordEdge',
  '`': 'lineStart',
  "'": 'lineEnd',
};

const SETS: Record<string, (byte: number) => boolean> = {
  w: isWordByte,
  W: (byte) => !isWordByte(byte),
  s: (byte) => SPACES.has(byte),
  S: (byte) => !SPACES.has(byte),
};

/**
 * Parses basic (XBD 9.3) or extended (XBD 9.4) regular expressions with the extensions that grep(1) documents:
 * `\+`, `\?` and `\|` in basic ones, `\w`, `\W`, `\s`, `\S`, `\<`, `\>`, `\b`, `\B`, and intervals without a lower
 * bound. The pattern is a string of code points 0 to 255, one for each byte.
 */
export class RegexParser {
  readonly #pattern: string;
  readonly #extended: boolean;
  readonly #insensitive: boolean;
  readonly #shown: string;
  #at = 0;
  #depth = 0;
  #groups = 0;
  readonly #closed = new Set<number>();
  /** Whether the expression refers back to a group. */
  hasReferences = false;

  constructor(pattern: string, extended: boolean, insensitive: boolean, shown: string) {
    this.#pattern = pattern;
    this.#extended = extended;
    this.#insensitive = insensitive;
    this.#shown = shown;
  }

  /** Number of groups. */
  get groups(): number {
    return this.#groups;
  }

  parse(): RegexNode {
    const node = this.#choice();
    if (this.#at < this.#pattern.length) throw badPattern(this.#shown, 'a ) has no (');
    return node;
  }

  #choice(): RegexNode {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 ? (parts[0] as RegexNode) : { kind: 'choice', parts };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    const begin = this.#at;
    // Basic expressions: while there are only assertions yet, operators stand for themselves.
    let bare = true;
    while (this.#at < this.#pattern.length && !this.#sees('|') && !(this.#sees(')') && this.#closes())) {
      const first = this.#at === begin;
      if (first && this.#extended && this.#skipOperators()) continue;
      const atom = this.#atom(first, bare);
      if (atom.kind !== 'assert') bare = false;
      parts.push(bare && !this.#extended ? atom : this.#repeated(atom));
    }
    if (parts.length === 0) return { kind: 'empty' };
    return parts.length === 1 ? (parts[0] as RegexNode) : { kind: 'sequence', parts };
  }

  /** Whether a closing parenthesis here ends a group; in extended expressions it may stand for itself. */
  #closes(): boolean {
    if (this.#depth > 0) return true;
    if (this.#extended) return false;
    throw badPattern(this.#shown, 'a ) has no (');
  }

  /** The operator at this place: `(` in extended, `\(` in basic expressions. */
  #sees(operator: string): boolean {
    const text = this.#extended ? operator : `\\${operator}`;
    return this.#pattern.startsWith(text, this.#at);
  }

  #take(operator: string): boolean {
    if (!this.#sees(operator)) return false;
    this.#at += this.#extended ? 1 : 2;
    return true;
  }

  /** `first`: nothing is before it here; `bare`: nothing but assertions is. */
  #atom(first: boolean, bare: boolean): RegexNode {
    if (this.#take('(')) return this.#group();
    const pattern = this.#pattern;
    const c = pattern[this.#at++] as string;
    switch (c) {
      case '\\':
        return this.#escape(bare);
      case '.':
        return { kind: 'set', set: ANY };
      case '[': {
        const { set, end } = parseBracket(pattern, this.#at, this.#shown, this.#insensitive);
        this.#at = end;
        return { kind: 'set', set };
      }
      case '^':
        if (this.#extended || first) return { kind: 'assert', assertion: 'lineStart' };
        break;
      case '$':
        if (this.#extended || this.#ends()) return { kind: 'assert', assertion: 'lineEnd' };
        break;
    }
    return this.#literal(c);
  }

  #literal(c: string): RegexNode {
    const set = singleByte(c.charCodeAt(0));
    return { kind: 'set', set: this.#insensitive ? foldCase(set) : set };
  }

  /** Take operators of an extended expression that have nothing to repeat: they repeat nothing. */
  #skipOperators(): boolean {
    const begin = this.#at;
    for (;;) {
      const c = this.#pattern[this.#at];
      const interval = c === '{' ? this.#interval(this.#at + 1) : null;
      if (interval !== null) this.#at = interval.end;
      else if (c === '*' || c === '+' || c === '?') this.#at++;
      else return this.#at > begin;
    }
  }

  /** Whether a basic expression, or a group or alternative of it, ends here. */
  #ends(): boolean {
    return this.#at === this.#pattern.length || this.#sees(')') || this.#sees('|');
  }

  #group(): RegexNode {
    if (++this.#depth > MAX_DEPTH)
      throw badPattern(this.#shown, `groups are nested deeper than ${MAX_DEPTH}`);
    const index = ++this.#groups;
    const node = this.#choice();
    if (!this.#take(')')) throw badPattern(this.#shown, 'a ( has no )');
    this.#depth--;
    this.#closed.add(index);
    return { kind: 'group', node, index };
  }

  #escape(bare: boolean): RegexNode {
    const c = this.#pattern[this.#at++];
    if (c === undefined) throw badPattern(this.#shown, 'it ends in a backslash');
    if (c >= '1' && c <= '9') {
      const index = Number(c);
      if (!this.#closed.has(index)) throw badPattern(this.#shown, `\\${c} refers to no group before it`);
      this.hasReferences = true;
      return { kind: 'reference', index };
    }
    const assertion = ASSERTIONS[c];
    if (assertion !== undefined) return { kind: 'assert', assertion };
    const test = SETS[c];
    if (test !== undefined) return { kind: 'set', set: bytesWhere(test) };
    if (!this.#extended && c === '{' && !bare) {
      throw badPattern(this.#shown, 'there is nothing before an interval');
    }
    return this.#literal(c);
  }

  #repeated(atom: RegexNode): RegexNode {
    let node = atom;
    for (let times = 0; ; times++) {
      if (times > MAX_DEPTH) throw badPattern(this.#shown, `more than ${MAX_DEPTH} repetitions of one thing`);
      if (this.#pattern[this.#at] === '*') {
        this.#at++;
        node = repeat(node, 0, Infinity);
      } else if (this.#take('+')) {
        node = repeat(node, 1, Infinity);
      } else if (this.#take('?')) {
        node = repeat(node, 0, 1);
      } else if (this.#sees('{')) {
        const start = this.#at + (this.#extended ? 1 : 2);
        const interval = this.#interval(start);
        if (interval === null) {
          // An extended expression takes a brace that begins no interval for itself.
          if (this.#extended) return node;
          throw badPattern(this.#shown, 'the content of \\{ \\} is no interval');
        }
        this.#at = interval.end;
        node = { kind: 'repeat', node, min: interval.min, max: interval.max };
      } else {
        return node;
      }
    }
  }

  /** The interval whose numbers begin at `start`; null where it is none. */
  #interval(start: number): { min: number; max: number; end: number } | null {
    const close = this.#extended ? '}' : '\\}';
    const match = /^(\d*)(,?)(\d*)/.exec(this.#pattern.slice(start, start + 64));
    if (match === null) return null;
    const [all, low = '', comma = '', high = ''] = match;
    if (low === '' && comma === '') return null;
    if (!this.#pattern.startsWith(close, start + all.length)) return null;
    const min = low === '' ? 0 : Number(low);
    const max = comma === '' ? min : high === '' ? Infinity : Number(high);
    if (min > max) throw badPattern(this.#shown, `the interval {${all}} ends before it begins`);
    if (min > MAX_COUNT || (max !== Infinity && max > MAX_COUNT)) {
      throw badPattern(this.#shown, `the interval {${all}} goes beyond ${MAX_COUNT}`);
    }
    return { min, max, end: start + all.length + close.length };
  }
}

/** A repetition; one directly in another is folded, which keeps `a**` from nesting loops. */
function repeat(node: RegexNode, min: number, max: number): RegexNode {
  if (node.kind === 'repeat' && node.min === 0 && node.max === Infinity) return node;
  return { kind: 'repeat', node, min, max };
}
