import { readSync, writeSync } from 'node:fs';
import { linuxLibrary } from './library.ts';

/** read(2) and write(2) of a descriptor: bytes that were moved. Throw what `node:fs` throws. */
export interface ReadWrite {
  /** At most `count` bytes to the start of `into`. */
  read(fd: number, into: Uint8Array, count: number): number;
  write(fd: number, bytes: Uint8Array): number;
}

let readWrite: ReadWrite | undefined;

/**
 * The shortest way to read and to write a few bytes. With koffi it takes a fifth of the time of `node:fs`, which is what
 * small calls mostly cost under emulation. `native` false does without.
 */
export function shortReadWrite(native = true): ReadWrite {
  if (!native) return byNode;
  readWrite ??= byKoffi() ?? byNode;
  return readWrite;
}

const byNode: ReadWrite = {
  read: (fd, into, count) => readSync(fd, into, 0, count, null),
  write: (fd, bytes) => writeSync(fd, bytes),
};

function byKoffi(): ReadWrite | undefined {
  const library = linuxLibrary();
  const read = library?.numeric('long read(int fd, void *into, unsigned long count)');
  const write = library?.numeric('long write(int fd, const void *bytes, unsigned long count)');
  if (read === undefined || write === undefined) return undefined;
  // What failed is tried again by Node, which says why.
  return {
    read(fd, into, count) {
      const got = read(fd, into, count);
      return got < 0 ? byNode.read(fd, into, count) : got;
    },
    write(fd, bytes) {
      const done = write(fd, bytes, bytes.length);
      return done < 0 ? byNode.write(fd, bytes) : done;
    },
  };
}
