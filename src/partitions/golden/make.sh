#!/bin/bash
# Makes the golden disks of this folder and what stock libguestfs says of them:
#   images.json   a disk each of 16 to 64 MiB, brotli in base64
#   stock.txt     answers of stock guestfish, a section after each line "== NAME"
# Needs parted, sfdisk, sgdisk, mkfs.fat, mke2fs, mkswap, pvcreate, guestfish, node, and root for loop devices.
set -e
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
: "${LIBGUESTFS_BACKEND:=direct}" "${LIBGUESTFS_BACKEND_SETTINGS:=force_tcg}"
export LIBGUESTFS_BACKEND LIBGUESTFS_BACKEND_SETTINGS

disk() { truncate -s "${2:-32M}" "$1.img"; }
table() { # name, lines for sfdisk
  disk "$1"
  printf '%s\n' "${@:2}" | sfdisk -q "$1.img"
}
on_loop() { # name, options for losetup, command
  local loop
  loop=$(losetup -f --show $2 "$1.img")
  "${@:3}" "$loop" >/dev/null 2>&1
  losetup -d "$loop"
}

disk gpt
sgdisk -n 3:2048:+1M -n 1:10240:+2M -n 2:6144:+1M -n 128:40960:+1M -t 1:ef00 -t 2:ef02 -t 3:8300 -t 128:8e00 \
  -c 1:'EFI system' -c 2:a -c 3:'Grüße 日本' -A 1:set:0 -A 1:set:2 -A 3:set:60 -A 3:set:63 \
  -U 11111111-2222-3333-4444-555555555555 -u 1:AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE gpt.img >/dev/null
table mbr 'label: dos' 'label-id: 0x12345678' start=40960,size=2048,type=83 start=2048,size=2048,type=7,bootable \
  start=43008,size=20000,type=5 start=4096,size=1000,type=ef start=45056,size=2000,type=82 start=50000,size=1000,bootable
table mbrf 'label: dos' start=2048,size=2048,type=83 start=4096,size=20000,type=f start=6144,size=1000,type=83 \
  start=10240,size=1000,type=8e start=14336,size=1000,type=fd
disk fat && mkfs.fat fat.img >/dev/null
disk zero
disk ext && mke2fs -q -t ext4 ext.img
disk swap && mkswap swap.img >/dev/null
for type in mac bsd sun dvh amiga pc98 atari loop; do
  disk $type
  parted -s $type.img mklabel $type
done
parted -s mac.img mkpart one 2048s 8191s mkpart two 8192s 16383s
parted -s bsd.img mkpart 2048s 8191s
disk gptbad
sgdisk -n 1:2048:+1M -c 1:x gptbad.img >/dev/null
dd if=/dev/zero of=gptbad.img bs=512 seek=1 count=1 conv=notrunc 2>/dev/null
disk hybrid
sgdisk -n 1:2048:+1M -n 2:8192:+2M hybrid.img >/dev/null
sgdisk -h 1:2 hybrid.img >/dev/null
disk gpt4k
on_loop gpt4k '-b 4096' sgdisk -n 1:256:+1M -n 2:1024:+2M -c 1:four
table mbr0 'label: dos'
table bsdslice 'label: dos' start=2048,size=40000,type=a5
disk lvm
pv() { lvm pvcreate -ff -y --config "devices { filter=[\"a|$1|\",\"r|.*|\"] use_devicesfile=0 }" "$1"; }
on_loop lvm '' pv
table beyond 'label: dos' start=2048,size=2048 start=4096,size=61440
truncate -s 16M beyond.img
disk gptgrown
sgdisk -n 1:2048:+1M gptgrown.img >/dev/null
truncate -s 64M gptgrown.img
disk nopmbr
sgdisk -n 1:2048:+1M nopmbr.img >/dev/null
dd if=/dev/zero of=nopmbr.img bs=512 seek=0 count=1 conv=notrunc 2>/dev/null

names="gpt mbr mbrf fat zero ext swap mac bsd sun dvh amiga pc98 atari loop gptbad hybrid mbr0 bsdslice lvm beyond gptgrown nopmbr"
add=
for name in $names; do add="$add --format=raw -a $name.img"; done
index=0
{
  echo 'add gpt4k.img readonly:true format:raw blocksize:4096'
  echo run
  for name in $names gpt4k; do
    device=/dev/sd$(printf "\\$(printf '%03o' $((97 + index)))")
    index=$((index + 1))
    echo "echo == $name"
    for call in part-get-parttype part-list part-get-disk-guid sfdisk-l sfdisk-kernel-geometry sfdisk-disk-geometry blockdev-getss; do
      printf 'echo %s\n-%s %s\n' $call $call $device
    done
    case $name in gpt) numbers="1 2 3 4 128" ;; mbr) numbers="1 2 3 4 5 6 7" ;; mbrf) numbers="1 2 5 7" ;; *) numbers="1 2" ;; esac
    for number in $numbers; do
      for call in part-get-bootable part-get-mbr-id part-get-mbr-part-type part-get-gpt-type part-get-gpt-guid part-get-gpt-attributes part-get-name; do
        printf 'echo %s %s\n-%s %s %s\n' $call $number $call $device $number
      done
    done
  done
  printf 'echo == list\nlist-partitions\n'
} >ask.fish
/usr/bin/guestfish --ro $add <ask.fish >"$here/stock.txt" 2>&1

node --input-type=module -e '
  import { readFileSync, writeFileSync } from "node:fs";
  import { brotliCompressSync, constants } from "node:zlib";
  const images = {};
  for (const name of process.argv[2].split(" ")) {
    const bytes = readFileSync(name + ".img");
    const params = { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    images[name] = brotliCompressSync(bytes, { params }).toString("base64");
  }
  writeFileSync(process.argv[1] + "/images.json", JSON.stringify(images, null, 1) + "\n");' "$here" "$names gpt4k"
