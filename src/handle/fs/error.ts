import { getSystemErrorMap } from 'node:util';
import { GuestfsError, type ErrorCode } from '../../errors/index.ts';

/** An error as node:fs makes them: errno negative, `syscall` and `path` set. The GuestfsError is its `cause`. */
export interface GuestFsError extends NodeJS.ErrnoException {
  code: string;
  errno: number;
  syscall: string;
  path: string;
  /** The other path, where there are two. */
  dest?: string;
}

/** An error in the form of node:fs. */
export function nodeError(
  code: ErrorCode,
  syscall: string,
  path: string,
  cause?: GuestfsError,
  dest?: string,
): GuestFsError {
  const errno = -(cause ?? new GuestfsError(code, '')).errno;
  const text = getSystemErrorMap().get(errno)?.[1] ?? cause?.message ?? 'unknown error';
  const places = dest === undefined ? `'${path}'` : `'${path}' -> '${dest}'`;
  const error = new Error(`${code}: ${text}, ${syscall} ${places}`, cause === undefined ? {} : { cause });
  return Object.assign(error, { code, errno, syscall, path, ...(dest === undefined ? {} : { dest }) });
}

/** Run something, its GuestfsErrors in the form of node:fs. */
export async function asNode<T>(
  syscall: string,
  path: string,
  run: () => Promise<T>,
  dest?: string,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof GuestfsError ? nodeError(error.code, syscall, path, error, dest) : error;
  }
}
