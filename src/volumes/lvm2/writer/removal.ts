import { UnsupportedError } from '../../../errors/index.ts';
import type { LogicalVolume, VolumeGroup } from '../model.ts';
import { devicePath } from '../names.ts';
import { type GroupRoles, partsOf } from '../roles.ts';
import { refersTo } from './sections.ts';

/**
 * Everything that goes with a logical volume: its hidden parts, the snapshots of it as `lvremove -f` takes them, the
 * volumes of a thin pool. Throws UnsupportedError for a thin volume without its pool: the pool's own metadata, which
 * a kernel keeps, would have to change with it.
 */
export function removalOf(group: VolumeGroup, roles: GroupRoles, name: string): Set<string> {
  const going = new Set<string>();
  const all = [...group.logicalVolumes.values()];
  const add = (one: string): void => {
    if (going.has(one)) return;
    const volume = group.logicalVolumes.get(one);
    if (volume === undefined) return;
    going.add(one);
    for (const other of all) if (goesAlong(volume, other)) add(other.name);
    for (const store of roles.snapshotStores(one)) add(store);
  };
  add(name);
  // Parts that nothing else uses; a part of a part becomes one when its user goes.
  for (let before = -1; before !== going.size;) {
    before = going.size;
    for (const one of going) {
      const volume = group.logicalVolumes.get(one);
      for (const part of volume?.segments.flatMap(partsOf) ?? []) {
        const below = group.logicalVolumes.get(part);
        if (below === undefined || below.status.has('VISIBLE')) continue;
        if (all.every((other) => going.has(other.name) || !refersTo(other, part))) going.add(part);
      }
    }
  }
  addSpare(all, going);
  refuseThin(group, going);
  return going;
}

/** The spare for the metadata of pools, which LVM keeps as long as there is a pool. */
function addSpare(all: readonly LogicalVolume[], going: Set<string>): void {
  const isPool = ({ segments }: LogicalVolume): boolean => segments[0]?.type.endsWith('-pool') ?? false;
  if (!all.some((volume) => isPool(volume) && going.has(volume.name))) return;
  if (all.some((volume) => isPool(volume) && !going.has(volume.name))) return;
  for (const { name } of all) if (name.endsWith('_pmspare')) going.add(name);
}

/** True for what cannot be without `volume`: the pseudo volume of a snapshot, a volume of a thin pool. */
function goesAlong(volume: LogicalVolume, other: LogicalVolume): boolean {
  const segment = other.segments[0];
  if (segment === undefined) return false;
  const { type, references } = segment;
  if (type === 'snapshot') {
    return [references.get('cow_store'), references.get('merging_store'), references.get('origin')].includes(
      volume.name,
    );
  }
  return (
    type === 'thin' && volume.segments[0]?.type === 'thin-pool' && references.get('thin_pool') === volume.name
  );
}

function refuseThin(group: VolumeGroup, going: ReadonlySet<string>): void {
  for (const name of going) {
    const segment = group.logicalVolumes.get(name)?.segments[0];
    const pool = segment?.references.get('thin_pool');
    if (segment?.type !== 'thin' || pool === undefined || going.has(pool)) continue;
    const path = devicePath(group.name, name);
    throw new UnsupportedError(
      `${path} is of type thin: it can be removed here only with its pool ${pool} or its group; the appliance backend removes it alone`,
      { device: path },
    );
  }
}
