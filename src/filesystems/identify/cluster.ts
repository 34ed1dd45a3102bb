import { raw, u16, u32 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText, setUuid } from './text.ts';
import { structure } from './structure.ts';

const GfsSuperBlock = structure('gfs2_sb', 272, 'be', {
  sb_fs_format: u32(24),
  sb_multihost_format: u32(28),
  sb_bsize: u32(36),
  sb_lockproto: raw(96, 64),
  sb_locktable: raw(160, 64),
  sb_uuid: raw(256, 16),
});
const GFS_OFFSET = 65536;
const GFS_MAGIC = { at: GFS_OFFSET, bytes: '\x01\x16\x19\x70' };
const GFS_MINIMUM = 32 * 1024 * 1024;

/** GFS, the first. */
export const gfs: Signature = {
  type: 'gfs',
  usage: 'filesystem',
  minimumSize: GFS_MINIMUM,
  magics: [GFS_MAGIC],
  probe(window) {
    const sb = GfsSuperBlock.view(window.read(GFS_OFFSET, GfsSuperBlock.size)!);
    if (sb.sb_fs_format !== 1309 || sb.sb_multihost_format !== 1401) return null;
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(sb.sb_locktable));
    setUuid(tags, 'UUID', sb.sb_uuid);
    return tags;
  },
};

/** GFS2. */
export const gfs2: Signature = {
  type: 'gfs2',
  usage: 'filesystem',
  minimumSize: GFS_MINIMUM,
  magics: [GFS_MAGIC],
  probe(window) {
    const sb = GfsSuperBlock.view(window.read(GFS_OFFSET, GfsSuperBlock.size)!);
    if (sb.sb_fs_format < 1800 || sb.sb_fs_format > 1899) return null;
    if (sb.sb_multihost_format < 1900 || sb.sb_multihost_format > 1999) return null;
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(sb.sb_locktable));
    setUuid(tags, 'UUID', sb.sb_uuid);
    tags['VERSION'] = '1';
    tags['BLOCK_SIZE'] = `${sb.sb_bsize}`;
    return tags;
  },
};

const OCFS_MINIMUM = 14000 * 1024;
const Ocfs2SuperBlock = structure('ocfs2_super_block', 352, 'le', {
  s_major_rev_level: u16(192),
  s_minor_rev_level: u16(194),
  s_blocksize_bits: u32(192 + 56),
  s_label: raw(192 + 80, 64),
  s_uuid: raw(192 + 144, 16),
});

/** OCFS2: the super block is in the third block, whose size is known only there. */
export const ocfs2: Signature = {
  type: 'ocfs2',
  usage: 'filesystem',
  minimumSize: OCFS_MINIMUM,
  magics: [1024, 2048, 4096, 8192].map((at) => ({ at, bytes: 'OCFSV2' })),
  probe(window, magic) {
    const sb = Ocfs2SuperBlock.view(window.read(magic!.at, Ocfs2SuperBlock.size)!);
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(sb.s_label));
    setUuid(tags, 'UUID', sb.s_uuid);
    tags['VERSION'] = `${sb.s_major_rev_level}.${sb.s_minor_rev_level}`;
    if (sb.s_blocksize_bits < 32) tags['BLOCK_SIZE'] = `${2 ** sb.s_blocksize_bits}`;
    return tags;
  },
};

/** A disk of Oracle's ASM. */
export const oracleasm: Signature = {
  type: 'oracleasm',
  usage: 'filesystem',
  magics: [{ at: 32, bytes: 'ORCLDISK' }],
  probe(window) {
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(window.read(40, 24)!));
    return tags;
  },
};
