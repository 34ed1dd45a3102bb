import type { LogicalVolume } from './model.ts';
import type { GroupRoles } from './roles.ts';
import type { FoundPhysicalVolume, FoundVolumeGroup } from './scan.ts';

/** What the attributes of a volume depend on beside its metadata. */
export interface VolumeState {
  active: boolean;
  /** Something uses the device: a mount, another volume. */
  open: boolean;
  /** A snapshot whose store overflowed. */
  invalid: boolean;
}

const POLICY_LETTERS: Readonly<Record<string, string>> = {
  contiguous: 'c',
  cling: 'l',
  normal: 'n',
  anywhere: 'a',
  inherit: 'i',
};

function policyLetter(policy: string): string {
  return POLICY_LETTERS[policy] ?? 'n';
}

/** The six letters of vg_attr. Source: vgs(8). */
export function volumeGroupAttributes({ group, devices }: FoundVolumeGroup): string {
  const shared = group.lockType !== '' && group.lockType !== 'none';
  return [
    group.status.has('WRITE') ? 'w' : 'r',
    group.status.has('RESIZEABLE') ? 'z' : '-',
    group.status.has('EXPORTED') ? 'x' : '-',
    devices.size < group.physicalVolumes.size ? 'p' : '-',
    policyLetter(group.allocationPolicy),
    group.status.has('CLUSTERED') ? 'c' : shared ? 's' : '-',
  ].join('');
}

/** The three letters of pv_attr. Source: pvs(8). `entry` is undefined for a PV of no group. */
export function physicalVolumeAttributes(
  found: FoundPhysicalVolume | undefined,
  owner: { group: FoundVolumeGroup; allocatable: boolean } | undefined,
): string {
  const exported = owner?.group.group.status.has('EXPORTED') ?? false;
  const used = owner === undefined && (found?.label.used ?? false);
  return [
    owner?.allocatable ? 'a' : used ? 'u' : '-',
    exported ? 'x' : '-',
    found === undefined ? 'm' : '-',
  ].join('');
}

/** Segment types whose volumes have no place of their own on a PV. */
const VIRTUAL_TYPES: readonly string[] = ['zero', 'error', 'vdo'];

/** The ten letters of lv_attr. Source: lvs(8). */
export function volumeAttributes(volume: LogicalVolume, roles: GroupRoles, state: VolumeState): string {
  return [
    typeLetter(volume, roles),
    volume.status.has('PVMOVE') ? '-' : volume.status.has('WRITE') ? 'w' : 'r',
    volume.status.has('LOCKED')
      ? policyLetter(volume.allocationPolicy).toUpperCase()
      : policyLetter(volume.allocationPolicy),
    volume.status.has('FIXED_MINOR') ? 'm' : '-',
    state.active ? (state.invalid ? 'I' : 'a') : '-',
    state.active && state.open ? 'o' : '-',
    targetLetter(volume, roles),
    isZeroing(volume, roles) ? 'z' : '-',
    roles.isPartial(volume.name) ? 'p' : '-',
    volume.flags.has('ACTIVATION_SKIP') ? 'k' : '-',
  ].join('');
}

/** True for a thin pool that clears what it hands out, and for its volumes. */
function isZeroing(volume: LogicalVolume, roles: GroupRoles): boolean {
  const segment = volume.segments[0];
  if (segment?.type === 'thin') {
    const pool = roles.volume(segment.references.get('thin_pool') ?? '');
    return pool?.segments[0]?.numbers.get('zero_new_blocks') === 1;
  }
  return segment?.type === 'thin-pool' && segment.numbers.get('zero_new_blocks') === 1;
}

function typeLetter(volume: LogicalVolume, roles: GroupRoles): string {
  const { name, status, flags } = volume;
  const type = volume.segments[0]?.type ?? '';
  const unsynced = status.has('NOTSYNCED') || flags.has('NOTSYNCED') || status.has('LV_NOTSYNCED');
  if (status.has('PVMOVE')) return 'p';
  if (status.has('CONVERTING')) return 'c';
  if (roles.has(name, 'merging-cow')) return 'S';
  if (roles.has(name, 'cow')) return 's';
  if (roles.has(name, 'merging-origin')) return 'O';
  if (roles.has(name, 'origin') || roles.has(name, 'external-origin') || roles.has(name, 'cache-origin'))
    return 'o';
  if (roles.has(name, 'pool-metadata') || roles.has(name, 'raid-metadata')) return 'e';
  if (/^lvol\d+_pmspare$/.test(name)) return 'e';
  if (type === 'cache' || type === 'cache-pool' || type === 'writecache' || flags.has('CACHE_VOL'))
    return 'C';
  if (type.startsWith('raid')) return unsynced ? 'R' : 'r';
  if (type === 'mirror') return unsynced ? 'M' : 'm';
  if (type === 'thin') return 'V';
  if (type === 'thin-pool') return 't';
  if (roles.has(name, 'pool-data'))
    return roles.usersOf(name)[0]?.segments[0]?.type === 'thin-pool' ? 'T' : 'C';
  if (type === 'vdo-pool') return 'd';
  if (type === 'integrity') return 'g';
  if (roles.has(name, 'image')) return imageLetter(name, roles);
  if (roles.has(name, 'mirror-log')) return 'l';
  if (VIRTUAL_TYPES.includes(type)) return 'v';
  return '-';
}

function imageLetter(name: string, roles: GroupRoles): string {
  const type = roles.usersOf(name)[0]?.segments[0]?.type;
  return type === 'vdo-pool' ? 'D' : 'i';
}

function targetLetter(volume: LogicalVolume, roles: GroupRoles): string {
  const { name } = volume;
  const type = volume.segments[0]?.type ?? '';
  const user = roles.usersOf(name)[0]?.segments[0]?.type ?? '';
  const isPart =
    roles.has(name, 'image') || roles.has(name, 'raid-metadata') || roles.has(name, 'mirror-log');
  if (type === 'thin' || type === 'thin-pool') return 't';
  if (type === 'cache' || type === 'cache-pool' || type === 'writecache') return 'C';
  if (roles.has(name, 'cache-origin')) return 'C';
  if (volume.flags.has('CACHE_VOL')) return 'C';
  if (type.startsWith('raid') || (isPart && user.startsWith('raid'))) return 'r';
  if (type === 'mirror' || (isPart && user === 'mirror')) return 'm';
  if (roles.snapshotSegment(name) !== undefined || roles.snapshotStores(name).length > 0) return 's';
  if (VIRTUAL_TYPES.includes(type)) return 'v';
  return '-';
}
