import { encodeText } from '../bytes/text.ts';
import { GuestfsError, type ErrorCode } from '../errors/index.ts';
import { pathOf, type Node } from './dentry.ts';

/** Bytes of a name, as on Linux. */
const NAME_MAX = 255;
/** Bytes of a path without its NUL, as on Linux. */
export const PATH_MAX = 4095;

/** Throws EINVAL where a path is not absolute or has a NUL in it, ENAMETOOLONG where it is too long. */
export function checkPath(path: string): void {
  if (path.charCodeAt(0) !== 0x2f) throw fail('EINVAL', path, 'the path must be absolute, beginning with /');
  if (path.includes('\0')) throw fail('EINVAL', path, 'the path has a NUL character in it');
  checkLength(path, PATH_MAX, path, 'the path');
}

/** Throws EINVAL and ENAMETOOLONG where no file can have the name; `path` is for the message. */
export function checkName(name: string, path: string): void {
  if (name === '' || name.includes('/') || name.includes('\0')) {
    throw fail('EINVAL', path, 'a name is empty or has / or NUL in it');
  }
  checkLength(name, NAME_MAX, path, 'a name in the path');
}

/** Throws ENAMETOOLONG where a text has more than `limit` bytes. */
export function checkLength(text: string, limit: number, path: string, what: string): void {
  if (text.length * 3 <= limit) return;
  const length = text.length > limit ? text.length : encodeText(text).length;
  if (length > limit) throw fail('ENAMETOOLONG', path, `${what} has ${length} bytes, the limit is ${limit}`);
}

/** An error about a path. */
export function fail(code: ErrorCode, path: string, why: string): GuestfsError {
  const shown = path.length > 200 ? `${path.slice(0, 200)}...` : path;
  return new GuestfsError(code, `${shown}: ${why}`, { path });
}

/** The error with the path of the file it is about. */
export function atNode(error: unknown, node: Node, path?: string): unknown {
  if (error instanceof GuestfsError && error.path === undefined) error.path = path ?? pathOf(node);
  return error;
}

/** Run `act` and give its error the path. */
export function withPath(path: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof GuestfsError) error.path ??= path;
    throw error;
  }
}
