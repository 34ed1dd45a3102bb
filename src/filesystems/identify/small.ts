import { crc32Raw } from '../../bytes/crc32.ts';
import { layout, raw, u32 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText } from './text.ts';
import { matches } from './window.ts';

/** Larger cramfs images are believed without their checksum; the format ends at 272 MiB. */
const CRAMFS_CHECKED = 32 * 1024 * 1024;

const cramfsFields = { size: u32(4), flags: u32(8), fsid_crc: u32(32), name: raw(48, 16) };
const CramfsSuper = layout('cramfs_super', 76, 'le', cramfsFields);
const CramfsSuperBigEndian = layout('cramfs_super', 76, 'be', cramfsFields);

/** Cramfs; version 2 has a checksum over the whole image. */
export const cramfs: Signature = {
  type: 'cramfs',
  usage: 'filesystem',
  magics: [
    { at: 0, bytes: '\x45\x3d\xcd\x28' },
    { at: 0, bytes: '\x28\xcd\x3d\x45' },
  ],
  probe(window, magic) {
    const bytes = window.read(0, CramfsSuper.size);
    if (bytes === null || !matches(bytes, 16, 'Compressed ROMFS')) return null;
    const sb = (magic!.bytes[0] === '\x45' ? CramfsSuper : CramfsSuperBigEndian).view(bytes);
    if ((sb.flags & 1) !== 0) {
      if (sb.size < 76 || sb.size > window.size) return null;
      if (sb.size <= CRAMFS_CHECKED) {
        const image = window.read(0, sb.size);
        if (image === null) return null;
        let crc = crc32Raw(0xffffffff, image, 0, 32);
        crc = crc32Raw(crc, new Uint8Array(4));
        crc = ~crc32Raw(crc, image, 36, sb.size) >>> 0;
        if (crc !== sb.fsid_crc) return null;
      }
    }
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(sb.name));
    return tags;
  },
};

/** Romfs. */
export const romfs: Signature = {
  type: 'romfs',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: '-rom1fs-' }],
  probe(window) {
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(window.read(16, 16)!));
    return tags;
  },
};

/** BFS of UnixWare. */
export const bfs: Signature = {
  type: 'bfs',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: '\xce\xfa\xad\x1b' }],
};

/** UBIFS, on a UBI volume. */
const UbifsSuperBlock = layout('ubifs_sb_node', 4096, 'le', { fmt_version: u32(80), uuid: raw(108, 16) });
export const ubifs: Signature = {
  type: 'ubifs',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: '\x31\x18\x10\x06' }],
  probe(window) {
    const bytes = window.read(0, UbifsSuperBlock.size);
    if (bytes === null) return null;
    return { VERSION: `w${UbifsSuperBlock.view(bytes).fmt_version}r0` };
  },
};
