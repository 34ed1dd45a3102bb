import { bits64, raw, u16, u32, u8 } from '../../bytes/layout.ts';
import { isPowerOfTwo } from '../../bytes/round.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, hex, setText, utf16Text } from './text.ts';
import { matches, type Window } from './window.ts';
import { structure } from './structure.ts';

const NtfsBoot = structure('ntfs_boot_sector', 512, 'le', {
  bytes_per_sector: u16(11),
  sectors_per_cluster: u8(13),
  reserved_sectors: u16(14),
  fats: u8(16),
  root_entries: u16(17),
  sectors: u16(19),
  sectors_per_fat: u16(22),
  large_sectors: u32(32),
  number_of_sectors: bits64(40),
  mft_lcn: bits64(48),
  mftmirr_lcn: bits64(56),
  clusters_per_mft_record: u8(64),
  volume_serial_number: bits64(72),
});

const MftRecord = structure('FILE record', 48, 'le', { attrs_offset: u16(20), bytes_allocated: u32(28) });

/** Label out of $VOLUME_NAME of the $Volume record, the fourth of the master file table. */
function ntfsLabel(record: Uint8Array): string {
  if (!matches(record, 0, 'FILE')) return '';
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  let at = MftRecord.view(record).attrs_offset;
  while (at + 24 <= record.length) {
    const type = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    if (type === 0xffffffff || length === 0) return '';
    if (type === 0x60) {
      const size = view.getUint32(at + 16, true);
      const start = at + view.getUint16(at + 20, true);
      return start + size <= record.length ? utf16Text(record.subarray(start, start + size), true) : '';
    }
    at += length;
  }
  return '';
}

function probeNtfs(window: Window): Tags | null {
  const bytes = window.read(0, NtfsBoot.size);
  if (bytes === null) return null;
  const boot = NtfsBoot.view(bytes);
  const sector = boot.bytes_per_sector;
  if (sector < 256 || sector > 4096 || !isPowerOfTwo(sector)) return null;
  // Above 128 sectors the count is a negative power of two.
  const encoded = boot.sectors_per_cluster;
  const perCluster = encoded <= 128 ? encoded : 2 ** (256 - encoded);
  if (perCluster === 0 || !isPowerOfTwo(perCluster) || (encoded > 128 && (encoded < 240 || encoded > 249))) {
    return null;
  }
  const cluster = perCluster * sector;
  if (cluster > 2 * 1024 * 1024) return null;
  if (
    boot.reserved_sectors !== 0 ||
    boot.root_entries !== 0 ||
    boot.sectors !== 0 ||
    boot.sectors_per_fat !== 0 ||
    boot.large_sectors !== 0 ||
    boot.fats !== 0
  ) {
    return null;
  }
  const code = boot.clusters_per_mft_record;
  let record: number;
  if (code < 0xe1 || code > 0xf7) {
    if (code !== 1 && code !== 2 && code !== 4 && code !== 8 && code !== 16 && code !== 32 && code !== 64) {
      return null;
    }
    record = code * cluster;
  } else {
    record = 2 ** (256 - code);
  }
  // More clusters than the volume has: not NTFS.
  const clusters = boot.number_of_sectors / BigInt(perCluster);
  if (boot.mft_lcn > clusters || boot.mftmirr_lcn > clusters) return null;
  const mft = Number(boot.mft_lcn) * cluster;
  if (record > 4 * 1024 * 1024) return null;
  const first = window.read(mft, Math.min(record, 4));
  if (first === null || !matches(first, 0, 'FILE')) return null;
  const volume = window.read(mft + 3 * record, record);
  if (volume === null || !matches(volume, 0, 'FILE')) return null;
  const tags: Tags = {};
  setText(tags, 'LABEL', ntfsLabel(volume));
  tags['BLOCK_SIZE'] = `${sector}`;
  tags['UUID'] = hex(boot.volume_serial_number, 16).toUpperCase();
  return tags;
}

/** NTFS. Source: the documentation of the Linux-NTFS project. */
export const ntfs: Signature = {
  type: 'ntfs',
  usage: 'filesystem',
  magics: [{ at: 3, bytes: 'NTFS    ' }],
  probe: probeNtfs,
};

/** ReFS. */
export const refs: Signature = {
  type: 'ReFS',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: '\0\0\0ReFS\0' }],
};

/** Source: Microsoft, exFAT File System Specification. */
const ExfatBoot = structure('exFAT boot sector', 512, 'le', {
  FatOffset: u32(80),
  FatLength: u32(84),
  ClusterHeapOffset: u32(88),
  ClusterCount: u32(92),
  FirstClusterOfRootDirectory: u32(96),
  VolumeSerialNumber: raw(100, 4),
  FileSystemRevision: raw(104, 2),
  BytesPerSectorShift: u8(108),
  SectorsPerClusterShift: u8(109),
});

function exfatLabel(window: Window, boot: ReturnType<typeof ExfatBoot.view>): string {
  const sector = 2 ** boot.BytesPerSectorShift;
  const cluster = sector * 2 ** boot.SectorsPerClusterShift;
  const heap = boot.ClusterHeapOffset * sector;
  let next = boot.FirstClusterOfRootDirectory;
  // 10000 entries of 32 bytes are what blkid looks at.
  for (let entries = 0; entries < 10000 && next >= 2 && next < boot.ClusterCount + 2;) {
    for (let at = 0; at < cluster && entries < 10000; at += 32, entries++) {
      const entry = window.read(heap + (next - 2) * cluster + at, 32);
      if (entry === null || entry[0] === 0) return '';
      if (entry[0] === 0x83) return utf16Text(entry.subarray(2, 2 + Math.min(entry[1]!, 11) * 2), true);
    }
    const link = window.read(boot.FatOffset * sector + next * 4, 4);
    if (link === null) return '';
    next = (link[0]! | (link[1]! << 8) | (link[2]! << 16) | (link[3]! << 24)) >>> 0;
  }
  return '';
}

/** exFAT. */
export const exfat: Signature = {
  type: 'exfat',
  usage: 'filesystem',
  magics: [{ at: 3, bytes: 'EXFAT   ' }],
  probe(window) {
    const bytes = window.read(0, ExfatBoot.size);
    if (bytes === null || bytes[510] !== 0x55 || bytes[511] !== 0xaa) return null;
    const boot = ExfatBoot.view(bytes);
    if (boot.BytesPerSectorShift < 9 || boot.BytesPerSectorShift > 12) return null;
    if (boot.SectorsPerClusterShift > 25 - boot.BytesPerSectorShift) return null;
    const sector = 2 ** boot.BytesPerSectorShift;
    const tags: Tags = {};
    setText(tags, 'LABEL', exfatLabel(window, boot));
    const digits = [3, 2, 1, 0].map((i) => hex(boot.VolumeSerialNumber[i]!, 2)).join('');
    tags['UUID'] = `${digits.slice(0, 4)}-${digits.slice(4)}`.toUpperCase();
    tags['VERSION'] = `${boot.FileSystemRevision[1]!}.${boot.FileSystemRevision[0]!}`;
    tags['BLOCK_SIZE'] = `${sector}`;
    return tags;
  },
};

const HpfsSuperBlock = structure('hpfs_super_block', 12, 'le', { version: u8(8) });

/** OS/2's HPFS: super block and spare block, label and serial number in the boot block. */
export const hpfs: Signature = {
  type: 'hpfs',
  usage: 'filesystem',
  magics: [{ at: 8192, bytes: '\x49\xe8\x95\xf9' }],
  probe(window) {
    const sb = window.read(8192, HpfsSuperBlock.size);
    if (sb === null || !window.has(8704, '\x49\x18\x91\xf9')) return null;
    const boot = window.read(0, 512);
    if (boot === null) return null;
    const tags: Tags = {};
    if (boot[510] === 0x55 && boot[511] === 0xaa && matches(boot, 54, 'HPFS') && boot[38] === 0x28) {
      setText(tags, 'LABEL', fieldText(boot.subarray(43, 54)));
      const digits = [3, 2, 1, 0].map((i) => hex(boot[39 + i]!, 2)).join('');
      tags['UUID'] = `${digits.slice(0, 4)}-${digits.slice(4)}`.toUpperCase();
    }
    tags['VERSION'] = `${HpfsSuperBlock.view(sb).version}`;
    tags['BLOCK_SIZE'] = '512';
    return tags;
  },
};
