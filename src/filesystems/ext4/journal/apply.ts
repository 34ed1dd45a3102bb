import type { BlockDevice } from '../../../block/device.ts';
import { overlayDevice } from '../../../block/overlay.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { CorruptError } from '../../../errors/index.ts';
import { inodeSeed } from '../checksum.ts';
import { Ext4FileSystem } from '../filesystem.ts';
import {
  EXTENT_INIT_MAX_LEN,
  EXTENT_MAGIC,
  GOOD_OLD_INODE_SIZE,
  I_BLOCK_SIZE,
  INODE_EXTENTS,
  INODE_INLINE_DATA,
  Inode,
  S_IFDIR,
  S_IFMT,
} from '../layout.ts';
import { fillMapSource, newMapSource, type Run } from '../mapping.ts';
import { ExtentList, type DirectoryPatch, type PatchedExtent, type Patches } from '../patches.ts';
import { inodeSectors } from '../stat.ts';
import type { Geometry } from '../superblock.ts';
import * as fc from './fast-commit.ts';

/** Most extents of a file that a fast commit touches; a file of 16 TiB in the smallest pieces is not meant here. */
const EXTENT_CAP = 2 ** 20;

/** The filesystem after its fast commits: inodes are changed in an overlay, the rest in patches. */
interface Applied {
  readonly device: BlockDevice;
  readonly patches: Patches;
}

/** Apply the operations in order, as Linux does after it has replayed the log. */
export function applyFastCommits(
  device: BlockDevice,
  geometry: Geometry,
  tags: readonly fc.FastCommitTag[],
): Applied {
  return new Applier(device, geometry).run(tags);
}

class Applier {
  readonly #geometry: Geometry;
  readonly #device: BlockDevice;
  readonly #patches: Patches = { maps: new Map(), directories: new Map(), freedClusters: 0, freedInodes: 0 };
  readonly #filesystem: Ext4FileSystem;
  /** Sectors of every touched inode before the first change; undefined where it was not in use. */
  readonly #before = new Map<number, number | undefined>();

  constructor(device: BlockDevice, geometry: Geometry) {
    this.#geometry = geometry;
    this.#device = overlayDevice(device, 'ext4 filesystem after fast commits');
    this.#filesystem = new Ext4FileSystem('ext4', this.#device, geometry, {}, this.#patches);
  }

  run(tags: readonly fc.FastCommitTag[]): Applied {
    for (const { tag, value } of tags) {
      const view = new DataView(value.buffer, value.byteOffset, value.length);
      const first = view.getUint32(0, true);
      switch (tag) {
        case fc.TAG_INODE:
          this.#inode(this.#check(first), value.subarray(4));
          break;
        case fc.TAG_ADD_RANGE:
          this.#addRange(this.#check(first), view);
          break;
        case fc.TAG_DEL_RANGE:
          this.#map(this.#check(first)).remove(view.getUint32(4, true), view.getUint32(8, true));
          break;
        default:
          this.#entry(tag, this.#check(first), this.#check(view.getUint32(4, true)), value.subarray(8));
      }
    }
    this.#count();
    this.#filesystem.close();
    return { device: this.#device, patches: this.#patches };
  }

  #check(inode: number): number {
    if (inode < 2 || inode > this.#geometry.inodesCount) {
      throw new CorruptError(
        'ext4_fc_tl',
        `a fast commit names inode ${inode}, expected 2 to ${this.#geometry.inodesCount}`,
      );
    }
    return inode;
  }

  /** Note what a touched inode took before. */
  #touch(number: number): void {
    if (this.#before.has(number)) return;
    const inode = this.#filesystem.inodes.aim(number);
    const used = inode.view.getUint16(inode.base + Inode.i_links_count, true) > 0;
    this.#before.set(number, used ? inodeSectors(inode, this.#geometry) : undefined);
  }

  #inode(number: number, raw: Uint8Array): void {
    const { inodeSize } = this.#geometry;
    this.#touchUnchecked(number);
    const bytes = this.#rawInode(number);
    const length = Math.min(raw.length, inodeSize);
    bytes.set(raw.subarray(0, Inode.i_block));
    bytes.set(raw.subarray(Inode.i_generation, length), Inode.i_generation);
    const view = new DataView(bytes.buffer);
    const flags = view.getUint32(Inode.i_flags, true);
    if (flags & INODE_EXTENTS) {
      if (view.getUint16(Inode.i_block, true) !== EXTENT_MAGIC) {
        bytes.fill(0, Inode.i_block, Inode.i_block + 12);
        view.setUint16(Inode.i_block, EXTENT_MAGIC, true);
        view.setUint16(Inode.i_block + 4, 4, true);
      }
    } else if (flags & INODE_INLINE_DATA) {
      bytes.set(raw.subarray(Inode.i_block, Inode.i_block + I_BLOCK_SIZE), Inode.i_block);
    }
    this.#writeInode(number, bytes);
  }

  /** As {@link #touch}, for an inode that may never have been written and so has no right checksum. */
  #touchUnchecked(number: number): void {
    try {
      this.#touch(number);
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      this.#before.set(number, undefined);
    }
  }

  #place(number: number): number {
    const { inodesPerGroup, inodeSize, blockSize } = this.#geometry;
    const group = this.#filesystem.groups.get(Math.floor((number - 1) / inodesPerGroup));
    return group.inodeTable * blockSize + ((number - 1) % inodesPerGroup) * inodeSize;
  }

  #rawInode(number: number): Uint8Array {
    const bytes = new Uint8Array(this.#geometry.inodeSize);
    this.#device.readAt(this.#place(number), bytes);
    return bytes;
  }

  #writeInode(number: number, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer);
    if (this.#geometry.checksums) {
      const long = bytes.length > GOOD_OLD_INODE_SIZE && view.getUint16(Inode.i_extra_isize, true) >= 4;
      view.setUint16(Inode.l_i_checksum_lo, 0, true);
      if (long) view.setUint16(Inode.i_checksum_hi, 0, true);
      const seed = inodeSeed(this.#geometry.checksumSeed, number, view.getUint32(Inode.i_generation, true));
      const crc = crc32cRaw(seed, bytes);
      view.setUint16(Inode.l_i_checksum_lo, crc & 0xffff, true);
      if (long) view.setUint16(Inode.i_checksum_hi, crc >>> 16, true);
    }
    this.#device.writeAt(this.#place(number), bytes);
    this.#filesystem.forget();
  }

  /** The block map of an inode as a list, read from disk at first use. */
  #map(number: number): ExtentList {
    const known = this.#patches.maps.get(number);
    if (known !== undefined) return known;
    this.#touch(number);
    const { mapper, inodes } = this.#filesystem;
    const source = fillMapSource(newMapSource(), inodes.aim(number), this.#geometry);
    const extents: PatchedExtent[] = [];
    const run: Run = { block: 0, length: 0, kind: 'hole' };
    const limit = mapper.maxBlocks(source.usesExtents);
    for (let logical = 0; logical < limit; logical += run.length) {
      mapper.map(source, logical, run);
      if (run.kind !== 'hole') {
        extents.push({
          first: logical,
          length: run.length,
          block: run.block,
          unwritten: run.kind === 'zero',
        });
      }
      if (extents.length > EXTENT_CAP) {
        throw new CorruptError('ext4_extent_header', `inode ${number} has more than ${EXTENT_CAP} extents`);
      }
    }
    const list = new ExtentList(extents);
    this.#patches.maps.set(number, list);
    return list;
  }

  #addRange(number: number, view: DataView): void {
    const first = view.getUint32(4, true);
    let length = view.getUint16(8, true);
    const block = view.getUint32(12, true) + view.getUint16(10, true) * 0x100000000;
    const unwritten = length > EXTENT_INIT_MAX_LEN;
    if (unwritten) length -= EXTENT_INIT_MAX_LEN;
    const { firstDataBlock, blocksCount } = this.#geometry;
    if (length === 0 || block <= firstDataBlock || block + length > blocksCount) {
      throw new CorruptError(
        'ext4_fc_add_range',
        `a fast commit gives inode ${number} ${length} blocks at ${block}, expected ${firstDataBlock + 1} to ${blocksCount - 1}`,
      );
    }
    this.#map(number).add({ first, length, block, unwritten });
  }

  #entry(tag: number, parent: number, number: number, name: Uint8Array): void {
    const exists = this.#links(number) > 0;
    // Linux passes over operations on files that are not there.
    if (!exists || this.#links(parent) === 0) return;
    this.#touch(number);
    if (tag === fc.TAG_UNLINK) this.#unlink(parent, number, name);
    else this.#link(tag, parent, number, name);
  }

  #links(number: number): number {
    try {
      const inode = this.#filesystem.inodes.aim(number);
      return inode.view.getUint16(inode.base + Inode.i_links_count, true);
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      return 0;
    }
  }

  #setLinks(number: number, links: number): void {
    const bytes = this.#rawInode(number);
    new DataView(bytes.buffer).setUint16(Inode.i_links_count, links, true);
    this.#writeInode(number, bytes);
  }

  #patch(directory: number): DirectoryPatch {
    let patch = this.#patches.directories.get(directory);
    if (patch === undefined) {
      patch = { fresh: false, added: new Map(), removed: new Set() };
      this.#patches.directories.set(directory, patch);
    }
    return patch;
  }

  #link(tag: number, parent: number, number: number, name: Uint8Array): void {
    if (tag === fc.TAG_CREAT && this.#isDirectory(number)) {
      this.#patches.directories.set(number, { fresh: true, added: new Map(), removed: new Set() });
    }
    const shown = this.#filesystem.showName(parent, name);
    const present = this.#filesystem.lookup(parent, shown) !== 0;
    if (!present) this.#patch(parent).added.set(shown, { inode: number, bytes: name.slice() });
    if (tag === fc.TAG_CREAT) {
      const isDirectory = this.#isDirectory(number);
      this.#setLinks(number, isDirectory ? 2 : 1);
      // Linux forgets this one, which e2fsck(8) then corrects: the new directory's "..".
      if (isDirectory && !present) this.#setLinks(parent, this.#links(parent) + 1);
    } else if (!present) this.#setLinks(number, this.#links(number) + 1);
  }

  #unlink(parent: number, number: number, name: Uint8Array): void {
    const shown = this.#filesystem.showName(parent, name);
    const found = this.#filesystem.lookup(parent, shown);
    if (found === 0) return;
    // The name may have gone to another file since; it is that file's name then.
    if (found === number) {
      const patch = this.#patch(parent);
      if (!patch.added.delete(shown)) patch.removed.add(shown);
    }
    const links = this.#links(number) - 1;
    this.#setLinks(number, links);
    // The last name is gone, and the contents with it: the number may be used again.
    if (links === 0) this.#patches.maps.set(number, new ExtentList([]));
  }

  #isDirectory(number: number): boolean {
    const inode = this.#filesystem.inodes.aim(number);
    return (inode.view.getUint16(inode.base + Inode.i_mode, true) & S_IFMT) === S_IFDIR;
  }

  /** What all of it changed in the free space. */
  #count(): void {
    const { blockSize, clusterRatio } = this.#geometry;
    const sectorsPerCluster = (blockSize * clusterRatio) / 512;
    for (const [number, before] of this.#before) {
      const inode = this.#filesystem.inodes.aim(number);
      const used = inode.view.getUint16(inode.base + Inode.i_links_count, true) > 0;
      const after = used ? inodeSectors(inode, this.#geometry) : undefined;
      this.#patches.freedClusters += Math.trunc(((before ?? 0) - (after ?? 0)) / sectorsPerCluster);
      this.#patches.freedInodes += (before === undefined ? 0 : 1) - (after === undefined ? 0 : 1);
    }
  }
}
