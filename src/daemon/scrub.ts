import { randomBytes } from '../crypto/random.ts';
import { copyBuffer } from '../vfs/copy-content.ts';
import type { ActionContext } from './context.ts';

/** Bytes that the generator gives at once. */
const RANDOM_BYTES = 65_536;

/** The passes, as scrub(1) has them by default (NNSA NAP-14.1-C without its verification): random twice, then zeroes. */
const FILLS: readonly ((buffer: Uint8Array) => void)[] = [
  randomise,
  randomise,
  (buffer) => void buffer.fill(0),
];

/** How often everything is overwritten. */
export const PASSES = FILLS.length;

/**
 * Overwrite `size` bytes with one pattern after another, each made durable before the next begins. What lies below
 * may keep older copies all the same: a snapshot, an overlay, flash storage.
 */
export function scrub(
  context: ActionContext,
  size: number,
  write: (at: number, piece: Uint8Array) => void,
  flush: () => void,
  progress: (done: number) => void = (done) => context.progress(done, size * PASSES),
): void {
  const buffer = copyBuffer();
  let done = 0;
  for (const fill of FILLS) {
    for (let at = 0; at < size;) {
      context.checkCancelled();
      const piece = buffer.subarray(0, Math.min(buffer.length, size - at));
      fill(piece);
      write(at, piece);
      at += piece.length;
      done += piece.length;
      progress(done);
    }
    flush();
  }
}

function randomise(buffer: Uint8Array): void {
  for (let at = 0; at < buffer.length; at += RANDOM_BYTES) {
    buffer.set(randomBytes(Math.min(RANDOM_BYTES, buffer.length - at)), at);
  }
}
