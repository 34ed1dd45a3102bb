import { GuestfsError, isErrorCode } from '../errors/index.ts';

/**
 * Whatever an implementation threw, as a GuestfsError with `action` set. Errors of the host's system calls keep
 * their errno; running out of memory is ENOMEM; anything else is a defect of this package and becomes EFAULT, with
 * the original as `cause`.
 */
export function toGuestfsError(error: unknown, action: string): GuestfsError {
  if (error instanceof GuestfsError) {
    error.action ??= action;
    return error;
  }
  const details = { action, cause: error };
  if (error instanceof Error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (isErrorCode(code)) {
      return new GuestfsError(code, `${action}: ${error.message}`, {
        ...details,
        ...(path === undefined ? {} : { path }),
      });
    }
    if (isOutOfMemory(error)) {
      return new GuestfsError('ENOMEM', `${action}: out of memory: ${error.message}`, details);
    }
    return new GuestfsError(
      'EFAULT',
      `${action}: internal error, please report it: ${error.message}`,
      details,
    );
  }
  return new GuestfsError('EFAULT', `${action}: internal error, please report it: ${String(error)}`, details);
}

/** V8 reports sizes that it cannot allocate, and a stack that is full, as RangeError. */
function isOutOfMemory(error: Error): boolean {
  if (error instanceof RangeError) {
    return /allocation failed|invalid (typed )?array (buffer )?length|call stack|string length/i.test(
      error.message,
    );
  }
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ERR_MEMORY_ALLOCATION_FAILED' || code === 'ERR_STRING_TOO_LONG';
}
