/** A fixed time in milliseconds since 1970, or undefined for the host's clock. */
let fixed: number | undefined;

/**
 * Milliseconds since 1970 for everything that is written into an image. The host's clock, unless {@link fixClock} gave
 * a time: for images that are the same each time they are made.
 */
export function clockMilliseconds(): number {
  return fixed ?? Date.now();
}

/** Make the clock stand still at so many seconds since 1970, or go again. Holds for the whole thread. */
export function fixClock(seconds: number | undefined): void {
  fixed = seconds === undefined ? undefined : seconds * 1000;
}
