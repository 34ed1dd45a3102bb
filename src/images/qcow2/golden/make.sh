#!/bin/bash
# Makes the golden qcow2 images with qemu-img and qemu-io (7.2): each FORM.qcow2.gz, and MANIFEST with the SHA-256 of what
# a guest sees, as qemu-img convert shows it. Run in this folder: ./make.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
manifest=$work/MANIFEST
: >"$manifest"

# 4 MiB of disk: text that compresses, bytes that do not, and room.
head -c 24000 /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 00000000000000000000000000000000 >noise
{ yes 'the quick brown fox jumps over the lazy dog' || true; } | head -c 300000 >text
truncate -s 4M plain.raw
dd if=noise of=plain.raw bs=4096 seek=16 conv=notrunc status=none
dd if=text of=plain.raw bs=4096 seek=200 conv=notrunc status=none
dd if=noise of=plain.raw bs=512 seek=8000 count=40 conv=notrunc status=none

# keep NAME FILE [FORMAT]: store FILE as NAME, with the hash of its guest content.
keep() {
  local name=$1 file=$2
  qemu-img convert -f qcow2 -O raw "$file" check.raw
  printf '%s %s %s\n' "$name" "$(sha256sum <check.raw | cut -d' ' -f1)" "$(stat -c %s check.raw)" >>"$manifest"
  rm check.raw
  gzip -9n <"$file" >"$here/$name.gz"
}

convert() {
  local name=$1
  shift
  qemu-img convert -f raw -O qcow2 "$@" plain.raw "$name"
  keep "$name" "$name"
}

convert v3.qcow2
convert v2.qcow2 -o compat=0.10
convert zlib.qcow2 -c
convert zstd.qcow2 -c -o compression_type=zstd
convert cluster-512.qcow2 -o cluster_size=512
convert cluster-512-zlib.qcow2 -c -o cluster_size=512
convert cluster-2m-zstd.qcow2 -c -o cluster_size=2M,compression_type=zstd
convert extended-l2-zlib.qcow2 -c -o extended_l2=on
convert refcount-1.qcow2 -o refcount_bits=1
convert refcount-64.qcow2 -o refcount_bits=64
convert lazy.qcow2 -o lazy_refcounts=on

# Zero clusters, plain and allocated, over a backing file; subclusters of all three kinds.
qemu-img convert -f raw -O qcow2 plain.raw base.qcow2
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 overlay.qcow2 5M
qemu-io -f qcow2 -c 'write -P 0x11 0 64k' -c 'write -P 0x22 896k 10k' -c 'write -z 128k 64k' -c 'write -P 0x33 256k 64k' \
  -c 'write -z 256k 64k' -c 'write -P 0x44 4900k 8k' overlay.qcow2 >/dev/null
keep base.qcow2 base.qcow2
keep overlay.qcow2 overlay.qcow2
qemu-img create -q -f qcow2 -o extended_l2=on -b base.qcow2 -F qcow2 extended-l2.qcow2 4M
qemu-io -f qcow2 -c 'write -P 0x55 66k 6k' -c 'write -z 80k 4k' -c 'write -P 0x66 1000k 2k' -c 'write -P 0x77 1006k 130k' \
  -c 'write -z 820k 70k' extended-l2.qcow2 >/dev/null
keep extended-l2.qcow2 extended-l2.qcow2

# A backing file that is smaller than the disk, and one that is larger.
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 smaller.qcow2 3M
keep smaller.qcow2 smaller.qcow2

# Internal snapshots, the second taken after the disk grew.
qemu-img convert -f raw -O qcow2 plain.raw snapshots.qcow2
qemu-img snapshot -c first snapshots.qcow2
qemu-io -f qcow2 -c 'write -P 0x99 100k 300k' snapshots.qcow2 >/dev/null
qemu-img resize -q snapshots.qcow2 6M 2>/dev/null || true
qemu-img snapshot -c second snapshots.qcow2
qemu-io -f qcow2 -c 'write -P 0xaa 0 200k' -c 'write -P 0xbb 5M 64k' snapshots.qcow2 >/dev/null
keep snapshots.qcow2 snapshots.qcow2
for name in first:4M second:6M; do
  # qemu-img shows a snapshot with the present size of the disk; it had its own.
  qemu-img convert -f qcow2 -l "snapshot.name=${name%:*}" -O raw snapshots.qcow2 check.raw
  truncate -s "${name#*:}" check.raw
  printf 'snapshots.qcow2@%s %s %s\n' "${name%:*}" "$(sha256sum <check.raw | cut -d' ' -f1)" "$(stat -c %s check.raw)" >>"$manifest"
done

# A dirty image: the header's bit is set as a killed QEMU leaves it.
cp lazy.qcow2 dirty.qcow2
printf '\x01' | dd of=dirty.qcow2 bs=1 seek=79 conv=notrunc status=none
keep dirty.qcow2 dirty.qcow2

cp "$manifest" "$here/MANIFEST"
