#!/bin/bash
# Makes files.img.gz: a small ext4 filesystem with every kind of file that the file actions meet. Needs root (loop
# mount, owners, device nodes). Run stock.sh after it.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'umount "$work/m" 2>/dev/null || true; rm -rf "$work"' EXIT
truncate -s 2M "$work/img"
mke2fs -q -t ext4 -b 1024 -O ^has_journal -N 256 -U 8637d83b-ec18-4b4b-8f56-88e7e1fbdc79 \
  -E hash_seed=8637d83b-ec18-4b4b-8f56-88e7e1fbdc79 "$work/img"
mkdir "$work/m"
mount -o loop,acl,user_xattr "$work/img" "$work/m"
here=$PWD
cd "$work/m"
export TZ=UTC LC_ALL=C.UTF-8
umask 022

mkdir -p etc dir/sub/deep empty usr/bin Windows/System32 'sp ace' .hidden
printf 'guest\n' > etc/hostname
printf 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n' > etc/passwd
printf 'root:x:0:\nalices:x:1000:\n' > etc/group
printf 'one\ntwo\r\nthree\n\nfive' > lines
printf 'x\n' > dir/b; printf 'y\n' > dir/a; printf 'Z' > dir/B; echo hid > dir/.dot; echo _ > dir/_u; echo é > dir/é
printf 'bad\377name' > "$(printf 'dir/bad\377')"
ln -s b dir/link; ln -s sub dir/dlink; ln -s /nowhere dir/broken; ln -s loop dir/loop
ln dir/b dir/hard
mkfifo dir/fifo; mknod dir/chr c 1 3; mknod dir/blk b 8 1
python3 -c "import socket; s = socket.socket(socket.AF_UNIX); s.bind('dir/sock')"
mkdir dir/sticky; chmod 1777 dir/sticky
chmod 4755 dir/a; chmod 2644 dir/B
chown 1000:1000 dir/b; chown 4242:4343 dir/B
head -c 20480 /dev/zero > zero
truncate -s 300K sparse; printf mid | dd of=sparse bs=1 seek=150000 conv=notrunc status=none
: > nothing
printf labelled > labelled
setfattr -n user.one -v 1 lines; setfattr -n user.two -v 0x00ff0a lines; setfattr -n trusted.t -v t lines
setfattr -n security.selinux -v 'system_u:object_r:etc_t:s0' lines
setfattr -n security.selinux -v 'system_u:object_r:usr_t:s0' labelled
setfacl -m u:1000:rw,g:4343:r,m::rwx lines
setfacl -d -m u:1000:rwx,g::r-x etc
# An ELF header alone: a little-endian x86-64 executable.
printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\76\0\1\0\0\0%056d' 0 > usr/bin/elf; chmod 755 usr/bin/elf
for n in 1 2 3 4 5; do printf x > usr/bin/cap$n; done
setcap cap_net_raw,cap_net_admin+ep usr/bin/cap1
setcap cap_chown=i usr/bin/cap2
setcap =ep usr/bin/cap3
setcap 'all=ep cap_chown-ep' usr/bin/cap4
setcap 'all=p cap_net_raw+i cap_chown-p' usr/bin/cap5
python3 -c "import random; random.seed(7); open('Windows/System32/random.bin', 'wb').write(random.randbytes(5000))"
printf '\0\1hello world\0\0\0abc\0abcd\376\377longer text here\n' > bin
python3 - <<'P'
open('wide', 'wb').write('\0wide string one\0'.encode('utf-16le') + b'\xff\xff' + 'big endian'.encode('utf-16be')
  + b'\xff' + 'quad'.encode('utf-32le') + 'latin \xe9\xe8\xea\xeb'.encode('latin1'))
P
seq 1 30 > seq
gzip -nc seq > seq.gz
printf 'a.b\naxb\nA+B\naab\n[x]\nfoo bar\nfoo_bar\nbackbackref\na{2}\ncaf\303\251\nbin\377ary\n\ntab\there\n' > re
mkdir initrd
(
  cd initrd
  mkdir bin etc early
  cp ../usr/bin/elf bin/sh
  echo hi > etc/x; ln -s x etc/y; echo e > early/f
  find early | cpio -o -H newc --quiet > ../early.cpio
  find bin etc | cpio -o -H newc --quiet > ../main.cpio
)
gzip -nc main.cpio > main.gz
xz --check=crc32 -c main.cpio > main.xz
zstd -q -c main.cpio > main.zst
lz4 -l -q -c main.cpio > main.lz4
bzip2 -c main.cpio > main.bz2
xz --format=lzma -c main.cpio > main.lzma
cat early.cpio main.gz > combo.gz
cat early.cpio main.zst > combo.zst
cat early.cpio main.cpio > combo.plain
mkdir big; for i in $(seq 1 12); do echo $i > big/file$i; done
n=$(printf 'n%.0s' $(seq 90)); m=$(printf 'm%.0s' $(seq 90)); f=$(printf 'f%.0s' $(seq 200)); t=$(printf 't%.0s' $(seq 150))
mkdir -p "long/$n/$m"; printf deep > "long/$n/$m/$f"; ln -s "$t" long/lnk
# The same times in every run, but for three that need care.
find . -exec touch -h -d '2020-09-13 12:26:41.123456789' {} +
touch -d '2001-02-03 04:05:06.789' dir/a; touch -d '2040-01-02' dir/B; touch -d '1960-01-02' dir/_u
cd "$here"
umount "$work/m"
gzip -9nc "$work/img" > files.img.gz
ls -l files.img.gz
