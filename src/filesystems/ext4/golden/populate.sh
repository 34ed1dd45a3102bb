#!/bin/bash
# Fills the folder $1 with one of everything that the tests want to see. Whatever the filesystem there cannot hold
# is left out silently. $2 is the number of files in the large directory.
cd "$1" || exit 1
exec 2>/dev/null
pattern() { head -c "$1" < <(yes 'The quick brown fox jumps over the lazy dog 0123456789'); }

: > empty
echo 'hello world' > hello
chmod 4755 hello
for size in 59 60 61 100 150 160 200 1023 1024 1025 4096 4097 20000; do pattern $size > size-$size; done
echo utf8 > ünïcødé-日本
echo bytes > $'bad-\xff\xfe\x80name'
echo long > "$(printf 'n%.0s' {1..255})"
for length in 1 58 59 60 61 150 700; do ln -s "$(head -c $length < /dev/zero | tr '\0' t)" link-$length; done
ln -s $'/absolute/\xff\xe9' link-bytes
mkdir dir dir/sub emptydir few
echo deep > dir/sub/file
ln hello dir/hard
touch few/1 few/2 few/3
mknod null c 1 3
mknod blk b 259 70000
mknod chr c 4000 300
mkfifo fifo
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
chown 100000:70000 size-59
chown 4000000000:65536 size-60
for i in 0 1 2 3 4 5 6 7 8 9; do printf "sparse $i" | dd of=sparse bs=1 seek=$((i * 30011)) conv=notrunc status=none; done
truncate -s 500000 sparse
fallocate -l 30000 unwritten
printf middle | dd of=unwritten bs=1 seek=15000 conv=notrunc status=none
mkdir many
for ((i = 0; i < $2; i++)); do : > many/a-rather-long-name-of-a-file-$i; done
for ((i = 0; i < $2; i += 3)); do rm many/a-rather-long-name-of-a-file-$i; done
for file in hello dir; do
  setfattr -n user.one -v 1 $file
  setfattr -n user.empty $file
  setfattr -n user.big -v "$(pattern 250)" $file
  setfattr -n trusted.thing -v tt $file
  setfattr -n security.selinux -v system_u:object_r:etc_t:s0 $file
done
: > huge-xattr
setfattr -n user.huge -v "$(pattern 6000)" huge-xattr
setfattr -n user.small -v s huge-xattr
pattern 50 > many-xattrs
for i in 1 2 3 4 5 6 7 8 9; do setfattr -n user.attribute-$i -v "value $i" many-xattrs; done
: > acl
setfacl -m u:1000:rwx,g:2000:r-x,u:70000:r-- acl
mkdir acldir
setfacl -m u:1000:rwx -d -m g:5:rx acldir
: > capable
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 capable
touch -d @-1.5 time-before
touch -d @2147483647.123456789 time-2038
touch -d @4294967296.5 time-2106
touch -d @15032385534.999999999 time-2446
touch -d @-2147483648 time-1901
for flag in a i d A S D T; do
  mkdir flag-$flag
  chattr +$flag flag-$flag
done
exit 0
