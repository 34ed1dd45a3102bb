import { u16, u32 } from '../../bytes/layout.ts';
import type { Signature } from './signature.ts';
import { structure } from './structure.ts';

/** Source: include/uapi/linux/minix_fs.h. */
const fields = {
  s_ninodes: u16(0),
  s_nzones: u16(2),
  s_imap_blocks: u16(4),
  s_zmap_blocks: u16(6),
  s_firstdatazone: u16(8),
  s_log_zone_size: u16(10),
  s_state: u16(18),
  s_zones: u32(20),
};
const fields3 = {
  s_ninodes: u32(0),
  s_imap_blocks: u16(6),
  s_zmap_blocks: u16(8),
  s_firstdatazone: u16(10),
  s_log_zone_size: u16(12),
  s_zones: u32(20),
  s_blocksize: u16(28),
};
const SIZE = 32;
const SuperBlock = structure('minix_super_block', SIZE, 'le', fields);
const SuperBlockBigEndian = structure('minix_super_block', SIZE, 'be', fields);
const SuperBlock3 = structure('minix3_super_block', SIZE, 'le', fields3);
const SuperBlock3BigEndian = structure('minix3_super_block', SIZE, 'be', fields3);

/** Valid, and with errors: the only states that are written. */
const STATES = 0x3;

/** Version and byte order by magic; versions 1 and 2 have one for each of two lengths of names. */
const MAGICS: Record<string, { version: number; big: boolean }> = {
  '\x7f\x13': { version: 1, big: false },
  '\x8f\x13': { version: 1, big: false },
  '\x13\x7f': { version: 1, big: true },
  '\x13\x8f': { version: 1, big: true },
  '\x68\x24': { version: 2, big: false },
  '\x78\x24': { version: 2, big: false },
  '\x24\x68': { version: 2, big: true },
  '\x24\x78': { version: 2, big: true },
  '\x5a\x4d': { version: 3, big: false },
  '\x4d\x5a': { version: 3, big: true },
};

interface Geometry {
  inodes: number;
  zones: number;
  inodeMap: number;
  zoneMap: number;
  firstZone: number;
  zoneShift: number;
  blockSize: number;
}

function geometry(bytes: Uint8Array, version: number, big: boolean): Geometry | null {
  if (version === 3) {
    const sb = (big ? SuperBlock3BigEndian : SuperBlock3).view(bytes);
    return {
      inodes: sb.s_ninodes,
      zones: sb.s_zones,
      inodeMap: sb.s_imap_blocks,
      zoneMap: sb.s_zmap_blocks,
      firstZone: sb.s_firstdatazone,
      zoneShift: sb.s_log_zone_size,
      blockSize: sb.s_blocksize,
    };
  }
  const sb = (big ? SuperBlockBigEndian : SuperBlock).view(bytes);
  if ((sb.s_state & ~STATES) !== 0) return null;
  return {
    inodes: sb.s_ninodes,
    zones: version === 1 ? sb.s_nzones : sb.s_zones,
    inodeMap: sb.s_imap_blocks,
    zoneMap: sb.s_zmap_blocks,
    firstZone: sb.s_firstdatazone,
    zoneShift: sb.s_log_zone_size,
    blockSize: 1024,
  };
}

/** Minix 1, 2 and 3, of either byte order. The magic has two bytes only, so the geometry has to make sense. */
export const minix: Signature = {
  type: 'minix',
  usage: 'filesystem',
  magics: Object.entries(MAGICS).map(([bytes, { version }]) => ({
    at: 1024 + (version === 3 ? 24 : 16),
    bytes,
  })),
  probe(window, magic) {
    const bytes = window.read(1024, SIZE);
    if (bytes === null) return null;
    const { version, big } = MAGICS[magic!.bytes]!;
    const found = geometry(bytes, version, big);
    if (found === null || found.zoneShift !== 0) return null;
    if (found.inodes === 0 || found.inodes === 0xffffffff) return null;
    const bits = found.blockSize * 8;
    if (found.inodeMap * bits < found.inodes + 1) return null;
    if (found.firstZone > found.zones || found.zoneMap * bits < found.zones - found.firstZone + 1)
      return null;
    // Some super blocks of ext look like this one as well.
    if (window.has(1024 + 56, '\x53\xef')) return null;
    return { VERSION: `${version}`, BLOCK_SIZE: `${found.blockSize}` };
  },
};
