import { constants } from 'node:os';
import { GuestfsError, isErrorCode, type ErrorCode } from '../../errors/index.ts';

/** What strerror(3) says, for those codes that callers tell apart. */
const MEANINGS: Partial<Record<ErrorCode, string>> = {
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EEXIST: 'it exists already',
  EFBIG: 'File too large',
  EINVAL: 'Invalid argument',
  EIO: 'Input/output error',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMLINK: 'Too many links',
  ENAMETOOLONG: 'File name too long',
  ENODATA: 'No data available',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
  ENOSPC: 'No space left on device',
  ENOTDIR: 'it is not a directory',
  ENOTEMPTY: 'Directory not empty',
  ENOTSUP: 'Operation not supported',
  ENXIO: 'No such device or address',
  EPERM: 'Operation not permitted',
  EROFS: 'Read-only file system',
  EXDEV: 'it is on another filesystem',
};

const NAMES = new Map<number, ErrorCode>();
for (const [name, number] of Object.entries(constants.errno)) {
  if (isErrorCode(name)) NAMES.set(number, name);
}
// On Linux EOPNOTSUPP has the number of ENOTSUP.
NAMES.set(95, 'ENOTSUP');
NAMES.set(117, 'EUCLEAN');

/** The name of an errno number; EIO for one that has none here. */
export function errorName(errno: number): ErrorCode {
  return NAMES.get(Math.abs(errno)) ?? 'EIO';
}

/** What a call of the kernel about a guest path failed with. */
export function kernelError(code: ErrorCode, path: string, cause?: unknown): GuestfsError {
  const shown = path.length > 200 ? `${path.slice(0, 200)}...` : path;
  return new GuestfsError(code, `${shown}: ${MEANINGS[code] ?? code}`, { path, cause });
}

/** What node:fs threw, about a guest path: the host's path that Node puts into its messages is not the guest's. */
export function fromNode(error: unknown, path: string): unknown {
  if (error instanceof GuestfsError || !(error instanceof Error)) return error;
  const { code, errno } = error as NodeJS.ErrnoException;
  if (isErrorCode(code)) return kernelError(code, path, error);
  return typeof errno === 'number' ? kernelError(errorName(errno), path, error) : error;
}

/** Take the folder that the guest's root is out of what a program said, so that the paths in it are the guest's. */
export function guestMessage(error: unknown, root: string): unknown {
  if (error instanceof GuestfsError && root !== '' && error.message.includes(root)) {
    error.message = error.message.replace(new RegExp(`${escape(root)}(/?)`, 'g'), '/');
  }
  return error;
}

/** Put the guest's names of devices into what a program said of the kernel's. */
export function guestDevices(
  error: unknown,
  devices: { nameOfKernel(kernel: string): string | undefined },
): unknown {
  if (error instanceof GuestfsError) {
    error.message = error.message.replace(
      /\/dev\/([A-Za-z]\w*(?:-\d+)?)(?![\w/-])/g,
      (node, kernel: string) => devices.nameOfKernel(kernel) ?? node,
    );
  }
  return error;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The code that a message of a program speaks of, which ends as strerror(3) says it. */
export function codeOfMessage(message: string): ErrorCode {
  const lower = message.toLowerCase();
  return PHRASES.find(([phrase]) => lower.includes(phrase))?.[1] ?? 'EIO';
}

const PHRASES: readonly (readonly [string, ErrorCode])[] = [
  ['no space left on device', 'ENOSPC'],
  ['no key available', 'EPERM'],
  ['read-only file system', 'EROFS'],
  ['write-protected', 'EROFS'],
  ['device or resource busy', 'EBUSY'],
  ['target is busy', 'EBUSY'],
  ['already mounted', 'EBUSY'],
  ['is mounted', 'EBUSY'],
  ['in use', 'EBUSY'],
  ['already exists', 'EEXIST'],
  ['file exists', 'EEXIST'],
  ['structure needs cleaning', 'EUCLEAN'],
  ['unknown filesystem type', 'ENODEV'],
  ['operation not supported', 'ENOTSUP'],
  ['inappropriate ioctl for device', 'ENOTSUP'],
  ['not supported', 'ENOTSUP'],
  ['permission denied', 'EACCES'],
  ['operation not permitted', 'EPERM'],
  ['no such file or directory', 'ENOENT'],
  ['invalid argument', 'EINVAL'],
  ['wrong fs type', 'EINVAL'],
  ['unrecognized option', 'EINVAL'],
  ['input/output error', 'EIO'],
];
