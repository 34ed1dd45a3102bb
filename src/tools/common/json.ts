/** A JSON document, indented, with its end of line; bigints become strings. */
export function jsonDocument(value: unknown): string {
  const text = JSON.stringify(
    value,
    (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner),
    2,
  );
  // C1 controls and marks that reorder text are legal in JSON strings; escaped they cannot harm a terminal.
  return `${text.replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, escapeUnit)}\n`;
}

function escapeUnit(found: string): string {
  return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
