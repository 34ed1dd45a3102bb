#!/bin/bash
# Makes corpus.json.gz: images of every kind that the tools of this machine can make and crafted ones of the
# others, as the sectors that identification looks at, with the tags that blkid(8) reports for them. A tool
# that is missing leaves its images out. Needs root for the loop devices of pvcreate.
#
# usage: make.sh (from the root of the project)
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export PATH=$PATH:/usr/sbin:/sbin:${EXTRA_TOOLS:-}
id=12345678-9abc-4def-8123-456789abcdef
image() { truncate -s "$2" "$1.img"; }
loop() { # image, command: runs the command with the loop device appended
  local device
  device=$(losetup -f --show "$1.img") || return
  "${@:2}" "$device"
  losetup -d "$device"
}
mkdir -p content/sub
echo hi >content/sub/file
{
  image ext2 8M; mke2fs -q -t ext2 -L lab-ext2 -U $id ext2.img
  image ext3 8M; mke2fs -q -t ext3 -L lab-ext3 -U $id ext3.img
  image ext4 8M; mke2fs -q -t ext4 -L 'lab with space' -U $id ext4.img
  image ext4-nojournal 8M; mke2fs -q -t ext4 -O ^has_journal ext4-nojournal.img
  image ext4dev 8M; mke2fs -q -t ext4 -E test_fs ext4dev.img
  image ext2-rev0 8M; mke2fs -q -t ext2 -r 0 ext2-rev0.img
  image jbd 8M; mke2fs -q -O journal_dev -b 1024 -L jlab jbd.img
  image ext4-journal-elsewhere 8M; mke2fs -q -t ext4 ext4-journal-elsewhere.img
  debugfs -w -R 'ssv journal_uuid 11111111-2222-3333-4444-555555555555' ext4-journal-elsewhere.img
  image xfs 320M; mkfs.xfs -q -f -L xlab xfs.img
  image xfs-v4 320M; mkfs.xfs -q -f -m crc=0 xfs-v4.img
  image xfs-4k 320M; mkfs.xfs -q -f -s size=4096 xfs-4k.img
  image xfs-data 320M; image xfs-log 320M; mkfs.xfs -q -f -l logdev=xfs-log.img,size=64M xfs-data.img
  image btrfs 120M; mkfs.btrfs -q -L blab btrfs.img
  image ntfs 8M; mkntfs -q -F -f -L nlab ntfs.img
  image ntfs-64k 64M; mkntfs -q -F -f -c 65536 -L 'nläb ü' ntfs-64k.img
  image fat12 1440K; mkfs.fat -n FLABEL -i deadbeef fat12.img
  image fat12-nolabel 4M; mkfs.fat -F 12 fat12-nolabel.img
  image fat16 32M; mkfs.fat -F 16 -n FLABEL16 fat16.img
  image fat32 64M; mkfs.fat -F 32 -n FLABEL32 fat32.img
  image fat32-nolabel 64M; mkfs.fat -F 32 fat32-nolabel.img
  image fat-4k 64M; mkfs.fat -S 4096 -n S4K fat-4k.img
  image exfat 16M; mkfs.exfat -L exlab exfat.img
  image exfat-nolabel 16M; mkfs.exfat exfat-nolabel.img
  mksquashfs content squashfs.img -quiet -noappend
  image f2fs 64M; mkfs.f2fs -q -l f2lab f2fs.img
  image jfs 17M; mkfs.jfs -q -L jlab jfs.img
  image nilfs2 130M; mkfs.nilfs2 -q -L nilab nilfs2.img
  image reiserfs 40M; mkreiserfs -q -f -f -l relab reiserfs.img
  image reiser4 40M; mkfs.reiser4 -f -y -L r4lab reiser4.img
  image udf 8M; mkfs.udf -l udflab udf.img
  image udf-unicode 8M; mkfs.udf -b 512 -l 'üdf' udf-unicode.img
  image udf-cdrw 8M; mkfs.udf --media-type=cdrw -b 2048 -l cdrw udf-cdrw.img
  image udf-102 8M; mkfs.udf -b 4096 --udfrev=0x0102 udf-102.img
  mkfs.erofs erofs.img content
  for v in 1 2 3; do image minix$v 4M; mkfs.minix -$v minix$v.img; done
  image minix1-14 4M; mkfs.minix -1 -n14 minix1-14.img
  image swap 4M; mkswap -q -L swlab swap.img
  image swap-64k 4M; mkswap -q -p 65536 swap-64k.img
  image luks1 20M; echo -n x | cryptsetup -q luksFormat --type luks1 --iter-time 1 luks1.img -
  image luks2 20M; echo -n x | cryptsetup -q luksFormat --type luks2 --pbkdf pbkdf2 \
    --pbkdf-force-iterations 1000 --label llab --subsystem lsub luks2.img -
  image bfs 4M; mkfs.bfs -V bfsv -F bfsf bfs.img
  mkfs.cramfs -n crlab content cramfs.img
  mkfs.cramfs -N big content cramfs-big.img
  image hfs 4M; hformat -l hfslab hfs.img
  image gfs2 64M; mkfs.gfs2 -q -O -p lock_dlm -t clu:fsname -j 1 -J 8 gfs2.img
  image bcache-backing 16M; make-bcache -B bcache-backing.img
  image bcache-cache 16M; make-bcache -C bcache-cache.img -b 64k
  makefs -t ffs -B be -o version=1 -s 8m ufs1-big.img content
  makefs -t ffs -o version=2 -s 8m ufs2.img content
  genisoimage -quiet -R -J -V ISOLAB -o iso-joliet.img content
  genisoimage -quiet -V plain -publisher PUB -p PREP -A APPL -sysid SYS -o iso.img content
  genisoimage -quiet -J -V 'UnicodeVolLabel-üé' -input-charset utf8 -o iso-unicode.img content
  genisoimage -quiet -udf -V isoudf -o iso-udf.img content
  genisoimage -quiet -hfs -V isohfs -o iso-hfs.img content
  xorriso -as mkisofs -quiet -hfsplus -V XHFSP -o iso-hfsplus.img content
  xorriso -as mkisofs -quiet -V XISO -R -J -o iso-xorriso.img content
  image drbd8 8M; drbdmeta --force 0 v08 "$PWD/drbd8.img" internal create-md
  image drbd9 8M; drbdmeta --force 0 v09 "$PWD/drbd9.img" internal create-md 2
  image lvm2 16M; loop lvm2 pvcreate -q -q -y
  image lvm2-sector3 16M; loop lvm2-sector3 pvcreate -q -q --labelsector 3 -y
  image blank 8M
  # Two signatures: tolerated (a hybrid disc) and not (a left-over).
  cp iso.img ambiguous.img; truncate -s 8M ambiguous.img
  dd if=ext2.img of=ambiguous.img bs=1024 skip=1 seek=1 count=1 conv=notrunc
  cp hfs.img hybrid.img
  dd if=iso.img of=hybrid.img bs=2048 skip=16 seek=16 count=4 conv=notrunc
} >/dev/null 2>"$work/log" </dev/null
rm -rf content
npx --prefix "$here" tsx "$here/pack.ts" "$work" "$here/corpus.json.gz"
