const plain = (_key: string, inner: unknown): unknown => (typeof inner === 'bigint' ? String(inner) : inner);

/** A JSON document, indented, with its end of line; bigints become strings. */
export function jsonDocument(value: unknown): string {
  return `${harmless(JSON.stringify(value, plain, 2))}\n`;
}

/** A JSON value on one line, without its end. */
export function jsonLine(value: unknown): string {
  return harmless(JSON.stringify(value, plain));
}

/** C1 controls and marks that reorder text are legal in JSON strings; escaped they cannot harm a terminal. */
function harmless(text: string): string {
  return text.replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, escapeUnit);
}

function escapeUnit(found: string): string {
  return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
