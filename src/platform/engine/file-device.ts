import type { BlockDevice, Extent } from '../../block/device.ts';
import { guard } from '../../block/guard.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { FileTree } from '../../vfs/tree.ts';

/**
 * A file of the guest as a device, as a loop device would show it: whole sectors only. Read-only where the tree has no
 * writer or `readonly` is set.
 */
export function fileDevice(tree: FileTree, path: string, readonly = false): BlockDevice {
  const file = tree.resolve(path);
  const writer = readonly ? undefined : tree.writer;
  const sectorSize = 512;
  const { size } = tree.stat(file);
  return guard(
    {
      size: size - (size % sectorSize),
      sectorSize,
      writable: writer !== undefined,
      readAt(offset, into) {
        let done = 0;
        while (done < into.length) {
          const count = tree.read(file, offset + done, into.subarray(done));
          if (count === 0) {
            throw new GuestfsError(
              'EIO',
              `${path}: the file ends at ${offset + done}, it had ${size} bytes`,
              { path },
            );
          }
          done += count;
        }
      },
      writeAt: (offset, from) => writer?.write(file, offset, from),
      zero: (offset, length) => writer?.punch(file, offset, length),
      discard: (offset, length) => writer?.punch(file, offset, length),
      extents: (offset, length): Iterable<Extent> => tree.extents(file, offset, length),
      flush: () => writer?.sync(),
      close() {},
    },
    path,
  );
}
