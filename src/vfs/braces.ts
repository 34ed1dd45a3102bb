import { GuestfsError } from '../errors/index.ts';

const MAX_ALTERNATIVES = 65_536;

/**
 * Expand `{a,b{c,d}}` as GLOB_BRACE does: unclosed braces and `{}` stay as they are, a backslash quotes. Throws
 * E2BIG where there are more than 65536 alternatives.
 */
export function expandBraces(pattern: string): string[] {
  const done: string[] = [];
  const todo = [{ text: pattern, from: 0 }];
  for (let item = todo.pop(); item !== undefined; item = todo.pop()) {
    const { text } = item;
    const group = findGroup(text, item.from);
    if (group === null) {
      done.push(text);
    } else {
      const { open, close, alternatives } = group;
      for (const alternative of alternatives.reverse()) {
        todo.push({ text: text.slice(0, open) + alternative + text.slice(close + 1), from: open });
      }
    }
    if (done.length + todo.length > MAX_ALTERNATIVES) {
      throw new GuestfsError(
        'E2BIG',
        `the braces of ${pattern} have more than ${MAX_ALTERNATIVES} alternatives`,
      );
    }
  }
  return done;
}

/** The first group with a closing brace at or after `from`. */
function findGroup(
  text: string,
  from: number,
): { open: number; close: number; alternatives: string[] } | null {
  for (let open = from; open < text.length; open++) {
    if (text[open] === '\\') {
      open++;
      continue;
    }
    if (text[open] !== '{') continue;
    if (text[open + 1] === '}') {
      open++;
      continue;
    }
    const group = split(text, open);
    if (group !== null) return group;
    // An unclosed brace; a group that closes may still begin after it.
  }
  return null;
}

function split(text: string, open: number): { open: number; close: number; alternatives: string[] } | null {
  const alternatives: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let i = start; i < text.length; i++) {
    const c = text[i];
    if (c === '\\') {
      i++;
    } else if (c === '{') {
      depth++;
    } else if (c === '}' && depth > 0) {
      depth--;
    } else if (depth === 0 && (c === ',' || c === '}')) {
      alternatives.push(text.slice(start, i));
      if (c === '}') return { open, close: i, alternatives };
      start = i + 1;
    }
  }
  return null;
}
