import { copyBuffer } from '../vfs/copy-content.ts';
import type { ActionContext, ByteSource } from './context.ts';

/**
 * The bytes of a stream in pieces of 1 MiB, the last one smaller, in one buffer that is used anew for each. Reports
 * progress where the size is known, and stops when the user cancels.
 */
export function* piecesOf(context: ActionContext, source: ByteSource): Generator<Uint8Array, void, void> {
  const buffer = copyBuffer();
  let done = 0;
  for (;;) {
    let filled = 0;
    while (filled < buffer.length) {
      context.checkCancelled();
      const got = source.read(filled === 0 ? buffer : buffer.subarray(filled));
      if (got === 0) break;
      filled += got;
    }
    if (filled === 0) return;
    done += filled;
    yield filled === buffer.length ? buffer : buffer.subarray(0, filled);
    if (source.size !== undefined) context.progress(Math.min(done, source.size), source.size);
    if (filled < buffer.length) return;
  }
}
