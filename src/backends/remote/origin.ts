import { close, fstat, open, read } from 'node:fs';
import { promisify } from 'node:util';
import type { AsyncSource } from '../../rpc/library-call.ts';
import type { FileOrigin } from '../backend.ts';
import { hostError } from '../io/host-error.ts';
import { packSource } from '../io/tar-packer.ts';

/** A source that is closed when the call is over. */
export interface OpenOrigin extends AsyncSource {
  close(): void;
}

/** Bytes that are read at once. */
const PIECE = 1024 * 1024;
/** Milliseconds between two tries of a descriptor that has nothing yet. */
const PAUSE = 5;

/** Open what a FileIn argument names. Rejects as open(2) does. */
export async function openOrigin(origin: FileOrigin, warn: (message: string) => void): Promise<OpenOrigin> {
  switch (origin.kind) {
    case 'bytes':
      return bytesOrigin(origin.bytes);
    case 'stream':
      return { next: origin.next, close: () => undefined };
    case 'fd':
      return descriptorOrigin(origin.fd, `/dev/fd/${origin.fd}`, () => undefined);
    case 'path':
      return pathOrigin(origin.path);
    case 'pack': {
      const source = packSource(origin.path, { ...origin.options, warn });
      const piece = new Uint8Array(PIECE);
      return {
        ...(source.size === undefined ? {} : { size: source.size }),
        next: async () => {
          const length = source.read(piece);
          return length === 0 ? undefined : piece.subarray(0, length);
        },
        close: () => source.close(),
      };
    }
  }
}

/** Bytes that are there already. */
export function bytesOrigin(bytes: Uint8Array): OpenOrigin {
  let given = false;
  return {
    size: bytes.length,
    next: async () => {
      if (given) return undefined;
      given = true;
      return bytes;
    },
    close: () => undefined,
  };
}

async function pathOrigin(path: string): Promise<OpenOrigin> {
  let fd: number;
  try {
    fd = await promisify(open)(path, 'r');
  } catch (error) {
    throw hostError(error, 'cannot open', path);
  }
  const stat = await promisify(fstat)(fd);
  const origin = descriptorOrigin(fd, path, () => close(fd, () => undefined));
  return stat.isFile() ? { ...origin, size: stat.size } : origin;
}

function descriptorOrigin(fd: number, name: string, done: () => void): OpenOrigin {
  const piece = Buffer.allocUnsafe(PIECE);
  /** A read that is on its way keeps the descriptor: its number may be another file's once it is closed. */
  let reading = false;
  let closed = false;
  return {
    async next() {
      reading = true;
      try {
        const length = await readSome(fd, piece);
        return length === 0 ? undefined : piece.subarray(0, length);
      } catch (error) {
        throw hostError(error, 'cannot read', name);
      } finally {
        reading = false;
        if (closed) done();
      }
    },
    close() {
      closed = true;
      if (!reading) done();
    },
  };
}

async function readSome(fd: number, into: Buffer): Promise<number> {
  for (;;) {
    try {
      return (await promisify(read)(fd, into, 0, into.length, null)).bytesRead;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The end of a console or pipe on Windows.
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}
