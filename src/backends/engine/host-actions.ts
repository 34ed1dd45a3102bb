import { toGuestfsError } from '../../daemon/failure.ts';
import { GuestfsError } from '../../errors/index.ts';
import { createImage, type CreateOptions } from '../../images/create.ts';
import { diskFormat, diskHasBackingFile, diskVirtualSize } from '../../images/info.ts';

/** Actions on image files of the host: they need no drive and no launch. */
const hostActions: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
  disk_format: (filename) => diskFormat(filename as string),
  disk_virtual_size: (filename) => diskVirtualSize(filename as string),
  disk_has_backing_file: (filename) => diskHasBackingFile(filename as string),
  disk_create: (filename, format, size, options) =>
    createImage(filename as string, size as number, {
      ...(options as Partial<CreateOptions> | undefined),
      format: format as CreateOptions['format'],
    }),
};

/** Run an action on files of the host. Throws what it throws as GuestfsErrors, and ENOSYS where there is no such action. */
export function runHostAction(action: string, args: readonly unknown[]): unknown {
  const implementation = hostActions[action];
  try {
    if (implementation === undefined) {
      throw new GuestfsError('ENOSYS', `${action}: there is no such action on files of the host`);
    }
    return implementation(...args);
  } catch (error) {
    throw toGuestfsError(error, action);
  }
}
