import { closeSync, fstatSync, openSync } from 'node:fs';
import type { ByteSource } from '../../daemon/context.ts';
import { hostError } from './host-error.ts';
import { readSome } from './write-all.ts';

/** A source that is closed when the call is over. */
export interface ClosableSource extends ByteSource {
  close(): void;
}

/** Bytes that are in memory. */
export function bytesSource(bytes: Uint8Array): ClosableSource {
  let position = 0;
  return {
    size: bytes.length,
    read(into) {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      position += part.length;
      return part.length;
    },
    close: () => undefined,
  };
}

/** An open descriptor; it stays open. `poll` is called while nothing comes. */
export function descriptorSource(fd: number, poll: () => void): ClosableSource {
  return {
    read(into) {
      try {
        return readSome(fd, into, poll);
      } catch (error) {
        throw hostError(error, 'cannot read', `/dev/fd/${fd}`);
      }
    },
    close: () => undefined,
  };
}

/** A file of the host. Throws as open(2) does. */
export function pathSource(path: string, poll: () => void): ClosableSource {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw hostError(error, 'cannot open', path);
  }
  const stat = fstatSync(fd);
  return {
    ...(stat.isFile() ? { size: stat.size } : {}),
    read(into) {
      try {
        return readSome(fd, into, poll);
      } catch (error) {
        throw hostError(error, 'cannot read', path);
      }
    },
    close: () => closeSync(fd),
  };
}
