import type { BlockDevice } from '../../block/device.ts';
import { GuestfsError } from '../../errors/index.ts';

/** The logical volumes of the engine's devices. */
export class EngineLvm {
  /** `/dev/VG/LV` of the active logical volumes that are not hidden, sorted. */
  activeNames(): string[] {
    return [];
  }

  /** `/dev/VG/LV` for a name or one of its aliases; undefined where there is no such volume. */
  canonicalName(_name: string): string | undefined {
    return undefined;
  }

  /** The bytes of an active logical volume. Throws ENOENT. */
  open(canonical: string): BlockDevice {
    throw new GuestfsError('ENOENT', `${canonical}: no such logical volume`, { device: canonical });
  }

  /** Look at the devices again at the next question. */
  forget(): void {}

  /** Close what is open. */
  close(): void {}
}
