import { layout, raw, u16, u32, u8 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText, utf16Text } from './text.ts';
import { matches, type Window } from './window.ts';

const SECTOR = 2048;
const FIRST = 16 * SECTOR;
/** Descriptors that are looked at: volume descriptor sets of real discs have a handful. */
const DESCRIPTORS = 16;

/** Source: ECMA-119, 8.4 and 8.5. */
const VolumeDescriptor = layout('iso9660 volume descriptor', SECTOR, 'le', {
  type: u8(0),
  system_id: raw(8, 32),
  volume_id: raw(40, 32),
  escape_sequences: raw(88, 8),
  logical_block_size: u16(128),
  volume_set_id: raw(190, 128),
  publisher_id: raw(318, 128),
  data_preparer_id: raw(446, 128),
  application_id: raw(574, 128),
  creation_date: raw(813, 17),
  modification_date: raw(830, 17),
});

/** The 16 digits of a date as blkid makes a UUID of them; undefined where the date is not set. */
function dateUuid(date: Uint8Array): string | undefined {
  let zeroes = 0;
  for (let i = 0; i < 16; i++) if (date[i] === 0x30) zeroes++;
  if (zeroes === 16 && date[16] === 0) return undefined;
  const digits = fieldText(date.subarray(0, 16));
  return [
    digits.slice(0, 4),
    digits.slice(4, 6),
    digits.slice(6, 8),
    digits.slice(8, 10),
    digits.slice(10, 12),
    digits.slice(12, 14),
    digits.slice(14, 16),
  ].join('-');
}

function isJoliet(escapes: Uint8Array): boolean {
  return ['%/@', '%/C', '%/E'].some((sequence) => matches(escapes, 0, sequence));
}

function probeIso(window: Window): Tags | null {
  let primary: ReturnType<typeof VolumeDescriptor.view> | undefined;
  let joliet: ReturnType<typeof VolumeDescriptor.view> | undefined;
  let boot: Uint8Array | undefined;
  for (let i = 0; i < DESCRIPTORS; i++) {
    const bytes = window.read(FIRST + i * SECTOR, SECTOR);
    if (bytes === null || bytes[0] === 0xff || !matches(bytes, 1, 'CD001')) break;
    const descriptor = VolumeDescriptor.view(bytes);
    if (descriptor.type === 0) boot ??= bytes;
    else if (descriptor.type === 1) primary ??= descriptor;
    else if (descriptor.type === 2 && isJoliet(descriptor.escape_sequences)) joliet ??= descriptor;
  }
  if (primary === undefined) return null;
  const tags: Tags = { BLOCK_SIZE: `${primary.logical_block_size}` };
  setText(tags, 'SYSTEM_ID', fieldText(primary.system_id));
  setText(tags, 'VOLUME_SET_ID', fieldText(primary.volume_set_id));
  setText(tags, 'PUBLISHER_ID', fieldText(primary.publisher_id));
  setText(tags, 'DATA_PREPARER_ID', fieldText(primary.data_preparer_id));
  setText(tags, 'APPLICATION_ID', fieldText(primary.application_id));
  const uuid = dateUuid(primary.modification_date) ?? dateUuid(primary.creation_date);
  if (uuid !== undefined) tags['UUID'] = uuid;
  if (boot !== undefined) setText(tags, 'BOOT_SYSTEM_ID', fieldText(boot.subarray(7, 39)));
  if (joliet !== undefined) {
    tags['VERSION'] = 'Joliet Extension';
    setText(tags, 'LABEL', utf16Text(joliet.volume_id, false));
  } else {
    setText(tags, 'LABEL', fieldText(primary.volume_id));
  }
  return tags;
}

/** ISO 9660, and High Sierra before it. */
export const iso9660: Signature = {
  type: 'iso9660',
  usage: 'filesystem',
  tolerant: true,
  magics: [
    { at: FIRST + 1, bytes: 'CD001' },
    { at: FIRST + 9, bytes: 'CDROM' },
  ],
  probe(window, magic) {
    if (magic!.bytes === 'CD001') return probeIso(window);
    const bytes = window.read(FIRST, SECTOR);
    if (bytes === null) return null;
    const tags: Tags = { BLOCK_SIZE: '2048' };
    tags['VERSION'] = 'High Sierra';
    setText(tags, 'LABEL', fieldText(bytes.subarray(48, 80)));
    return tags;
  },
};

/** Descriptor tags of ECMA-167, 3/7.2.1, and UDF's. */
const TAG_PRIMARY = 1;
const TAG_ANCHOR = 2;
const TAG_LOGICAL_VOLUME = 6;
const TAG_TERMINATING = 8;
const TAG_INTEGRITY = 9;

const DescriptorTag = layout('tag', 16, 'le', { TagIdentifier: u16(0), TagLocation: u32(12) });
const Anchor = layout('AnchorVolumeDescriptorPointer', 32, 'le', {
  MainVolumeDescriptorSequenceExtent_length: u32(16),
  MainVolumeDescriptorSequenceExtent_location: u32(20),
});
const PrimaryVolume = layout('PrimaryVolumeDescriptor', 440, 'le', {
  VolumeIdentifier: raw(24, 32),
  VolumeSetIdentifier: raw(72, 128),
  ApplicationIdentifier: raw(344 + 1, 23),
  ImplementationIdentifier: raw(388 + 1, 23),
});
const LogicalVolume = layout('LogicalVolumeDescriptor', 440, 'le', {
  LogicalVolumeIdentifier: raw(84, 128),
  LogicalBlockSize: u32(212),
  DomainIdentifier_revision: u16(216 + 24),
  IntegritySequenceExtent_length: u32(432),
  IntegritySequenceExtent_location: u32(436),
});
const Integrity = layout('LogicalVolumeIntegrityDescriptor', 80, 'le', {
  NumberOfPartitions: u32(72),
  LengthOfImplementationUse: u32(76),
});

/** A tag at block `location` of `size` bytes: its identifier, or 0 where it is not at home there. */
function tagAt(window: Window, location: number, size: number): number {
  const bytes = window.read(location * size, DescriptorTag.size);
  if (bytes === null) return 0;
  const tag = DescriptorTag.view(bytes);
  return tag.TagLocation === location ? tag.TagIdentifier : 0;
}

/** A dstring (UDF 2.1.3): a compression id, characters of 8 or 16 bits, and in the last byte the length used. */
function dstring(field: Uint8Array): string {
  const used = Math.min(field[field.length - 1]!, field.length - 1);
  if (used < 1) return '';
  if (field[0] === 8 || field[0] === 254) return latin1Text(field.subarray(1, used));
  if (field[0] === 16 || field[0] === 255) return utf16Text(field.subarray(1, used), false);
  return '';
}

/** The name of an entity identifier, without the mark of those who did not register. */
function entity(field: Uint8Array): string {
  return fieldText(field[0] === 0x2a ? field.subarray(1) : field);
}

function latin1Text(bytes: Uint8Array): string {
  const wide = new Uint8Array(bytes.length * 2);
  for (let i = 0; i < bytes.length; i++) wide[i * 2] = bytes[i]!;
  return utf16Text(wide, true);
}

/** UUID as the udftools make it of the volume set identifier, whose first 16 characters should be hexadecimal. */
function setUuid(volumeSet: string): string | undefined {
  const bytes = new TextEncoder().encode(volumeSet);
  if (bytes.length < 8) return undefined;
  const isHex = (end: number): boolean => /^[0-9a-f]*$/i.test(String.fromCharCode(...bytes.subarray(0, end)));
  const digits = (start: number, end: number): string =>
    Array.from(bytes.subarray(start, end), (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (bytes.length >= 16 && isHex(16)) return volumeSet.slice(0, 16).toLowerCase();
  if (isHex(8)) return (volumeSet.slice(0, 8) + digits(8, 12)).toLowerCase();
  return digits(0, 8);
}

function probeUdf(window: Window): Tags | null {
  if (!hasNsr(window)) return null;
  for (const size of [512, 1024, 2048, 4096]) {
    const last = Math.floor(window.size / size) - 1;
    for (const location of [256, last, last - 256, 512]) {
      if (tagAt(window, location, size) !== TAG_ANCHOR) continue;
      const anchor = Anchor.view(window.read(location * size, Anchor.size)!);
      const tags = volumeTags(
        window,
        anchor.MainVolumeDescriptorSequenceExtent_location,
        anchor.MainVolumeDescriptorSequenceExtent_length,
        size,
      );
      if (tags !== null) return tags;
    }
  }
  return null;
}

function hasNsr(window: Window): boolean {
  for (const step of [SECTOR, 4096]) {
    for (let i = 0; i < 64; i++) {
      const bytes = window.read(FIRST + i * step, 7);
      if (bytes === null || bytes[1] === 0) break;
      if (matches(bytes, 1, 'NSR02') || matches(bytes, 1, 'NSR03')) return true;
    }
  }
  return false;
}

function volumeTags(window: Window, location: number, length: number, size: number): Tags | null {
  const tags: Tags = {};
  let primary = false;
  let logical = false;
  const count = Math.min(Math.floor(length / size), 64);
  for (let i = 0; i < count; i++) {
    const identifier = tagAt(window, location + i, size);
    if (identifier === 0 || identifier === TAG_TERMINATING) break;
    const bytes = window.read((location + i) * size, PrimaryVolume.size);
    if (bytes === null) break;
    if (identifier === TAG_PRIMARY && !primary) {
      primary = true;
      const descriptor = PrimaryVolume.view(bytes);
      setText(tags, 'VOLUME_ID', dstring(descriptor.VolumeIdentifier));
      const volumeSet = dstring(descriptor.VolumeSetIdentifier);
      const uuid = setUuid(volumeSet);
      if (uuid !== undefined) tags['UUID'] = uuid;
      setText(tags, 'VOLUME_SET_ID', volumeSet);
      setText(
        tags,
        'APPLICATION_ID',
        entity(descriptor.ApplicationIdentifier) || entity(descriptor.ImplementationIdentifier),
      );
    } else if (identifier === TAG_LOGICAL_VOLUME && !logical) {
      logical = true;
      const descriptor = LogicalVolume.view(bytes);
      const name = dstring(descriptor.LogicalVolumeIdentifier);
      setText(tags, 'LABEL', name);
      setText(tags, 'LOGICAL_VOLUME_ID', name);
      const revision = Math.max(
        descriptor.DomainIdentifier_revision,
        integrityRevision(
          window,
          descriptor.IntegritySequenceExtent_location,
          descriptor.IntegritySequenceExtent_length,
          size,
        ),
      );
      tags['VERSION'] = `${(revision >> 8).toString(16)}.${(revision & 0xff).toString(16).padStart(2, '0')}`;
      tags['BLOCK_SIZE'] = `${descriptor.LogicalBlockSize}`;
    }
  }
  return primary || logical ? tags : null;
}

/** The least revision that may read the volume, out of the integrity descriptor (UDF 2.2.6.4); 0 where unknown. */
function integrityRevision(window: Window, location: number, length: number, size: number): number {
  if (length < size || tagAt(window, location, size) !== TAG_INTEGRITY) return 0;
  const bytes = window.read(location * size, Integrity.size);
  if (bytes === null) return 0;
  const descriptor = Integrity.view(bytes);
  if (descriptor.LengthOfImplementationUse < 46 || descriptor.NumberOfPartitions > 256) return 0;
  const use = window.read(location * size + 80 + descriptor.NumberOfPartitions * 8 + 40, 6);
  return use === null ? 0 : Math.max(use[0]! | (use[1]! << 8), use[2]! | (use[3]! << 8));
}

/** UDF. Source: ECMA-167 and OSTA's UDF 2.60. */
export const udf: Signature = {
  type: 'udf',
  usage: 'filesystem',
  tolerant: true,
  magics: ['BEA01', 'BOOT2', 'CD001', 'CDW02', 'NSR02', 'NSR03', 'TEA01'].map((bytes) => ({
    at: FIRST + 1,
    bytes,
  })),
  probe: probeUdf,
};
