import { errnoNumber, type ErrorCode } from './codes.ts';

export { eachInTurn } from './each.ts';
export { errnoNumber, isErrorCode, LINUX_ERRNO, setHostErrnoTable, type ErrorCode } from './codes.ts';

/** Where and in what an error happened; every field that applies is filled. */
export interface ErrorDetails {
  /** Name of the API action that failed, as in `mount_ro`. Set by the daemon, not by parsers. */
  action?: string;
  /** Guest or host path the operation was about. */
  path?: string;
  /** Device the operation was about, as in `/dev/sda1`. */
  device?: string;
  /** Byte offset, in the device that the parser was given, of the structure that is wrong. */
  offset?: number;
  /** Specification's name of the structure that is wrong, as in `ext4_super_block` or `qcow2 header`. */
  structure?: string;
  /** The error that led to this one. */
  cause?: unknown;
}

/** Plain form of an error, as it crosses a worker boundary. */
export interface ErrorRecord {
  kind: 'GuestfsError' | 'CorruptError' | 'UnsupportedError';
  code: ErrorCode;
  message: string;
  action?: string;
  path?: string;
  device?: string;
  offset?: number;
  structure?: string;
  cause?: string;
}

/**
 * The one error type of this package. `message` says what was attempted, on what, what was found and what was
 * expected; `code` is an errno name out of a closed set.
 */
export class GuestfsError extends Error {
  override readonly name: string = 'GuestfsError';
  readonly code: ErrorCode;
  action: string | undefined;
  path: string | undefined;
  device: string | undefined;
  offset: number | undefined;
  structure: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.action = details.action;
    this.path = details.path;
    this.device = details.device;
    this.offset = details.offset;
    this.structure = details.structure;
  }

  /** The host's positive errno number of {@link code}. */
  get errno(): number {
    return errnoNumber(this.code);
  }
}

/**
 * Something read from an image contradicts its specification: EUCLEAN, or EBADMSG for a checksum that does not
 * match.
 */
export class CorruptError extends GuestfsError {
  override readonly name = 'CorruptError';

  constructor(
    structure: string,
    message: string,
    details: Omit<ErrorDetails, 'structure'> & { checksum?: boolean } = {},
  ) {
    super(details.checksum ? 'EBADMSG' : 'EUCLEAN', `${structure}: ${message}`, { ...details, structure });
  }
}

/** Something is recognised but cannot be done here: always ENOTSUP, and the message says what and where it can. */
export class UnsupportedError extends GuestfsError {
  override readonly name = 'UnsupportedError';

  constructor(message: string, details: ErrorDetails = {}) {
    super('ENOTSUP', message, details);
  }
}

/** The error as a plain record that survives structured clone. */
export function errorToRecord(error: GuestfsError): ErrorRecord {
  const record: ErrorRecord = {
    kind:
      error instanceof CorruptError
        ? 'CorruptError'
        : error instanceof UnsupportedError
          ? 'UnsupportedError'
          : 'GuestfsError',
    code: error.code,
    message: error.message,
  };
  if (error.action !== undefined) record.action = error.action;
  if (error.path !== undefined) record.path = error.path;
  if (error.device !== undefined) record.device = error.device;
  if (error.offset !== undefined) record.offset = error.offset;
  if (error.structure !== undefined) record.structure = error.structure;
  if (error.cause instanceof Error) record.cause = error.cause.message;
  return record;
}

/** Rebuild an error from its record; the class, code and details are those of the original. */
export function errorFromRecord(record: ErrorRecord): GuestfsError {
  const prototype =
    record.kind === 'CorruptError'
      ? CorruptError.prototype
      : record.kind === 'UnsupportedError'
        ? UnsupportedError.prototype
        : GuestfsError.prototype;
  const { kind, code, message, ...details } = record;
  const error = new GuestfsError(code, message, details);
  Object.setPrototypeOf(error, prototype);
  if (kind !== 'GuestfsError') Object.defineProperty(error, 'name', { value: kind });
  return error;
}

/** What a host answers that has no space left for an image, or gives it no more. */
const HOST_FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * True where a device refused what it was given because its host is full. That is no damage: nothing was lost, and the
 * same may succeed later.
 */
export function isHostFull(error: unknown): boolean {
  return error instanceof GuestfsError && HOST_FULL.has(error.code);
}
