#!/bin/sh
# Makes the two disks that the tools' tests look at, with stock guestfish (TCG is enough), and writes them
# compressed beside this script; then record.ts runs the stock tools on them and keeps what they print.
#   disk A: MBR; sda1 ext4 /boot; sda2 LVM with root (ext4), swap and an empty volume; sda5 in an extended partition
#   disk B: GPT; sdb1 FAT with a label, sdb2 without a filesystem
set -e
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg
truncate -s 120M a.img
truncate -s 40M b.img
cat > os-release <<'E'
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
E
cat > fstab <<'E'
# made for tests
/dev/vg_guest/root / ext4 errors=remount-ro 0 1
LABEL=BOOT /boot ext4 defaults 0 2
/dev/vg_guest/swap none swap sw 0 0
E
cat > status <<'E'
Package: bash
Status: install ok installed
Priority: required
Section: shells
Maintainer: Somebody <somebody@example.com>
Architecture: amd64
Version: 5.2.15-2+b2
Description: shell of the test guest
 A longer text about it.

Package: tzdata
Status: install ok installed
Priority: required
Section: localization
Maintainer: Somebody <somebody@example.com>
Architecture: all
Version: 2024a-0+deb12u1
Description: time zones
Homepage: https://example.com/tz

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1:1.0-1
Description: gone

E
{ printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\003\000\076\000\001\000\000\000'; head -c 40 /dev/zero; } > elf
seq 1 200 > lines
printf 'no newline at end' > short
head -c 3000 /dev/zero | tr '\0' 'x' > xs
printf 'Jan  1 00:00:01 testguest kernel: booting\nJan  1 00:00:02 testguest init: up\n' > syslog
nice /usr/bin/guestfish -a a.img --format=raw -a b.img <<'E'
run
part-init /dev/sda mbr
part-add /dev/sda p 2048 22527
part-add /dev/sda p 22528 200703
part-add /dev/sda e 200704 245759
part-add /dev/sda l 202752 243711
part-set-mbr-id /dev/sda 2 0x8e
part-set-bootable /dev/sda 1 true
part-init /dev/sdb gpt
part-add /dev/sdb p 2048 43007
part-add /dev/sdb p 43008 79871
mkfs ext4 /dev/sda1 label:BOOT
pvcreate /dev/sda2
vgcreate vg_guest /dev/sda2
lvcreate root vg_guest 48
lvcreate swap vg_guest 8
lvcreate empty vg_guest 8
mkfs ext4 /dev/vg_guest/root label:rootfs
mkswap /dev/vg_guest/swap label:swp
mkfs ext2 /dev/sda5 blocksize:1024
mkfs vfat /dev/sdb1 label:EFIDATA
mount /dev/sda5 /
write /only-here "five\n"
umount /
mount /dev/vg_guest/root /
mkdir /boot
mount /dev/sda1 /boot
mkdir /bin
mkdir /sbin
mkdir /etc
mkdir /lib
mkdir /proc
mkdir /usr
mkdir /tmp
chmod 01777 /tmp
mkdir-p /var/lib/dpkg
mkdir-p /var/log
mkdir-p /home/user/deep/er
mkdir /home/empty
upload os-release /etc/os-release
upload fstab /etc/fstab
upload status /var/lib/dpkg/status
upload elf /bin/ls
chmod 0755 /bin/ls
upload syslog /var/log/syslog
write /etc/debian_version "12.5\n"
write /etc/hostname "testguest\n"
write /etc/passwd "root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/sh\n"
upload lines /home/user/lines
upload short /home/user/short
upload xs /home/user/xs
write /home/user/empty-file ""
write "/home/user/with space" "s\n"
write "/home/user/comma,quote\"x" "c\n"
write "/home/user/new\nline" "n\n"
write "/home/user/esc\x1b[31mred" "e\n"
write "/home/user/\xff\xfebytes" "b\n"
write "/home/user/é" "u\n"
write "/home/user/control" "a\x01b\x1b[31mc\r\n\ttab\x7f\xc2\x9b é \xff\n"
ln-s lines /home/user/link
ln-s /nowhere /home/user/dangling
ln /home/user/xs /home/user/hardlink
mkfifo 0644 /home/user/fifo
mknod-c 0600 5 1 /home/user/chardev
mknod-b 0660 8 3 /home/user/blockdev
touch /home/user/sparse
truncate-size /home/user/sparse 5M
write /home/user/deep/er/file "deep\n"
chmod 04755 /home/user/short
chown 1000 1000 /home/user/lines
chown 65534 12345 /home/user/deep
setxattr user.colour blue 4 /home/user/lines
write /boot/vmlinuz-6.1 "kernel\n"
utimens /home/user/lines 1000000000 123456789 1100000000 987654321
utimens /home/user/short 0 0 4000000000 0
E
nice zstd -q -19 -f a.img -o "$here/a.img.zst"
nice zstd -q -19 -f b.img -o "$here/b.img.zst"
ls -l "$here"
