import { UsageError } from './usage-error.ts';

/** The number of an option that cannot be 0. Throws UsageError. */
export function positive(option: string, value: string): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (number === 0) throw new UsageError(`--${option} ${value}: expected a number above 0`);
  return number;
}
