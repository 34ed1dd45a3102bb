const ZEROES = new Uint8Array(256 * 1024);

/** Whether bytes are all zero. As fast as the host compares memory; data is mostly told by its first bytes. */
export function isBlank(bytes: Uint8Array): boolean {
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

/**
 * Where a run of pieces that are all blank, or all not, ends: an offset in `bytes` from `from` on. Pieces begin at
 * multiples of `unit`; the last one may be shorter.
 */
export function runEnd(bytes: Uint8Array, from: number, unit: number, blank: boolean): number {
  let at = from;
  while (at < bytes.length && isBlank(bytes.subarray(at, at + unit)) === blank) at += unit;
  return Math.min(at, bytes.length);
}
