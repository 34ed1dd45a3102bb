import { CorruptError } from '../../errors/index.ts';
import { type ConfigSection, type ConfigValue, parseConfig } from './config.ts';
import type { GroupPhysicalVolume, LogicalVolume, Segment, SegmentArea, VolumeGroup } from './model.ts';

const STRUCTURE = 'LVM2 metadata text';
const SECTOR = 512;
/** lvm(8): names have these characters, up to 127, and are not `.` or `..`. */
const NAME = /^[A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,127}$/;

/** Keys of a segment whose value names another logical volume. */
const REFERENCES: readonly string[] = [
  'metadata',
  'pool',
  'data',
  'thin_pool',
  'origin',
  'external_origin',
  'cow_store',
  'merging_store',
  'merge',
  'mirror_log',
  'cache_pool',
  'writecache',
  'cache_vol',
  'vdo_pool',
  'meta_dev',
];

/** A volume group out of its text. Throws CorruptError naming what is missing or out of range. */
export function parseVolumeGroup(text: Uint8Array): VolumeGroup {
  const root = parseConfig(text);
  const contents = root.values.get('contents');
  if (contents !== 'Text Format Volume Group') fail(root, `contents is ${JSON.stringify(contents)}`);
  if (root.values.get('version') !== 1)
    fail(root, `version is ${JSON.stringify(root.values.get('version'))}`);
  const [section] = root.sections.values();
  if (section === undefined || root.sections.size !== 1) {
    fail(root, `${root.sections.size} sections at top level, expected one volume group`);
  }
  checkName(section);
  const extentSize = integer(section, 'extent_size', 1) * SECTOR;
  const physicalVolumes = new Map<string, GroupPhysicalVolume>();
  for (const child of section.sections.get('physical_volumes')?.sections.values() ?? []) {
    physicalVolumes.set(child.name, parsePhysicalVolume(child, extentSize));
  }
  const logicalVolumes = new Map<string, LogicalVolume>();
  for (const child of section.sections.get('logical_volumes')?.sections.values() ?? []) {
    logicalVolumes.set(child.name, parseLogicalVolume(child, extentSize));
  }
  return {
    name: section.name,
    uuid: uuid(section),
    seqno: integer(section, 'seqno'),
    format: string(section, 'format', 'lvm2'),
    status: new Set(strings(section, 'status')),
    flags: new Set(strings(section, 'flags')),
    tags: strings(section, 'tags'),
    systemId: string(section, 'system_id', ''),
    lockType: string(section, 'lock_type', ''),
    extentSize,
    maxLogicalVolumes: integer(section, 'max_lv', 0, 0),
    maxPhysicalVolumes: integer(section, 'max_pv', 0, 0),
    allocationPolicy: string(section, 'allocation_policy', 'normal'),
    physicalVolumes,
    logicalVolumes,
    text,
  };
}

function parsePhysicalVolume(section: ConfigSection, extentSize: number): GroupPhysicalVolume {
  const start = integer(section, 'pe_start') * SECTOR;
  const extentCount = integer(section, 'pe_count');
  if (!Number.isSafeInteger(start + extentCount * extentSize)) {
    fail(section, `${extentCount} extents of ${extentSize} bytes at ${start} reach beyond 2^53`);
  }
  return {
    key: section.name,
    uuid: uuid(section),
    deviceHint: string(section, 'device', ''),
    status: new Set(strings(section, 'status')),
    flags: new Set(strings(section, 'flags')),
    tags: strings(section, 'tags'),
    deviceSize: integer(section, 'dev_size', 0, 0) * SECTOR,
    start,
    extentCount,
  };
}

function parseLogicalVolume(section: ConfigSection, extentSize: number): LogicalVolume {
  checkName(section);
  const count = integer(section, 'segment_count');
  const segments: Segment[] = [];
  let extentCount = 0;
  for (let i = 1; i <= count; i++) {
    const child = section.sections.get(`segment${i}`);
    if (child === undefined) fail(section, `segment${i} of ${count} is missing`);
    const segment = parseSegment(child);
    if (segment.startExtent !== extentCount) {
      fail(child, `start_extent is ${segment.startExtent}, the segment before ends at ${extentCount}`);
    }
    extentCount += segment.extentCount;
    segments.push(segment);
  }
  if (!Number.isSafeInteger(extentCount * extentSize)) {
    fail(section, `${extentCount} extents of ${extentSize} bytes are beyond 2^53`);
  }
  return {
    name: section.name,
    uuid: uuid(section),
    status: new Set(strings(section, 'status')),
    flags: new Set(strings(section, 'flags')),
    tags: strings(section, 'tags'),
    allocationPolicy: string(section, 'allocation_policy', 'inherit'),
    major: integer(section, 'major', -1, -1),
    minor: integer(section, 'minor', -1, -1),
    segments,
    extentCount,
  };
}

function parseSegment(section: ConfigSection): Segment {
  const [type = '', ...typeFlags] = string(section, 'type').split('+');
  const references = new Map<string, string>();
  const numbers = new Map<string, number>();
  for (const [key, value] of section.values) {
    if (typeof value === 'string' && REFERENCES.includes(key)) references.set(key, value);
    if (typeof value === 'number') numbers.set(key, value);
  }
  const raids = strings(section, 'raids');
  const paired = raids.length > 0;
  const areas = paired
    ? raids.filter((_, i) => i % 2 === 1).map((name) => ({ name, extent: 0 }))
    : parseAreas(section);
  return {
    startExtent: integer(section, 'start_extent'),
    extentCount: integer(section, 'extent_count', 1),
    type,
    typeFlags,
    tags: strings(section, 'tags'),
    areas,
    metadataAreas: raids.filter((_, i) => i % 2 === 0),
    stripeSize: integer(section, 'stripe_size', 0, 0) * SECTOR,
    chunkSize: integer(section, 'chunk_size', 0, 0) * SECTOR,
    references,
    numbers,
  };
}

/** `stripes` and `mirrors` are pairs of name and extent; `raid0_lvs` are names alone. */
function parseAreas(section: ConfigSection): SegmentArea[] {
  const names = strings(section, 'raid0_lvs');
  if (names.length > 0) return names.map((name) => ({ name, extent: 0 }));
  const list = section.values.get('stripes') ?? section.values.get('mirrors') ?? [];
  if (typeof list === 'string' || typeof list === 'number') fail(section, 'the areas are not a list');
  const areas: SegmentArea[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i];
    const extent = list[i + 1];
    if (typeof name !== 'string' || typeof extent !== 'number' || extent < 0 || !Number.isInteger(extent)) {
      fail(section, `area ${i / 2} is ${JSON.stringify([name, extent])}, expected a name and an extent`);
    }
    areas.push({ name, extent });
  }
  return areas;
}

function fail(section: ConfigSection, problem: string): never {
  const where = section.name === '' ? '' : `section ${section.name}: `;
  throw new CorruptError(STRUCTURE, `${where}${problem}`, { offset: section.offset });
}

function checkName(section: ConfigSection): void {
  if (!NAME.test(section.name) || section.name === '.' || section.name === '..') {
    fail(section, 'that is no name of a volume');
  }
}

function integer(section: ConfigSection, key: string, minimum = 0, absent?: number): number {
  const value = section.values.get(key) ?? absent;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < minimum) {
    fail(section, `${key} is ${describe(value)}, expected an integer of at least ${minimum}`);
  }
  return value;
}

function string(section: ConfigSection, key: string, absent?: string): string {
  const value = section.values.get(key) ?? absent;
  if (typeof value !== 'string') fail(section, `${key} is ${describe(value)}, expected a string`);
  return value;
}

/** A list of strings; absent is empty, and one string alone is a list of one, as LVM itself reads it. */
function strings(section: ConfigSection, key: string): string[] {
  const value = section.values.get(key) ?? [];
  const list = typeof value === 'object' ? value : [value];
  return list.map((item) => {
    if (typeof item !== 'string') fail(section, `${key} holds ${describe(item)}, expected strings`);
    return item;
  });
}

function uuid(section: ConfigSection): string {
  const value = string(section, 'id').replaceAll('-', '');
  if (!/^[!-~]{32}$/.test(value)) fail(section, `id is ${describe(section.values.get('id'))}`);
  return value;
}

function describe(value: ConfigValue | undefined): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80);
}
