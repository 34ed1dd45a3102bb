import { raw, u8 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText, utf16Text, wellFormed } from './text.ts';
import { matches, type Window } from './window.ts';
import { structure } from './structure.ts';

const SECTOR = 2048;
const FIRST = 16 * SECTOR;
/** Descriptors that are looked at: volume descriptor sets of real discs have a handful. */
const DESCRIPTORS = 16;

/** Source: ECMA-119, 8.4 and 8.5. */
const VolumeDescriptor = structure('iso9660 volume descriptor', SECTOR, 'le', {
  type: u8(0),
  system_id: raw(8, 32),
  volume_id: raw(40, 32),
  escape_sequences: raw(88, 8),
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

const FIELDS = [
  ['SYSTEM_ID', 'system_id'],
  ['VOLUME_SET_ID', 'volume_set_id'],
  ['PUBLISHER_ID', 'publisher_id'],
  ['DATA_PREPARER_ID', 'data_preparer_id'],
  ['APPLICATION_ID', 'application_id'],
] as const;

/** Fields of persons and programs that Joliet leaves blank do not count; blank ones of the volume do. */
function twin(tag: string, joliet: Uint8Array | undefined): Uint8Array | undefined {
  const isVolume = tag === 'SYSTEM_ID' || tag === 'VOLUME_SET_ID';
  if (joliet === undefined || isVolume || utf16Text(joliet, false) !== '') return joliet;
  return undefined;
}

/**
 * A field of the primary descriptor and its Joliet twin as one text. Joliet has half the characters and writes
 * `_` for what it does not allow, the primary descriptor writes `_` for what ASCII does not have: where they
 * agree otherwise, each completes the other; where they do not, Joliet's counts.
 */
function merged(primary: Uint8Array, joliet: Uint8Array | undefined): string {
  if (joliet === undefined) return fieldText(primary).replace(/^[ \t-\r]+/, '');
  const units = new DataView(joliet.buffer, joliet.byteOffset, joliet.byteLength);
  let text = '';
  for (let i = 0; i < joliet.length / 2; i++) {
    const character = mergedCharacter(units.getUint16(i * 2), primary[i]!);
    if (character === null) return utf16Text(joliet, false).replace(/^[ \t-\r]+/, '');
    text += character;
  }
  for (const byte of primary.subarray(joliet.length / 2)) text += String.fromCharCode(byte);
  return wellFormed(text)
    .replace(/\0.*/s, '')
    .replace(/^[ \t-\r]+|[ \t-\r]+$/g, '');
}

/** The character that both stand for, null where they contradict each other or the text ends. */
function mergedCharacter(unit: number, byte: number): string | null {
  if (unit === 0) return null;
  const wide = String.fromCharCode(unit);
  const narrow = String.fromCharCode(byte);
  if (unit === byte || byte === 0x5f) return wide;
  if (unit === 0x5f) return narrow;
  // The primary descriptor has capitals only, if the writer keeps to the standard.
  const small = wide.toLowerCase();
  return unit < 0x80 && small === narrow.toLowerCase() ? small : null;
}

function probeIso(window: Window): Tags | null {
  let primary: ReturnType<typeof VolumeDescriptor.view> | undefined;
  let joliet: ReturnType<typeof VolumeDescriptor.view> | undefined;
  let boot: Uint8Array | undefined;
  for (let i = 0; i < DESCRIPTORS; i++) {
    const bytes = window.read(FIRST + i * SECTOR, SECTOR);
    if (bytes === null || bytes[0] === 0xff) break;
    const descriptor = VolumeDescriptor.view(bytes);
    if (descriptor.type === 0) boot ??= bytes;
    else if (descriptor.type === 1) primary ??= descriptor;
    else if (descriptor.type === 2 && isJoliet(descriptor.escape_sequences)) joliet ??= descriptor;
  }
  if (primary === undefined) return null;
  const tags: Tags = { BLOCK_SIZE: '2048' };
  for (const [tag, field] of FIELDS) setText(tags, tag, merged(primary[field], twin(tag, joliet?.[field])));
  const uuid = dateUuid(primary.modification_date) ?? dateUuid(primary.creation_date);
  if (uuid !== undefined) tags['UUID'] = uuid;
  if (boot !== undefined) setText(tags, 'BOOT_SYSTEM_ID', fieldText(boot.subarray(7, 39)));
  if (joliet !== undefined) tags['VERSION'] = 'Joliet Extension';
  setText(tags, 'LABEL', merged(primary.volume_id, joliet?.volume_id));
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
