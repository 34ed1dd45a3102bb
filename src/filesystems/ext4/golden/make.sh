#!/bin/bash
# Makes the images of this folder with mke2fs, debugfs and the kernel, and their listings from the kernel's mount.
# Needs root, loop devices, e2fsprogs, attr, acl, python3. Usage: make.sh [NAME...]
set -e
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
work=$(mktemp -d)
trap 'umount "$work/mnt" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/mnt" "$work/tree"
only=" $* "
wanted() { [ "$only" = "  " ] || [[ "$only" == *" $1 "* ]]; }
# Unmounted filesystems: $1 name, $2 size, $3 files in the large directory, then arguments of mke2fs.
clean() {
  wanted "$1" || return 0
  local image=$work/$1.img size=$2 files=$3
  mke2fs -q -F -U 0ddba11e-0000-4000-8000-00000000000$((RANDOM % 10)) "${@:4}" "$image" "$size"
  [ -z "$TUNE" ] || tune2fs $TUNE "$image" > /dev/null
  [ -z "$DEBUG" ] || debugfs -w -R "$DEBUG" "$image" 2> /dev/null
  mount -o loop "$image" "$work/mnt"
  ${FILL:-populate} "$work/mnt" "$files"
  ${AFTER:-true} "$work/mnt"
  umount "$work/mnt"
  e2fsck -fn "$image" > "$work/fsck" 2>&1 || { cat "$work/fsck"; exit 1; }
  (cd "$root" && npx tsx "$here/list.ts" "$image" "$here/$1.list" ro)
  pack "$1"
}

# Filesystems cut off while mounted: $1 name, $2 size, $3 workload, then arguments of mke2fs.
dirty() {
  wanted "$1" || return 0
  local live=$work/live.img image=$work/$1.img
  rm -f "$live"
  mke2fs -q -F "${@:4}" "$live" "$2"
  mount -o "loop,noatime${MOUNT:+,$MOUNT}" "$live" "$work/mnt"
  python3 "$here/workload.py" "$3" "$work/mnt" "$live" "$image"
  umount "$work/mnt"
  cp "$image" "$work/copy.img"
  (cd "$root" && npx tsx "$here/list.ts" "$work/copy.img" "$here/$1.list" noatime "$3")
  pack "$1"
}

pack() {
  gzip -9n < "$work/$1.img" > "$here/$1.img.gz"
  gzip -9nf "$here/$1.list"
  ls -s "$here/$1.img.gz"
  rm "$work/$1.img"
}

populate() { bash "$here/populate.sh" "$1" "$2"; }
# What makes no kernel raise the revision: no attributes, no large files.
basic() { (cd "$1" && echo 'hello world' > hello && mkdir dir && ln hello dir/hard && ln -s hello link && mknod null c 1 3 && head -c 30000 /dev/zero > zeroes); }
encrypt() { python3 "$here/encrypt.py" "$1"; }
indirect() { printf triple | dd of="$1/triple" bs=1 seek=68000000 status=none; printf double | dd of="$1/double" bs=1 seek=1000000 status=none; }

AFTER=indirect clean ext2 2M 60 -t ext2 -b 1024
FILL=basic clean ext2-r0 1M 0 -t ext2 -b 1024 -r 0
AFTER=indirect clean ext3 4M 60 -t ext3 -b 1024
clean ext4 4M 300 -t ext4 -b 1024
clean ext4-4k 8M 200 -t ext4 -b 4096 -I 512
clean ext4-i128 4M 60 -t ext4 -b 2048 -I 128
clean ext4-uninit 4M 60 -t ext4 -b 1024 -O ^metadata_csum,uninit_bg,^64bit
TUNE='-E hash_alg=tea' DEBUG='ssv flags 2' clean ext4-tea 4M 300 -t ext4 -b 1024 -O metadata_csum_seed,large_dir
TUNE='-E hash_alg=legacy' clean ext4-legacy 4M 300 -t ext4 -b 1024 -O ^metadata_csum
clean ext4-inline 4M 60 -t ext4 -b 1024 -O inline_data
clean ext4-bigalloc 8M 100 -t ext4 -b 1024 -O bigalloc -C 8192
clean ext4-ea-inode 4M 20 -t ext4 -b 1024 -O ea_inode
clean ext4-meta-bg 8M 100 -t ext4 -b 1024 -O meta_bg,^resize_inode -g 256 -N 512
clean ext4-sparse2 8M 100 -t ext4 -b 1024 -O sparse_super2,^resize_inode,^flex_bg -g 512 -N 512
clean ext4-plain 4M 60 -t ext4 -b 1024 -O ^filetype,^dir_index,^has_journal,^extent,^64bit
AFTER=encrypt clean ext4-encrypt 4M 20 -t ext4 -b 1024 -O encrypt
clean ext4-all 8M 60 -t ext4 -b 1024 -I 512 -O inline_data,bigalloc,ea_inode,large_dir,orphan_file,fast_commit,metadata_csum_seed

dirty dirty-ext4 8M log -t ext4 -b 1024 -J size=1
dirty dirty-4k 16M log -t ext4 -b 4096 -J size=4
dirty dirty-ext3 8M log -t ext3 -b 1024 -J size=1
MOUNT=journal_checksum dirty dirty-v1 8M log -t ext4 -b 1024 -J size=1 -O ^metadata_csum,^64bit
MOUNT=data=journal dirty dirty-escape 8M log -t ext4 -b 1024 -J size=2
MOUNT=journal_async_commit,data=writeback dirty dirty-async 8M log -t ext4 -b 1024 -J size=1
dirty dirty-orphans 8M log -t ext4 -b 1024 -J size=1 -O orphan_file
dirty dirty-fast 16M fast -t ext4 -b 4096 -O fast_commit -J size=4,fast_commit_size=256
