import { clockMilliseconds } from '../bytes/clock.ts';
import type { BlockDevice } from '../block/device.ts';
import { GuestfsError } from '../errors/index.ts';
import {
  dashedUuid,
  devicePath,
  type LogicalVolume,
  type LvmDevice,
  type LvmState,
  MapperPlan,
  mapperName,
  partsOf,
  scanLvm,
  type VolumeGroup,
  type VolumeGroupState,
} from '../volumes/lvm2/index.ts';
import { LvmEditor } from './lvm-editor.ts';
import type { LvmWriting } from './lvm-writing.ts';
import type {
  LvmCapability,
  LvmVolumeReport,
  PhysicalVolumeReport,
  VolumeGroupReport,
} from './lvm-capability.ts';

/** What an LVM session needs of the platform that it belongs to. */
export interface LvmSource {
  /** Drives and partitions, and other devices that may be PVs, but no logical volumes. Called at each scan. */
  candidates(): LvmDevice[];
  /** True while the logical volume of that canonical name is mounted or otherwise in use. */
  inUse(path: string): boolean;
  /** Called when volumes came or went. */
  changed?(): void;
  warn(message: string): void;
}

/** A device of the mapper that is active. */
interface ActiveDevice {
  minor: number;
  /** `/dev/VG/LV` where it is a logical volume's own device. */
  path: string | undefined;
}

/** What the mapper adds to a volume's name for devices below and above it. */
const MAPPER_SUFFIX = /-(?:real|cow|tpool|missing_\d+_\d+)$/;

interface ActiveNames {
  /** `/dev/VG/LV` */
  paths: Set<string>;
  /** Other names to those. */
  aliases: Map<string, string>;
}

/**
 * LVM over the engine's devices: the state of the last scan and which volumes are active. The first question scans
 * and activates everything that Linux would at boot.
 */
export class LvmSession implements LvmCapability {
  readonly #source: LvmSource;
  #state: LvmState | undefined;
  #started = false;
  #filter: readonly string[] | undefined;
  /** By the name below /dev/mapper. */
  readonly #mapper = new Map<string, ActiveDevice>();
  #names: ActiveNames | undefined;
  readonly #opened = new Map<string, BlockDevice>();

  readonly write: LvmWriting;

  constructor(source: LvmSource) {
    this.#source = source;
    this.write = new LvmEditor({
      session: this,
      candidates: () => this.#candidates(),
      inUse: (name) => this.#source.inUse(name),
      warn: (message) => this.#source.warn(message),
    });
  }

  /** What the last scan found. */
  get state(): LvmState {
    if (this.#state === undefined) {
      const state = scanLvm(this.#candidates(), { warn: (message) => this.#source.warn(message) });
      this.#state = state;
      this.#opened.clear();
      if (this.#started) {
        this.#dropVanished(state);
      } else {
        this.#started = true;
        for (const group of state.volumeGroups) this.#startGroup(group);
      }
    }
    return this.#state;
  }

  /** At boot: everything that can be, and a word about what cannot. */
  #startGroup(group: VolumeGroupState): void {
    if (group.exported) this.#source.warn(`volume group ${group.name} is exported; it stays inactive`);
    else if (group.foreign) {
      this.#source.warn(
        `volume group ${group.name} belongs to the host with system id ${group.found.group.systemId}; it stays inactive`,
      );
    } else {
      for (const volume of this.#activateGroup(group)) {
        this.#source.warn(
          `${devicePath(group.name, volume.name)} stays inactive: a PV that it needs is missing`,
        );
      }
    }
  }

  #candidates(): LvmDevice[] {
    const all = this.#source.candidates();
    const filter = this.#filter;
    if (filter === undefined) return all;
    return all.filter(({ name }) =>
      filter.some(
        (wanted) => name === wanted || (name.startsWith(wanted) && /^p?\d+$/.test(name.slice(wanted.length))),
      ),
    );
  }

  /** After a new scan: devices of volumes that are gone are gone. */
  #dropVanished(state: LvmState): void {
    const known = new Set<string>();
    for (const group of state.volumeGroups) {
      for (const volume of group.found.group.logicalVolumes.keys()) known.add(mapperName(group.name, volume));
    }
    for (const [name, { path }] of this.#mapper) {
      if (known.has(name) || known.has(name.replace(MAPPER_SUFFIX, ''))) continue;
      if (path === undefined || !this.#source.inUse(path)) this.#mapper.delete(name);
    }
    this.#names = undefined;
  }

  /** Look at the devices again at the next question. What is active stays so. */
  forget(): void {
    this.#state = undefined;
    this.#names = undefined;
  }

  /** What another session has to do to see the same: the filter, and groups none of whose volumes are active. */
  handOver(): { filter: readonly string[] | undefined; inactive: string[] } {
    const filter = this.#filter;
    if (!this.#started) return { filter, inactive: [] };
    const active = new Set([...this.#mapper.values()].map(({ path }) => path));
    const inactive = this.state.volumeGroups.filter(
      ({ name, exported, foreign, visibleVolumes }) =>
        !exported &&
        !foreign &&
        visibleVolumes.length > 0 &&
        !visibleVolumes.some((volume) => active.has(devicePath(name, volume.name))),
    );
    return { filter, inactive: inactive.map(({ name }) => name) };
  }

  // Activation.

  /** Activate what is visible and not to be skipped; returns the volumes that cannot be. */
  #activateGroup(group: VolumeGroupState): LogicalVolume[] {
    const plan = new MapperPlan(group.found, group.roles);
    const refused: LogicalVolume[] = [];
    if (this.#isShadowed(group)) return refused;
    for (const volume of group.visibleVolumes) {
      if (volume.flags.has('ACTIVATION_SKIP')) continue;
      if (group.isActivatable(volume)) plan.add(volume);
      else refused.push(volume);
    }
    this.#makeDevices(group, plan);
    return refused;
  }

  #makeDevices(group: VolumeGroupState, plan: MapperPlan): void {
    const taken = new Set([...this.#mapper.values()].map((device) => device.minor));
    let free = 0;
    for (const { name, volume, minor: wanted } of plan.devices) {
      if (this.#mapper.has(name)) continue;
      // The kernel gives the lowest number that is free.
      while (taken.has(free)) free++;
      const minor = wanted < 0 || taken.has(wanted) ? free : wanted;
      taken.add(minor);
      const path = volume === undefined ? undefined : devicePath(group.name, volume);
      this.#mapper.set(name, { minor, path });
    }
    this.#names = undefined;
  }

  // For what changes the metadata.

  /** Look again after a change, and say so. */
  rescan(): void {
    this.forget();
    void this.state;
    this.#source.changed?.();
  }

  /** Activate one volume, as `lvchange -ay` does. */
  activateVolume(groupName: string, name: string): void {
    const group = this.state.group(groupName);
    const plan = new MapperPlan(group.found, group.roles);
    const volume = group.roles.volume(name);
    if (volume === undefined || this.#isShadowed(group)) return;
    plan.add(volume);
    this.#makeDevices(group, plan);
  }

  /** Devices keep their numbers when volumes get other names; the keys are names of the mapper. */
  renameDevices(names: ReadonlyMap<string, { name: string; path: string }>): void {
    const devices = [...this.#mapper];
    this.#mapper.clear();
    for (const [old, { minor, path }] of devices) {
      const base = names.has(old) ? old : old.replace(MAPPER_SUFFIX, '');
      const now = names.get(base);
      if (now === undefined) this.#mapper.set(old, { minor, path });
      else {
        const suffix = old.slice(base.length);
        this.#mapper.set(now.name + suffix, { minor, path: path === undefined ? undefined : now.path });
      }
    }
  }

  #refuseIfUsed(group: VolumeGroupState): void {
    const used = group.visibleVolumes.find((volume) =>
      this.#source.inUse(devicePath(group.name, volume.name)),
    );
    if (used !== undefined) {
      const path = devicePath(group.name, used.name);
      throw new GuestfsError('EBUSY', `cannot deactivate volume group ${group.name}: ${path} is in use`, {
        device: path,
      });
    }
  }

  #deactivateGroup(group: VolumeGroupState): void {
    this.#refuseIfUsed(group);
    const plan = new MapperPlan(group.found, group.roles);
    for (const volume of group.visibleVolumes) plan.add(volume);
    for (const { name, volume } of plan.devices) {
      this.#mapper.delete(name);
      if (volume !== undefined) this.#opened.delete(devicePath(group.name, volume));
    }
    this.#names = undefined;
  }

  activate(active: boolean, volumeGroups?: readonly string[]): void {
    const groups =
      volumeGroups?.map((name) => this.state.group(name)) ??
      this.state.volumeGroups.filter((group) => !group.exported && !group.foreign);
    const exported = groups.find((group) => group.exported || group.foreign);
    if (exported !== undefined) {
      const why = exported.exported ? 'is exported' : 'belongs to another host (its system id is set)';
      throw new GuestfsError(
        'EINVAL',
        `volume group ${exported.name} ${why}: its volumes cannot be activated`,
      );
    }
    const refused: string[] = [];
    for (const group of groups) {
      if (!active) this.#deactivateGroup(group);
      else refused.push(...this.#activateGroup(group).map((volume) => devicePath(group.name, volume.name)));
    }
    this.#source.changed?.();
    if (refused.length > 0) {
      throw new GuestfsError(
        'EIO',
        `${refused.join(', ')}: not activated, a physical volume that it needs is missing`,
      );
    }
  }

  scan(activate: boolean): void {
    this.forget();
    for (const group of this.state.volumeGroups) {
      if (activate && !group.exported && !group.foreign) this.#activateGroup(group);
    }
    this.#source.changed?.();
  }

  setFilter(devices: readonly string[] | undefined): void {
    // As Linux does it: all groups are deactivated, which a mounted volume prevents, and what is then seen activated.
    for (const group of this.state.volumeGroups) this.#refuseIfUsed(group);
    this.#filter = devices;
    this.#mapper.clear();
    this.forget();
    this.#started = false;
    void this.state;
    this.#source.changed?.();
  }

  // Names and bytes.

  #isListed(group: VolumeGroupState): boolean {
    return !group.exported && !group.foreign && !this.#isShadowed(group);
  }

  /** `/dev/VG/LV` of the active volumes, sorted. */
  activeNames(): string[] {
    return [...this.#activeNames.paths].toSorted();
  }

  listedNames(): string[] {
    return this.state.volumeGroups
      .filter((group) => this.#isListed(group))
      .flatMap((group) =>
        group.visibleVolumes
          .filter((volume) => group.isPublic(volume) && !volume.flags.has('ACTIVATION_SKIP'))
          .map((volume) => devicePath(group.name, volume.name)),
      )
      .toSorted();
  }

  /** Active volumes that are for use, by every name that they have. */
  get #activeNames(): ActiveNames {
    if (this.#names !== undefined) return this.#names;
    const names: ActiveNames = { paths: new Set(), aliases: new Map() };
    for (const group of this.state.volumeGroups) {
      for (const volume of group.visibleVolumes) {
        const device = this.#deviceOf(group, volume);
        const path = device?.path;
        if (device === undefined || path === undefined || !group.isPublic(volume)) continue;
        names.paths.add(path);
        names.aliases.set(`/dev/mapper/${mapperName(group.name, volume.name)}`, path);
        names.aliases.set(`/dev/dm-${device.minor}`, path);
      }
    }
    this.#names = names;
    return names;
  }

  #deviceOf(group: VolumeGroupState, volume: LogicalVolume): ActiveDevice | undefined {
    if (this.#isShadowed(group)) return undefined;
    const name = mapperName(group.name, volume.name);
    return this.#mapper.get(`${name}-tpool`) ?? this.#mapper.get(name);
  }

  /** True where another group has the name: its volumes' devices would have the same names. */
  #isShadowed(group: VolumeGroupState): boolean {
    return this.state.group(group.name) !== group;
  }

  canonicalName(name: string): string | undefined {
    const { paths, aliases } = this.#activeNames;
    return paths.has(name) ? name : aliases.get(name);
  }

  activeVolumesOn(device: string): string[] {
    const found: string[] = [];
    for (const group of this.state.volumeGroups) {
      const entry = [...group.found.devices].find(([, { name }]) => name === device);
      if (entry === undefined) continue;
      const { group: model } = group.found;
      for (const volume of group.visibleVolumes) {
        if (this.#deviceOf(group, volume) === undefined) continue;
        if (liesOn(model, volume.name, entry[0])) found.push(devicePath(group.name, volume.name));
      }
    }
    return found.toSorted();
  }

  /** Names below /dev/mapper of the devices that are no logical volumes of their own, sorted. */
  hiddenMapperNames(): string[] {
    const { paths } = this.#activeNames;
    return [...this.#mapper]
      .filter(([, { path }]) => path === undefined || !paths.has(path))
      .map(([name]) => name)
      .toSorted();
  }

  /** Number and name of every mapper device, as `dmsetup ls` shows them, in order of number. */
  mapperDevices(): { name: string; minor: number }[] {
    void this.state;
    return [...this.#mapper]
      .map(([name, { minor }]) => ({ name, minor }))
      .toSorted((a, b) => a.minor - b.minor);
  }

  /** The bytes of an active logical volume by its canonical name; kept, so that the caller must not close it. */
  open(path: string): BlockDevice {
    const known = this.#opened.get(path);
    if (known !== undefined) return known;
    const [, , groupName = '', volumeName = ''] = path.split('/');
    if (!this.#activeNames.paths.has(path)) {
      throw new GuestfsError('ENOENT', `${path}: no such logical volume, or it is not active`, {
        device: path,
      });
    }
    const device = this.state.group(groupName).open(volumeName);
    this.#opened.set(path, device);
    return device;
  }

  /** Forget everything; the devices below stay open. */
  close(): void {
    this.#state = undefined;
    this.#opened.clear();
    this.#mapper.clear();
    this.#names = undefined;
  }

  // Reports.

  physicalVolumeNames(): string[] {
    return this.state.physicalVolumes.map(({ name }) => name).toSorted();
  }

  physicalVolumes(): PhysicalVolumeReport[] {
    return this.state.reportPhysicalVolumes();
  }

  volumeGroups(): VolumeGroupReport[] {
    return this.state.volumeGroups
      .toReversed()
      .filter((group) => !group.foreign)
      .map((group) => group.report());
  }

  logicalVolumes(): LvmVolumeReport[] {
    return this.state.volumeGroups
      .toReversed()
      .filter((group) => this.#isListed(group))
      .flatMap((group) =>
        group.listedVolumes.map((volume) => {
          const device = this.#deviceOf(group, volume);
          const report = group.reportLogicalVolume(volume, () => ({
            active: device !== undefined,
            open: this.#isOpen(group, volume),
            minor: device?.minor ?? -1,
          }));
          return {
            ...report,
            vgName: group.name,
            active: device !== undefined,
            public: group.isPublic(volume),
            skipActivation: volume.flags.has('ACTIVATION_SKIP'),
          };
        }),
      );
  }

  /** An active thin pool has its own upper device open. */
  #isOpen(group: VolumeGroupState, volume: LogicalVolume): boolean {
    const path = devicePath(group.name, volume.name);
    return volume.segments[0]?.type === 'thin-pool' || this.#source.inUse(path);
  }

  physicalVolumeUuids(volumeGroup: string): string[] {
    const { found } = this.state.group(volumeGroup);
    return [...found.group.physicalVolumes.values()].map(({ uuid }) => dashedUuid(uuid));
  }

  logicalVolumeUuids(volumeGroup: string): string[] {
    return this.state.group(volumeGroup).listedVolumes.map(({ uuid }) => dashedUuid(uuid));
  }

  metadata(volumeGroup: string): Uint8Array {
    return this.state.group(volumeGroup).backup(Math.floor(clockMilliseconds() / 1000));
  }
}

/** True where a volume, or what it is made of, has extents on the physical volume `key`. */
function liesOn(group: VolumeGroup, name: string, key: string): boolean {
  const names = new Set([name]);
  // A set that grows while it is walked: each volume is met once, however they stand on each other.
  for (const one of names) {
    if (one === key) return true;
    for (const segment of group.logicalVolumes.get(one)?.segments ?? []) {
      for (const part of [...partsOf(segment), ...segment.references.values()]) names.add(part);
    }
  }
  return false;
}
