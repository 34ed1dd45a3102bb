import { constants } from 'node:os';
import { GuestfsError, isErrorCode, type ErrorCode } from '../errors/index.ts';

/** A GuestfsError out of what node:fs threw; the code is kept where it is one of ours. */
export function hostError(error: unknown, attempted: string, path: string, offset?: number): GuestfsError {
  const code = hostCode(error);
  const text =
    code !== undefined && Object.hasOwn(MEANINGS, code)
      ? (MEANINGS[code] as string)
      : error instanceof Error
        ? error.message
        : String(error);
  return new GuestfsError(code ?? 'EIO', `${attempted}: ${text}`, {
    path,
    cause: error,
    ...(offset === undefined ? {} : { offset }),
  });
}

/** What a full host means to who writes a disk image. */
const MEANINGS: Partial<Record<ErrorCode, string>> = {
  ENOSPC: "the host's filesystem is full (ENOSPC); make room there and try again",
  EDQUOT: "the host's disk quota is used up (EDQUOT); free some of it or raise it, and try again",
  EFBIG: "the file would become larger than the host's filesystem or limits allow (EFBIG)",
  EIO: 'the host reports an input/output error (EIO); its disk may be failing',
};

/** libuv does not know the names of all errors: EDQUOT comes as "Unknown system error -122". */
function hostCode(error: unknown): ErrorCode | undefined {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (isErrorCode(code)) return code;
  if (errno === undefined) return undefined;
  const found = Object.entries(constants.errno).find(([, number]) => number === Math.abs(errno));
  return found !== undefined && isErrorCode(found[0]) ? found[0] : undefined;
}
