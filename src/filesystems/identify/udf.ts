import { raw, u16, u32 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText, utf16Text } from './text.ts';
import { matches, type Window } from './window.ts';
import { structure } from './structure.ts';

const SECTOR = 2048;
const FIRST = 16 * SECTOR;

/** Descriptor tags of ECMA-167, 3/7.2.1, and UDF's. */
const TAG_PRIMARY = 1;
const TAG_ANCHOR = 2;
const TAG_LOGICAL_VOLUME = 6;
const TAG_TERMINATING = 8;
const TAG_INTEGRITY = 9;

const DescriptorTag = structure('tag', 16, 'le', { TagIdentifier: u16(0), TagLocation: u32(12) });
const Anchor = structure('AnchorVolumeDescriptorPointer', 32, 'le', {
  MainVolumeDescriptorSequenceExtent_length: u32(16),
  MainVolumeDescriptorSequenceExtent_location: u32(20),
});
const PrimaryVolume = structure('PrimaryVolumeDescriptor', 440, 'le', {
  VolumeIdentifier: raw(24, 32),
  VolumeSetIdentifier: raw(72, 128),
  DescriptorCharacterSet: raw(200, 64),
  ApplicationIdentifier: raw(344 + 1, 23),
  ImplementationIdentifier: raw(388 + 1, 23),
});
const LogicalVolume = structure('LogicalVolumeDescriptor', 440, 'le', {
  DescriptorCharacterSet: raw(20, 64),
  LogicalVolumeIdentifier: raw(84, 128),
  DomainIdentifier_revision: u16(216 + 24),
  IntegritySequenceExtent_length: u32(432),
  IntegritySequenceExtent_location: u32(436),
});
const Integrity = structure('LogicalVolumeIntegrityDescriptor', 80, 'le', {
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
  if (field[0] === 8) return latin1Text(field.subarray(1, used));
  if (field[0] === 16) return utf16Text(field.subarray(1, used), false);
  return '';
}

/** True where a character specification (UDF 2.1.2) is the one that UDF allows. */
function isCompressedUnicode(field: Uint8Array): boolean {
  return field[0] === 0 && matches(field, 1, 'OSTA Compressed Unicode\0');
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
    Array.from({ length: end - start }, (_, i) => (bytes[start + i] ?? 0).toString(16).padStart(2, '0')).join(
      '',
    );
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
      if (isCompressedUnicode(descriptor.DescriptorCharacterSet)) {
        setText(tags, 'VOLUME_ID', dstring(descriptor.VolumeIdentifier));
        const volumeSet = dstring(descriptor.VolumeSetIdentifier);
        const uuid = setUuid(volumeSet);
        if (uuid !== undefined) tags['UUID'] = uuid;
        setText(tags, 'VOLUME_SET_ID', volumeSet);
      }
      setText(
        tags,
        'APPLICATION_ID',
        entity(descriptor.ApplicationIdentifier) || entity(descriptor.ImplementationIdentifier),
      );
    } else if (identifier === TAG_LOGICAL_VOLUME && !logical) {
      logical = true;
      const descriptor = LogicalVolume.view(bytes);
      if (isCompressedUnicode(descriptor.DescriptorCharacterSet)) {
        const name = dstring(descriptor.LogicalVolumeIdentifier);
        setText(tags, 'LABEL', name);
        setText(tags, 'LOGICAL_VOLUME_ID', name);
      }
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
    }
  }
  tags['BLOCK_SIZE'] = `${size}`;
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
