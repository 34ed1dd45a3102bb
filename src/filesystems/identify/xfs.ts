import { bits64, raw, u16, u32, u8 } from '../../bytes/layout.ts';
import { uuidText } from '../../bytes/guid.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText, setUuid } from './text.ts';
import { matches, type Window } from './window.ts';
import { structure } from './structure.ts';

/** Source: XFS Algorithms & Data Structures, 3rd edition. */
const SuperBlock = structure('xfs_sb', 264, 'be', {
  sb_blocksize: u32(4),
  sb_dblocks: bits64(8),
  sb_rextents: bits64(24),
  sb_uuid: raw(32, 16),
  sb_rextsize: u32(80),
  sb_agblocks: u32(84),
  sb_agcount: u32(88),
  sb_sectsize: u16(102),
  sb_inodesize: u16(104),
  sb_fname: raw(108, 12),
  sb_blocklog: u8(120),
  sb_sectlog: u8(121),
  sb_inodelog: u8(122),
  sb_inopblog: u8(123),
  sb_rextslog: u8(125),
  sb_imax_pct: u8(127),
});

function isPlausible(sb: ReturnType<typeof SuperBlock.view>): boolean {
  const size = (value: number, log: number, low: number, high: number): boolean =>
    log >= low && log <= high && value === 2 ** log;
  const extent = sb.sb_rextsize * sb.sb_blocksize;
  const blocks = BigInt(sb.sb_agblocks);
  return (
    sb.sb_agcount > 0 &&
    size(sb.sb_sectsize, sb.sb_sectlog, 9, 15) &&
    size(sb.sb_blocksize, sb.sb_blocklog, 9, 16) &&
    size(sb.sb_inodesize, sb.sb_inodelog, 8, 11) &&
    sb.sb_blocklog - sb.sb_inodelog === sb.sb_inopblog &&
    extent >= 4096 &&
    extent <= 1024 ** 3 &&
    sb.sb_imax_pct <= 100 &&
    sb.sb_dblocks > 0n &&
    sb.sb_dblocks <= BigInt(sb.sb_agcount) * blocks &&
    sb.sb_dblocks >= BigInt(sb.sb_agcount - 1) * blocks + 64n
  );
}

function probe(window: Window): Tags | null {
  const bytes = window.read(0, SuperBlock.size);
  if (bytes === null) return null;
  const sb = SuperBlock.view(bytes);
  if (!isPlausible(sb)) return null;
  const tags: Tags = {};
  setText(tags, 'LABEL', fieldText(sb.sb_fname));
  setUuid(tags, 'UUID', sb.sb_uuid);
  tags['BLOCK_SIZE'] = `${sb.sb_sectsize}`;
  return tags;
}

/** XFS. */
export const xfs: Signature = {
  type: 'xfs',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: 'XFSB' }],
  probe,
};

/** EXFS of SGI: XFS under another magic. */
export const exfs: Signature = {
  type: 'exfs',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: 'EXFS' }],
  probe,
};

const LogRecord = structure('xlog_rec_header', 512, 'be', {
  h_version: u32(8),
  h_len: u32(12),
  h_fmt: u32(300),
  h_fs_uuid: raw(304, 16),
});

/** The log of an XFS on a device of its own: a record header in the first 256 KiB. */
export const xfsLog: Signature = {
  type: 'xfs_external_log',
  usage: 'other',
  minimumSize: 10 * 1024 * 1024,
  probe(window) {
    const bytes = window.read(0, 256 * 1024);
    if (bytes === null) return null;
    for (let at = 0; at + 512 <= bytes.length; at += 512) {
      // A file system whose log is inside has its super block first.
      if (matches(bytes, at, 'XFSB')) return null;
      if (!matches(bytes, at, '\xfe\xed\xba\xbe')) continue;
      const record = LogRecord.view(bytes, at);
      const version = record.h_version;
      if (version === 0 || (version & ~3) !== 0) continue;
      if (record.h_len === 0 || record.h_len > 0x7fffffff) continue;
      if (record.h_fmt < 1 || record.h_fmt > 3) continue;
      return { LOGUUID: uuidText(record.h_fs_uuid) };
    }
    return null;
  },
};
