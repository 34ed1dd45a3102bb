import { GuestfsError, UnsupportedError } from '../../../errors/index.ts';
import type { ConfigSection, ConfigValue } from '../config.ts';
import type { LogicalVolume } from '../model.ts';
import { dashedUuid, type FoundVolumeGroup } from '../scan.ts';
import type { NewSegment } from './space.ts';

/** Bytes in a sector of the text's numbers. */
export const SECTOR = 512;

/** True for endings of the names of parts: `_rimage_0`, `_tdata`, `_mlog`, `_cmeta`, ... */
export function isSuffix(text: string): boolean {
  return /^(?:_(?:rimage|rmeta|mimage|imeta|iorig|tdata|tmeta|cdata|cmeta|corig|cpool|cvol|wcorig|vdata|mlog|\d+))+$/.test(
    text,
  );
}

/** Throws where a group may not be changed: not whole, not ours, or said to be read-only. */
export function checkWritable({ group, devices }: FoundVolumeGroup): void {
  const refuse = (code: 'EINVAL' | 'EROFS' | 'EIO', why: string): never => {
    throw new GuestfsError(code, `volume group ${group.name} cannot be changed: ${why}`);
  };
  if (group.status.has('EXPORTED')) refuse('EINVAL', 'it is exported');
  if (group.systemId !== '') refuse('EINVAL', `it belongs to the host with system id ${group.systemId}`);
  if (!group.status.has('WRITE')) refuse('EROFS', 'its status is read-only');
  if (!['', 'none'].includes(group.lockType) || group.status.has('CLUSTERED')) {
    throw new UnsupportedError(
      `volume group ${group.name} is shared (${group.lockType || 'clustered'}): it cannot be changed without its lock manager`,
    );
  }
  if (group.format !== 'lvm2' && group.format !== '') refuse('EINVAL', `its format is ${group.format}`);
  const missing = [...group.physicalVolumes.values()].find(({ key }) => !devices.has(key));
  if (missing !== undefined) {
    refuse('EIO', `physical volume ${dashedUuid(missing.uuid)} (${missing.deviceHint}) is missing`);
  }
  const moving = [...group.logicalVolumes.values()].find(
    ({ status }) => status.has('PVMOVE') || status.has('LOCKED'),
  );
  if (moving !== undefined) refuse('EINVAL', `extents are being moved (${moving.name})`);
}

/** True where a volume is made of the volume of that name, or a snapshot of it. */
export function refersTo(volume: LogicalVolume, name: string): boolean {
  if (volume.name === name) return false;
  return volume.segments.some(
    ({ areas, metadataAreas, references }) =>
      areas.some((area) => area.name === name) ||
      metadataAreas.includes(name) ||
      [...references.values()].includes(name),
  );
}

/** A section that is not of any text yet. */
export function newSection(
  name: string,
  values: readonly (readonly [string, ConfigValue])[] = [],
): ConfigSection {
  return { name, offset: 0, values: new Map(values), sections: new Map() };
}

/** Append segments to a volume's section; `start` is the extent at which they begin, `stripeSize` is in bytes. */
export function addSegments(
  section: ConfigSection,
  segments: readonly NewSegment[],
  start: number,
  stripeSize = 0,
): void {
  let at = start;
  let count = section.sections.size;
  for (const { count: extents, areas } of segments) {
    count++;
    const segment = newSection(`segment${count}`, [
      ['start_extent', at],
      ['extent_count', extents],
      ['type', 'striped'],
      ['stripe_count', areas.length],
    ]);
    if (areas.length > 1) segment.values.set('stripe_size', stripeSize / SECTOR);
    segment.values.set(
      'stripes',
      areas.flatMap(({ key, extent }) => [key, extent]),
    );
    section.sections.set(segment.name, segment);
    at += extents;
  }
  section.values.set('segment_count', count);
}

/** Keys of a segment that hold no names of volumes, whatever their text. */
const NOT_NAMES: readonly string[] = ['type', 'tags', 'status', 'flags'];

/** A volume's section with names of volumes replaced in it, its own too. */
export function renamed(section: ConfigSection, names: ReadonlyMap<string, string>): ConfigSection {
  const copy = newSection(names.get(section.name) ?? section.name, [...section.values]);
  for (const [key, child] of section.sections) {
    const segment = newSection(child.name, [...child.values]);
    for (const [name, value] of child.values) {
      if (NOT_NAMES.includes(name)) continue;
      const swap = (one: string | number): string | number =>
        typeof one === 'string' ? (names.get(one) ?? one) : one;
      segment.values.set(name, typeof value === 'object' ? value.map(swap) : swap(value));
    }
    for (const [inner, deeper] of child.sections) segment.sections.set(inner, deeper);
    copy.sections.set(key, segment);
  }
  return copy;
}
