import { readSync } from 'node:fs';

/** The next byte of a descriptor; undefined at its end. */
export function readByte(fd: number): number | undefined {
  const one = new Uint8Array(1);
  return readSync(fd, one, 0, 1, null) === 0 ? undefined : one[0];
}
