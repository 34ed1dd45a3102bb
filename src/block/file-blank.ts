const ZEROES = new Uint8Array(256 * 1024);

/** Whether bytes are all zero. As fast as the host compares memory; data is mostly told by its first bytes. */
function isBlank(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  if (bytes[0] !== 0 || bytes[bytes.length - 1] !== 0) return false;
  for (let at = 0; at < bytes.length; at += ZEROES.length) {
    const part = bytes.subarray(at, at + ZEROES.length);
    if (
      Buffer.compare(part, part.length === ZEROES.length ? ZEROES : ZEROES.subarray(0, part.length)) !== 0
    ) {
      return false;
    }
  }
  return true;
}

/** Pieces next to each other that are all blank, or all not: offsets of their beginning and end. */
export interface BlankRun {
  at: number;
  end: number;
  blank: boolean;
}

/** The runs of pieces of `unit` bytes, the last of which may be shorter, and the first one has `first`. */
export function* blankRuns(
  bytes: Uint8Array,
  unit: number,
  first: number = unit,
): Generator<BlankRun, void, void> {
  for (let at = 0, step = first; at < bytes.length; step = unit) {
    const blank = isBlank(bytes.subarray(at, at + step));
    let end = at + step;
    while (end < bytes.length && isBlank(bytes.subarray(end, end + unit)) === blank) end += unit;
    end = Math.min(end, bytes.length);
    yield { at, end, blank };
    at = end;
  }
}
