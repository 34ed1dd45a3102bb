import type { Socket } from 'node:net';
import { GuestfsError } from '../../../errors/index.ts';

/**
 * What client and server say to each other: frames of one letter, the length of the payload (32 bits, big-endian)
 * and the payload.
 *
 * | letter | from | payload |
 * |---|---|---|
 * | C | client | a command: JSON {@link CommandFrame} |
 * | O, R | server | bytes for standard output, standard error |
 * | L | server | asks for the next line of the script |
 * | l | client | JSON: that line, or null at the end |
 * | N | server | asks for the rest of standard input |
 * | i | client | bytes of it; none ends it |
 * | X | server | the command has ended: JSON {@link ExitFrame} |
 */
export type FrameKind = 'C' | 'O' | 'R' | 'L' | 'l' | 'N' | 'i' | 'X';

/** A command for the server. */
export interface CommandFrame {
  name: string;
  words: { text: string; quoted: boolean }[];
}

/** How a command ended. */
export interface ExitFrame {
  ok: boolean;
  /** The server goes away. */
  quit: boolean;
}

/** One message. */
export interface Frame {
  kind: FrameKind;
  payload: Buffer;
}

const HEAD = 5;
/** Larger frames come from no peer of ours. */
const LIMIT = 64 * 1024 * 1024;
const PIECE = 1024 * 1024;

function encodeFrame(kind: FrameKind, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD + payload.length);
  frame[0] = kind.charCodeAt(0);
  frame.writeUInt32BE(payload.length, 1);
  frame.set(payload, HEAD);
  return frame;
}

/** Send one frame, large payloads in pieces; resolves when the socket takes more. */
export async function sendFrame(socket: Socket, kind: FrameKind, payload: Uint8Array): Promise<void> {
  for (let at = 0; at === 0 || at < payload.length; at += PIECE) {
    if (socket.destroyed) return;
    if (!socket.write(encodeFrame(kind, payload.subarray(at, at + PIECE)))) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          socket.off('drain', go);
          socket.off('close', go);
          resolve();
        };
        socket.on('drain', go);
        socket.on('close', go);
      });
    }
  }
}

/** JSON that keeps lone surrogates (guest bytes) through UTF-8. */
export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** Frames in the order in which they come; ends with the connection. */
export class FrameReader {
  readonly #frames: AsyncGenerator<Frame>;

  constructor(socket: Socket) {
    this.#frames = readFrames(socket);
  }

  /** The next frame, undefined at the end. */
  async next(): Promise<Frame | undefined> {
    const { value, done } = await this.#frames.next();
    return done ? undefined : (value as Frame);
  }
}

async function* readFrames(socket: Socket): AsyncGenerator<Frame> {
  let left: Buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    left = left.length === 0 ? chunk : Buffer.concat([left, chunk]);
    while (left.length >= HEAD) {
      const length = left.readUInt32BE(1);
      if (length > LIMIT)
        throw new GuestfsError('EPROTO', `a message of ${length} bytes came; the limit is ${LIMIT}`);
      if (left.length < HEAD + length) break;
      const kind = String.fromCharCode(left[0] as number) as FrameKind;
      yield { kind, payload: left.subarray(HEAD, HEAD + length) };
      left = left.subarray(HEAD + length);
    }
  }
}
