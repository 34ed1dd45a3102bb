import { bits64, raw, u16, u32, u8 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText } from './text.ts';
import { matches, type Window } from './window.ts';
import { structure } from './structure.ts';

/**
 * The RAID of disk controllers and their BIOSes. All of it lies in the last sectors of the disk; the layouts are
 * those which dmraid(8) documents.
 */

function lastSectors(window: Window, count: number, length: number): Uint8Array | null {
  return window.read((Math.floor(window.size / 512) - count) * 512, length);
}

const DdfHeader = structure('DDF_Header', 512, 'be', {
  Signature: u32(0),
  DDF_Header_GUID: raw(8, 24),
  DDF_rev: raw(32, 8),
  Primary_Header_LBA: bits64(96),
});

/** SNIA Common RAID Disk Data Format 2.0: an anchor in the last sector, or 257 sectors before the end (Adaptec). */
export const ddf: Signature = {
  type: 'ddf_raid_member',
  usage: 'raid',
  probe(window) {
    for (const sectors of [1, 257]) {
      const bytes = lastSectors(window, sectors, DdfHeader.size);
      if (bytes === null) return null;
      const anchor = DdfHeader.view(bytes);
      if (anchor.Signature !== 0xde11de11) continue;
      const primary = anchor.Primary_Header_LBA;
      if (primary > 0n) {
        const header = window.read(Number(primary) * 512, 4);
        if (header === null || !matches(header, 0, '\xde\x11\xde\x11')) return null;
      }
      return { UUID: fieldText(anchor.DDF_Header_GUID), VERSION: fieldText(anchor.DDF_rev) };
    }
    return null;
  },
};

/** Intel Matrix Storage: `Intel Raid ISM Cfg Sig. ` and a version, in the last sector but one. */
export const intel: Signature = {
  type: 'isw_raid_member',
  usage: 'raid',
  probe(window) {
    const magic = 'Intel Raid ISM Cfg Sig. ';
    const bytes = lastSectors(window, Math.floor(1024 / window.sectorSize) * (window.sectorSize / 512), 48);
    if (bytes === null || !matches(bytes, 0, magic)) return null;
    return { VERSION: fieldText(bytes.subarray(magic.length, magic.length + 24)) };
  },
};

/** LSI MegaRAID. */
export const lsi: Signature = {
  type: 'lsi_mega_raid_member',
  usage: 'raid',
  probe(window) {
    const bytes = lastSectors(window, 1, 6);
    return bytes !== null && matches(bytes, 0, '$XIDE$') ? {} : null;
  },
};

const ViaSuperBlock = structure('via_meta', 51, 'le', {
  signature: u16(0),
  version_number: u8(2),
  checksum: u8(50),
});

/** VIA. */
export const via: Signature = {
  type: 'via_raid_member',
  usage: 'raid',
  probe(window) {
    const bytes = lastSectors(window, 1, ViaSuperBlock.size);
    if (bytes === null) return null;
    const meta = ViaSuperBlock.view(bytes);
    if (meta.signature !== 0xaa55 || meta.version_number > 2) return null;
    let sum = 0;
    for (let i = 0; i < 50; i++) sum = (sum + bytes[i]!) & 0xff;
    return sum === meta.checksum ? { VERSION: `${meta.version_number}` } : null;
  },
};

const SiliconMetadata = structure('silicon_metadata', 512, 'le', {
  magic: u32(96),
  minor_ver: u16(264),
  major_ver: u16(266),
  disk_number: u8(278),
  checksum1: u16(318),
});

/** Silicon Image Medley. */
export const silicon: Signature = {
  type: 'silicon_medley_raid_member',
  usage: 'raid',
  probe(window) {
    const bytes = lastSectors(window, 1, SiliconMetadata.size);
    if (bytes === null) return null;
    const meta = SiliconMetadata.view(bytes);
    if (meta.magic !== 0x2f000000 || meta.disk_number >= 8) return null;
    let sum = 0;
    for (let i = 0; i < 318; i += 2) sum += bytes[i]! | (bytes[i + 1]! << 8);
    if ((-sum & 0xffff) !== meta.checksum1) return null;
    return { VERSION: `${meta.major_ver}.${meta.minor_ver}` };
  },
};

const NvidiaMetadata = structure('nv_metadata', 18, 'le', { version: u16(16) });

/** NVIDIA: in the last sector but one. */
export const nvidia: Signature = {
  type: 'nvidia_raid_member',
  usage: 'raid',
  probe(window) {
    const bytes = lastSectors(window, 2, NvidiaMetadata.size);
    if (bytes === null || !matches(bytes, 0, 'NVIDIA')) return null;
    return { VERSION: `${NvidiaMetadata.view(bytes).version}` };
  },
};

/** Promise FastTrak: at one of the places where its versions put it, in sectors before the end. */
export const promise: Signature = {
  type: 'promise_fasttrack_raid_member',
  usage: 'raid',
  probe(window) {
    for (const sectors of [63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087]) {
      const bytes = lastSectors(window, sectors, 24);
      if (bytes === null) return null;
      if (matches(bytes, 0, 'Promise Technology, Inc.')) return {};
    }
    return null;
  },
};

/** HighPoint HPT45x: 11 sectors before the end. */
export const highpoint45x: Signature = {
  type: 'hpt45x_raid_member',
  usage: 'raid',
  probe(window) {
    const bytes = lastSectors(window, 11, 4);
    if (bytes === null) return null;
    return matches(bytes, 0, '\xf3\x16\x78\x5a') || matches(bytes, 0, '\xfd\x16\x78\x5a') ? {} : null;
  },
};

/** HighPoint HPT37x: near the start. */
export const highpoint37x: Signature = {
  type: 'hpt37x_raid_member',
  usage: 'raid',
  magics: [
    { at: 4608 + 32, bytes: '\xf0\x16\x78\x5a' },
    { at: 4608 + 32, bytes: '\xfd\x16\x78\x5a' },
  ],
};

/** Adaptec HostRAID. */
export const adaptec: Signature = {
  type: 'adaptec_raid_member',
  usage: 'raid',
  probe(window) {
    const bytes = lastSectors(window, 1, 512);
    if (bytes === null || !matches(bytes, 256, 'DPTM') || !matches(bytes, 0, '\x37\xfc\x4d\x1e')) return null;
    return { VERSION: `${bytes[63]!}` };
  },
};

const JmicronMetadata = structure('jm_metadata', 128, 'le', {
  version_minor: u8(2),
  version_major: u8(3),
});

/** JMicron. */
export const jmicron: Signature = {
  type: 'jmicron_raid_member',
  usage: 'raid',
  probe(window): Tags | null {
    const bytes = lastSectors(window, 1, JmicronMetadata.size);
    if (bytes === null || !matches(bytes, 0, 'JM')) return null;
    const meta = JmicronMetadata.view(bytes);
    let sum = 0;
    for (let i = 0; i < 128; i += 2) sum += bytes[i]! | (bytes[i + 1]! << 8);
    sum &= 0xffff;
    if (sum !== 0 && sum !== 1) return null;
    return { VERSION: `${meta.version_major}.${meta.version_minor}` };
  },
};
