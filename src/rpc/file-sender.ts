import type { Writable } from 'node:stream';
import { streamError, type AsyncSource, type RunningCall } from './library-call.ts';
import { chunkLength, emptyChunk, putChunkHeader } from './messages.ts';

/** Bytes that are handed to the socket at once. */
const BATCH = 256 * 1024;

/**
 * Send a FileIn: chunks as the source gives bytes and the socket takes them, then the end; or a chunk that cancels, as
 * soon as the user or the daemon stops it or the source fails. Never rejects: the reply tells how it went.
 */
export async function sendFile(
  running: RunningCall,
  source: AsyncSource,
  socket: Writable,
  chunkMax: number,
): Promise<void> {
  try {
    while (!running.stopped) {
      const piece = await running.orStopped(source.next());
      if (running.stopped || piece === undefined) break;
      await sendPiece(running, piece, socket, chunkMax);
    }
  } catch (error) {
    running.streamFailure = streamError(error, 'input');
  }
  running.sending = false;
  if (!socket.destroyed) socket.write(emptyChunk(running.stopped));
}

async function sendPiece(
  running: RunningCall,
  piece: Uint8Array,
  socket: Writable,
  chunkMax: number,
): Promise<void> {
  const chunks = Math.max(1, Math.floor(BATCH / chunkMax));
  for (let at = 0; at < piece.length && !running.stopped;) {
    const part = piece.subarray(at, at + chunks * chunkMax);
    at += part.length;
    if (socket.write(chunksOf(part, chunkMax))) continue;
    await running.orStopped(drained(socket));
  }
}

/** Bytes as chunks, in one buffer. */
function chunksOf(bytes: Uint8Array, chunkMax: number): Uint8Array {
  const whole = Math.floor(bytes.length / chunkMax);
  const rest = bytes.length % chunkMax;
  const buffer = Buffer.allocUnsafe(whole * chunkLength(chunkMax) + (rest > 0 ? chunkLength(rest) : 0));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  let at = 0;
  for (let from = 0; from < bytes.length; from += chunkMax) {
    const data = bytes.subarray(from, from + chunkMax);
    const start = putChunkHeader(view, at, data.length, false);
    buffer.set(data, start);
    at += chunkLength(data.length);
    buffer.fill(0, start + data.length, at);
  }
  return buffer;
}

function drained(socket: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || !socket.writableNeedDrain) resolve();
    else socket.once('drain', resolve);
  });
}
