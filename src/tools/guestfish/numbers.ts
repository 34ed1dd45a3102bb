import type { Parameter } from '../../actions/record.ts';
import { ShellError } from './shell-error.ts';

const POWER: Readonly<Record<string, number>> = { K: 1, M: 2, G: 3, T: 4, P: 5, E: 6, Z: 7, Y: 8 };

/** Bytes that one of the unit has; undefined where a size in bytes makes no sense for it. */
const UNIT_BYTES: Readonly<Record<string, bigint | undefined>> = { MiB: 1048576n, sectors: 512n };

/** Units that are counted, so that `1K` of them is 1024 of them. */
const COUNTED = new Set(['lines', 'count']);

/** What a number must be. */
export interface NumberRule {
  /** As messages call it: `set-memsize: memsize`. */
  what: string;
  bits: 32 | 64;
  unit?: Parameter['unit'];
}

/**
 * A number as the shell has them: decimal, `0x` hexadecimal, `0` octal, a sign, and a size suffix: k, K, M, G, T,
 * P, E, Z, Y and with `iB` count in powers of 1024, with `B` in powers of 1000. A suffix counts bytes; where the
 * argument counts something else (MiB, sectors) it is divided, so that `100M` always means 100 megabytes.
 *
 * @throws ShellError for anything else, and for what does not fit into the argument.
 */
export function parseNumber(text: string, rule: NumberRule): bigint {
  const match = /^\s*([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)(?:([kKMGTPEZY])(iB|B)?)?$/.exec(text);
  if (match === null) throw new ShellError(`${rule.what}: '${text}' is not a number`);
  const [, sign, digits = '0', letter, kind] = match;
  const octal = digits.length > 1 && /^0[0-7]+$/.test(digits);
  let value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  if (letter !== undefined) value = scale(value, text, letter, kind, rule);
  if (sign === '-') value = -value;
  const limit = rule.bits === 32 ? 2n ** 31n : 2n ** 63n;
  if (value >= limit || value < -limit) {
    throw new ShellError(`${rule.what}: ${text} does not fit into ${rule.bits} bits`);
  }
  return value;
}

function scale(
  value: bigint,
  text: string,
  letter: string,
  kind: string | undefined,
  { what, unit }: NumberRule,
): bigint {
  const base = kind === 'B' ? 1000n : 1024n;
  const bytes = value * base ** BigInt(POWER[letter.toUpperCase()] ?? 0);
  if (unit === undefined || COUNTED.has(unit)) return bytes;
  const per = UNIT_BYTES[unit];
  if (per === undefined)
    throw new ShellError(`${what}: ${text}: a size makes no sense here, this is a number of ${unit}`);
  if (bytes % per !== 0n) throw new ShellError(`${what}: ${text} is not a whole number of ${unit}`);
  return bytes / per;
}
