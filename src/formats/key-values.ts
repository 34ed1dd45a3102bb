/**
 * Files of `KEY=value` lines as os-release(5), lsb-release, Debian's `/etc/default` and the BSDs' rc.conf have
 * them: a subset of shell assignment, without expansion.
 */

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

/** Value of the right side of an assignment: quotes removed, backslashes resolved, a trailing comment dropped. */
export function unquote(value: string): string {
  let text = '';
  let quote = '';
  for (let i = 0; i < value.length; i++) {
    const char = value[i] as string;
    if (quote === "'") {
      if (char === "'") quote = '';
      else text += char;
    } else if (char === '\\' && i + 1 < value.length) {
      const next = value[++i] as string;
      text += quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next;
    } else if (quote === '"') {
      if (char === '"') quote = '';
      else text += char;
    } else if (char === '"' || char === "'") {
      quote = char;
    } else if (char === ' ' || char === '\t' || char === '\r') {
      break;
    } else {
      text += char;
    }
  }
  return text;
}

/** The assignments of a file; the last one of a key counts. Lines that are none are passed over. */
export function parseKeyValues(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = ASSIGNMENT.exec(line);
    if (match) values.set(match[1] as string, unquote(match[2] as string));
  }
  return values;
}
