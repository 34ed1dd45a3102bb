/** One field of a comma-separated line, in quotes where it has a comma, a quote or white space (RFC 4180). */
export function csvField(text: string): string {
  return /[",\s]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One line of comma-separated values with its end. */
export function csvLine(fields: readonly string[]): string {
  return `${fields.map(csvField).join(',')}\n`;
}
