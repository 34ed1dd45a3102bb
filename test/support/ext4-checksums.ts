import { crc32cRaw } from '../../src/bytes/crc32c.ts';
import { memoryDevice } from '../../src/block/memory.ts';
import { crc16, crcOfU32, crcOfZeroes, inodeSeed } from '../../src/filesystems/ext4/checksum.ts';
import { indexCountOffset } from '../../src/filesystems/ext4/directory.ts';
import { openExt4 } from '../../src/filesystems/ext4/index.ts';
import { descriptorBlock } from '../../src/filesystems/ext4/groups.ts';
import { RO_COMPAT_GDT_CSUM } from '../../src/filesystems/ext4/features.ts';
import { fillMapSource, newMapSource, type Run } from '../../src/filesystems/ext4/mapping.ts';

type Place =
  | { kind: 'inode'; at: number; number: number }
  | { kind: 'leaf' | 'extent'; at: number; inode: number }
  | { kind: 'xattr'; at: number };

/** Where an image's metadata is, so that mutations hit it, and how its checksums are put right afterwards. */
export interface ChecksumPlan {
  regions: [number, number][];
  fixup: (image: Uint8Array) => void;
}

/** Learn from the sound image where everything is that carries a checksum. */
export function planChecksums(image: Uint8Array): ChecksumPlan {
  const fs = openExt4(memoryDevice(image), { mountOptions: ['noload'] });
  const { geometry, inodes, mapper } = fs;
  const { blockSize, inodeSize, descSize, groupsCount, checksums, checksumSeed, roCompat } = geometry;
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const places: Place[] = [];
  const inodeAt = new Map<number, number>();
  const run: Run = { block: 0, length: 0, kind: 'hole' };
  const visit = (number: number): void => {
    if (inodeAt.has(number)) return;
    const inode = inodes.aim(number);
    inodeAt.set(number, inodes.offset);
    places.push({ kind: 'inode', at: inodes.offset, number });
    const source = fillMapSource(newMapSource(), inode, geometry);
    const acl = inode.view.getUint32(inode.base + 0x68, true);
    if (acl !== 0) places.push({ kind: 'xattr', at: acl * blockSize });
    const inline = (fs.flags(number) & 0x10000000) !== 0;
    if (source.usesExtents && source.iBlock.getUint16(6, true) > 0) {
      for (let i = 0; i < source.iBlock.getUint16(2, true); i++) {
        places.push({
          kind: 'extent',
          at: source.iBlock.getUint32(12 + i * 12 + 4, true) * blockSize,
          inode: number,
        });
      }
    }
    if ((fs.stat(number).mode & 0xf000) !== 0x4000) return;
    const blocks = inline ? 0 : fs.stat(number).size / blockSize;
    for (let logical = 0; logical < blocks; logical++) {
      mapper.map(source, logical, run);
      places.push({ kind: 'leaf', at: run.block * blockSize, inode: number });
    }
    for (const entry of fs.readdir(number)) visit(entry.inode);
  };
  visit(fs.root);
  const groups = Array.from({ length: groupsCount }, (_, i) => {
    const perBlock = blockSize / descSize;
    return descriptorBlock(geometry, i) * blockSize + (i % perBlock) * descSize;
  });

  const fixGroup = (bytes: Uint8Array, at: number, number: number): void => {
    if (checksums) {
      let crc = crc32cRaw(crcOfU32(checksumSeed, number), bytes, at, at + 0x1e);
      crc = crc32cRaw(crcOfZeroes(crc, 2), bytes, at + 0x20, at + descSize);
      view(bytes).setUint16(at + 0x1e, crc & 0xffff, true);
    } else if (roCompat & RO_COMPAT_GDT_CSUM) {
      let crc = crc16(0xffff, geometry.superBlock.s_uuid);
      crc = crc16(crc, Uint8Array.of(number, number >> 8, number >> 16, number >> 24));
      view(bytes).setUint16(at + 0x1e, crc16(crc, bytes, at, at + 0x1e), true);
    }
  };
  const seedOf = (bytes: Uint8Array, number: number): number =>
    inodeSeed(checksumSeed, number, view(bytes).getUint32((inodeAt.get(number) ?? 0) + 0x64, true));
  const fix: Record<Place['kind'], (bytes: Uint8Array, place: Place) => void> = {
    inode(bytes, place) {
      const data = view(bytes);
      const { at, number } = place as { at: number; number: number };
      const long = inodeSize > 128 && data.getUint16(at + 0x80, true) >= 4;
      data.setUint16(at + 0x7c, 0, true);
      if (long) data.setUint16(at + 0x82, 0, true);
      const crc = crc32cRaw(seedOf(bytes, number), bytes, at, at + inodeSize);
      data.setUint16(at + 0x7c, crc & 0xffff, true);
      if (long) data.setUint16(at + 0x82, crc >>> 16, true);
    },
    leaf(bytes, place) {
      const { at, inode } = place as { at: number; inode: number };
      const data = view(bytes);
      const seed = seedOf(bytes, inode);
      const countAt = indexCountOffset(bytes, at, blockSize);
      const indexed = (data.getUint32((inodeAt.get(inode) ?? 0) + 0x20, true) & 0x1000) !== 0;
      if (indexed && countAt >= 0) {
        const tail = at + countAt + data.getUint16(at + countAt, true) * 8;
        const end = at + countAt + data.getUint16(at + countAt + 2, true) * 8;
        if (tail + 8 > at + blockSize || end > at + blockSize) return;
        const crc = crc32cRaw(crc32cRaw(seed, bytes, at, end), bytes, tail, tail + 4);
        data.setUint32(tail + 4, crcOfZeroes(crc, 4), true);
      } else {
        data.setUint32(at + blockSize - 4, crc32cRaw(seed, bytes, at, at + blockSize - 12), true);
      }
    },
    extent(bytes, place) {
      const { at, inode } = place as { at: number; inode: number };
      const tail = at + 12 + view(bytes).getUint16(at + 4, true) * 12;
      if (tail + 4 > at + blockSize) return;
      view(bytes).setUint32(tail, crc32cRaw(seedOf(bytes, inode), bytes, at, tail), true);
    },
    xattr(bytes, { at }) {
      let crc = crcOfU32(crcOfU32(checksumSeed, at / blockSize), 0);
      crc = crc32cRaw(crc, bytes, at, at + 0x10);
      crc = crc32cRaw(crcOfZeroes(crc, 4), bytes, at + 0x14, at + blockSize);
      view(bytes).setUint32(at + 0x10, crc, true);
    },
  };
  const regions: [number, number][] = [[1024, 2048]];
  for (const at of groups) regions.push([at, at + descSize]);
  for (const { kind, at } of places) regions.push([at, at + (kind === 'inode' ? inodeSize : blockSize)]);
  return {
    regions,
    fixup(bytes) {
      groups.forEach((at, number) => fixGroup(bytes, at, number));
      if (!checksums) return;
      for (const place of places) fix[place.kind](bytes, place);
      view(bytes).setUint32(1024 + 0x3fc, crc32cRaw(0xffffffff, bytes, 1024, 1024 + 0x3fc), true);
    },
  };
}
