import { writeFully } from './output.ts';

const SPINNER = '/-\\|';

/** `00:30`, or hours too where it takes that long. */
function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = two(Math.floor(whole / 60) % 60);
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${minutes}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/**
 * One line of a progress bar of at most `columns`: `/ 10% [####------] 00:30` with the time that is left.
 *
 * @param turns how often it was drawn, for the spinner.
 * @param left seconds, undefined where nobody can tell.
 */
export function progressLine(
  position: number,
  total: number,
  { turns, left, columns }: { turns: number; left: number | undefined; columns: number },
): string {
  const ratio = total > 0 ? Math.min(1, Math.max(0, position / total)) : 0;
  const done = ratio >= 1;
  const head = `${done ? ' ' : SPINNER[turns % SPINNER.length]} ${String(Math.floor(ratio * 100)).padStart(3)}% `;
  const tail = ` ${left === undefined ? '--:--' : clock(left)}`;
  const width = Math.max(4, columns - head.length - tail.length - 3);
  const filled = Math.floor(width * ratio);
  return `${head}[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]${tail}`;
}

/** Draws progress events on a terminal, below the running command. */
export class ProgressBar {
  readonly #fd: number;
  readonly #columns: () => number;
  #turns = 0;
  #started = 0;
  #shown = false;

  constructor(fd: number, columns: () => number) {
    this.#fd = fd;
    this.#columns = columns;
  }

  /** Take one progress event; the last one of a call (position = total) ends the line. */
  update(position: number, total: number, now: number = Date.now()): void {
    if (!this.#shown) this.#started = now;
    const elapsed = (now - this.#started) / 1000;
    const left = position > 0 && elapsed > 0 ? (elapsed * (total - position)) / position : undefined;
    const line = progressLine(position, total, { turns: this.#turns++, left, columns: this.#columns() });
    this.#shown = true;
    this.#draw(`\r${line}`);
    if (total > 0 && position >= total) this.end();
  }

  /** End the line if one is shown. */
  end(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#draw('\n');
  }

  #draw(text: string): void {
    try {
      writeFully(this.#fd, new TextEncoder().encode(text));
    } catch {
      // A bar is not worth failing for.
    }
  }
}
