import { crc32Raw } from '../../bytes/crc32.ts';
import { bits64, raw, u16, u32, u8 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText, setUuid, utf16Text } from './text.ts';
import type { Window } from './window.ts';
import { structure } from './structure.ts';

const BtrfsSuperBlock = structure('btrfs_super_block', 4096, 'le', {
  csum: u32(0),
  fsid: raw(32, 16),
  sectorsize: u32(144),
  csum_type: u16(196),
  dev_item_uuid: raw(267, 16),
  label: raw(299, 256),
});

/** Btrfs: the first super block, 64 KiB in. Source: btrfs-dev-docs, On-disk Format. */
export const btrfs: Signature = {
  type: 'btrfs',
  usage: 'filesystem',
  minimumSize: 1024 * 1024,
  magics: [{ at: 65536 + 64, bytes: '_BHRfS_M' }],
  probe(window) {
    const bytes = window.read(65536, BtrfsSuperBlock.size)!;
    const sb = BtrfsSuperBlock.view(bytes);
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(sb.label));
    setUuid(tags, 'UUID', sb.fsid);
    setUuid(tags, 'UUID_SUB', sb.dev_item_uuid);
    tags['BLOCK_SIZE'] = `${sb.sectorsize}`;
    return tags;
  },
};

const F2fsSuperBlock = structure('f2fs_super_block', 3072, 'le', {
  major_ver: u16(4),
  minor_ver: u16(6),
  log_blocksize: u32(16),
  uuid: raw(108, 16),
  volume_name: raw(124, 1024),
});

/** F2FS. Source: include/linux/f2fs_fs.h. */
export const f2fs: Signature = {
  type: 'f2fs',
  usage: 'filesystem',
  magics: [{ at: 1024, bytes: '\x10\x20\xf5\xf2' }],
  probe(window) {
    const bytes = window.read(1024, F2fsSuperBlock.size);
    if (bytes === null) return null;
    const sb = F2fsSuperBlock.view(bytes);
    const tags: Tags = {};
    // Versions before 1.0 were not kept compatible.
    if (sb.major_ver === 1 && sb.minor_ver === 0) return tags;
    setText(tags, 'LABEL', utf16Text(sb.volume_name, true));
    setUuid(tags, 'UUID', sb.uuid);
    tags['VERSION'] = `${sb.major_ver}.${sb.minor_ver}`;
    if (sb.log_blocksize < 32) tags['BLOCK_SIZE'] = `${2 ** sb.log_blocksize}`;
    return tags;
  },
};

const NilfsSuperBlock = structure('nilfs_super_block', 1024, 'le', {
  s_rev_level: u32(0),
  s_magic: u16(6),
  s_bytes: u16(8),
  s_crc_seed: u32(12),
  s_sum: u32(16),
  s_log_block_size: u32(20),
  s_dev_size: bits64(32),
  s_last_cno: bits64(56),
  s_uuid: raw(152, 16),
  s_volume_name: raw(168, 80),
});

/** One of the two super blocks of NILFS2 where its checksum is right. */
function nilfsSuperBlock(window: Window, offset: number): ReturnType<typeof NilfsSuperBlock.view> | null {
  const bytes = window.read(offset, NilfsSuperBlock.size);
  if (bytes === null) return null;
  const sb = NilfsSuperBlock.view(bytes);
  if (sb.s_magic !== 0x3434 || sb.s_bytes > 1024 || sb.s_bytes < 20) return null;
  let crc = crc32Raw(sb.s_crc_seed, bytes, 0, 16);
  crc = crc32Raw(crc, new Uint8Array(4));
  return crc32Raw(crc, bytes, 20, sb.s_bytes) === sb.s_sum ? sb : null;
}

/** NILFS2: the newer of its super blocks, 1 KiB in and in the last 4 KiB. */
export const nilfs2: Signature = {
  type: 'nilfs2',
  usage: 'filesystem',
  minimumSize: 1024 * 1024,
  probe(window, _magic, options) {
    const end = window.size - (window.size % 4096) - 4096;
    const first = nilfsSuperBlock(window, 1024);
    let second = nilfsSuperBlock(window, end);
    if (second !== null && options.wholeDisk && options.insidePartition?.(end, 1024)) second = null;
    const sb =
      first !== null && second !== null
        ? second.s_last_cno > first.s_last_cno
          ? second
          : first
        : (first ?? second);
    if (sb === null) return null;
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(sb.s_volume_name));
    setUuid(tags, 'UUID', sb.s_uuid);
    tags['VERSION'] = `${sb.s_rev_level}`;
    if (sb.s_log_block_size < 22) tags['BLOCK_SIZE'] = `${1024 * 2 ** sb.s_log_block_size}`;
    return tags;
  },
};

const ReiserSuperBlock = structure('reiserfs_super_block', 204, 'le', {
  s_block_count: u32(0),
  s_orig_journal_block: u32(12),
  s_blocksize: u16(44),
  s_uuid: raw(84, 16),
  s_label: raw(100, 16),
});

/** ReiserFS 3.5, 3.6 and with its journal elsewhere. */
export const reiserfs: Signature = {
  type: 'reiserfs',
  usage: 'filesystem',
  minimumSize: 131072,
  magics: [
    { at: 8192 + 52, bytes: 'ReIsErFs' },
    { at: 65536 + 52, bytes: 'ReIsErFs' },
    { at: 65536 + 52, bytes: 'ReIsEr2Fs' },
    { at: 65536 + 52, bytes: 'ReIsEr3Fs' },
    { at: 8192 + 52, bytes: 'ReIsEr2Fs' },
    { at: 8192 + 52, bytes: 'ReIsEr3Fs' },
    { at: 8192 + 20, bytes: 'ReIsErFs' },
  ],
  probe(window, magic) {
    const offset = magic!.at < 65536 ? 8192 : 65536;
    const bytes = window.read(offset, ReiserSuperBlock.size);
    if (bytes === null) return null;
    const sb = ReiserSuperBlock.view(bytes);
    if (sb.s_blocksize < 512) return null;
    // A super block of a file system inside this one, in its journal.
    if (sb.s_orig_journal_block > 0 && sb.s_orig_journal_block < offset / sb.s_blocksize) return null;
    const version = { '2': '3.6', '3': 'JR' }[magic!.bytes[6]!] ?? '3.5';
    const tags: Tags = {};
    if (version !== '3.5') {
      setText(tags, 'LABEL', fieldText(sb.s_label));
      setUuid(tags, 'UUID', sb.s_uuid);
    }
    tags['VERSION'] = version;
    tags['BLOCK_SIZE'] = `${sb.s_blocksize}`;
    return tags;
  },
};

const Reiser4Master = structure('reiser4_master_sb', 60, 'le', {
  blocksize_high: u8(19),
  uuid: raw(20, 16),
  label: raw(36, 16),
});

/** Reiser4. */
export const reiser4: Signature = {
  type: 'reiser4',
  usage: 'filesystem',
  minimumSize: 131072,
  magics: [{ at: 65536, bytes: 'ReIsEr4' }],
  probe(window) {
    const master = Reiser4Master.view(window.read(65536, Reiser4Master.size)!);
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(master.label));
    setUuid(tags, 'UUID', master.uuid);
    tags['VERSION'] = '4';
    tags['BLOCK_SIZE'] = `${master.blocksize_high * 256}`;
    return tags;
  },
};

const JfsSuperBlock = structure('jfs_superblock', 184, 'le', {
  s_bsize: u32(16),
  s_l2bsize: u16(20),
  s_l2bfactor: u16(22),
  s_pbsize: u32(24),
  s_l2pbsize: u16(28),
  s_uuid: raw(136, 16),
  s_label: raw(152, 16),
});

/** JFS of IBM. */
export const jfs: Signature = {
  type: 'jfs',
  usage: 'filesystem',
  minimumSize: 16 * 1024 * 1024,
  magics: [{ at: 32768, bytes: 'JFS1' }],
  probe(window) {
    const sb = JfsSuperBlock.view(window.read(32768, JfsSuperBlock.size)!);
    if (sb.s_bsize !== 2 ** sb.s_l2bsize || sb.s_pbsize !== 2 ** sb.s_l2pbsize) return null;
    if (sb.s_l2bsize - sb.s_l2pbsize !== sb.s_l2bfactor) return null;
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(sb.s_label));
    setUuid(tags, 'UUID', sb.s_uuid);
    tags['BLOCK_SIZE'] = `${sb.s_bsize}`;
    return tags;
  },
};

const ZonefsSuper = structure('zonefs_super', 4096, 'le', {
  s_crc: u32(4),
  s_label: raw(8, 32),
  s_uuid: raw(40, 16),
});

/** Zonefs. */
export const zonefs: Signature = {
  type: 'zonefs',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: 'SFOZ' }],
  probe(window) {
    const bytes = window.read(0, ZonefsSuper.size);
    if (bytes === null) return null;
    const sb = ZonefsSuper.view(bytes);
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(sb.s_label));
    setUuid(tags, 'UUID', sb.s_uuid);
    tags['BLOCK_SIZE'] = '4096';
    return tags;
  },
};

const BcachefsSuperBlock = structure('bch_sb', 128, 'le', {
  user_uuid: raw(56, 16),
  label: raw(72, 32),
  block_size: u16(120),
});

/** Bcachefs, which blkid knows since util-linux 2.39. */
export const bcachefs: Signature = {
  type: 'bcachefs',
  usage: 'filesystem',
  magics: [{ at: 4096 + 24, bytes: '\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef' }],
  probe(window) {
    const bytes = window.read(4096, BcachefsSuperBlock.size);
    if (bytes === null) return null;
    const sb = BcachefsSuperBlock.view(bytes);
    const tags: Tags = {};
    setUuid(tags, 'UUID', sb.user_uuid);
    setText(tags, 'LABEL', fieldText(sb.label));
    tags['BLOCK_SIZE'] = `${sb.block_size * 512}`;
    return tags;
  },
};

const ErofsSuperBlock = structure('erofs_super_block', 128, 'le', {
  checksum: u32(4),
  feature_compat: u32(8),
  blkszbits: u8(12),
  uuid: raw(48, 16),
  volume_name: raw(64, 16),
});

/** EROFS. */
export const erofs: Signature = {
  type: 'erofs',
  usage: 'filesystem',
  magics: [{ at: 1024, bytes: '\xe2\xe1\xf5\xe0' }],
  probe(window) {
    const bytes = window.read(1024, ErofsSuperBlock.size);
    if (bytes === null) return null;
    const sb = ErofsSuperBlock.view(bytes);
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(sb.volume_name));
    setUuid(tags, 'UUID', sb.uuid);
    if (sb.blkszbits < 32) tags['BLOCK_SIZE'] = `${2 ** sb.blkszbits}`;
    return tags;
  },
};

const squashfsFields = { s_major: u16(28), s_minor: u16(30) };
const SquashfsSuperBlock = structure('squashfs_super_block', 32, 'le', squashfsFields);
const SquashfsSuperBlockBigEndian = structure('squashfs_super_block', 32, 'be', squashfsFields);
const SQUASHFS_MAGIC = { at: 0, bytes: 'hsqs' };

/** Squashfs as the kernel reads it: version 4, little-endian. */
export const squashfs: Signature = {
  type: 'squashfs',
  usage: 'filesystem',
  magics: [SQUASHFS_MAGIC],
  probe(window) {
    const bytes = window.read(0, SquashfsSuperBlock.size);
    if (bytes === null) return null;
    const sb = SquashfsSuperBlock.view(bytes);
    return sb.s_major < 4 ? null : { VERSION: `${sb.s_major}.${sb.s_minor}` };
  },
};

/** Squashfs 3 and older, of either byte order. */
export const squashfs3: Signature = {
  type: 'squashfs3',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: 'sqsh' }, SQUASHFS_MAGIC],
  probe(window, magic) {
    const bytes = window.read(0, SquashfsSuperBlock.size);
    if (bytes === null) return null;
    const sb = (magic === SQUASHFS_MAGIC ? SquashfsSuperBlock : SquashfsSuperBlockBigEndian).view(bytes);
    return sb.s_major > 3 ? null : { VERSION: `${sb.s_major}.${sb.s_minor}`, BLOCK_SIZE: '1024' };
  },
};
