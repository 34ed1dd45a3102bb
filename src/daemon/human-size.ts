const SUFFIXES = ['', 'K', 'M', 'G', 'T', 'P', 'E', 'Z'];

/**
 * Bytes as df(1) and du(1) with -h show them: powers of 1024, rounded up, one decimal below ten (`62M`, `3.1G`).
 */
export function humanSize(bytes: number): string {
  let value = bytes;
  let power = 0;
  while (value >= 1024) {
    value /= 1024;
    power++;
  }
  if (power === 0) return String(value);
  let shown = value < 10 ? Math.ceil(value * 10) / 10 : Math.ceil(value);
  if (shown >= 1024) {
    shown = 1;
    power++;
  }
  return (shown < 10 ? shown.toFixed(1) : String(shown)) + SUFFIXES[power];
}
