import { layout, bits64, raw, u16 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText } from './text.ts';
import { matches, type Window } from './window.ts';

/** LUKS1 On-Disk Format 1.2.3 and LUKS2 On-Disk Format 1.1.0: the fields that both have lie at the same place. */
const LuksHeader = layout('luks_phdr', 512, 'be', {
  version: u16(6),
  label: raw(24, 48),
  uuid: raw(168, 40),
  subsystem: raw(208, 48),
  hdr_offset: bits64(256),
});

/** Where a LUKS2 header has its second copy, depending on its size. */
const LUKS2_SECONDARY = [0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000];

function luksTags(bytes: Uint8Array): Tags {
  const header = LuksHeader.view(bytes);
  const tags: Tags = { VERSION: `${header.version}` };
  setText(tags, 'UUID', fieldText(header.uuid));
  if (header.version === 2) {
    setText(tags, 'LABEL', fieldText(header.label));
    setText(tags, 'SUBSYSTEM', fieldText(header.subsystem));
  }
  return tags;
}

function probeLuks(window: Window): Tags | null {
  const primary = window.read(0, LuksHeader.size);
  if (primary === null) return null;
  if (matches(primary, 0, 'LUKS\xba\xbe')) {
    const version = LuksHeader.view(primary).version;
    return version === 1 || version === 2 ? luksTags(primary) : null;
  }
  for (const offset of LUKS2_SECONDARY) {
    const bytes = window.read(offset, LuksHeader.size);
    if (bytes === null) return null;
    if (!matches(bytes, 0, 'SKUL\xba\xbe')) continue;
    const header = LuksHeader.view(bytes);
    if (header.version === 2 && header.hdr_offset === BigInt(offset)) return luksTags(bytes);
  }
  return null;
}

/** A LUKS volume; of LUKS2 the second header will do where the first is gone. */
export const luks: Signature = {
  type: 'crypto_LUKS',
  usage: 'crypto',
  probe: probeLuks,
};

const BITLOCKER_GUID = '\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01';
const Windows7Header = layout('bde_header_win7', 512, 'le', { fve_metadata_offset: bits64(176) });
const ToGoHeader = layout('bde_header_togo', 512, 'le', {
  guid: raw(424, 16),
  fve_metadata_offset: bits64(440),
});
const FveMetadata = layout('fve_metadata', 12, 'le', { signature: raw(0, 8), version: u16(10) });

/** A BitLocker volume of Vista, of Windows 7 and later, or on removable media. */
export const bitLocker: Signature = {
  type: 'BitLocker',
  usage: 'crypto',
  magics: [
    { at: 0, bytes: '\xeb\x52\x90-FVE-FS-' },
    { at: 0, bytes: '\xeb\x58\x90-FVE-FS-' },
    { at: 0, bytes: '\xeb\x58\x90MSWIN4.1' },
  ],
  probe(window, magic) {
    const bytes = window.read(0, 512)!;
    if (magic!.bytes.startsWith('\xeb\x52')) return {};
    let offset: bigint;
    if (magic!.bytes.endsWith('MSWIN4.1')) {
      const header = ToGoHeader.view(bytes);
      if (!matches(header.guid, 0, BITLOCKER_GUID)) return null;
      offset = header.fve_metadata_offset;
    } else {
      offset = Windows7Header.view(bytes).fve_metadata_offset;
    }
    if (offset === 0n) return null;
    const block = window.read(Number(offset), FveMetadata.size);
    if (block === null || !matches(block, 0, '-FVE-FS-')) return null;
    return { VERSION: `${FveMetadata.view(block).version}` };
  },
};
