import { UsageError } from './usage-error.ts';

const POWER: Readonly<Record<string, number>> = { b: 0, K: 1, M: 2, G: 3, T: 4, P: 5, E: 6 };

/**
 * A size as tools take it: a number, with a fraction if need be, and `b`, `K`, `M`, `G`, `T`, `P` or `E` in powers of
 * 1024; bytes without. `what` names the option in the message. Throws UsageError.
 */
export function parseSize(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bKkMGTPE])?(?:iB)?$/.exec(text);
  const bytes =
    match === null
      ? Number.NaN
      : Number(match[1]) * 1024 ** (POWER[(match[2] ?? 'b').replace('k', 'K')] ?? 0);
  if (!Number.isFinite(bytes) || Math.round(bytes) > Number.MAX_SAFE_INTEGER) {
    throw new UsageError(`${what}: '${text}' is not a size, expected one like 1500, 100M or 2.5G`);
  }
  return Math.round(bytes);
}
