import type { BlockDevice } from '../../block/device.ts';
import { GuestfsError } from '../../errors/index.ts';
import { type PvLabel, readLabel } from './label.ts';
import { isMdMember } from './md-member.ts';
import { type MetadataArea, readMetadataArea, readMetadataText } from './metadata-area.ts';
import type { GroupPhysicalVolume, VolumeGroup } from './model.ts';
import { parseVolumeGroup } from './parse.ts';

/** A device that may be a physical volume. */
export interface LvmDevice {
  /** As `/dev/sda2`; stands in reports and messages. */
  name: string;
  device: BlockDevice;
}

/** A device with an LVM2 label. */
export interface FoundPhysicalVolume extends LvmDevice {
  label: PvLabel;
  /** Those whose header is good. */
  metadataAreas: MetadataArea[];
}

/** A volume group and the devices that were found of it. */
export interface FoundVolumeGroup {
  group: VolumeGroup;
  /** By the keys of `group.physicalVolumes`; those that are missing have none. */
  devices: ReadonlyMap<string, FoundPhysicalVolume>;
}

/** What a scan found. */
export interface ScanResult {
  /** In the order of the devices; of PVs with one UUID only the first. */
  physicalVolumes: FoundPhysicalVolume[];
  /** In the order in which their first PV was found. */
  volumeGroups: FoundVolumeGroup[];
  /** Devices of which something could not be read, and why: they may hold more than was found. */
  unreadable: ReadonlyMap<string, GuestfsError>;
}

/** How a scan is done. */
export interface ScanOptions {
  /** Hears of damage, duplicates and missing PVs, one sentence each. */
  warn?: (message: string) => void;
}

/**
 * Find the physical volumes among `devices` and put the volume groups together. Of the texts of a group that with
 * the highest seqno is valid. A damaged label, area or text is told to `warn` and left out: one bad PV must not hide
 * the others.
 */
export function scanDevices(devices: readonly LvmDevice[], options: ScanOptions = {}): ScanResult {
  const warn = options.warn ?? (() => {});
  const unreadable = new Map<string, GuestfsError>();
  const problem = (name: string, error: unknown): string => {
    // Anything else is our own mistake and goes on.
    if (!(error instanceof GuestfsError)) throw error;
    if (!DAMAGE.has(error.code)) unreadable.set(name, error);
    return error.message;
  };
  const physicalVolumes = findPhysicalVolumes(devices, warn, problem);
  const byUuid = new Map(physicalVolumes.map((found) => [found.label.uuid, found]));
  const volumeGroups: FoundVolumeGroup[] = [];
  const names = new Set<string>();
  for (const group of newestTexts(physicalVolumes, warn, problem)) {
    const present = new Map<string, FoundPhysicalVolume>();
    for (const entry of group.physicalVolumes.values()) {
      const found = byUuid.get(entry.uuid);
      if (found === undefined || entry.flags.has('MISSING')) warn(missingMessage(group, entry, found));
      else present.set(entry.key, found);
    }
    if (names.has(group.name)) {
      warn(`two volume groups have the name ${group.name}; by name only the first one is reached`);
    }
    names.add(group.name);
    volumeGroups.push({ group, devices: present });
  }
  return { physicalVolumes, volumeGroups, unreadable };
}

function missingMessage(
  group: VolumeGroup,
  entry: GroupPhysicalVolume,
  found: FoundPhysicalVolume | undefined,
): string {
  const what = `volume group ${group.name}: PV ${dashedUuid(entry.uuid)} (${entry.deviceHint})`;
  if (found === undefined) return `${what} is missing: no drive has it`;
  return `${what} was recorded as missing; ${found.name} has it, but what it holds may be stale`;
}

/** LVM writes its UUIDs in groups of 6-4-4-4-4-4-6 characters. */
export function dashedUuid(uuid: string): string {
  return [0, 6, 10, 14, 18, 22, 26]
    .map((at, i) => uuid.slice(at, i === 6 ? 32 : at + (i === 0 ? 6 : 4)))
    .join('-');
}

/** Codes that tell of what was read, not that it could not be. */
const DAMAGE: ReadonlySet<string> = new Set(['EUCLEAN', 'EBADMSG', 'ENOTSUP']);

/** What an error says, which is noted against the device of that name. */
type Problem = (name: string, error: unknown) => string;

function findPhysicalVolumes(
  devices: readonly LvmDevice[],
  warn: (message: string) => void,
  problem: Problem,
): FoundPhysicalVolume[] {
  const found = new Map<string, FoundPhysicalVolume>();
  for (const { name, device } of devices) {
    let label: PvLabel | null;
    try {
      label = readLabel(device);
    } catch (error) {
      warn(`${name}: this physical volume is left out: ${problem(name, error)}`);
      continue;
    }
    if (label === null) continue;
    if (isMdMember(device)) {
      warn(`${name} is a member of an md array; the physical volume on it is the array's and is left out`);
      continue;
    }
    const other = found.get(label.uuid);
    if (other === undefined) {
      found.set(label.uuid, {
        name,
        device,
        label,
        metadataAreas: readAreas(name, device, label, warn, problem),
      });
    } else {
      warn(`${name} has the same PV UUID as ${other.name}, ${dashedUuid(label.uuid)}; ${name} is left out`);
    }
  }
  return [...found.values()];
}

function readAreas(
  name: string,
  device: BlockDevice,
  label: PvLabel,
  warn: (message: string) => void,
  problem: Problem,
): MetadataArea[] {
  const areas: MetadataArea[] = [];
  for (const area of label.metadataAreas) {
    try {
      areas.push(readMetadataArea(device, area));
    } catch (error) {
      warn(`${name}: a metadata area is left out: ${problem(name, error)}`);
    }
  }
  return areas;
}

/** The newest text of every volume group, parsed. Copies of one text are read once. */
function newestTexts(
  physicalVolumes: readonly FoundPhysicalVolume[],
  warn: (message: string) => void,
  problem: Problem,
): VolumeGroup[] {
  const seen = new Set<string>();
  const groups = new Map<string, VolumeGroup>();
  for (const { name, device, metadataAreas } of physicalVolumes) {
    for (const area of metadataAreas) {
      if (area.ignored || area.text === undefined) continue;
      // Copies agree in size and checksum, so that most are known without being read.
      const copy = `${area.text.size} ${area.text.checksum}`;
      if (seen.has(copy)) continue;
      let group: VolumeGroup;
      try {
        group = parseVolumeGroup(readMetadataText(device, area, area.text));
      } catch (error) {
        warn(`${name}: the metadata at byte ${area.start} is left out: ${problem(name, error)}`);
        continue;
      }
      seen.add(copy);
      const known = groups.get(group.uuid);
      if (known === undefined || known.seqno < group.seqno) groups.set(group.uuid, group);
      if (known !== undefined && known.seqno !== group.seqno) {
        const newest = Math.max(known.seqno, group.seqno);
        warn(
          `volume group ${group.name}: PVs disagree, seqno ${known.seqno} and ${group.seqno}; using ${newest}`,
        );
      }
    }
  }
  return [...groups.values()];
}
