#!/bin/bash
# Makes tiny-guest.qcow2: a guest of a few files that has the shape of a real one. GPT with a BIOS boot partition,
# /boot on ext4, and LVM with root and swap. Real tools make it: stock guestfish (the volumes), mke2fs, mkswap.
#
#   make-tiny-guest.sh [IMAGE]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
image=${1:-$here/tiny-guest.qcow2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg

tree=$work/tree
mkdir -p "$tree"/{bin,boot,dev,etc,home/anna,proc,root,sys,tmp,usr/bin,usr/lib,var/lib/dpkg,var/log}
cat > "$tree/etc/os-release" <<EOF
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
EOF
echo 12.11 > "$tree/etc/debian_version"
echo tiny-guest > "$tree/etc/hostname"
printf '%s\n' \
  '/dev/mapper/tiny-root / ext4 errors=remount-ro 0 1' \
  'UUID=0b007000-5c1b-4d0a-9d57-0123456789ab /boot ext4 defaults 0 2' \
  '/dev/tiny/swap none swap sw 0 0' > "$tree/etc/fstab"
printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'anna:x:1000:1000:Anna:/home/anna:/bin/sh' > "$tree/etc/passwd"
printf '%s\n' 'root:x:0:' 'anna:x:1000:' > "$tree/etc/group"
for package in 'base-files 12.4+deb12u11' 'libc6 2.36-9+deb12u10' 'openssh-server 1:9.2p1-2+deb12u6'; do
  set -- $package
  printf 'Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %s\nDescription: part of the tiny guest\n\n' "$1" "$2"
done > "$tree/var/lib/dpkg/status"
# The head of an x86-64 ELF program: enough to tell the guest's architecture.
printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\76\0\1\0\0\0\0\0\0\0\0\0\0\0\100\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\100\0\70\0\0\0\100\0\0\0\0\0' > "$tree/bin/ls"
chmod 755 "$tree/bin/ls"
printf 'Welcome to the tiny guest.\n' > "$tree/etc/motd"
printf 'Dear reader,\nthis file came out of a logical volume in a qcow2 image.\n' > "$tree/home/anna/letter.txt"
ln -s ../home/anna/letter.txt "$tree/root/letter"
chown -R 1000:1000 "$tree/home/anna"
find "$tree" -exec touch -h -d '2026-01-02 03:04:05 UTC' {} +
tar -C "$tree" --numeric-owner -cf "$work/tree.tar" .
echo 'set timeout=1' > "$work/grub.cfg"

qemu-img create -q -f qcow2 "$work/guest.qcow2" 64M
/usr/bin/guestfish --format=qcow2 -a "$work/guest.qcow2" <<EOF
run
part-init /dev/sda gpt
part-add /dev/sda p 2048 4095
part-set-gpt-type /dev/sda 1 21686148-6449-6E6F-744E-656564454649
part-add /dev/sda p 4096 20479
part-set-name /dev/sda 2 boot
part-add /dev/sda p 20480 -2048
part-set-gpt-type /dev/sda 3 E6D6D379-F507-44C2-A23C-238F2A3DF928
pvcreate /dev/sda3
vgcreate tiny /dev/sda3
lvcreate root tiny 32
lvcreate swap tiny 8
mke2fs /dev/sda2 fstype:ext4 label:boot uuid:0b007000-5c1b-4d0a-9d57-0123456789ab
mke2fs /dev/tiny/root fstype:ext4 label:root
mkswap /dev/tiny/swap label:swap
mount /dev/tiny/root /
mkdir /boot
mount /dev/sda2 /boot
tar-in $work/tree.tar /
mkdir /boot/grub
upload $work/grub.cfg /boot/grub/grub.cfg
umount-all
EOF
rm -f "$image"
qemu-img convert -c -O qcow2 -o cluster_size=8k "$work/guest.qcow2" "$image"
