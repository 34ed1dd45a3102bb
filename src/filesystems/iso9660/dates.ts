/** Offsets from UTC beyond 13 hours are a mistake of the writer and do not count. */
const MAX_QUARTERS = 52;
const QUARTER = 15 * 60;

/**
 * Seconds since 1970 of a civil date. Fields out of range carry over; months count from March, so that the leap day
 * is the last of a year.
 */
function civilSeconds(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number {
  const y = month > 2 ? year : year - 1;
  const m = month > 2 ? month - 2 : month + 10;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  const days = leapDays + Math.floor((367 * m) / 12) + day + y * 365 - 719_499;
  return days * 86_400 + hour * 3600 + minute * 60 + second;
}

/** A 7-byte date (9.1.5): years since 1900, month, day, hour, minute, second, quarters of an hour east of UTC. */
export function recordDate(bytes: Uint8Array, at: number): number {
  const field = (i: number): number => bytes[at + i]!;
  const seconds = civilSeconds(1900 + field(0), field(1), field(2), field(3), field(4), field(5));
  const zone = (field(6) << 24) >> 24;
  return Math.abs(zone) <= MAX_QUARTERS ? seconds - zone * QUARTER : seconds;
}

/**
 * A 17-byte date (8.4.26.1): 16 digits down to hundredths of a second, then the zone as above. Null where it is not
 * set, which all zeroes say, or is no date.
 */
export function volumeDate(bytes: Uint8Array, at = 0): { seconds: number; nanoseconds: number } | null {
  const digits = String.fromCharCode(...bytes.subarray(at, at + 16));
  if (!/^\d{16}$/.test(digits) || /^0+$/.test(digits)) return null;
  const part = (from: number, to: number): number => Number(digits.slice(from, to));
  const month = part(4, 6);
  const day = part(6, 8);
  if (month < 1 || month > 12 || day < 1 || day > 31) return null;
  const seconds = civilSeconds(part(0, 4), month, day, part(8, 10), part(10, 12), part(12, 14));
  const zone = (bytes[at + 16]! << 24) >> 24;
  return {
    seconds: Math.abs(zone) <= MAX_QUARTERS ? seconds - zone * QUARTER : seconds,
    nanoseconds: part(14, 16) * 10_000_000,
  };
}
