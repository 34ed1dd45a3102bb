import type { LogicalVolume, Segment } from './model.ts';
import { mapperName } from './names.ts';
import { type GroupRoles, MAX_DEPTH } from './roles.ts';
import type { FoundVolumeGroup } from './scan.ts';

/** A device that the device mapper makes for a logical volume. */
export interface MapperDevice {
  /** Below /dev/mapper: `VG-LV`, `VG-LV-real`, ... */
  name: string;
  /** The logical volume whose device lvs(8) shows this as; undefined for what LVM puts below or above it. */
  volume: string | undefined;
  /** Number that the volume wants; -1 where the next free one serves. */
  minor: number;
}

/**
 * The devices that activating volumes makes, in the order in which LVM makes them: what a device stands on before
 * it, an origin before its snapshots. So the numbers of /dev/dm-N come out as on Linux.
 */
export class MapperPlan {
  readonly devices: MapperDevice[] = [];
  readonly #found: FoundVolumeGroup;
  readonly #roles: GroupRoles;
  readonly #made = new Set<string>();

  constructor(found: FoundVolumeGroup, roles: GroupRoles) {
    this.#found = found;
    this.#roles = roles;
  }

  /** Plan the activation of a visible volume; a snapshot comes with its origin. */
  add(volume: LogicalVolume): void {
    const origin = this.#roles.snapshotSegment(volume.name)?.references.get('origin');
    const first = origin === undefined ? volume : (this.#roles.volume(origin) ?? volume);
    this.#volume(first.name, 0);
  }

  #make(volume: LogicalVolume, suffix: string, shown: boolean): void {
    const name = mapperName(this.#found.group.name, volume.name) + suffix;
    if (this.#made.has(name)) return;
    this.#made.add(name);
    const fixed = shown && volume.status.has('FIXED_MINOR');
    this.devices.push({ name, volume: shown ? volume.name : undefined, minor: fixed ? volume.minor : -1 });
  }

  #parts(volume: LogicalVolume, depth: number): void {
    for (const segment of volume.segments) {
      for (const part of orderedParts(segment)) {
        if (!this.#found.group.physicalVolumes.has(part)) this.#volume(part, depth + 1);
      }
    }
  }

  /** In place of each part on a PV that is missing LVM puts a device that fails. */
  #standIns(volume: LogicalVolume): void {
    const { group, devices } = this.#found;
    for (const [index, segment] of volume.segments.entries()) {
      for (const [place, { name }] of segment.areas.entries()) {
        if (!group.physicalVolumes.has(name) || devices.has(name)) continue;
        this.#make(volume, `-missing_${index}_${place}`, false);
      }
    }
  }

  #volume(name: string, depth: number): void {
    const volume = this.#roles.volume(name);
    if (volume === undefined || depth > MAX_DEPTH || this.#made.has(mapperName(this.#found.group.name, name)))
      return;
    const type = volume.segments[0]?.type;
    this.#parts(volume, depth);
    this.#standIns(volume);
    if (type === 'cache-pool') return;
    if (type === 'thin-pool') {
      this.#make(volume, '-tpool', true);
      this.#make(volume, '', false);
      return;
    }
    const stores = this.#roles.snapshotStores(name);
    if (stores.length > 0 || this.#roles.has(name, 'external-origin')) this.#make(volume, '-real', false);
    this.#make(volume, '', true);
    for (const store of stores) {
      const cow = this.#roles.volume(store);
      if (cow === undefined) continue;
      this.#parts(cow, depth);
      this.#make(cow, '-cow', false);
      if (this.#roles.has(store, 'cow')) this.#make(cow, '', true);
    }
  }
}

/** What a segment stands on, in the order in which LVM makes it. */
function orderedParts(segment: Segment): string[] {
  const { references } = segment;
  const one = (key: string): string[] => {
    const name = references.get(key);
    return name === undefined ? [] : [name];
  };
  const images = segment.areas.flatMap((area, i) => [...segment.metadataAreas.slice(i, i + 1), area.name]);
  const origin = segment.type === 'snapshot' || segment.type === 'thin' ? [] : one('origin');
  return [
    ...one('mirror_log'),
    ...images,
    ...(segment.type === 'cache-pool' ? one('data') : []),
    ...one('metadata'),
    ...one('pool'),
    ...one('external_origin'),
    ...one('thin_pool'),
    ...one('cache_pool'),
    ...one('writecache'),
    ...one('meta_dev'),
    ...origin,
  ];
}
