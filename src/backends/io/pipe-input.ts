import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import type { FileOrigin, NextChunk } from '../backend.ts';

/** A pipe of the host that is read without keeping any thread waiting. */
export interface PipeInput {
  readonly next: NextChunk;
  /** Stop reading. */
  close(): void;
}

/**
 * Open a place of the host that is a pipe or FIFO, so that whoever waits for it can be told to stop: read(2) and
 * open(2) in another thread cannot be ended. Undefined where it is something else, cannot be opened like this, or
 * the system has no way to open a descriptor anew (only then it can be made non-blocking without doing the same to
 * everyone who shares it).
 */
export async function pipeInput(origin: FileOrigin): Promise<PipeInput | undefined> {
  const fd = openPipe(origin);
  if (fd === undefined) return undefined;
  const { Socket } = await import('node:net');
  const socket = new Socket({ fd, readable: true, writable: false });
  const iterator = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return {
    async next() {
      const step = await iterator.next();
      return step.done === true ? undefined : step.value;
    },
    close: () => void socket.destroy(),
  };
}

function openPipe(origin: FileOrigin): number | undefined {
  if (origin.kind !== 'path' && origin.kind !== 'fd') return undefined;
  let fd: number | undefined;
  try {
    const stat = origin.kind === 'fd' ? fstatSync(origin.fd) : statSync(origin.path);
    if (!stat.isFIFO()) return undefined;
    const path = origin.kind === 'path' ? origin.path : `/proc/self/fd/${origin.fd}`;
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (fstatSync(fd).isFIFO()) return fd;
  } catch {
    // Whoever opens it as usual will say what is wrong with it.
  }
  if (fd !== undefined) closeSync(fd);
  return undefined;
}
