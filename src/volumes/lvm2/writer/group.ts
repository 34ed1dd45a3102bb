import { GuestfsError } from '../../../errors/index.ts';
import type { ConfigSection } from '../config.ts';
import { dashedUuid, type FoundPhysicalVolume, type FoundVolumeGroup } from '../scan.ts';
import { changeLabel } from './label.ts';
import { commitText, forgetText } from './metadata.ts';
import { checkGroupName } from './names.ts';
import { groupText } from './text.ts';
import { randomLvmUuid } from './uuid.ts';

/** Bytes of an extent unless somebody asks for others. */
const EXTENT_SIZE = 4 * 1024 * 1024;
const SECTOR = 512;

/**
 * Make a volume group of PVs that belong to none. The metadata is durable before the labels say that the PVs are in
 * use: a cut leaves a group or none. Throws EINVAL for its name and for a PV without room for an extent.
 */
export function writeVolumeGroup(name: string, volumes: readonly FoundPhysicalVolume[], time: number): void {
  checkGroupName(name);
  const section: ConfigSection = {
    name,
    offset: 0,
    values: new Map<string, string | number | readonly string[]>([
      ['id', dashedUuid(randomLvmUuid())],
      ['seqno', 1],
      ['format', 'lvm2'],
      ['status', ['RESIZEABLE', 'READ', 'WRITE']],
      ['flags', []],
      ['extent_size', EXTENT_SIZE / SECTOR],
      ['max_lv', 0],
      ['max_pv', 0],
      ['metadata_copies', 0],
    ]),
    sections: new Map([
      [
        'physical_volumes',
        {
          name: 'physical_volumes',
          offset: 0,
          values: new Map(),
          sections: new Map(
            volumes.map((found, index) => [`pv${index}`, physicalVolumeSection(`pv${index}`, found)]),
          ),
        },
      ],
    ]),
  };
  const description = `vgcreate ${[name, ...volumes.map((found) => found.name)].join(' ')}`;
  commitText(volumes, groupText(section, { description, time }));
  for (const { device } of volumes) {
    changeLabel(device, { used: true });
    device.flush();
  }
}

function physicalVolumeSection(key: string, found: FoundPhysicalVolume): ConfigSection {
  const { label, device } = found;
  const size = Math.min(label.deviceSize, device.size);
  const start = label.dataAreas[0]?.offset ?? 0;
  const count = Math.floor((dataEnd(found, size) - start) / EXTENT_SIZE);
  if (start === 0 || count < 1) {
    throw new GuestfsError(
      'EINVAL',
      `${found.name} has ${size} bytes, data begin at ${start}: there is no room for an extent of ${EXTENT_SIZE} bytes`,
      { device: found.name },
    );
  }
  return {
    name: key,
    offset: 0,
    values: new Map<string, string | number | readonly string[]>([
      ['id', dashedUuid(label.uuid)],
      ['device', found.name],
      ['status', ['ALLOCATABLE']],
      ['flags', []],
      ['dev_size', Math.floor(size / SECTOR)],
      ['pe_start', start / SECTOR],
      ['pe_count', count],
    ]),
    sections: new Map(),
  };
}

/** Where extents must end: a second metadata area may be at the end of the device. */
function dataEnd({ label }: FoundPhysicalVolume, size: number): number {
  const start = label.dataAreas[0]?.offset ?? 0;
  return Math.min(
    size,
    ...label.metadataAreas.map(({ offset }) => offset).filter((offset) => offset > start),
  );
}

/** True where metadata lie behind the extents, so that these cannot be more or fewer than they are. */
export function hasMetadataBehindData(found: FoundPhysicalVolume): boolean {
  return dataEnd(found, found.device.size) < found.device.size;
}

/**
 * Dissolve a volume group: its PVs belong to none then. Labels come first, for LVM itself mends a label that forgot
 * its group; the group is there as long as one metadata area has its text.
 */
export function eraseVolumeGroup({ devices }: FoundVolumeGroup): void {
  const volumes = [...devices.values()];
  for (const { device } of volumes) {
    changeLabel(device, { used: false });
    device.flush();
  }
  forgetText(volumes);
}
