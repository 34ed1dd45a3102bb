import { GuestfsError, isErrorCode } from '../../errors/index.ts';

/** An error of the host's file system as a GuestfsError: what was attempted, on which file, what the host said. */
export function hostError(error: unknown, attempted: string, path?: string): GuestfsError {
  if (error instanceof GuestfsError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = /^\w+: ([^,]+)/.exec(message)?.[1] ?? message;
  return new GuestfsError(
    isErrorCode(code) ? code : 'EIO',
    path === undefined ? `${attempted}: ${reason}` : `${path}: ${attempted}: ${reason}`,
    { cause: error, ...(path === undefined ? {} : { path }) },
  );
}
