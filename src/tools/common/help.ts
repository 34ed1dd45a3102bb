import type { OptionSpec, ToolSpec } from './spec.ts';

/** Help wraps at this column. */
const WIDTH = 80;
const COLUMN = 26;

/** `-a, --add DISK`. */
export function optionHead(option: OptionSpec): string {
  const names = [
    ...(option.short === undefined ? [] : [`-${option.short}`]),
    ...(option.long ?? []).map((name) => `--${name}`),
  ];
  const last = option.long === undefined ? ' ' : '=';
  const value = option.placeholder ?? 'VALUE';
  if (option.value === 'required') return `${names.join(', ')}${last === '=' ? ' ' : last}${value}`;
  if (option.value === 'optional') return `${names.join(', ')}[=${value}]`;
  return names.join(', ');
}

/** Break words into lines of at most `width` columns. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** What --help prints: summary, usage, options, examples. */
export function helpText(spec: ToolSpec): string {
  let text = `${spec.name}: ${spec.summary}\n\nUsage:\n`;
  for (const usage of spec.usage) text += `  ${spec.name} ${usage}\n`;
  text += '\nOptions:\n';
  for (const option of spec.options) {
    if (option.hidden) continue;
    const head = option.short === undefined ? `      ${optionHead(option)}` : `  ${optionHead(option)}`;
    const words = wrapText(option.help, WIDTH - COLUMN);
    if (head.length < COLUMN - 1) text += `${head.padEnd(COLUMN)}${words.shift() ?? ''}\n`;
    else text += `${head}\n`;
    for (const line of words) text += `${' '.repeat(COLUMN)}${line}\n`;
  }
  if (spec.examples.length > 0) {
    text += '\nExamples:\n';
    for (const [command, words] of spec.examples) text += `  ${command}\n      ${words}\n`;
  }
  return `${text}\nMore: man ${spec.name.split(' ')[0]}\n`;
}
