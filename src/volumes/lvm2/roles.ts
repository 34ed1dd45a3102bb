import type { LogicalVolume, Segment, VolumeGroup } from './model.ts';
import type { FoundVolumeGroup } from './scan.ts';

/** What a logical volume is for others of its group. */
export type Role =
  | 'image'
  | 'mirror-log'
  | 'raid-metadata'
  | 'pool-data'
  | 'pool-metadata'
  | 'pool'
  | 'cache-origin'
  | 'integrity-origin'
  | 'external-origin'
  | 'cow'
  | 'merging-cow'
  | 'origin'
  | 'merging-origin';

/** Volumes on volumes on volumes: LVM itself makes about six. */
export const MAX_DEPTH = 24;

/** Who uses whom in a volume group, worked out once. */
export class GroupRoles {
  readonly #group: VolumeGroup;
  readonly #found: FoundVolumeGroup;
  readonly #roles = new Map<string, Set<Role>>();
  /** Volumes whose segments use a volume, except snapshots. */
  readonly #users = new Map<string, LogicalVolume[]>();
  /** Pseudo volumes of snapshots, by the name of the origin. */
  readonly #snapshots = new Map<string, LogicalVolume[]>();
  readonly #snapshotOf = new Map<string, Segment>();
  readonly #partial = new Map<string, boolean>();

  constructor(found: FoundVolumeGroup) {
    this.#found = found;
    this.#group = found.group;
    for (const volume of this.#group.logicalVolumes.values()) {
      for (const segment of volume.segments) this.#addSegment(volume, segment);
    }
  }

  #add(name: string | undefined, role: Role, user: LogicalVolume): void {
    if (name === undefined) return;
    getOrMake(this.#roles, name, () => new Set<Role>()).add(role);
    if (role === 'cow' || role === 'merging-cow' || role === 'origin' || role === 'merging-origin') return;
    getOrMake(this.#users, name, () => []).push(user);
  }

  #addSegment(volume: LogicalVolume, segment: Segment): void {
    const { references, type } = segment;
    if (type === 'snapshot') {
      const merging = references.has('merging_store');
      const store = references.get('cow_store') ?? references.get('merging_store');
      const origin = references.get('origin');
      this.#add(store, merging ? 'merging-cow' : 'cow', volume);
      this.#add(origin, merging ? 'merging-origin' : 'origin', volume);
      if (store !== undefined) this.#snapshotOf.set(store, segment);
      if (origin !== undefined) getOrMake(this.#snapshots, origin, () => []).push(volume);
      return;
    }
    for (const area of segment.areas) {
      if (!this.#group.physicalVolumes.has(area.name)) this.#add(area.name, 'image', volume);
    }
    for (const name of segment.metadataAreas) this.#add(name, 'raid-metadata', volume);
    this.#add(references.get('mirror_log'), 'mirror-log', volume);
    this.#add(references.get('metadata'), 'pool-metadata', volume);
    this.#add(references.get('pool') ?? references.get('data'), 'pool-data', volume);
    this.#add(references.get('cache_pool') ?? references.get('writecache'), 'pool', volume);
    this.#add(references.get('external_origin'), 'external-origin', volume);
    if (type === 'cache' || type === 'writecache')
      this.#add(references.get('origin'), 'cache-origin', volume);
    if (type === 'integrity') this.#add(references.get('origin'), 'integrity-origin', volume);
    this.#add(references.get('meta_dev'), 'pool-metadata', volume);
  }

  /** A volume of the group, hidden or not. */
  volume(name: string): LogicalVolume | undefined {
    return this.#group.logicalVolumes.get(name);
  }

  has(name: string, role: Role): boolean {
    return this.#roles.get(name)?.has(role) ?? false;
  }

  /** The segment that makes `name` a snapshot of something. */
  snapshotSegment(name: string): Segment | undefined {
    return this.#snapshotOf.get(name);
  }

  /** Stores of the snapshots of `name`, in the order of the text. */
  snapshotStores(name: string): string[] {
    return (this.#snapshots.get(name) ?? []).flatMap((volume) => {
      const references = volume.segments[0]?.references;
      return references?.get('cow_store') ?? references?.get('merging_store') ?? [];
    });
  }

  usersOf(name: string): readonly LogicalVolume[] {
    return this.#users.get(name) ?? [];
  }

  /**
   * True for what lvs(8) lists without -a. The text calls a snapshot's store hidden and its pseudo volume visible;
   * LVM shows them the other way round.
   */
  isVisible(volume: LogicalVolume): boolean {
    if (volume.segments[0]?.type === 'snapshot') return false;
    if (this.has(volume.name, 'cow')) return true;
    return volume.status.has('VISIBLE') && !this.has(volume.name, 'merging-cow');
  }

  /** True where a PV that the volume needs is missing, directly or below. */
  isPartial(name: string, depth = 0): boolean {
    const known = this.#partial.get(name);
    if (known !== undefined) return known;
    // Also ends a loop of volumes; a chain that is deeper than any that opens is not followed to its end.
    this.#partial.set(name, false);
    if (depth > MAX_DEPTH) return false;
    const volume = this.#group.logicalVolumes.get(name);
    const partial = volume?.segments.some((segment) => this.#segmentPartial(segment, depth)) ?? false;
    this.#partial.set(name, partial);
    return partial;
  }

  #segmentPartial(segment: Segment, depth: number): boolean {
    return partsOf(segment).some((name) =>
      this.#group.physicalVolumes.has(name)
        ? !this.#found.devices.has(name)
        : this.isPartial(name, depth + 1),
    );
  }
}

/** Names of all volumes and PVs that a segment is made of. */
export function partsOf(segment: Segment): string[] {
  const { references } = segment;
  const below = [
    'mirror_log',
    'metadata',
    'pool',
    'data',
    'thin_pool',
    'cache_pool',
    'writecache',
    'meta_dev',
  ];
  const names = below.flatMap((key) => references.get(key) ?? []);
  const { type } = segment;
  if (type === 'cache' || type === 'writecache' || type === 'integrity')
    names.push(references.get('origin') ?? '');
  const external = references.get('external_origin');
  if (external !== undefined) names.push(external);
  names.push(...segment.areas.map((area) => area.name), ...segment.metadataAreas);
  return names.filter((name) => name !== '');
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
