import { divideUp } from '../../../bytes/round.ts';
import { GuestfsError, UnsupportedError } from '../../../errors/index.ts';
import { type ConfigSection, parseConfig } from '../config.ts';
import type { LogicalVolume, VolumeGroup } from '../model.ts';
import { devicePath } from '../names.ts';
import { parseVolumeGroup } from '../parse.ts';
import { dashedUuid, type FoundVolumeGroup } from '../scan.ts';
import { commitText } from './metadata.ts';
import { checkGroupName, checkVolumeName } from './names.ts';
import { addSegments, checkWritable, isSuffix, newSection, refersTo, renamed, SECTOR } from './sections.ts';
import { allocateExtents, countFree, freeAreas } from './space.ts';
import { CREATION_HOST, groupText } from './text.ts';
import { randomLvmUuid } from './uuid.ts';

/** How large a logical volume is to be. */
export type VolumeSize =
  | { bytes: number }
  /** Percent of the extents that are free in the group. */
  | { percentFree: number };

const CONTIGUOUS = 'contiguous';

/**
 * A volume group's metadata in memory that is changed and then committed. It is the text itself, parsed: whatever is
 * not known here is written back as it was. A change that cannot be made throws and leaves the group as it was.
 */
export class GroupEdit {
  readonly #found: FoundVolumeGroup;
  #section: ConfigSection;
  #group: VolumeGroup;
  /** Seconds since 1970. */
  readonly #time: number;

  constructor(found: FoundVolumeGroup, time: number) {
    checkWritable(found);
    this.#found = found;
    this.#time = time;
    const [section] = parseConfig(found.group.text).sections.values();
    if (section === undefined)
      throw new GuestfsError('EUCLEAN', `the metadata of ${found.group.name} is empty`);
    this.#section = section;
    this.#group = found.group;
  }

  /** As changed so far. */
  get group(): VolumeGroup {
    return this.#group;
  }

  /** Write the group with the next seqno. `description` says what was done. Durable when it returns. */
  commit(description: string): void {
    this.#section.values.set('seqno', this.#group.seqno + 1);
    this.#updateHints();
    this.#refresh(description);
    commitText([...this.#found.devices.values()], this.#group.text);
  }

  /** Where each PV is now, as LVM notes it with every change. */
  #updateHints(): void {
    for (const [key, { name }] of this.#found.devices) {
      this.#part('physical_volumes').sections.get(key)?.values.set('device', name);
    }
  }

  /** Parse what has been made: it is never committed unless it can be read. */
  #refresh(description = ''): void {
    this.#group = parseVolumeGroup(groupText(this.#section, { description, time: this.#time }));
  }

  #part(name: 'physical_volumes' | 'logical_volumes'): ConfigSection {
    let part = this.#section.sections.get(name);
    if (part === undefined) {
      part = newSection(name);
      this.#section.sections.set(name, part);
    }
    return part;
  }

  volume(name: string): LogicalVolume {
    const volume = this.#group.logicalVolumes.get(name);
    if (volume === undefined) {
      const path = devicePath(this.#group.name, name);
      throw new GuestfsError('ENOENT', `${path}: volume group ${this.#group.name} has no such volume`, {
        device: path,
      });
    }
    return volume;
  }

  rename(name: string): void {
    checkGroupName(name);
    this.#section = { ...this.#section, name };
    this.#refresh();
  }

  /** Returns the new UUID, 32 characters. */
  changeUuid(): string {
    const uuid = randomLvmUuid();
    this.#section.values.set('id', dashedUuid(uuid));
    this.#refresh();
    return uuid;
  }

  changePhysicalVolumeUuid(key: string): string {
    const uuid = randomLvmUuid();
    this.#physicalVolume(key).values.set('id', dashedUuid(uuid));
    this.#refresh();
    return uuid;
  }

  #physicalVolume(key: string): ConfigSection {
    const section = this.#part('physical_volumes').sections.get(key);
    if (section === undefined) {
      throw new GuestfsError('ENOENT', `volume group ${this.#group.name} has no physical volume ${key}`);
    }
    return section;
  }

  /** Make a PV `bytes` large. Throws EBUSY where extents that would go are in use. */
  resizePhysicalVolume(key: string, bytes: number): void {
    const { group } = this;
    const section = this.#physicalVolume(key);
    const entry = group.physicalVolumes.get(key);
    if (entry === undefined) return;
    const extents = Math.max(0, Math.floor((bytes - entry.start) / group.extentSize));
    if (extents < 1) {
      throw new GuestfsError(
        'EINVAL',
        `${bytes} bytes leave no extent of ${group.extentSize} behind the metadata`,
      );
    }
    const free = freeAreas(group, (one) => one === key).find(
      ({ extent, count }) => extent + count === entry.extentCount,
    );
    const needed = entry.extentCount - (free?.count ?? 0);
    if (extents < needed && entry.status.has('ALLOCATABLE')) {
      throw new GuestfsError(
        'EBUSY',
        `${bytes} bytes hold ${extents} extents, but logical volumes use the first ${needed}`,
      );
    }
    section.values.set('dev_size', Math.floor(bytes / SECTOR));
    section.values.set('pe_count', extents);
    this.#refresh();
  }

  // Logical volumes.

  /** Extents that a size asks for, rounded up. Throws EINVAL for none. */
  #extents(size: VolumeSize, round: (value: number) => number): number {
    const free = countFree(freeAreas(this.#group));
    if ('percentFree' in size) {
      const { percentFree } = size;
      if (!(percentFree >= 0 && percentFree <= 100)) {
        throw new GuestfsError('EINVAL', `percentage must be from 0 to 100, ${percentFree} was asked for`);
      }
      const count = Math.min(free, round((free * percentFree) / 100));
      if (percentFree === 0 || count === 0) {
        throw new GuestfsError(
          percentFree === 0 ? 'EINVAL' : 'ENOSPC',
          `${percentFree} % of the ${free} free extents of volume group ${this.#group.name} is none`,
        );
      }
      return count;
    }
    const count = divideUp(size.bytes, this.#group.extentSize);
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new GuestfsError('EINVAL', `the size of a logical volume cannot be ${size.bytes} bytes`);
    }
    return count;
  }

  #policy(volume?: LogicalVolume): string {
    const own = volume?.allocationPolicy ?? 'inherit';
    return own === 'inherit' ? this.#group.allocationPolicy : own;
  }

  /** Add a linear volume. Throws EEXIST, EINVAL for its name, ENOSPC naming what is needed and free. */
  createVolume(name: string, size: VolumeSize): LogicalVolume {
    const { group } = this;
    checkVolumeName(group.name, name);
    if (group.logicalVolumes.has(name)) {
      throw new GuestfsError('EEXIST', `logical volume ${name} already exists in volume group ${group.name}`);
    }
    if (group.maxLogicalVolumes > 0 && group.logicalVolumes.size >= group.maxLogicalVolumes) {
      throw new GuestfsError(
        'ENOSPC',
        `volume group ${group.name} may have ${group.maxLogicalVolumes} logical volumes, and has them`,
      );
    }
    const count = this.#extents(size, Math.floor);
    const segments = allocateExtents(freeAreas(group), {
      count,
      stripes: 1,
      contiguous: this.#policy() === CONTIGUOUS,
    });
    const section = newSection(name, [
      ['id', dashedUuid(randomLvmUuid())],
      ['status', ['READ', 'WRITE', 'VISIBLE']],
      ['flags', []],
      ['creation_time', this.#time],
      ['creation_host', CREATION_HOST],
    ]);
    addSegments(section, segments, 0);
    this.#part('logical_volumes').sections.set(name, section);
    this.#refresh();
    return this.volume(name);
  }

  /** Make a linear or striped volume larger or smaller. Throws UnsupportedError naming what it is otherwise. */
  resizeVolume(name: string, size: VolumeSize): void {
    const volume = this.volume(name);
    this.#checkResizable(volume);
    const now = volume.extentCount;
    // As lvresize(8): a volume that has all there is stays as it is.
    if ('percentFree' in size && countFree(freeAreas(this.#group)) === 0 && size.percentFree > 0) return;
    const wanted =
      'percentFree' in size ? now + this.#extents(size, Math.ceil) : this.#extents(size, Math.ceil);
    const stripes = volume.segments.at(-1)?.areas.length ?? 1;
    if (wanted < now) this.#shrink(volume, wanted);
    else if (wanted > now) this.#grow(volume, divideUp(wanted - now, stripes) * stripes, size);
    this.#refresh();
  }

  #grow(volume: LogicalVolume, more: number, size: VolumeSize): void {
    const { group } = this;
    const last = volume.segments.at(-1);
    if (last === undefined) return;
    const stripes = last.areas.length;
    const policy = this.#policy(volume);
    const ownKeys = new Set(volume.segments.flatMap(({ areas }) => areas.map(({ name }) => name)));
    const free = freeAreas(group, (key) => !policy.startsWith('cling') || ownKeys.has(key));
    // A percentage is of what there is: what stripes cannot share out stays free.
    const count =
      'percentFree' in size ? Math.min(more, countFree(free) - (countFree(free) % stripes)) : more;
    const share = last.extentCount / stripes;
    const segments = allocateExtents(free, {
      count,
      stripes,
      contiguous: policy === CONTIGUOUS,
      behind: last.areas.map(({ name, extent }) => ({ key: name, extent: extent + share })),
    });
    const section = this.#volumeSection(volume.name);
    const [first] = segments;
    const joins = first?.areas.every(({ key, extent }, i) => {
      const area = last.areas[i];
      return area?.name === key && area.extent + share === extent;
    });
    if (first !== undefined && joins === true) {
      const old = section.sections.get(`segment${volume.segments.length}`);
      old?.values.set('extent_count', last.extentCount + first.count);
      segments.shift();
      addSegments(section, segments, volume.extentCount + first.count, last.stripeSize);
    } else addSegments(section, segments, volume.extentCount, last.stripeSize);
  }

  #shrink(volume: LogicalVolume, wanted: number): void {
    const section = this.#volumeSection(volume.name);
    let kept = 0;
    for (const [index, segment] of volume.segments.entries()) {
      const key = `segment${index + 1}`;
      if (segment.startExtent >= wanted) {
        section.sections.delete(key);
        continue;
      }
      const stripes = segment.areas.length;
      const count = divideUp(Math.min(wanted - segment.startExtent, segment.extentCount), stripes) * stripes;
      section.sections.get(key)?.values.set('extent_count', Math.min(count, segment.extentCount));
      kept++;
    }
    section.values.set('segment_count', kept);
  }

  #volumeSection(name: string): ConfigSection {
    return this.#part('logical_volumes').sections.get(name) ?? newSection(name);
  }

  #checkResizable(volume: LogicalVolume): void {
    const path = devicePath(this.#group.name, volume.name);
    const odd = volume.segments.find(({ type }) => type !== 'striped' && type !== 'linear');
    const stacked = volume.segments.some(({ areas }) =>
      areas.some(({ name }) => !this.#group.physicalVolumes.has(name)),
    );
    const user = [...this.#group.logicalVolumes.values()].find((other) => refersTo(other, volume.name));
    if (odd === undefined && !stacked && user === undefined) return;
    const why =
      odd !== undefined
        ? `has a segment of type ${odd.type}`
        : user !== undefined
          ? `is part of ${user.name}, of type ${user.segments[0]?.type}`
          : 'lies on other logical volumes';
    throw new UnsupportedError(
      `${path} ${why}: only plain linear and striped volumes are resized here; the appliance backend resizes others`,
      { device: path },
    );
  }

  /** Take away volumes that nothing else refers to; see {@link removalOf}. */
  removeVolumes(names: ReadonlySet<string>): void {
    for (const other of this.#group.logicalVolumes.values()) {
      if (names.has(other.name)) continue;
      const lost = [...names].find((name) => refersTo(other, name));
      if (lost === undefined) continue;
      throw new GuestfsError(
        'EBUSY',
        `${devicePath(this.#group.name, lost)} is used by ${devicePath(this.#group.name, other.name)}, of type ${other.segments[0]?.type}`,
      );
    }
    for (const name of names) this.#part('logical_volumes').sections.delete(name);
    this.#refresh();
  }

  /** Give a volume another name, and with it its hidden parts, which are called after it. Throws EEXIST. */
  renameVolume(from: string, to: string): void {
    const volume = this.volume(from);
    checkVolumeName(this.#group.name, to);
    if (from === to || this.#group.logicalVolumes.has(to)) {
      throw new GuestfsError(
        'EEXIST',
        `logical volume ${to} already exists in volume group ${this.#group.name}`,
      );
    }
    const names = new Map([[volume.name, to]]);
    for (const part of this.#group.logicalVolumes.values()) {
      if (
        part.name.startsWith(`${from}_`) &&
        !part.status.has('VISIBLE') &&
        isSuffix(part.name.slice(from.length))
      ) {
        names.set(part.name, to + part.name.slice(from.length));
      }
    }
    const part = this.#part('logical_volumes');
    const sections = [...part.sections.values()].map((section) => renamed(section, names));
    part.sections.clear();
    for (const section of sections) part.sections.set(section.name, section);
    this.#refresh();
  }
}
