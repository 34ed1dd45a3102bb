import * as apple from './apple.ts';
import * as cluster from './cluster.ts';
import * as crypto from './crypto.ts';
import * as ext from './ext.ts';
import * as fat from './fat.ts';
import * as firmware from './firmware-raid.ts';
import * as linux from './linux.ts';
import { minix } from './minix.ts';
import * as raid from './linux-raid.ts';
import { iso9660 } from './iso9660.ts';
import { udf } from './udf.ts';
import type { Signature } from './signature.ts';
import * as small from './small.ts';
import * as swap from './swap.ts';
import * as unix from './unix.ts';
import * as managers from './volume-managers.ts';
import * as windows from './windows.ts';
import * as xfs from './xfs.ts';
import * as zfs from './zfs.ts';

/**
 * Every signature in libblkid's order. The order decides which of several tolerated signatures is reported, and
 * a RAID or crypto signature ends the search.
 */
export const SIGNATURES: readonly Signature[] = [
  // Members of arrays first: the content of a mirror's member looks like the file system on the array.
  raid.linuxRaid,
  firmware.ddf,
  firmware.intel,
  firmware.lsi,
  firmware.via,
  firmware.silicon,
  firmware.nvidia,
  firmware.promise,
  firmware.highpoint45x,
  firmware.highpoint37x,
  firmware.adaptec,
  firmware.jmicron,
  managers.bcache,
  managers.ceph,
  // DRBD's metadata is at the end of what is a file system from the start.
  managers.drbd,
  managers.drbdProxy,
  // Volume managers and encryption: nothing behind them counts.
  managers.lvm2,
  managers.lvm1,
  managers.snapshotStore,
  managers.verity,
  managers.integrity,
  crypto.luks,
  managers.vmfsVolume,
  managers.ubi,
  managers.vdo,
  managers.stratis,
  // BitLocker has a boot sector like FAT's or NTFS's: before both.
  crypto.bitLocker,
  fat.vfat,
  // Hibernated swap keeps the header of swap: before it.
  swap.suspended,
  swap.swap,
  xfs.xfs,
  xfs.xfsLog,
  xfs.exfs,
  // One magic, told apart by features: these five exclude each other.
  ext.ext4dev,
  ext.ext4,
  ext.ext3,
  ext.ext2,
  ext.jbd,
  linux.reiserfs,
  linux.reiser4,
  linux.jfs,
  // A disc that is both is reported as UDF.
  udf,
  iso9660,
  zfs.zfs,
  // HFS Plus may be embedded in HFS: before it.
  apple.hfsplus,
  apple.hfs,
  unix.ufs,
  windows.hpfs,
  windows.ntfs,
  windows.refs,
  small.cramfs,
  small.romfs,
  minix,
  cluster.gfs,
  cluster.gfs2,
  cluster.ocfs2,
  cluster.oracleasm,
  unix.vxfs,
  linux.squashfs,
  linux.squashfs3,
  small.nss,
  linux.btrfs,
  small.ubifs,
  small.bfs,
  managers.vmfs,
  linux.nilfs2,
  windows.exfat,
  linux.f2fs,
  apple.apfs,
  linux.zonefs,
  linux.erofs,
  // Newer than the rest: where later versions of libblkid have it.
  linux.bcachefs,
];
