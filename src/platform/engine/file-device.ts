import type { BlockDevice, Extent } from '../../block/device.ts';
import { guard } from '../../block/guard.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { FileTree } from '../../vfs/tree.ts';

/** A file of the guest as a read-only device, as a loop device would show it: whole sectors only. */
export function fileDevice(tree: FileTree, path: string): BlockDevice {
  const file = tree.resolve(path);
  const sectorSize = 512;
  const { size } = tree.stat(file);
  return guard(
    {
      size: size - (size % sectorSize),
      sectorSize,
      writable: false,
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
      writeAt: refuse,
      zero: refuse,
      discard: refuse,
      extents: (offset, length): Iterable<Extent> => tree.extents(file, offset, length),
      flush() {},
      close() {},
    },
    path,
  );

  function refuse(): never {
    throw new GuestfsError('EROFS', `${path}: a loop device of the engine is read-only`, { path });
  }
}
