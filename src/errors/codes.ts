/**
 * The errno names that a {@link GuestfsError} can carry, with the numbers Linux gives them.
 *
 * The set is closed: a new code is added here first. Parsers may not reach the operating system, so the
 * table is Linux's; {@link setHostErrnoTable} replaces the numbers where the host differs.
 *
 * Source: errno(3), include/uapi/asm-generic/errno*.h (numbers only).
 */
export const LINUX_ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EBADMSG: 74,
  EOVERFLOW: 75,
  EILSEQ: 84,
  ENOTSUP: 95,
  ECONNREFUSED: 111,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  EUCLEAN: 117,
  ENOKEY: 126,
  ECANCELED: 125,
  EDQUOT: 122,
  ESTALE: 116,
  ENOTCONN: 107,
} as const;

/** An errno name that a GuestfsError can carry. */
export type ErrorCode = keyof typeof LINUX_ERRNO;

let hostTable: Readonly<Record<string, number | undefined>> = LINUX_ERRNO;

/** Give the host's own errno numbers (`os.constants.errno`); called once by the parts that run under Node. */
export function setHostErrnoTable(table: Readonly<Record<string, number | undefined>>): void {
  hostTable = table;
}

/** The host's positive number for a code; the number of EINVAL where the host has none. */
export function errnoNumber(code: ErrorCode): number {
  return hostTable[code] ?? hostTable['EINVAL'] ?? LINUX_ERRNO.EINVAL;
}

/** True if `value` is one of the codes of this table. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(LINUX_ERRNO, value);
}
