const LETTERS = ['', 'K', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

/**
 * A size as `df -h` writes it: powers of 1024, one decimal below ten (`512`, `1.0K`, `7.4G`, `20G`), rounded to the
 * nearest as the stock tools do (3000 is `2.9K`).
 */
export function humanSize(bytes: number): string {
  const sign = bytes < 0 ? '-' : '';
  let value = Math.abs(bytes);
  let power = 0;
  while (value >= 1024 && power < LETTERS.length - 1) {
    value /= 1024;
    power++;
  }
  if (power === 0) return sign + String(Math.round(value));
  const tenths = Math.round(value * 10);
  if (tenths < 100) return `${sign}${Math.floor(tenths / 10)}.${tenths % 10}${LETTERS[power]}`;
  const whole = Math.round(value);
  if (whole >= 1024 && power < LETTERS.length - 1) return `${sign}1.0${LETTERS[power + 1]}`;
  return `${sign}${whole}${LETTERS[power]}`;
}
