import { closeSync, openSync, statSync } from 'node:fs';
import { GuestfsError, isErrorCode, type ErrorCode } from '../errors/index.ts';
import type { BlockDevice } from './device.ts';
import { FileDriver, type FileFacts } from './file-driver.ts';
import { hostError } from './file-error.ts';
import { lockFile as lock } from './file-lock.ts';
import { measure } from './file-size.ts';
import { guard } from './guard.ts';

/** How a file is opened. */
export interface FileOptions {
  writable?: boolean;
  /** False: write without the lock that keeps other writers out, for a file that nobody else knows yet. */
  lock?: boolean;
}

/**
 * A host file or block device as a BlockDevice. The size is the file's, in bytes, rounding nothing; the sector
 * size of a block device is the one its driver states. A writable one is locked against other writers until it is
 * closed; writing never makes it longer.
 *
 * Throws ENOENT, EACCES, EISDIR, EINVAL (neither a file nor a block device), EBUSY (another program holds it), EIO,
 * each naming the path and what can be done.
 */
export function openFile(path: string, options: FileOptions = {}): BlockDevice {
  return guard(new FileDriver(openDescriptor(path, options)), path);
}

/** Descriptor and facts of a file, locked as {@link openFile} says. Throws as it does. */
export function openDescriptor(path: string, options: FileOptions): FileFacts {
  const writable = options.writable ?? false;
  checkKind(path);
  let fd: number;
  try {
    fd = openSync(path, writable ? 'r+' : 'r');
  } catch (error) {
    throw openError(error, path, writable);
  }
  try {
    const unlock = writable && options.lock !== false ? lock(fd, path) : undefined;
    const facts = { fd, path, writable, ...measure(fd, path) };
    return unlock === undefined ? facts : { ...facts, unlock };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Looked at before opening, because opening a pipe that nobody writes to would wait for ever. */
function checkKind(path: string): void {
  if (path === '') {
    throw new GuestfsError('ENOENT', 'the name of the disk image is empty, expected a path', { path });
  }
  let stat;
  try {
    stat = statSync(path);
  } catch (error) {
    throw openError(error, path, false);
  }
  if (stat.isDirectory()) {
    throw new GuestfsError('EISDIR', `${path} is a directory, expected a disk image file or a block device`, {
      path,
    });
  }
  if (!stat.isFile() && !stat.isBlockDevice()) {
    const kind = stat.isFIFO()
      ? 'a pipe'
      : stat.isSocket()
        ? 'a socket'
        : stat.isCharacterDevice()
          ? 'a character device'
          : 'of an unknown kind';
    throw new GuestfsError('EINVAL', `${path} is ${kind}, expected a disk image file or a block device`, {
      path,
    });
  }
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  ENOENT: 'there is no such file; check the path',
  ENOTDIR: 'a part of the path is not a folder; check the path',
  ENXIO: 'the device has no medium or no driver',
  EMFILE: 'this process has too many open files',
  ELOOP: 'the path has too many symbolic links',
  EROFS: 'it is on a read-only filesystem; open it read-only',
};

function openError(error: unknown, path: string, writable: boolean): GuestfsError {
  const code = (error as NodeJS.ErrnoException).code;
  if (!isErrorCode(code)) return hostError(error, `cannot open ${path}`, path);
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? `this user may not ${writable ? 'write' : 'read'} it; change its permissions${writable ? ', open it read-only' : ''} or run as its owner`
      : (HINTS[code] ?? (error as Error).message);
  return new GuestfsError(code, `cannot open ${path}: ${hint}`, { path, cause: error });
}
