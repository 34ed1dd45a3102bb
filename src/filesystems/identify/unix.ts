import { raw, u32 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, hex, setText } from './text.ts';
import { structure } from './structure.ts';

const ufsFields = {
  fs_fsize: u32(52),
  fs_id0: u32(144),
  fs_id1: u32(148),
  fs_volname: raw(680, 32),
  fs_magic: u32(1372),
};
const UfsSuperBlock = structure('fs', 1376, 'le', ufsFields);
const UfsSuperBlockBigEndian = structure('fs', 1376, 'be', ufsFields);
const UFS2_MAGIC = 0x19540119;
/** UFS1, UFS2, and HP-UX with features or long file names. */
const UFS_MAGICS = [0x00011954, UFS2_MAGIC, 0x00195612, 0x00095014];

/** UFS of the BSDs and Solaris, either byte order; UFS2 alone has a label. Source: sys/ufs/ffs/fs.h. */
export const ufs: Signature = {
  type: 'ufs',
  usage: 'filesystem',
  probe(window) {
    for (const offset of [0, 8192, 65536, 262144]) {
      const bytes = window.read(offset, UfsSuperBlock.size);
      if (bytes === null) return null;
      let sb = UfsSuperBlock.view(bytes);
      if (!UFS_MAGICS.includes(sb.fs_magic)) sb = UfsSuperBlockBigEndian.view(bytes);
      if (!UFS_MAGICS.includes(sb.fs_magic)) continue;
      const tags: Tags = {};
      if (sb.fs_magic === UFS2_MAGIC) {
        tags['VERSION'] = '2';
        setText(tags, 'LABEL', fieldText(sb.fs_volname));
      } else {
        tags['VERSION'] = '1';
      }
      if (sb.fs_id0 !== 0 || sb.fs_id1 !== 0) tags['UUID'] = hex(sb.fs_id0, 8) + hex(sb.fs_id1, 8);
      tags['BLOCK_SIZE'] = `${sb.fs_fsize}`;
      return tags;
    }
    return null;
  },
};

const vxfsFields = { vs_version: u32(4), vs_bsize: u32(32) };
const VxfsSuperBlock = structure('vxfs_sb', 128, 'le', vxfsFields);
const VxfsSuperBlockBigEndian = structure('vxfs_sb', 128, 'be', vxfsFields);

/** VxFS of Veritas. */
export const vxfs: Signature = {
  type: 'vxfs',
  usage: 'filesystem',
  magics: [
    { at: 1024, bytes: '\xf5\xfc\x01\xa5' },
    { at: 8192, bytes: '\xa5\x01\xfc\xf5' },
  ],
  probe(window, magic) {
    const bytes = window.read(magic!.at, VxfsSuperBlock.size);
    if (bytes === null) return null;
    const sb = (magic!.at === 1024 ? VxfsSuperBlock : VxfsSuperBlockBigEndian).view(bytes);
    return { VERSION: `${sb.vs_version}`, BLOCK_SIZE: `${sb.vs_bsize}` };
  },
};
