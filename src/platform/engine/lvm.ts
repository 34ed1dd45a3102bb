import type { BlockDevice } from '../../block/device.ts';

/** What the device table needs of the logical volumes. */
export interface EngineLvm {
  /** `/dev/VG/LV` of the active logical volumes that are not hidden, sorted. */
  activeNames(): string[];
  /** `/dev/VG/LV` for a name or one of its aliases (`/dev/mapper/VG-LV`); undefined where there is no such volume. */
  canonicalName(name: string): string | undefined;
  open(canonical: string): BlockDevice;
}
