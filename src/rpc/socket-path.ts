import { GuestfsError } from '../errors/index.ts';

/** Bytes of a socket's path that every system takes: unix(7) has 108 with the NUL, others have 104. */
const MAX = process.platform === 'linux' ? 107 : 103;

/** Throws ENAMETOOLONG for the path of a Unix socket that the system would cut off. */
export function checkSocketPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= MAX) return;
  throw new GuestfsError(
    'ENAMETOOLONG',
    `${path}: the path of a Unix socket has ${length} bytes, it can have at most ${MAX}`,
    { path },
  );
}
