import { bits64, i32, raw, u16 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText } from './text.ts';
import { matches, type Window } from './window.ts';
import { structure } from './structure.ts';

/** LUKS1 On-Disk Format 1.2.3 and LUKS2 On-Disk Format 1.1.0: the fields that both have lie at the same place. */
const LuksHeader = structure('luks_phdr', 512, 'be', {
  version: u16(6),
  label: raw(24, 48),
  uuid: raw(168, 40),
  subsystem: raw(208, 48),
});

/** Where a LUKS2 header has its second copy, depending on its size. */
const LUKS2_SECONDARY = [0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000];

function luksTags(bytes: Uint8Array): Tags {
  const header = LuksHeader.view(bytes);
  const tags: Tags = { VERSION: `${header.version}` };
  if (header.version === 1 || header.version === 2) setText(tags, 'UUID', fieldText(header.uuid));
  if (header.version === 2) {
    setText(tags, 'LABEL', fieldText(header.label));
    setText(tags, 'SUBSYSTEM', fieldText(header.subsystem));
  }
  return tags;
}

function probeLuks(window: Window): Tags | null {
  if (window.has(0, 'LUKS\xba\xbe')) {
    const primary = window.read(0, LuksHeader.size);
    return primary === null ? null : luksTags(primary);
  }
  for (const offset of LUKS2_SECONDARY) {
    if (!window.has(offset, 'SKUL\xba\xbe')) continue;
    const secondary = window.read(offset, LuksHeader.size);
    return secondary === null ? null : luksTags(secondary);
  }
  return null;
}

/** A LUKS volume; of LUKS2 the second header will do where the first is gone. */
export const luks: Signature = {
  type: 'crypto_LUKS',
  usage: 'crypto',
  probe: probeLuks,
};

const Windows7Header = structure('bde_header_win7', 512, 'le', {
  volume_serial: i32(67),
  fve_metadata_offset: bits64(176),
});
const ToGoHeader = structure('bde_header_togo', 512, 'le', { fve_metadata_offset: bits64(440) });
const FveMetadata = structure('fve_metadata', 12, 'le', { signature: raw(0, 8), version: u16(10) });

/** blkid prints the serial number as a signed number of 16 places. */
function serialNumber(value: number): string {
  return value < 0 ? `-${`${-value}`.padStart(15, '0')}` : `${value}`.padStart(16, '0');
}

/** A BitLocker volume of Vista, of Windows 7 and later, or on removable media. */
export const bitLocker: Signature = {
  type: 'BitLocker',
  usage: 'crypto',
  magics: [
    { at: 0, bytes: '\xeb\x52\x90-FVE-FS-' },
    { at: 0, bytes: '\xeb\x58\x90-FVE-FS-' },
    { at: 0, bytes: '\xeb\x58\x90MSWIN4.1' },
  ],
  probe(window, magic): Tags | null {
    const bytes = window.read(0, 512)!;
    if (magic!.bytes.startsWith('\xeb\x52')) return {};
    // FAT volumes of Windows 98 begin like those on removable media: the metadata block tells them apart.
    const toGo = magic!.bytes.endsWith('MSWIN4.1');
    const header = Windows7Header.view(bytes);
    const offset = toGo ? ToGoHeader.view(bytes).fve_metadata_offset : header.fve_metadata_offset;
    const block = offset === 0n ? null : window.read(Number(offset), FveMetadata.size);
    if (block === null || !matches(block, 0, '-FVE-FS-')) return null;
    const tags: Tags = {};
    if (!toGo) tags['UUID'] = serialNumber(header.volume_serial);
    tags['VERSION'] = `${FveMetadata.view(block).version}`;
    return tags;
  },
};
