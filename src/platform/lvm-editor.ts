import { clockMilliseconds } from '../bytes/clock.ts';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import {
  changeLabel,
  checkGroupName,
  devicePath,
  eraseLabel,
  eraseVolumeGroup,
  type FoundPhysicalVolume,
  GroupEdit,
  hasMetadataBehindData,
  type LvmDevice,
  mapperName,
  randomLvmUuid,
  removalOf,
  VolumeGroupState,
  type VolumeSize,
  wipeSignatures,
  writePhysicalVolume,
  writeVolumeGroup,
} from '../volumes/lvm2/index.ts';
import type { LvmSession } from './lvm-session.ts';
import type { LvmWriting } from './lvm-writing.ts';

/** What changing LVM needs of the session that knows its state. */
export interface LvmEditorHost {
  readonly session: LvmSession;
  /** Devices that may be physical volumes. */
  candidates(): LvmDevice[];
  /** True while a device is mounted. */
  inUse(name: string): boolean;
  warn(message: string): void;
}

/** Names in the mapper have at most so many characters. */
const MAX_MAPPER_NAME = 127;

const now = (): number => Math.floor(clockMilliseconds() / 1000);

/** Changes LVM2 metadata on the engine's devices; the session looks at them again after each change. */
export class LvmEditor implements LvmWriting {
  readonly #host: LvmEditorHost;

  constructor(host: LvmEditorHost) {
    this.#host = host;
  }

  get #session(): LvmSession {
    return this.#host.session;
  }

  // What there is.

  #candidate(device: string): LvmDevice {
    const found = this.#host.candidates().find(({ name }) => name === device);
    if (found !== undefined) return found;
    throw new GuestfsError(
      'EINVAL',
      `${device} cannot be a physical volume: it has partitions, is an extended partition or is hidden by the filter`,
      { device },
    );
  }

  #physicalVolume(device: string): FoundPhysicalVolume {
    const found = this.#session.state.physicalVolumes.find(({ name }) => name === device);
    if (found === undefined) {
      throw new GuestfsError('EINVAL', `${device} is not a physical volume`, { device });
    }
    return found;
  }

  /** The group that a PV belongs to, and its key there. */
  #ownerOf(found: FoundPhysicalVolume): { group: VolumeGroupState; key: string } | undefined {
    for (const group of this.#session.state.volumeGroups) {
      for (const { key, uuid } of group.found.group.physicalVolumes.values()) {
        if (uuid === found.label.uuid) return { group, key };
      }
    }
    return undefined;
  }

  /** Throws what reading a device threw when volumes were looked for: it may be a PV, or have newer metadata. */
  #refuseUnread(device: string): void {
    const error = this.#session.state.unreadable.get(device);
    if (error === undefined) return;
    this.#session.rescan();
    throw new GuestfsError(
      error.code,
      `nothing is written to ${device}, because what it holds could not be read: ${error.message}`,
      { device, cause: error },
    );
  }

  /** Throws EBUSY where a device is a PV of a group. */
  #refuseOwned(device: string): void {
    this.#refuseUnread(device);
    const found = this.#session.state.physicalVolumes.find(({ name }) => name === device);
    if (found === undefined) return;
    const owner = this.#ownerOf(found)?.group.name;
    if (owner === undefined && found.label.used !== true) return;
    const whose = owner === undefined ? 'a volume group that was not found' : `volume group ${owner}`;
    throw new GuestfsError('EBUSY', `${device} is a physical volume of ${whose}`, { device });
  }

  #edit(group: VolumeGroupState): GroupEdit {
    for (const { name } of group.found.devices.values()) this.#refuseUnread(name);
    return new GroupEdit(group.found, now());
  }

  #refuseUsed(group: VolumeGroupState, names: Iterable<string>, doing: string): void {
    for (const name of names) {
      const path = devicePath(group.name, name);
      if (!this.#host.inUse(path)) continue;
      throw new GuestfsError('EBUSY', `cannot ${doing}: ${path} is in use`, { device: path });
    }
  }

  #refuseActive(group: VolumeGroupState, doing: string): void {
    const active = group.visibleVolumes
      .map(({ name }) => devicePath(group.name, name))
      .filter((path) => this.#session.canonicalName(path) !== undefined);
    if (active.length === 0) return;
    throw new GuestfsError(
      'EBUSY',
      `cannot ${doing}: logical volumes are active (${active.join(', ')}); deactivate volume group ${group.name} first`,
    );
  }

  /** Group and name of a logical volume, active or not. Throws ENOENT, EINVAL for what is no such name. */
  #volume(device: string): { group: VolumeGroupState; name: string } {
    const path = this.#session.canonicalName(device) ?? device;
    const [groupName = '', name = '', ...rest] = path.replace(/^\/dev\//, '').split('/');
    if (groupName === '' || name === '' || rest.length > 0) {
      throw new GuestfsError('EINVAL', `${device} is no name of a logical volume, expected /dev/VG/LV`, {
        device,
      });
    }
    const group = this.#session.state.volumeGroups.find((candidate) => candidate.name === groupName);
    const volume = group?.roles.volume(name);
    if (group === undefined || volume === undefined || !group.roles.isVisible(volume)) {
      const why =
        group === undefined
          ? `no volume group ${groupName} was found`
          : `volume group ${groupName} has no such logical volume`;
      throw new GuestfsError('ENOENT', `${device}: ${why}`, { device });
    }
    return { group, name };
  }

  // Physical volumes.

  createPhysicalVolume(device: string): void {
    this.#makePhysicalVolume(device);
    this.#session.rescan();
  }

  #checkNewPhysicalVolume(device: string): LvmDevice {
    const candidate = this.#candidate(device);
    this.#refuseOwned(device);
    if (this.#host.inUse(device)) {
      throw new GuestfsError('EBUSY', `cannot make a physical volume of ${device}: it is mounted`, {
        device,
      });
    }
    return candidate;
  }

  #makePhysicalVolume(device: string): void {
    const candidate = this.#checkNewPhysicalVolume(device);
    try {
      writePhysicalVolume(candidate.device, randomLvmUuid());
    } catch (error) {
      throw about(error, device);
    }
  }

  removePhysicalVolume(device: string): void {
    const found = this.#physicalVolume(device);
    this.#refuseOwned(device);
    eraseLabel(found.device);
    this.#session.rescan();
  }

  resizePhysicalVolume(device: string, size?: number): void {
    const found = this.#physicalVolume(device);
    const whole = found.device.size - (found.device.size % 512);
    const wanted = size ?? whole;
    if (!Number.isSafeInteger(wanted) || wanted % 512 !== 0 || wanted <= 0 || wanted > whole) {
      throw new GuestfsError(
        'EINVAL',
        `${device}: a physical volume of ${wanted} bytes was asked for, expected a multiple of 512 up to the ${whole} that the device has`,
        { device },
      );
    }
    if (hasMetadataBehindData(found)) {
      throw new UnsupportedError(
        `${device} has a metadata area at its end, which resizing would move; the appliance backend can do it`,
        { device },
      );
    }
    const start = found.label.dataAreas[0]?.offset ?? 0;
    if (wanted <= start) {
      throw new GuestfsError('EINVAL', `${device}: ${wanted} bytes were asked for, data begin at ${start}`, {
        device,
      });
    }
    const owner = this.#ownerOf(found);
    try {
      if (owner !== undefined) {
        const edit = this.#edit(owner.group);
        edit.resizePhysicalVolume(owner.key, wanted);
        edit.commit(`pvresize ${device}`);
      }
      changeLabel(found.device, { deviceSize: wanted });
      found.device.flush();
    } catch (error) {
      throw about(error, device);
    } finally {
      this.#session.rescan();
    }
  }

  changePhysicalVolumeUuid(device?: string): void {
    const all = this.#session.state.physicalVolumes.filter(
      (found) => this.#ownerOf(found)?.group.foreign !== true,
    );
    const names = device === undefined ? all.map(({ name }) => name) : [device];
    // All or nothing, as far as that can be known before.
    for (const name of names) {
      const owner = this.#ownerOf(this.#physicalVolume(name));
      if (owner === undefined) continue;
      this.#refuseActive(owner.group, `change the UUID of ${name}`);
      this.#edit(owner.group);
    }
    for (const name of names) {
      const found = this.#physicalVolume(name);
      const owner = this.#ownerOf(found);
      let uuid: string;
      // The label names the PV to the group: between these two writes the PV counts as missing.
      if (owner === undefined) uuid = randomLvmUuid();
      else {
        const edit = this.#edit(owner.group);
        uuid = edit.changePhysicalVolumeUuid(owner.key);
        edit.commit(`pvchange -u ${name}`);
      }
      changeLabel(found.device, { uuid });
      found.device.flush();
      this.#session.rescan();
    }
  }

  // Volume groups.

  createVolumeGroup(name: string, devices: readonly string[]): void {
    checkGroupName(name);
    const { state } = this.#session;
    if (state.volumeGroups.some((group) => group.name === name)) {
      throw new GuestfsError('EEXIST', `a volume group called ${name} already exists`);
    }
    if (this.#host.candidates().some((candidate) => candidate.name === `/dev/${name}`)) {
      throw new GuestfsError('EEXIST', `a volume group cannot be called ${name}: /dev/${name} is a device`);
    }
    if (devices.length === 0 || new Set(devices).size < devices.length) {
      throw new GuestfsError(
        'EINVAL',
        `volume group ${name} needs one or more physical volumes, each once; given: ${devices.join(', ') || 'none'}`,
      );
    }
    checkedName(name, () => {
      for (const device of devices) this.#checkNewPhysicalVolume(device);
    });
    for (const device of devices) {
      if (!state.physicalVolumes.some((found) => found.name === device)) this.#makePhysicalVolume(device);
    }
    this.#session.rescan();
    try {
      writeVolumeGroup(
        name,
        devices.map((device) => this.#physicalVolume(device)),
        now(),
      );
    } finally {
      this.#session.rescan();
    }
  }

  removeVolumeGroup(name: string): void {
    const group = this.#session.state.group(name);
    this.#refuseUsed(group, visibleNames(group), `remove volume group ${name}`);
    this.#edit(group);
    eraseVolumeGroup(group.found);
    this.#session.rescan();
  }

  renameVolumeGroup(from: string, to: string): void {
    const group = this.#session.state.group(from);
    if (this.#session.state.volumeGroups.some((other) => other.name === to)) {
      throw new GuestfsError('EEXIST', `a volume group called ${to} already exists`);
    }
    if (this.#host.candidates().some((candidate) => candidate.name === `/dev/${to}`)) {
      throw new GuestfsError('EEXIST', `a volume group cannot be called ${to}: /dev/${to} is a device`);
    }
    this.#refuseUsed(group, visibleNames(group), `rename volume group ${from}`);
    const edit = this.#edit(group);
    const names = [...group.found.group.logicalVolumes.keys()];
    const long = names.find((name) => mapperName(to, name).length > MAX_MAPPER_NAME);
    if (long !== undefined) {
      throw new GuestfsError(
        'EINVAL',
        `volume group ${from} cannot be called ${to}: with ${long} the name has more than ${MAX_MAPPER_NAME} characters in the mapper`,
      );
    }
    edit.rename(to);
    edit.commit(`vgrename ${from} ${to}`);
    this.#session.renameDevices(
      new Map(
        names.map((name) => [
          mapperName(from, name),
          { name: mapperName(to, name), path: devicePath(to, name) },
        ]),
      ),
    );
    this.#session.rescan();
  }

  changeVolumeGroupUuid(name?: string): void {
    const { state } = this.#session;
    const groups =
      name === undefined ? state.volumeGroups.filter((group) => !group.foreign) : [state.group(name)];
    for (const group of groups) {
      this.#refuseActive(group, `change the UUID of volume group ${group.name}`);
      this.#edit(group);
    }
    for (const group of groups) {
      const edit = this.#edit(group);
      edit.changeUuid();
      edit.commit(`vgchange -u ${group.name}`);
    }
    this.#session.rescan();
  }

  // Logical volumes.

  createLogicalVolume(volumeGroup: string, name: string, size: VolumeSize): void {
    const group = this.#session.state.group(volumeGroup);
    const edit = this.#edit(group);
    edit.createVolume(name, size);
    // What the extents held before must not be found on the volume: cleared while they still are free.
    const made = new VolumeGroupState({ ...group.found, group: edit.group }, (message) =>
      this.#host.warn(message),
    );
    const device = made.open(name);
    wipeSignatures(device);
    device.flush();
    edit.commit(`lvcreate -n ${name} ${volumeGroup}`);
    this.#session.forget();
    this.#session.activateVolume(volumeGroup, name);
    this.#session.rescan();
  }

  removeLogicalVolume(device: string): void {
    const whole = /^\/dev\/([^/]+)$/.exec(device)?.[1];
    if (whole !== undefined && this.#session.canonicalName(device) === undefined) {
      const group = this.#session.state.volumeGroups.find(({ name }) => name === whole);
      if (group === undefined || group.found.group.logicalVolumes.size === 0) {
        throw new GuestfsError('ENOENT', `${device}: no such device, nor a volume group with volumes`, {
          device,
        });
      }
      this.#remove(group, new Set(group.found.group.logicalVolumes.keys()), device);
      return;
    }
    const { group, name } = this.#volume(device);
    this.#remove(group, removalOf(group.found.group, group.roles, name), device);
  }

  #remove(group: VolumeGroupState, names: ReadonlySet<string>, device: string): void {
    this.#refuseUsed(group, names, `remove ${device}`);
    const edit = this.#edit(group);
    edit.removeVolumes(names);
    edit.commit(`lvremove ${device}`);
    this.#session.rescan();
  }

  renameLogicalVolume(from: string, to: string): void {
    const { group, name } = this.#volume(from);
    const [toGroup = '', toName = '', ...rest] = to.replace(/^\/dev\//, '').split('/');
    if (toGroup !== group.name || toName === '' || rest.length > 0) {
      throw new GuestfsError(
        'EINVAL',
        `${from} cannot be renamed to ${to}: expected a name like ${devicePath(group.name, 'LV')}, in the same group`,
        { device: from },
      );
    }
    this.#refuseUsed(group, [name], `rename ${from}`);
    const edit = this.#edit(group);
    edit.renameVolume(name, toName);
    edit.commit(`lvrename ${from} ${to}`);
    const names = new Map<string, { name: string; path: string }>();
    for (const old of group.found.group.logicalVolumes.keys()) {
      if (edit.group.logicalVolumes.has(old)) continue;
      const renamed = toName + old.slice(name.length);
      names.set(mapperName(group.name, old), {
        name: mapperName(group.name, renamed),
        path: devicePath(group.name, renamed),
      });
    }
    this.#session.renameDevices(names);
    this.#session.rescan();
  }

  resizeLogicalVolume(device: string, size: VolumeSize): void {
    const { group, name } = this.#volume(device);
    this.#refuseUsed(group, [name], `resize ${device}`);
    const edit = this.#edit(group);
    const before = edit.volume(name).extentCount;
    edit.resizeVolume(name, size);
    if (edit.volume(name).extentCount === before) return;
    edit.commit(`lvresize ${device}`);
    this.#session.rescan();
  }

  removeAll(): void {
    const groups = this.#session.state.volumeGroups.filter((group) => !group.foreign);
    for (const group of groups) {
      this.#refuseUsed(group, visibleNames(group), `remove volume group ${group.name}`);
      this.#edit(group);
    }
    for (const group of groups) eraseVolumeGroup(group.found);
    this.#session.rescan();
    for (const found of this.#session.state.orphans) {
      if (found.label.used !== true) eraseLabel(found.device);
    }
    this.#session.rescan();
  }
}

function visibleNames(group: VolumeGroupState): string[] {
  return group.visibleVolumes.map(({ name }) => name);
}

/** Run the checks of a new group's devices; what is wrong with one of them says which group it is for. */
function checkedName(name: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof GuestfsError)
      error.message = `volume group ${name} cannot be created: ${error.message}`;
    throw error;
  }
}

/** The error, naming the device where it does not yet. */
function about(error: unknown, device: string): unknown {
  if (error instanceof GuestfsError && error.device === undefined) {
    error.device = device;
    error.message = `${device}: ${error.message}`;
  }
  return error;
}
