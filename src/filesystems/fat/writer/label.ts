import { clockMilliseconds } from '../../../bytes/clock.ts';
import { noLabel } from '../label-bytes.ts';
import { ATTR_DIRECTORY, ATTR_LONG_NAME, ATTR_VOLUME_ID, BootSector, Entry } from '../layout.ts';
import { SECTOR } from '../sectors.ts';
import type { FatVolume } from '../volume.ts';
import { labelEntry } from './new-entry.ts';
import type { DirectoryChanges } from './directories.ts';
import { isFree } from './new-entry.ts';

/** Set the label in the root directory, or remove it. Throws ENOSPC where there is no room for one. */
export function changeLabel(
  volume: FatVolume,
  directories: DirectoryChanges,
  label: Uint8Array | undefined,
): void {
  const slots = directories.slotsOf(volume.root);
  let offset = -1;
  for (let slot = 0; slot < slots.count && offset < 0; slot++) {
    const at = slots.offset(slot);
    const entry = volume.entries.aim(at);
    if (isFree(entry.bytes, entry.at)) continue;
    const attributes = entry.bytes[entry.at + Entry.DIR_Attr]!;
    const isLabel = (attributes & (ATTR_VOLUME_ID | ATTR_DIRECTORY)) === ATTR_VOLUME_ID;
    if (isLabel && attributes !== ATTR_LONG_NAME) offset = at;
  }
  if (label === undefined) {
    if (offset >= 0) slots.clear(offset, false);
    return;
  }
  const entry = labelEntry(label, clockMilliseconds());
  if (offset < 0) {
    slots.take(directories.room(slots, 1), entry);
    return;
  }
  volume.sectors.change(offset).set(entry, offset % SECTOR);
  volume.entries.forget(offset);
}

/** Set the label in the boot sector and its copy. */
export function writeBootLabel({ device, geometry }: FatVolume, label: Uint8Array | undefined): void {
  const sector = new Uint8Array(SECTOR);
  const offsets = geometry.backupOffset === 0 ? [0] : [geometry.backupOffset, 0];
  for (const offset of offsets) {
    device.readAt(offset, sector);
    const boot = BootSector.view(sector);
    if (geometry.fatBits === 32) boot.BS_VolLab_32 = label ?? noLabel();
    else boot.BS_VolLab = label ?? noLabel();
    device.writeAt(offset, sector);
  }
}
