/** Offsets from UTC beyond 13 hours are a mistake of the writer and do not count. */
const MAX_QUARTERS = 52;
const QUARTER = 15 * 60;

/** Seconds since 1970 of a civil date; fields out of range carry over, in the manner of mktime(3). */
function civilSeconds(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number {
  // Date.UTC takes years below 100 for those of the 20th century.
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second));
  date.setUTCFullYear(date.getUTCFullYear() - 2000 + year);
  return date.getTime() / 1000;
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
