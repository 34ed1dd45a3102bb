/**
 * POSIX basic and extended regular expressions over bytes, as grep(1) has them in the C locale, for use on lines.
 */
import { encodeText, latin1 } from '../../bytes/text.ts';
import { Automaton } from './automaton.ts';
import { Backtracker } from './backtrack.ts';
import { RegexParser } from './parse.ts';
import { compileProgram } from './program.ts';
import { badPattern, foldCase, singleByte, type RegexNode } from './syntax.ts';

/** Bytes of a pattern: each makes an instruction of 256 flags. */
const MAX_PATTERN = 16_384;

/** How a pattern is read. */
export interface RegexOptions {
  /** Extended instead of basic syntax. */
  extended?: boolean;
  /** No syntax at all: the pattern is the text that is looked for. */
  fixed?: boolean;
  /** ASCII letters match in either case. */
  insensitive?: boolean;
}

/** Searches lines. */
export interface LineMatcher {
  /**
   * Where the first line begins that has a match, among the lines from `start` to `end` of `bytes`; -1 if none has.
   * Both are edges of lines; the last line may lack its line end, and nothing at all is one empty line.
   */
  find(bytes: Uint8Array, start: number, end: number): number;
}

/**
 * Compile a guest string to a matcher. Lines of the pattern are alternatives, as for grep(1). Throws EINVAL naming
 * what is wrong with the pattern; a search throws ETIMEDOUT where back references make it endless.
 */
export function compileRegex(pattern: string, options: RegexOptions = {}): LineMatcher {
  const { extended = false, fixed = false, insensitive = false } = options;
  const bytes = latin1(encodeText(pattern));
  if (bytes.length > MAX_PATTERN) {
    throw badPattern(`${pattern.slice(0, 40)}...`, `it has ${bytes.length} bytes, more than ${MAX_PATTERN}`);
  }
  let groups = 0;
  let references = false;
  const parts = bytes.split('\n').map((line): RegexNode => {
    if (fixed) return literalNode(line, insensitive);
    const parser = new RegexParser(line, extended, insensitive, pattern);
    const node = parser.parse();
    references ||= parser.hasReferences;
    groups = Math.max(groups, parser.groups);
    return node;
  });
  // The groups of several lines share their slots; only the line that is being matched uses them.
  const node: RegexNode = parts.length === 1 ? (parts[0] as RegexNode) : { kind: 'choice', parts };
  const program = compileProgram(node, groups, pattern);
  return references ? new Backtracker(program, insensitive) : new Automaton(program);
}

function literalNode(text: string, insensitive: boolean): RegexNode {
  const parts = Array.from(text, (c): RegexNode => {
    const set = singleByte(c.charCodeAt(0));
    return { kind: 'set', set: insensitive ? foldCase(set) : set };
  });
  return parts.length === 0 ? { kind: 'empty' } : { kind: 'sequence', parts };
}
