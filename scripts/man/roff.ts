/** Text for roff: backslashes and dashes as themselves, no line that looks like a request. */
export function escapeRoff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/[^\u0020-\u007e\n]/g, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return `\\[u${code.toString(16).toUpperCase().padStart(4, '0')}]`;
    })
    .replace(/^([.'])/gm, '\\&$1');
}

/** Our Markdown within a line: `code` and **strong** bold, *emphasis* italic. */
export function inlineRoff(text: string): string {
  let roff = '';
  for (const part of text.split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*)/)) {
    if (/^`[^`]+`$/.test(part)) roff += `\\fB${escapeRoff(part.slice(1, -1))}\\fR`;
    else if (/^\*\*[^*]+\*\*$/.test(part)) roff += `\\fB${escapeRoff(part.slice(2, -2))}\\fR`;
    else if (/^\*[^*]+\*$/.test(part)) roff += `\\fI${escapeRoff(part.slice(1, -1))}\\fR`;
    else roff += escapeRoff(part);
  }
  return roff.replace(/^([.'])/gm, '\\&$1');
}

/** Lines as they are, in a fixed font. */
export function codeRoff(lines: readonly string[]): string {
  return `.PP\n.in +4n\n.EX\n${lines.map((line) => escapeRoff(line)).join('\n')}\n.EE\n.in\n`;
}

/** Our Markdown: paragraphs, code (indented by four), lists, `Term: words` lists made with `- **term**: words`. */
export function blocksRoff(markdown: string): string {
  let roff = '';
  for (const block of markdown.trim().split(/\n{2,}/)) {
    if (/^(?: {4}|```)/.test(block)) {
      const lines = block.split('\n').filter((line) => !line.startsWith('```'));
      roff += codeRoff(lines.map((line) => line.replace(/^ {4}/, '')));
    } else if (/^[-*] /.test(block)) {
      for (const item of block.split(/\n(?=[-*] )/)) {
        const text = item.slice(2).replace(/\n\s*/g, ' ');
        const term = /^(`[^`]+`|\*\*[^*]+\*\*): /.exec(text);
        if (term === null) roff += `.IP \\(bu 2\n${inlineRoff(text)}\n`;
        else roff += `.TP\n${inlineRoff(term[1] as string)}\n${inlineRoff(text.slice(term[0].length))}\n`;
      }
    } else {
      roff += `.PP\n${inlineRoff(block.replaceAll('\n', ' '))}\n`;
    }
  }
  return roff;
}
