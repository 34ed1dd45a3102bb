#!/bin/bash
# Makes ISO 9660 images with genisoimage, xorriso and mkzftree, and by hand. Needs root for the device nodes.
# usage: images.sh FOLDER
set -u
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"; cd "$1" || exit 1
rm -rf tree ztree extra
mkdir -p tree/dir/sub tree/EMPTY tree/a/b/c/d/e/f/g/h/i/j tree/many extra
echo readme >tree/README.TXT
echo lower >tree/lower.txt
echo mixed >'tree/MiXeD Case name.with.dots'
head -c 5000 /dev/zero | tr '\0' x >tree/dir/file.bin
: >tree/void
echo deep >tree/a/b/c/d/e/f/g/h/i/j/deepest.txt
echo noext >tree/NOEXT
echo unicode >'tree/ünïcödé 日本.txt'
echo long >"tree/dir/$(printf 'n%.0s' {1..200}).txt"
echo hidden >tree/.hidden
echo two >tree/two.dots.txt
chmod 640 tree/lower.txt; chmod 4755 tree/NOEXT; chmod 1777 tree/EMPTY; chown 1000:100 tree/lower.txt
ln -s README.TXT tree/link; ln -s ../../a/./b//c tree/dir/rel; ln -s /abs/olute/path tree/dir/abs
ln -s "$(printf 'long/%.0s' {1..30})" tree/dir/longlink; ln -s "$(printf 'l%.0s' {1..220})" tree/dir/long2
ln -s .. tree/dir/up; ln -s / tree/dir/root; ln -s . tree/dir/dot
ln tree/README.TXT tree/hard
mkfifo tree/fifo; mknod tree/null c 1 3; mknod tree/blk b 8 17; mknod tree/bigdev c 300 70000
for i in $(seq 60); do echo "$i" >"tree/many/file number $i"; done
seq 8000 >tree/numbers.txt
find tree -exec touch -h -d '2021-03-04 05:06:07.25 UTC' {} +
touch -d '1975-01-01 UTC' tree/two.dots.txt
{
  genisoimage -quiet -o plain.img -V PLAIN tree
  genisoimage -quiet -o iso4.img -iso-level 4 -V ISO4 tree
  genisoimage -quiet -o joliet.img -J -joliet-long -input-charset utf-8 -V JOLIET tree
  genisoimage -quiet -o rock.img -R -J -input-charset utf-8 -V ROCK -publisher 'The Publisher' -p 'The Preparer' \
    -A 'The Application' -sysid SYS -volset VOLSET -copyright README.TXT -abstract LOWER.TXT -biblio NOEXT tree
  mkzftree tree ztree
  genisoimage -quiet -o zisofs.img -R -z -V ZISOFS ztree
  xorriso -outdev stdio:sessions.img -volid FIRST -map tree / -commit -end
  echo added >extra/added.txt
  xorriso -dev stdio:sessions.img -map extra/added.txt /added.txt -rm /README.TXT -- -commit -end
  xorriso -outdev stdio:aaip.img -acl on -xattr on -md5 on -volid AAIP -map tree / -commit -end
  xorriso -outdev stdio:zisofs-xorriso.img -volid XZ -map tree / -set_filter_r --zisofs / -- -commit -end
  xorriso -as mkisofs -quiet -o hybrid.img -J -V HYBRID -partition_offset 16 -append_partition 2 0x83 tree/numbers.txt tree
} >/dev/null 2>&1
rm -rf tree ztree extra
python3 "$here/crafted.py" crafted.img
