import { raw, u16, u32, u8 } from '../../bytes/layout.ts';
import { isPowerOfTwo } from '../../bytes/round.ts';
import type { IdentifyOptions, Magic, Signature, Tags } from './signature.ts';
import { fieldText, hex, setText } from './text.ts';
import { matches, type Window } from './window.ts';
import { structure } from './structure.ts';

/** Source: Microsoft, FAT: General Overview of On-Disk Format 1.03. */
const BootSector = structure('BPB', 512, 'le', {
  BS_OEMName: raw(3, 8),
  BPB_BytsPerSec: u16(11),
  BPB_SecPerClus: u8(13),
  BPB_RsvdSecCnt: u16(14),
  BPB_NumFATs: u8(16),
  BPB_RootEntCnt: u16(17),
  BPB_TotSec16: u16(19),
  BPB_Media: u8(21),
  BPB_FATSz16: u16(22),
  BPB_TotSec32: u32(32),
  BS_BootSig: u8(38),
  BS_VolID: raw(39, 4),
  BS_VolLab: raw(43, 11),
  BPB_FATSz32: u32(36),
  BPB_RootClus: u32(44),
  BPB_FSInfo: u16(48),
  BS_BootSig32: u8(66),
  BS_VolID32: raw(67, 4),
  BS_VolLab32: raw(71, 11),
});

const MAXIMUM_FAT12 = 0xff4;
const MAXIMUM_FAT16 = 0xfff4;
const MAXIMUM_FAT32 = 0x0ffffff6;
const NO_NAME = 'NO NAME    ';

/** The first entry of a directory that is a volume label; undefined where there is none. */
function findLabel(window: Window, offset: number, entries: number): Uint8Array | undefined {
  const bytes = window.read(offset, entries * 32);
  if (bytes === null) return undefined;
  for (let at = 0; at < bytes.length; at += 32) {
    const first = bytes[at]!;
    if (first === 0) return undefined;
    const attributes = bytes[at + 11]!;
    const cluster = bytes[at + 20]! | bytes[at + 21]! | bytes[at + 26]! | bytes[at + 27]!;
    if (first === 0xe5 || cluster !== 0 || (attributes & 0x3f) === 0x0f) continue;
    if ((attributes & 0x18) !== 0x08) continue;
    const label = bytes.slice(at, at + 11);
    if (label[0] === 0x05) label[0] = 0xe5;
    return label;
  }
  return undefined;
}

function labels(tags: Tags, boot: Uint8Array | undefined, root: Uint8Array | undefined): void {
  if (boot !== undefined && !matches(boot, 0, NO_NAME)) setText(tags, 'LABEL_FATBOOT', fieldText(boot));
  if (root !== undefined && !matches(root, 0, NO_NAME)) setText(tags, 'LABEL', fieldText(root));
}

function serial(tags: Tags, bytes: Uint8Array): void {
  const digits = [3, 2, 1, 0].map((i) => hex(bytes[i]!, 2)).join('');
  tags['UUID'] = `${digits.slice(0, 4)}-${digits.slice(4)}`.toUpperCase();
}

/** True where the boot sector is a master boot record whose first partition is in use. */
function hasPartition(sector: Uint8Array): boolean {
  if (sector[510] !== 0x55 || sector[511] !== 0xaa) return false;
  const entry = sector.subarray(446, 462);
  if ((entry[0]! & 0x7f) !== 0) return false;
  return entry.subarray(12, 16).some((byte) => byte !== 0) && entry[4] !== 0;
}

function probe(window: Window, magic: Magic | undefined, options: IdentifyOptions): Tags | null {
  const bytes = window.read(0, 512);
  if (bytes === null) return null;
  const bpb = BootSector.view(bytes);
  if (magic!.bytes.length <= 2) {
    if (bytes[510] !== 0x55 || bytes[511] !== 0xaa) return null;
    // OS/2 and its heirs write a boot sector like FAT's.
    if (matches(bytes, 54, 'JFS     ') || matches(bytes, 54, 'HPFS    ')) return null;
  }
  const sector = bpb.BPB_BytsPerSec;
  if (bpb.BPB_NumFATs === 0 || bpb.BPB_RsvdSecCnt === 0) return null;
  if (bpb.BPB_Media < 0xf8 && bpb.BPB_Media !== 0xf0) return null;
  if (!isPowerOfTwo(bpb.BPB_SecPerClus) || !isPowerOfTwo(sector) || sector < 512 || sector > 4096)
    return null;
  const fatSectors = (bpb.BPB_FATSz16 || bpb.BPB_FATSz32) * bpb.BPB_NumFATs;
  const rootSectors = Math.ceil((bpb.BPB_RootEntCnt * 32) / sector);
  const total = bpb.BPB_TotSec16 || bpb.BPB_TotSec32;
  const clusters = Math.floor((total - (bpb.BPB_RsvdSecCnt + fatSectors + rootSectors)) / bpb.BPB_SecPerClus);
  const fat32 = bpb.BPB_FATSz16 === 0 && bpb.BPB_FATSz32 !== 0;
  const maximum = fat32 ? MAXIMUM_FAT32 : clusters > MAXIMUM_FAT12 ? MAXIMUM_FAT16 : MAXIMUM_FAT12;
  if (clusters < 0 || clusters > maximum) return null;
  if (options.wholeDisk && hasPartition(bytes)) return null;

  const tags: Tags = {};
  const fatsEnd = (bpb.BPB_RsvdSecCnt + fatSectors) * sector;
  if (!fat32) {
    const root = findLabel(window, fatsEnd, bpb.BPB_RootEntCnt);
    tags['SEC_TYPE'] = 'msdos';
    labels(tags, bpb.BS_BootSig === 0x29 ? bpb.BS_VolLab : undefined, root);
    if (bpb.BS_BootSig === 0x28 || bpb.BS_BootSig === 0x29) serial(tags, bpb.BS_VolID);
    tags['VERSION'] = clusters < MAXIMUM_FAT12 ? 'FAT12' : 'FAT16';
  } else {
    const root = rootLabel32(window, bpb.BPB_RootClus, clusters, {
      fat: bpb.BPB_RsvdSecCnt * sector,
      data: fatsEnd + rootSectors * sector,
      cluster: bpb.BPB_SecPerClus * sector,
    });
    if (!validInformationSector(window, bpb.BPB_FSInfo, sector)) return null;
    labels(tags, bpb.BS_BootSig32 === 0x29 ? bpb.BS_VolLab32 : undefined, root);
    serial(tags, bpb.BS_VolID32);
    tags['VERSION'] = 'FAT32';
  }
  tags['BLOCK_SIZE'] = `${sector}`;
  return tags;
}

/** Walk the root directory of FAT32 for its label; a chain is followed for at most 100 clusters. */
function rootLabel32(
  window: Window,
  start: number,
  clusters: number,
  place: { fat: number; data: number; cluster: number },
): Uint8Array | undefined {
  let next = start;
  for (let i = 0; i < 100 && next >= 2 && next < clusters + 2; i++) {
    const label = findLabel(window, place.data + (next - 2) * place.cluster, place.cluster / 32);
    if (label !== undefined) return label;
    const entry = window.read(place.fat + next * 4, 4);
    if (entry === null) return undefined;
    next = (entry[0]! | (entry[1]! << 8) | (entry[2]! << 16) | (entry[3]! << 24)) & 0x0fffffff;
  }
  return undefined;
}

function validInformationSector(window: Window, number: number, sector: number): boolean {
  if (number === 0) return true;
  const info = window.read(number * sector, 512);
  if (info === null) return false;
  const blank = '\0\0\0\0';
  const first = matches(info, 0, 'RRaA') || matches(info, 0, 'RRdA') || matches(info, 0, blank);
  return first && (matches(info, 484, 'rrAa') || matches(info, 484, blank));
}

/** FAT12, FAT16 and FAT32, with or without long names. */
export const vfat: Signature = {
  type: 'vfat',
  usage: 'filesystem',
  magics: [
    { at: 0x52, bytes: 'MSWIN' },
    { at: 0x52, bytes: 'FAT32   ' },
    { at: 0x36, bytes: 'MSDOS' },
    { at: 0x36, bytes: 'FAT16   ' },
    { at: 0x36, bytes: 'FAT12   ' },
    { at: 0x36, bytes: 'FAT     ' },
    { at: 0, bytes: '\xeb' },
    { at: 0, bytes: '\xe9' },
    { at: 510, bytes: '\x55\xaa' },
  ],
  probe,
};
