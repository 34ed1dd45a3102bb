import { i32, raw, u16 } from '../../bytes/layout.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText, setUuid } from './text.ts';
import { structure } from './structure.ts';

const CramfsSuper = structure('cramfs_super', 76, 'le', { name: raw(48, 16) });

/** Cramfs of either byte order. Its checksum covers the whole image and is not looked at. */
export const cramfs: Signature = {
  type: 'cramfs',
  usage: 'filesystem',
  magics: [
    { at: 0, bytes: '\x45\x3d\xcd\x28' },
    { at: 0, bytes: '\x28\xcd\x3d\x45' },
  ],
  probe(window) {
    const bytes = window.read(0, CramfsSuper.size);
    if (bytes === null) return null;
    const tags: Tags = {};
    setText(tags, 'LABEL', fieldText(CramfsSuper.view(bytes).name));
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
    tags['BLOCK_SIZE'] = '1024';
    return tags;
  },
};

/** BFS of UnixWare. */
export const bfs: Signature = {
  type: 'bfs',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: '\xce\xfa\xad\x1b' }],
};

const UbifsSuperBlock = structure('ubifs_sb_node', 4096, 'le', {
  fmt_version: i32(80),
  uuid: raw(108, 16),
  ro_compat_version: i32(124),
});

/** UBIFS, on a UBI volume. */
export const ubifs: Signature = {
  type: 'ubifs',
  usage: 'filesystem',
  magics: [{ at: 0, bytes: '\x31\x18\x10\x06' }],
  probe(window) {
    const bytes = window.read(0, UbifsSuperBlock.size);
    if (bytes === null) return null;
    const sb = UbifsSuperBlock.view(bytes);
    const tags: Tags = {};
    setUuid(tags, 'UUID', sb.uuid);
    tags['VERSION'] = `w${sb.fmt_version}r${sb.ro_compat_version}`;
    return tags;
  },
};

const NssSuperBlock = structure('nss_sb', 364, 'le', { major: u16(8), minor: u16(10), uuid: raw(348, 16) });

/** NSS of Novell. */
export const nss: Signature = {
  type: 'nss',
  usage: 'filesystem',
  magics: [{ at: 4096, bytes: 'SPB5' }],
  probe(window) {
    const bytes = window.read(4096, NssSuperBlock.size);
    if (bytes === null) return null;
    const sb = NssSuperBlock.view(bytes);
    const tags: Tags = {};
    setUuid(tags, 'UUID', sb.uuid);
    tags['VERSION'] = `${sb.major}.${sb.minor}`;
    return tags;
  },
};
