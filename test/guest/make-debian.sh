#!/bin/bash
# Builds a real Debian guest as a qcow2 image: GPT with a BIOS boot partition, a separate /boot, and LVM with
# root, home and swap. The packages come from where the host's own apt gets them; the volumes are made in stock
# libguestfs's appliance, so that the host needs no device mapper.
#
#   make-debian.sh IMAGE [--small]
#
# Leaves beside IMAGE: IMAGE.tar (the tree that went in), IMAGE.inspect.xml (stock virt-inspector's answer).
# --small: fewer packages.
set -euo pipefail

image=$1
size=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg
suite=$(. /etc/os-release; echo "$VERSION_CODENAME")
sources=/etc/apt/sources.list.d/debian.sources
[ -f "$sources" ] || sources=/etc/apt/sources.list

packages=systemd-sysv,udev,dbus,openssh-server,sudo,vim-tiny,less,attr,acl,libcap2-bin,locales,ca-certificates,python3,perl,git,gcc,man-db
[ "$size" = --small ] && packages=systemd-sysv,udev,dbus,less,attr,acl,libcap2-bin

mmdebstrap --quiet --mode=root --variant=important --include="$packages" \
  --customize-hook='echo debian-guest > "$1/etc/hostname"' \
  --customize-hook='printf "%s\n" "/dev/mapper/guest-root / ext4 errors=remount-ro 0 1" "UUID=d1e7a8f0-5c1b-4d0a-9d57-0123456789ab /boot ext4 defaults 0 2" "/dev/mapper/guest-home /home ext4 defaults 0 2" "/dev/guest/swap none swap sw 0 0" > "$1/etc/fstab"' \
  --customize-hook='mkdir -p "$1/home/anna" "$1/srv/odd"' \
  --customize-hook='printf "hello from the guest\n" > "$1/home/anna/hello.txt"; chown -R 1000:1000 "$1/home/anna"' \
  --customize-hook='cd "$1/srv/odd"; printf x > "$(printf "latin1-\351")"; printf y > "name with spaces"; printf z > "uni-é-日本"; ln -s /etc/hostname absolute-link; ln -s ../odd/latin1 dangling; ln "name with spaces" hard-link; mkfifo fifo; mknod char c 10 200; mknod block b 259 70000; touch future; touch -d "1960-01-01" past; touch empty; chmod 4755 empty' \
  --customize-hook='cd "$1/srv/odd"; setfattr -n user.colour -v blue "name with spaces"; setfattr -n user.big -v "$(head -c 3000 /dev/zero | tr "\0" b)" empty; setfacl -m u:1000:rw,g:50:r "uni-é-日本"; setfacl -d -m u:1000:rwx .; setcap cap_net_raw+ep future' \
  "$suite" "$work/guest.tar" "$sources"

rm -f "$image" "$work/raw"
qemu-img create -q -f qcow2 "$image" 8G
/usr/bin/guestfish --format=qcow2 -a "$image" <<EOF
run
part-init /dev/sda gpt
part-add /dev/sda p 2048 4095
part-set-gpt-type /dev/sda 1 21686148-6449-6E6F-744E-656564454649
part-add /dev/sda p 4096 528383
part-set-name /dev/sda 2 boot
part-add /dev/sda p 528384 -2048
part-set-gpt-type /dev/sda 3 E6D6D379-F507-44C2-A23C-238F2A3DF928
pvcreate /dev/sda3
vgcreate guest /dev/sda3
lvcreate root guest 4096
lvcreate home guest 1024
lvcreate swap guest 256
mkfs ext4 /dev/sda2
set-e2uuid /dev/sda2 d1e7a8f0-5c1b-4d0a-9d57-0123456789ab
mkfs ext4 /dev/guest/root label:root
mkfs ext4 /dev/guest/home
mkswap /dev/guest/swap label:swap
mount /dev/guest/root /
mkdir /boot
mount /dev/sda2 /boot
mkdir /home
mount /dev/guest/home /home
tar-in $work/guest.tar / xattrs:true acls:true
touch /srv/odd/sparse
truncate-size /srv/odd/sparse 3221225472
write-append /srv/odd/sparse end
utimens /srv/odd/future 2211854706 789000000 2211854706 789000000
umount-all
EOF
mv "$work/guest.tar" "$image.tar"
/usr/bin/virt-inspector -a "$image" > "$image.inspect.xml"
