import { bits64, raw, u16, u32, u8 } from '../../bytes/layout.ts';
import { uuidText } from '../../bytes/guid.ts';
import { md5 } from './md5.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, isZero, setText, setUuid, utf16Text } from './text.ts';
import type { Window } from './window.ts';
import { structure } from './structure.ts';

/** Source: Inside Macintosh: Files, and Apple Technical Note TN1150. */
const MasterDirectoryBlock = structure('HFS MDB', 130, 'be', {
  drAlBlkSiz: u32(20),
  drAlBlSt: u16(28),
  drVNLength: u8(36),
  drVN: raw(37, 27),
  drFndrInfo_id: raw(116, 8),
  drEmbedSigWord: u16(124),
  drEmbedExtent_start: u16(126),
  drEmbedExtent_count: u16(128),
});
const VolumeHeader = structure('HFSPlusVolumeHeader', 512, 'be', {
  blockSize: u32(40),
  finderInfo_id: raw(104, 8),
  catalogFile_extents: raw(288, 64),
});

/** Apple derives a UUID of version 3 from the volume's 64-bit id and this name space. */
const NAME_SPACE = [
  0xb3, 0xe2, 0x0f, 0x39, 0xf2, 0x92, 0x11, 0xd6, 0x97, 0xa4, 0x00, 0x30, 0x65, 0x43, 0xec, 0xac,
];

function setFinderUuid(tags: Tags, id: Uint8Array): void {
  if (isZero(id)) return;
  const uuid = md5(Uint8Array.from([...NAME_SPACE, ...id]));
  uuid[6] = 0x30 | (uuid[6]! & 0x0f);
  uuid[8] = 0x80 | (uuid[8]! & 0x3f);
  tags['UUID'] = uuidText(uuid);
}

const HFS_PLUS = [0x482b, 0x4858];

/** HFS without a volume of HFS Plus embedded in it. */
export const hfs: Signature = {
  type: 'hfs',
  usage: 'filesystem',
  tolerant: true,
  magics: [{ at: 1024, bytes: 'BD' }],
  probe(window) {
    const bytes = window.read(1024, MasterDirectoryBlock.size);
    if (bytes === null) return null;
    const mdb = MasterDirectoryBlock.view(bytes);
    if (HFS_PLUS.includes(mdb.drEmbedSigWord)) return null;
    if (mdb.drAlBlkSiz === 0 || mdb.drAlBlkSiz % 512 !== 0) return null;
    const tags: Tags = {};
    setFinderUuid(tags, mdb.drFndrInfo_id);
    setText(tags, 'LABEL', fieldText(mdb.drVN.subarray(0, Math.min(mdb.drVNLength, 27))));
    return tags;
  },
};

const NODE_DESCRIPTOR = 14;
const BTreeHeader = structure('BTHeaderRec', 106, 'be', {
  leafRecords: u32(6),
  firstLeafNode: u32(10),
  nodeSize: u16(18),
});
const LEAF_NODE = 0xff;
const HEADER_NODE = 1;

/** The volume's name: the key of the first record in the catalog's first leaf, whose parent is folder 1. */
function catalogLabel(window: Window, start: number, header: ReturnType<typeof VolumeHeader.view>): string {
  const block = header.blockSize;
  const extents = new DataView(
    header.catalogFile_extents.buffer,
    header.catalogFile_extents.byteOffset,
    header.catalogFile_extents.byteLength,
  );
  const tree = window.read(start + extents.getUint32(0) * block, NODE_DESCRIPTOR + BTreeHeader.size);
  if (tree === null || tree[8] !== HEADER_NODE) return '';
  const btree = BTreeHeader.view(tree, NODE_DESCRIPTOR);
  const size = btree.nodeSize;
  if (size < 512 || btree.leafRecords === 0) return '';
  let at = btree.firstLeafNode * size;
  for (let i = 0; i < 8; i++) {
    const count = extents.getUint32(i * 8 + 4);
    if (count === 0) return '';
    if (at < count * block) {
      const node = window.read(start + extents.getUint32(i * 8) * block + at, size);
      return node === null ? '' : leafLabel(node);
    }
    at -= count * block;
  }
  return '';
}

function leafLabel(node: Uint8Array): string {
  const view = new DataView(node.buffer, node.byteOffset, node.byteLength);
  if (view.getUint32(4) !== 0 || view.getUint8(8) !== LEAF_NODE || view.getUint16(10) === 0) return '';
  if (view.getUint32(NODE_DESCRIPTOR + 2) !== 1) return '';
  const length = Math.min(view.getUint16(NODE_DESCRIPTOR + 6), 255);
  return utf16Text(node.subarray(NODE_DESCRIPTOR + 8, NODE_DESCRIPTOR + 8 + length * 2), false);
}

/** HFS Plus and HFSX, by itself or embedded in HFS. */
export const hfsplus: Signature = {
  type: 'hfsplus',
  usage: 'filesystem',
  magics: [
    { at: 1024, bytes: 'BD' },
    { at: 1024, bytes: 'H+' },
    { at: 1024, bytes: 'HX' },
  ],
  probe(window, magic) {
    let start = 0;
    if (magic!.bytes === 'BD') {
      const bytes = window.read(1024, MasterDirectoryBlock.size);
      if (bytes === null) return null;
      const mdb = MasterDirectoryBlock.view(bytes);
      if (!HFS_PLUS.includes(mdb.drEmbedSigWord)) return null;
      if (mdb.drAlBlkSiz === 0 || mdb.drAlBlkSiz % 512 !== 0) return null;
      start = mdb.drEmbedExtent_start * mdb.drAlBlkSiz + mdb.drAlBlSt * 512;
    }
    const bytes = window.read(start + 1024, VolumeHeader.size);
    if (bytes === null || !['H+', 'HX'].includes(String.fromCharCode(bytes[0]!, bytes[1]!))) return null;
    const header = VolumeHeader.view(bytes);
    const tags: Tags = {};
    setFinderUuid(tags, header.finderInfo_id);
    const block = header.blockSize;
    if (block < 512) return null;
    tags['BLOCK_SIZE'] = `${block}`;
    setText(tags, 'LABEL', catalogLabel(window, start, header));
    return tags;
  },
};

const NxSuperBlock = structure('nx_superblock', 88, 'le', {
  o_type: u16(24),
  o_subtype: u32(28),
  nx_block_size: u32(36),
  nx_features: bits64(48),
  nx_uuid: raw(72, 16),
});

/** APFS: the container. Source: Apple File System Reference. */
export const apfs: Signature = {
  type: 'apfs',
  usage: 'filesystem',
  magics: [{ at: 32, bytes: 'NXSB' }],
  probe(window) {
    const bytes = window.read(0, NxSuperBlock.size);
    if (bytes === null) return null;
    const sb = NxSuperBlock.view(bytes);
    if (sb.o_type !== 1 || sb.o_subtype !== 0 || sb.nx_block_size !== 4096) return null;
    const tags: Tags = {};
    setUuid(tags, 'UUID', sb.nx_uuid);
    tags['BLOCK_SIZE'] = `${sb.nx_block_size}`;
    return tags;
  },
};
