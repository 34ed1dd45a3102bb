import { readFileSync } from 'node:fs';
import { decodeText } from '../../bytes/text.ts';

/**
 * The arguments with the bytes that they really have. Node decodes them as UTF-8 and puts U+FFFD for what is none;
 * where that happened, Linux tells the bytes, which decode as bytes/text has it (so that a guest file with such a
 * name can be named).
 */
export function programArguments(args: readonly string[]): readonly string[] {
  if (!args.some((argument) => argument.includes('\ufffd'))) return args;
  let line: Uint8Array;
  try {
    line = readFileSync('/proc/self/cmdline');
  } catch {
    return args;
  }
  const all: string[] = [];
  for (let from = 0; from < line.length;) {
    const end = line.indexOf(0, from);
    const to = end < 0 ? line.length : end;
    all.push(decodeText(line, from, to));
    from = to + 1;
  }
  // Node's own options stand before; ours are the last ones.
  return all.slice(all.length - args.length);
}
