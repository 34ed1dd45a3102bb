/** `value` rounded up to a multiple of `unit`; safe for values up to 2^53. */
export function roundUp(value: number, unit: number): number {
  const rest = value % unit;
  return rest === 0 ? value : value + unit - rest;
}

/** Quotient rounded up. */
export function divideUp(value: number, unit: number): number {
  return Math.ceil(value / unit);
}

/** True for 1, 2, 4, ... */
export function isPowerOfTwo(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && Number.isInteger(Math.log2(value));
}
