import { crc32Raw } from '../../bytes/crc32.ts';
import { crc32cRaw } from '../../bytes/crc32c.ts';
import { bits64, raw, u16, u32, u8 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, hex, setText, setUuid } from './text.ts';
import { matches } from './window.ts';
import { structure } from './structure.ts';

const LvmLabel = structure('label_header', 512, 'le', {
  id: raw(0, 8),
  sector_xl: bits64(8),
  crc_xl: u32(16),
  offset_xl: u32(20),
  type: raw(24, 8),
  pv_uuid: raw(32, 32),
});

/** LVM writes its UUIDs in groups of these lengths. */
function lvmUuid(bytes: Uint8Array): string {
  const text = fieldText(bytes);
  const parts: string[] = [];
  let at = 0;
  for (const length of [6, 4, 4, 4, 4, 4, 6]) parts.push(text.slice(at, (at += length)));
  return parts.join('-');
}

/** An LVM2 physical volume: a label in one of the first four sectors, with its own CRC. */
export const lvm2: Signature = {
  type: 'LVM2_member',
  usage: 'raid',
  magics: [0, 1, 2, 3].map((sector) => ({ at: sector * 512 + 24, bytes: 'LVM2 001' })),
  probe(window, magic) {
    const offset = magic!.at - 24;
    const bytes = window.read(offset, LvmLabel.size);
    if (bytes === null || !matches(bytes, 0, 'LABELONE')) return null;
    const label = LvmLabel.view(bytes);
    if (label.sector_xl !== BigInt(offset / 512)) return null;
    if (crc32Raw(0xf597a6cf, bytes, 20, 512) !== label.crc_xl) return null;
    return { UUID: lvmUuid(label.pv_uuid), VERSION: 'LVM2 001' };
  },
};

const Lvm1Disk = structure('pv_disk', 172, 'le', { version: u16(2), pv_uuid: raw(44, 128) });

/** An LVM1 physical volume. */
export const lvm1: Signature = {
  type: 'LVM1_member',
  usage: 'raid',
  magics: [{ at: 0, bytes: 'HM' }],
  probe(window) {
    const bytes = window.read(0, Lvm1Disk.size);
    if (bytes === null) return null;
    const disk = Lvm1Disk.view(bytes);
    if (disk.version !== 1 && disk.version !== 2) return null;
    return { UUID: lvmUuid(disk.pv_uuid) };
  },
};

/** The store of a device-mapper snapshot. */
export const snapshotStore: Signature = {
  type: 'DM_snapshot_cow',
  usage: 'other',
  magics: [{ at: 0, bytes: 'SnAp' }],
};

const VeritySuperBlock = structure('verity_sb', 512, 'le', { version: u32(8), uuid: raw(16, 16) });

/** The hash tree of dm-verity. */
export const verity: Signature = {
  type: 'DM_verity_hash',
  usage: 'crypto',
  magics: [{ at: 0, bytes: 'verity\0\0' }],
  probe(window) {
    const sb = VeritySuperBlock.view(window.read(0, VeritySuperBlock.size)!);
    if (sb.version !== 1) return null;
    const tags: Tags = {};
    setUuid(tags, 'UUID', sb.uuid);
    tags['VERSION'] = `${sb.version}`;
    return tags;
  },
};

/** A device with dm-integrity's tags. */
export const integrity: Signature = {
  type: 'DM_integrity',
  usage: 'crypto',
  magics: [{ at: 0, bytes: 'integrt\0' }],
  probe(window) {
    const version = window.read(8, 1)![0]!;
    return version === 0 ? null : { VERSION: `${version}` };
  },
};

const VmfsVolume = structure('vmfs_volume', 146, 'le', { magic: u32(0), ver: u32(4), uuid: raw(130, 16) });

/** VMware's UUIDs: the first three groups are little-endian numbers. */
function vmfsUuid(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 7, 6, 5, 4, 9, 8, 10, 11, 12, 13, 14, 15];
  const digits = order.map((i) => hex(bytes[i]!, 2)).join('');
  return `${digits.slice(0, 8)}-${digits.slice(8, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
}

/** A volume of VMware's VMFS: the partition as the volume manager marks it. */
export const vmfsVolume: Signature = {
  type: 'VMFS_volume_member',
  usage: 'raid',
  magics: [{ at: 1024 * 1024, bytes: '\x0d\xd0\x01\xc0' }],
  probe(window) {
    const bytes = window.read(1024 * 1024, VmfsVolume.size);
    if (bytes === null) return null;
    const volume = VmfsVolume.view(bytes);
    return { UUID_SUB: vmfsUuid(volume.uuid), VERSION: `${volume.ver}` };
  },
};

const VmfsInfo = structure('vmfs_fs_info', 157, 'le', {
  volume_version: u32(4),
  version: u8(8),
  uuid: raw(9, 16),
  label: raw(29, 128),
});

/** A VMFS file system. */
export const vmfs: Signature = {
  type: 'VMFS',
  usage: 'filesystem',
  magics: [{ at: 2 * 1024 * 1024, bytes: '\x5e\xf1\xab\x2f' }],
  probe(window) {
    const bytes = window.read(2 * 1024 * 1024, VmfsInfo.size);
    if (bytes === null) return null;
    const info = VmfsInfo.view(bytes);
    const tags: Tags = { UUID: vmfsUuid(info.uuid) };
    setText(tags, 'LABEL', fieldText(info.label));
    tags['VERSION'] = `${info.version}`;
    return tags;
  },
};

const UbiHeader = structure('ubi_ec_hdr', 64, 'be', { version: u8(4), image_seq: u32(24) });

/** UBI on flash memory: the header of its first erase block. */
export const ubi: Signature = {
  type: 'ubi',
  usage: 'raid',
  magics: [{ at: 0, bytes: 'UBI#' }],
  probe(window) {
    const bytes = window.read(0, UbiHeader.size)!;
    const header = UbiHeader.view(bytes);
    return { VERSION: `${header.version}`, UUID: `${header.image_seq}` };
  },
};

const VdoSuperBlock = structure('vdo_geometry_block', 56, 'le', { uuid: raw(40, 16) });

/** A deduplicated volume of VDO. */
export const vdo: Signature = {
  type: 'vdo',
  usage: 'other',
  magics: [{ at: 0, bytes: 'dmvdo001' }],
  probe(window) {
    const tags: Tags = {};
    setUuid(tags, 'UUID', VdoSuperBlock.view(window.read(0, VdoSuperBlock.size)!).uuid);
    return tags;
  },
};

const STRATIS_MAGIC = '!Stra0tis\x86\xff\x02^\x41rh';
const StratisSigblock = structure('stratis_sigblock', 512, 'le', {
  crc32: u32(0),
  sectors: bits64(20),
  pool_uuid: raw(32, 32),
  dev_uuid: raw(64, 32),
  initialization_time: bits64(120),
});

function stratisUuid(bytes: Uint8Array): string {
  const text = fieldText(bytes);
  return [
    text.slice(0, 8),
    text.slice(8, 12),
    text.slice(12, 16),
    text.slice(16, 20),
    text.slice(20, 32),
  ].join('-');
}

/** A member of a Stratis pool: two copies of its signature block, either of which will do. */
export const stratis: Signature = {
  type: 'stratis',
  usage: 'raid',
  magics: [
    { at: 512 + 4, bytes: STRATIS_MAGIC },
    { at: 4096 + 512 + 4, bytes: STRATIS_MAGIC },
  ],
  probe(window) {
    for (const offset of [512, 4096 + 512]) {
      const bytes = window.read(offset, StratisSigblock.size);
      if (bytes === null || !matches(bytes, 4, STRATIS_MAGIC)) continue;
      const block = StratisSigblock.view(bytes);
      if (~crc32cRaw(0xffffffff, bytes, 4, 512) >>> 0 !== block.crc32) continue;
      return {
        UUID: stratisUuid(block.dev_uuid),
        POOL_UUID: stratisUuid(block.pool_uuid),
        BLOCKDEV_SECTORS: `${block.sectors}`,
        BLOCKDEV_INITTIME: `${block.initialization_time}`,
      };
    }
    return null;
  },
};

const BcacheSuperBlock = structure('cache_sb', 4096, 'le', {
  offset: bits64(8),
  uuid: raw(40, 16),
});

/** A backing or cache device of bcache. */
export const bcache: Signature = {
  type: 'bcache',
  usage: 'other',
  minimumSize: 8192,
  magics: [{ at: 4096 + 24, bytes: '\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81' }],
  probe(window) {
    const sb = BcacheSuperBlock.view(window.read(4096, BcacheSuperBlock.size)!);
    if (sb.offset !== 8n) return null;
    const tags: Tags = {};
    setUuid(tags, 'UUID', sb.uuid);
    return tags;
  },
};

/** Ceph's BlueStore. */
export const ceph: Signature = {
  type: 'ceph_bluestore',
  usage: 'other',
  magics: [{ at: 0, bytes: 'bluestore block device' }],
};

const DrbdMetadata = structure('meta_data_on_disk', 104, 'be', {
  device_uuid_8: bits64(40),
  device_uuid_9: bits64(48),
  magic: u32(60),
});

/** Internal metadata of DRBD 8 and 9, in the last 4 KiB. */
export const drbd: Signature = {
  type: 'drbd',
  usage: 'raid',
  probe(window) {
    // Aligned to whole 4 KiB.
    const bytes = window.read(window.size - (window.size % 4096) - 4096, DrbdMetadata.size);
    if (bytes === null) return null;
    const meta = DrbdMetadata.view(bytes);
    const version = meta.magic === 0x8374026b ? 'v08' : meta.magic === 0x8374026d ? 'v09' : undefined;
    if (version === undefined) return null;
    const tags: Tags = {};
    const uuid = version === 'v08' ? meta.device_uuid_8 : meta.device_uuid_9;
    if (uuid !== 0n) tags['UUID'] = hex(uuid, 1);
    tags['VERSION'] = version;
    return tags;
  },
};

const ProxyLog = structure('drbdproxy_datalog', 32, 'le', { version: bits64(8), uuid: raw(16, 16) });

/** The log of DRBD Proxy. */
export const drbdProxy: Signature = {
  type: 'drbdproxy_datalog',
  usage: 'filesystem',
  minimumSize: 16384,
  magics: [{ at: 0, bytes: 'DRBDdlh*' }],
  probe(window) {
    const log = ProxyLog.view(window.read(0, ProxyLog.size)!);
    const tags: Tags = {};
    setUuid(tags, 'UUID', log.uuid);
    tags['VERSION'] = `v${log.version}`;
    return tags;
  },
};
