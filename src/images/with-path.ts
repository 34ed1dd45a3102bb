import { GuestfsError } from '../errors/index.ts';

/** Errors of parsers name no file: add it, once. */
export function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof GuestfsError) || error.path !== undefined) return error;
  error.path = path;
  error.message = `${path}: ${error.message}`;
  return error;
}
