/** Columns a text takes in a terminal: code points, for wide letters are rare in what our tables show. */
function width(text: string): number {
  let columns = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) i++;
    columns++;
  }
  return columns;
}

function onOneLine(cell: string): string {
  return cell.replace(/[\t\n\r]/g, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Tables that are wider than this with two spaces between the columns get one. */
const COMFORTABLE = 68;

/**
 * Rows in aligned columns, two spaces between them, or one where that would be wide. The last column is not padded.
 * Tabs and line ends in a cell (a label may have them) are shown as escapes, so that a row stays a row.
 */
export function tableText(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(onOneLine));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, width(cell));
  }
  const total = widths.reduce((sum, one) => sum + one, 0) + 2 * (widths.length - 1);
  const between = total > COMFORTABLE ? ' ' : '  ';
  let text = '';
  for (const row of rows) {
    const cells = row.map((cell, at) =>
      at === row.length - 1 ? cell : cell + ' '.repeat((widths[at] as number) - width(cell)),
    );
    text += `${cells.join(between)}\n`;
  }
  return text;
}
