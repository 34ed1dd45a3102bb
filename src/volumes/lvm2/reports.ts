import type { VolumeState } from './attributes.ts';
import { physicalVolumeAttributes, volumeAttributes, volumeGroupAttributes } from './attributes.ts';
import type { MetadataArea } from './metadata-area.ts';
import type { GroupPhysicalVolume, LogicalVolume, VolumeGroup } from './model.ts';
import type { LogicalVolumeReport, PhysicalVolumeReport, VolumeGroupReport } from './report-types.ts';
import type { GroupRoles } from './roles.ts';
import type { FoundPhysicalVolume, FoundVolumeGroup } from './scan.ts';

/** Tags as LVM prints them: sorted, joined by commas. */
function tagList(tags: readonly string[]): string {
  return tags.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)).join(',');
}

/** Bytes that are still free for a text in an area: LVM keeps room for two and some slack. */
function freeForText(area: MetadataArea): number {
  const half = (area.size - 512) / 2 - 512 - (area.text?.size ?? 0);
  return Math.max(0, Math.floor(half / 512) * 512);
}

function leastFree(areas: readonly MetadataArea[]): number {
  const used = areas.filter((area) => !area.ignored);
  return used.length === 0 ? 0 : Math.min(...used.map(freeForText));
}

/** Extents in use, by the names of the PVs. */
export function allocatedExtents(group: VolumeGroup): Map<string, number> {
  const counts = new Map<string, number>();
  for (const volume of group.logicalVolumes.values()) {
    for (const segment of volume.segments) {
      const copies = segment.type === 'mirror' || segment.type === 'raid1';
      const share = copies ? segment.extentCount : segment.extentCount / Math.max(1, segment.areas.length);
      for (const { name } of segment.areas) {
        if (group.physicalVolumes.has(name)) counts.set(name, (counts.get(name) ?? 0) + share);
      }
    }
  }
  return counts;
}

/** A PV of a group, `found` undefined where it is missing. */
export function reportGroupPhysicalVolume(
  owner: FoundVolumeGroup,
  entry: GroupPhysicalVolume,
  found: FoundPhysicalVolume | undefined,
  allocated: number,
): PhysicalVolumeReport {
  const { extentSize } = owner.group;
  const attributes = physicalVolumeAttributes(found, {
    group: owner,
    allocatable: entry.status.has('ALLOCATABLE'),
  });
  return {
    pvName: found?.name ?? '[unknown]',
    pvUuid: entry.uuid,
    pvFmt: owner.group.format,
    pvSize: entry.extentCount * extentSize,
    devSize: found?.device.size ?? 0,
    pvFree: (entry.extentCount - allocated) * extentSize,
    pvUsed: allocated * extentSize,
    pvAttr: attributes,
    pvPeCount: entry.extentCount,
    pvPeAllocCount: allocated,
    pvTags: tagList(entry.tags),
    peStart: entry.start,
    pvMdaCount: found?.label.metadataAreas.length ?? 0,
    pvMdaFree: leastFree(found?.metadataAreas ?? []),
  };
}

/** A PV of no group. */
export function reportOrphan(found: FoundPhysicalVolume): PhysicalVolumeReport {
  const attributes = physicalVolumeAttributes(found, undefined);
  return {
    pvName: found.name,
    pvUuid: found.label.uuid,
    pvFmt: 'lvm2',
    pvSize: found.label.deviceSize,
    devSize: found.device.size,
    // Of a PV that belongs to a group which was not found nothing is free.
    pvFree: attributes.startsWith('u') ? 0 : found.label.deviceSize,
    pvUsed: 0,
    pvAttr: attributes,
    pvPeCount: 0,
    pvPeAllocCount: 0,
    pvTags: '',
    peStart: found.label.dataAreas[0]?.offset ?? 0,
    pvMdaCount: found.label.metadataAreas.length,
    pvMdaFree: leastFree(found.metadataAreas),
  };
}

/** A volume group. */
export function reportVolumeGroup(found: FoundVolumeGroup, roles: GroupRoles): VolumeGroupReport {
  const { group, devices } = found;
  const extents = sum([...group.physicalVolumes.values()].map((entry) => entry.extentCount));
  const free = extents - sum([...allocatedExtents(group).values()]);
  const areas = [...devices.values()].flatMap((device) => device.metadataAreas);
  const volumes = [...group.logicalVolumes.values()];
  return {
    vgName: group.name,
    vgUuid: group.uuid,
    vgFmt: group.format,
    vgAttr: volumeGroupAttributes(found),
    vgSize: extents * group.extentSize,
    vgFree: free * group.extentSize,
    vgSysid: group.systemId,
    vgExtentSize: group.extentSize,
    vgExtentCount: extents,
    vgFreeCount: free,
    maxLv: group.maxLogicalVolumes,
    maxPv: group.maxPhysicalVolumes,
    pvCount: group.physicalVolumes.size,
    lvCount: volumes.filter((volume) => roles.isVisible(volume)).length,
    snapCount: volumes.filter(
      (volume) => roles.has(volume.name, 'cow') || roles.has(volume.name, 'merging-cow'),
    ).length,
    vgSeqno: group.seqno,
    vgTags: tagList(group.tags),
    vgMdaCount: sum([...devices.values()].map((device) => device.label.metadataAreas.length)),
    vgMdaFree: leastFree(areas),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** What a volume's report needs beside its metadata. */
export interface VolumeReportState extends VolumeState {
  /** Device number, -1 where it has no device. */
  minor: number;
  /** Percentages, or -1. */
  snapPercent: number;
  copyPercent: number;
}

/** Major number that Linux gives to device mapper's devices, as long as nothing else asked for it first. */
export const MAPPER_MAJOR = 253;

/** A logical volume. */
export function reportLogicalVolume(
  group: VolumeGroup,
  volume: LogicalVolume,
  roles: GroupRoles,
  state: VolumeReportState,
): LogicalVolumeReport {
  return {
    lvName: volume.name,
    lvUuid: volume.uuid,
    lvAttr: volumeAttributes(volume, roles, state),
    lvMajor: volume.major,
    lvMinor: volume.minor,
    lvKernelMajor: state.minor < 0 ? -1 : MAPPER_MAJOR,
    lvKernelMinor: state.minor,
    lvSize: volume.extentCount * group.extentSize,
    segCount: volume.segments.length,
    origin: originOf(volume, roles),
    snapPercent: state.snapPercent,
    copyPercent: state.copyPercent,
    movePv: '',
    lvTags: tagList(volume.tags),
    mirrorLog: bracketed(volume.segments[0]?.references.get('mirror_log'), roles),
    modules: modulesOf(volume, roles),
  };
}

/** Hidden volumes are shown in brackets. */
function bracketed(name: string | undefined, roles: GroupRoles): string {
  if (name === undefined) return '';
  const volume = roles.volume(name);
  return volume === undefined || roles.isVisible(volume) ? name : `[${name}]`;
}

function originOf(volume: LogicalVolume, roles: GroupRoles): string {
  const segment = roles.snapshotSegment(volume.name) ?? volume.segments[0];
  return bracketed(segment?.references.get('origin') ?? segment?.references.get('external_origin'), roles);
}

/** Volumes below a volume whose modules count: an image, and what integrity or a cache puts below that. */
const MODULE_DEPTH = 3;

/** Kernel modules that a volume and the images that it is made of need, sorted. */
function modulesOf(volume: LogicalVolume, roles: GroupRoles): string {
  const modules = new Set<string>();
  const seen = new Set<string>();
  const queue: { next: LogicalVolume; depth: number }[] = [{ next: volume, depth: 0 }];
  for (const { next, depth } of queue) {
    if (seen.has(next.name)) continue;
    seen.add(next.name);
    if (roles.snapshotSegment(next.name) !== undefined || roles.snapshotStores(next.name).length > 0) {
      modules.add('snapshot');
    }
    for (const { type, areas } of next.segments) {
      for (const module of modulesOfType(type)) modules.add(module);
      if (depth >= MODULE_DEPTH) continue;
      for (const { name } of areas) {
        const image = roles.volume(name);
        if (image !== undefined) queue.push({ next: image, depth: depth + 1 });
      }
    }
  }
  return [...modules].toSorted().join(',');
}

function modulesOfType(type: string): readonly string[] {
  if (type === 'striped' || type === 'linear' || type === '') return [];
  if (type === 'thin') return ['thin', 'thin-pool'];
  return [type.startsWith('raid') ? 'raid' : type];
}

/**
 * A fraction as LVM shows it: percent with two decimals, never 0 for something nor 100 for less than all.
 */
export function percentOf(part: number, whole: number): number {
  if (whole <= 0) return -1;
  if (part <= 0) return 0;
  if (part >= whole) return 100;
  const percent = Math.round((part / whole) * 10000) / 100;
  return Math.min(99.99, Math.max(0.01, percent));
}
