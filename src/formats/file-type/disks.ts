import { timeText, uuidText, type Recogniser, type Sample } from './sample.ts';

/** ext2, ext3 and ext4 (Documentation/filesystems/ext4), superblock at 1024. */
function ext(sample: Sample): string | undefined {
  if (sample.u16(1080) !== 0xef53) return undefined;
  const [compatible, incompatible, readOnly] = [
    sample.u32(1116),
    sample.u32(1120),
    sample.u32(1124),
  ] as const;
  const journal = (compatible & 4) !== 0;
  // As file(1) has it: ext4 is what an ext3 driver would not know.
  const ext4 = journal && ((incompatible & ~0x17) !== 0 || (readOnly & ~7) !== 0);
  const type = ext4 ? 'ext4' : journal ? 'ext3' : 'ext2';
  let text = `Linux rev ${sample.u32(1100)}.${sample.u16(1086)} ${type} filesystem data`;
  const state = sample.u16(1082);
  if ((state & 1) === 0) text += ' (mounted or unclean)';
  if (state & 2) text += ' (errors)';
  text += `, UUID=${uuidText(sample, 1128)}`;
  const label = sample.cString(1144, 16);
  if (label !== '') text += `, volume name "${label}"`;
  if (incompatible & 4) text += ' (needs journal recovery)';
  if (incompatible & 0x40) text += ' (extents)';
  if (incompatible & 0x80) text += ' (64bit)';
  if (readOnly & 2) text += ' (large files)';
  if (readOnly & 8) text += ' (huge files)';
  return text;
}

function xfs(sample: Sample): string | undefined {
  if (!sample.startsWith('XFSB')) return undefined;
  const version = sample.u16(100, false);
  const directories = version & 0x2000 ? 'v2 dirs' : 'v1 dirs';
  return `SGI XFS filesystem data (blksz ${sample.u32(4, false)}, inosz ${sample.u16(104, false)}, ${directories})`;
}

function btrfs(sample: Sample): string | undefined {
  const at = 65_536;
  if (!sample.startsWith('_BHRfS_M', at + 64)) return undefined;
  const label = sample.cString(at + 299, 256);
  return (
    `BTRFS Filesystem${label === '' ? '' : ` label "${label}",`} sectorsize ${sample.u32(at + 144)}, ` +
    `nodesize ${sample.u32(at + 148)}, leafsize ${sample.u32(at + 152)}, UUID=${uuidText(sample, at + 32)}, ` +
    `${sample.u64(at + 120)}/${sample.u64(at + 112)} bytes used, ${sample.u64(at + 136)} devices`
  );
}

function swap(sample: Sample): string | undefined {
  for (const page of [4096, 8192, 16_384, 65_536]) {
    if (!sample.startsWith('SWAPSPACE2', page - 10)) continue;
    const little = sample.u32(1024) === 1;
    const label = sample.cString(1052, 16);
    return (
      `Linux swap file, ${page / 1024}k page size, ${little ? 'little' : 'big'} endian, version ${sample.u32(1024, little)}, ` +
      `size ${sample.u32(1028, little)} pages, ${sample.u32(1032, little)} bad pages, ` +
      `${label === '' ? 'no label' : `LABEL=${label}`}, UUID=${uuidText(sample, 1036)}`
    );
  }
  return undefined;
}

function volumes(sample: Sample): string | undefined {
  for (const at of [0, 512, 1024, 1536]) {
    if (!sample.startsWith('LABELONE', at) || !sample.startsWith('LVM2 001', at + 24)) continue;
    const header = at + sample.u32(at + 20);
    const id = sample
      .text(header, 32)
      .replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
    return `LVM2 PV (Linux Logical Volume Manager), UUID: ${id}, size: ${sample.u64(header + 32)}`;
  }
  if (sample.startsWith('LUKS\xba\xbe')) return luks(sample);
  if (sample.u32(4096) === 0xa92b4efc) return `Linux Software RAID version 1.2 (${sample.u32(4100)})`;
  return undefined;
}

/** LUKS1 and LUKS2 on-disk formats (cryptsetup's specifications). */
function luks(sample: Sample): string {
  const version = sample.u16(6, false);
  if (version !== 1) {
    return (
      `LUKS encrypted file, ver ${version}, header size ${sample.u64(8, false)}, ID ${sample.u64(16, false)}, ` +
      `algo ${sample.cString(72, 32)}, salt 0x${sample.hex(104, 8)}..., UUID: ${sample.cString(168, 40)}, ` +
      `crc 0x${sample.hex(448, 8)}...`
    );
  }
  const spec = [sample.cString(8, 32), sample.cString(40, 32), sample.cString(72, 32)].join(', ');
  let text =
    `LUKS encrypted file, ver 1 [${spec}] UUID: ${sample.cString(168, 40)}, at 0x${sample.u32(104, false).toString(16)} data, ` +
    `${sample.u32(108, false)} key bytes, MK digest 0x${sample.hex(112, 20)}, MK salt 0x${sample.hex(132, 32)}, ` +
    `${sample.u32(164, false)} MK iterations`;
  for (let slot = 0; slot < 8; slot++) {
    const at = 208 + slot * 48;
    if (sample.u32(at, false) !== 0x00ac71f3) continue;
    text += `; slot #${slot} active, 0x${sample.u32(at + 40, false).toString(16)} material offset`;
  }
  return text;
}

/** ISO 9660 (ECMA-119), volume descriptors from sector 16. */
function iso9660(sample: Sample): string | undefined {
  if (!sample.startsWith('CD001', 32_769)) return undefined;
  const label = sample.text(32_808, 32).trimEnd();
  const boot = sample.startsWith('EL TORITO', 34_823) ? ' (bootable)' : '';
  const before = sample.u16(510) === 0xaa55 ? ' (DOS/MBR boot sector)' : '';
  return `ISO 9660 CD-ROM filesystem data${before} '${label}'${boot}`;
}

const SQUASHFS_COMPRESSIONS = ['', 'zlib', 'lzma', 'lzo', 'xz', 'lz4', 'zstd'];

function squashfs(sample: Sample): string | undefined {
  if (!sample.startsWith('hsqs')) return undefined;
  return (
    `Squashfs filesystem, little endian, version ${sample.u16(28)}.${sample.u16(30)}, ` +
    `${SQUASHFS_COMPRESSIONS[sample.u16(20)] ?? 'unknown'} compressed, ${sample.u64(40)} bytes, ${sample.u32(4)} inodes, ` +
    `blocksize: ${sample.u32(12)} bytes, created: ${timeText(sample.u32(8))}`
  );
}

/** Disk images of virtual machines. */
function images(sample: Sample): string | undefined {
  if (sample.startsWith('QFI\xfb')) {
    const version = sample.u32(4, false);
    const backing = sample.u64(8, false);
    const name =
      backing > 0
        ? `, has backing file (path ${sample.text(backing, Math.min(1023, sample.u32(16, false)))})`
        : '';
    return `QEMU QCOW Image (v${version})${name}, ${sample.u64(24, false)} bytes`;
  }
  if (sample.startsWith('KDMV')) return 'VMware4 disk image';
  if (sample.startsWith('# Disk DescriptorFile')) return 'VMware4 disk image description';
  if (sample.u32(64) === 0xbeda107f)
    return `VirtualBox Disk Image, major ${sample.u16(70)}, minor ${sample.u16(68)} (${sample.cString(0, 64).trimEnd()}), ${sample.u64(368)} bytes`;
  if (sample.startsWith('vhdxfile')) return 'Microsoft Disk Image eXtended';
  if (sample.startsWith('conectix')) return virtualPc(sample);
  if (sample.startsWith('QED\0')) return 'QEMU QED Image';
  return undefined;
}

/** VHD (Microsoft, Virtual Hard Disk Image Format Specification): the copy of the footer, times from 2000 on. */
function virtualPc(sample: Sample): string {
  const system = { Wi2k: ' (W2k)', 'Mac ': ' (Mac)' }[sample.text(36, 4)] ?? '';
  const creator = `Creator ${sample.text(28, 4)} ${sample.u16(32, false)}.${sample.u16(34, false)}${system}`;
  const made = timeText(sample.u32(24, false) + Date.UTC(2000, 0, 1) / 1000);
  const geometry = `CHS ${sample.u16(56, false)}/${sample.u8(58)}/${sample.u8(59)}`;
  return `Microsoft Disk Image, Virtual Server or Virtual PC, ${creator} ${made}, ${sample.u64(48, false)} bytes, ${geometry}`;
}

/** Boot sectors: NTFS and FAT by their parameter block, else a partition table. */
function bootSector(sample: Sample): string | undefined {
  if (sample.u16(510) !== 0xaa55) return undefined;
  const jump = sample.u8(0) === 0xeb || sample.u8(0) === 0xe9;
  if (jump && sample.startsWith('NTFS    ', 3)) return ntfs(sample);
  if (jump && sample.startsWith('EXFAT   ', 3))
    return `DOS/MBR boot sector, code offset 0x${(sample.u8(1) + 2).toString(16)}, OEM-ID "EXFAT   "`;
  if (jump && sample.startsWith('FAT', 54)) return fat(sample);
  if (jump && sample.startsWith('FAT32', 82)) return fat(sample);
  return partitions(sample);
}

function codeOffset(sample: Sample): string {
  const offset = sample.u8(0) === 0xeb ? sample.u8(1) : sample.u16(1);
  return `code offset 0x${offset.toString(16)}+${sample.u8(0) === 0xeb ? 2 : 3}, OEM-ID "${sample.cString(3, 8)}"`;
}

function fat(sample: Sample): string {
  let text = `DOS/MBR boot sector, ${codeOffset(sample)}`;
  const sectorSize = sample.u16(11);
  if (sectorSize !== 512) text += `, Bytes/sector ${sectorSize}`;
  if (sample.u8(13) > 1) text += `, sectors/cluster ${sample.u8(13)}`;
  const wide = sample.startsWith('FAT32', 82);
  if (sample.u16(14) !== (wide ? 32 : 1)) text += `, reserved sectors ${sample.u16(14)}`;
  if (sample.u8(16) !== 2) text += `, FATs ${sample.u8(16)}`;
  if (sample.u16(17) > 0) text += `, root entries ${sample.u16(17)}`;
  if (sample.u16(19) > 0) text += `, sectors ${sample.u16(19)} (volumes <=32 MB)`;
  text += `, Media descriptor 0x${sample.u8(21).toString(16)}`;
  if (sample.u16(22) > 0) text += `, sectors/FAT ${sample.u16(22)}`;
  text += `, sectors/track ${sample.u16(24)}`;
  if (sample.u16(26) !== 2) text += `, heads ${sample.u16(26)}`;
  if (sample.u32(28) > 0) text += `, hidden sectors ${sample.u32(28)}`;
  if (sample.u32(32) > 0) text += `, sectors ${sample.u32(32)} (volumes > 32 MB)`;
  const at = wide ? 64 : 36;
  if (wide) text += `, FAT (32 bit), sectors/FAT ${sample.u32(36)}`;
  if (wide && sample.u16(40) > 0) text += `, Mirror flags 0x${sample.u16(40).toString(16)}`;
  if (sample.u8(at + 1) > 0) text += `, reserved 0x${sample.u8(at + 1).toString(16)}`;
  text += `, serial number 0x${sample.u32(at + 3).toString(16)}`;
  const label = sample.text(at + 7, 11);
  text += label.startsWith('NO NAME') ? ', unlabeled' : `, label: "${label}"`;
  if (!wide) text += `, FAT (${sample.text(at + 21, 2).trim()} bit)`;
  return text;
}

function ntfs(sample: Sample): string {
  const track = sample.u16(24);
  let text = `DOS/MBR boot sector, ${codeOffset(sample)}, sectors/cluster ${sample.u8(13)}`;
  text += `, Media descriptor 0x${sample.u8(21).toString(16)}, sectors/track ${track}`;
  if (sample.u16(26) > 0) text += `, heads ${sample.u16(26)}`;
  if (sample.u32(28) > 0) text += `, hidden sectors ${sample.u32(28)}`;
  text += `, dos < 4.0 BootSector (0x${sample.u8(38).toString(16)}), FAT (1Y bit by descriptor); NTFS`;
  if (track > 0) text += `, sectors/track ${track}`;
  text += `, sectors ${sample.u64(40)}, $MFT start cluster ${sample.u64(48)}, $MFTMirror start cluster ${sample.u64(56)}`;
  const record = sample.u8(64);
  text += record > 127 ? `, bytes/RecordSegment 2^(-1*${record})` : `, clusters/RecordSegment ${record}`;
  const serial = (BigInt(sample.u32(76)) * 0x100000000n + BigInt(sample.u32(72))).toString(16);
  return `${text}, clusters/index block ${sample.u8(68)}, serial number 0${serial}`;
}

function partitions(sample: Sample): string {
  let text = 'DOS/MBR boot sector';
  if (sample.text(0, 440).includes('GRUB')) text += ', GRUB boot loader';
  for (let i = 0; i < 4; i++) {
    const at = 446 + i * 16;
    const type = sample.u8(at + 4);
    if (type === 0) continue;
    const chs = (from: number): string => {
      const cylinder = sample.u8(from + 2) | ((sample.u8(from + 1) & 0xc0) << 2);
      return `(0x${cylinder.toString(16)},${sample.u8(from)},${sample.u8(from + 1) & 0x3f})`;
    };
    text +=
      `; partition ${i + 1} : ID=0x${type.toString(16)}${sample.u8(at) === 0x80 ? ', active' : ''}, ` +
      `start-CHS ${chs(at + 1)}, end-CHS ${chs(at + 5)}, startsector ${sample.u32(at + 8)}, ${sample.u32(at + 12)} sectors`;
  }
  return text;
}

function others(sample: Sample): string | undefined {
  if (sample.u32(1024) === 0xf2f52010)
    return `F2FS filesystem, UUID=${uuidText(sample, 1024 + 108)}, volume name "${utf16(sample, 1024 + 124)}"`;
  if (sample.u32(1024) === 0xe0f5e1e2) return 'EROFS filesystem';
  if (sample.startsWith('ReIsEr2Fs', 65_588) || sample.startsWith('ReIsEr3Fs', 65_588))
    return 'ReiserFS V3.6';
  if (sample.startsWith('NXSB', 32)) return 'Apple File System (APFS)';
  if (sample.startsWith('H+', 1024)) return 'Apple HFS Plus version 4 data';
  if (sample.startsWith('HX', 1024)) return 'Apple HFS Extended version 5 data';
  if (sample.startsWith('JFS1', 32_768)) return 'JFS2 filesystem image';
  if (sample.startsWith('-FVE-FS-', 3)) return 'Windows BitLocker encrypted volume';
  if (sample.u32(0x55c) === 0x00011954 || sample.u32(8192 + 1372) === 0x00011954)
    return 'Unix Fast File system [v1] (little-endian)';
  if (sample.u32(65_536 + 1372) === 0x19540119) return 'Unix Fast File system [v2] (little-endian)';
  return undefined;
}

function utf16(sample: Sample, offset: number): string {
  let text = '';
  for (let at = offset; sample.u16(at) > 0; at += 2) text += String.fromCharCode(sample.u16(at));
  return text;
}

/** Filesystems, volumes, disk images, boot sectors. */
export const disks: readonly Recogniser[] = [
  images,
  xfs,
  squashfs,
  volumes,
  btrfs,
  swap,
  iso9660,
  ext,
  bootSector,
  others,
];
