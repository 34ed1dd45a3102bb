# Runs in the machine of stock guestfish (make.sh): makes volume groups of every kind on /dev/sda to /dev/sdo.
set -x
for module in dm-mod dm-mirror dm-raid dm-snapshot dm-thin-pool raid1 raid10 raid456 dm-cache dm-writecache dm-integrity dm-zero; do
  modprobe $module
done

# Every block of 4 KiB says whose it is and which: what is read in the wrong place is seen.
fill() { # device, name
  part $1 $2 0 $(($(blockdev --getsize64 $1) / 4096))
}
part() { # device, name, first block, count
  i=$3
  while [ $i -lt $(($3 + $4)) ]; do
    printf '%-4095s\n' "$2 $i"
    i=$((i + 1))
  done >/tmp/fill
  dd if=/tmp/fill of=$1 bs=4k seek=$3 oflag=direct conv=notrunc 2>/dev/null
}

# basic: one PV, volumes in pieces, every attribute that a plain volume can have, an old-style snapshot
pvcreate -ff -y --dataalignment 128k /dev/sda
vgcreate -s 128k --addtag vgtag1 --addtag vg.tag-2 --maxlogicalvolumes 30 --maxphysicalvolumes 9 basic /dev/sda
pvchange --addtag pvtag /dev/sda
lvcreate -y -l 4 -n linear --addtag blue --addtag red basic
lvcreate -y -l 3 -n multi basic
lvcreate -y -l 2 -n with-dash_x basic
lvextend -y -l +2 basic/multi
lvcreate -y -l 1 -n one basic
lvextend -y -l +3 basic/multi
fill /dev/basic/linear linear
fill /dev/basic/multi multi
fill /dev/basic/with-dash_x dash
fill /dev/basic/one one
lvchange -y -pr basic/one
lvcreate -y -l 1 -n skipped -ky basic
lvcreate -y -l 1 -C y -n contig basic
lvcreate -y -l 1 -M y --major 253 --minor 77 -n minor basic
lvcreate -y -l 1 --alloc cling -n cling basic
lvcreate -y -l 1 -r 64 -n readahead basic
lvcreate -y --type zero -l 2 -n zeroes basic
lvcreate -y --type error -l 1 -n errors basic
lvcreate -y -l 2 -s -n snap_one basic/linear
part /dev/basic/snap_one SNAP 3 4
part /dev/basic/linear ORIGIN 40 5
part /dev/basic/snap_one SNAP2 41 1

# stripe: two PVs, the second with a copy of the metadata at its end too
pvcreate -ff -y /dev/sdb
pvcreate -ff -y --pvmetadatacopies 2 /dev/sdc
vgcreate -s 128k stripe /dev/sdb /dev/sdc
lvcreate -y -l 8 -i 2 -I 4k -n s4k stripe
lvcreate -y -l 4 -i 2 -I 64k -n s64k stripe
lvcreate -y -l 3 -n onfirst stripe /dev/sdb
lvcreate -y -l 3 -n onsecond stripe /dev/sdc
lvextend -y -l +4 -i 2 -I 16k stripe/s4k
for l in s4k s64k onfirst onsecond; do fill /dev/stripe/$l $l; done

# raid: five PVs, one that ignores its metadata area, one that has none
pvcreate -ff -y /dev/sdd
pvcreate -ff -y --metadataignore y /dev/sde
pvcreate -ff -y --pvmetadatacopies 0 /dev/sdf
pvcreate -ff -y /dev/sdg
pvcreate -ff -y /dev/sdh
vgcreate -s 128k raid /dev/sdd /dev/sde /dev/sdf /dev/sdg /dev/sdh
lvcreate -y --type mirror -m 1 --mirrorlog core -l 4 -n mcore raid /dev/sdd /dev/sde
lvcreate -y --type mirror -m 1 --mirrorlog disk -l 4 -n mdisk raid /dev/sdd /dev/sde /dev/sdf
lvcreate -y --type raid1 -m 1 -l 4 -n r1 raid /dev/sdd /dev/sde
lvcreate -y --type raid1 -m 2 -l 2 -n r1three raid /dev/sdd /dev/sde /dev/sdf
lvcreate -y --type raid0 -i 2 -I 4k -l 4 -n r0 raid /dev/sdd /dev/sde
lvcreate -y --type raid0_meta -i 3 -I 4k -l 6 -n r0meta raid /dev/sdd /dev/sde /dev/sdf
lvcreate -y --type raid5 -i 2 -I 4k -l 4 -n r5 raid /dev/sdd /dev/sde /dev/sdf
lvcreate -y --type raid5_ra -i 3 -I 4k -l 6 -n r5ra raid /dev/sdd /dev/sde /dev/sdf /dev/sdg
lvcreate -y --type raid4 -i 2 -I 4k -l 4 -n r4 raid /dev/sdd /dev/sde /dev/sdf
lvcreate -y --type raid6 -i 3 -I 4k -l 6 -n r6 raid
lvcreate -y --type raid10 -i 2 -m 1 -I 4k -l 4 -n r10 raid /dev/sdd /dev/sde /dev/sdf /dev/sdg
lvcreate -y --type raid1 -m 1 -l 4 -n r1stale raid /dev/sdd /dev/sde
sleep 5
for l in mcore mdisk r1 r1three r0 r0meta r5 r5ra r4 r6 r10 r1stale; do fill /dev/raid/$l $l; done
sync
# The first leg fails, so that only the second one has what is written now.
dmsetup wipe_table --noflush raid-r1stale_rimage_0
part /dev/raid/r1stale LATER 3 20
sync
lvs -a -o+segtype,raid_sync_action,lv_health_status raid

# thin: a pool with volumes, snapshots of them, an external origin, and a mapping of several levels
pvcreate -ff -y /dev/sdi
vgcreate -s 128k thin /dev/sdi
lvcreate -y -l 4 -n extorigin thin
fill /dev/thin/extorigin ext
lvchange -y -an thin/extorigin
lvchange -y -pr thin/extorigin
lvcreate -y --type thin-pool -L 40m -c 64k --poolmetadatasize 2m -n pool thin
lvcreate -y -V 16m -T thin/pool -n tone
lvcreate -y -V 256m -T thin/pool -n tbig
lvcreate -y -V 1m -T thin/pool -n tempty
part /dev/thin/tone TONE 0 40
part /dev/thin/tone TONE 1000 20
lvcreate -y -s -kn -n tsnap thin/tone
part /dev/thin/tone AFTER 8 16
part /dev/thin/tsnap SNAPW 1010 3
part /dev/thin/tbig BIG 65000 10
part /dev/thin/tbig BIG 10 10
part /dev/thin/tbig BIG 33333 1
i=0
while [ $i -lt 420 ]; do
  printf '%-511s\n' "FAR $i" | dd of=/dev/thin/tbig bs=512 seek=$(((i * 1777 % 4000) * 128 + 5)) conv=notrunc 2>/dev/null
  i=$((i + 1))
done
lvcreate -y -s -n text --thinpool thin/pool thin/extorigin
lvchange -y -ay -K thin/text
lvextend -y -L 1m thin/text
part /dev/thin/text TEXT 5 6
lvchange -y -ay thin/extorigin
lvcreate -y -s -n tsnapskip thin/tone
sync

# other: what is listed and cannot be opened here, and snapshots of several shapes
pvcreate -ff -y /dev/sdj
pvcreate -ff -y /dev/sdk
vgcreate -s 128k other /dev/sdj /dev/sdk
lvcreate -y -l 8 -n cached other /dev/sdj
lvcreate -y --type cache-pool -L 2m --poolmetadatasize 2m -n cpool other /dev/sdk
lvconvert -y --type cache --cachepool other/cpool other/cached
lvcreate -y -l 8 -n wc other /dev/sdj
lvcreate -y -an -l 16 -n wcfast other /dev/sdk
lvchange -an -y other/wc
lvconvert -y --type writecache --cachevol wcfast other/wc
lvchange -ay other/wc
lvcreate -y --type raid1 -m 1 --raidintegrity y -l 4 -n r1int other
lvcreate -y -l 4 -n plain other
lvcreate -y -l 4 -n snorigin other
fill /dev/other/snorigin sn
lvcreate -y -l 6 -c 4k -s -n cow4k other/snorigin
lvcreate -y -l 6 -c 16k -s -n cow16k other/snorigin
part /dev/other/cow4k COW 0 3
part /dev/other/snorigin NEW 1 90
part /dev/other/cow16k COW16 50 3
lvcreate -y -l 1 -s -n overfull other/snorigin
part /dev/other/snorigin NEWER 0 100
# A snapshot with more exceptions than fit into one area (256 of 4 KiB chunks).
lvcreate -y -l 16 -n areaorigin other
lvcreate -y -l 20 -c 4k -s -n areas other/areaorigin
fill /dev/other/areas areas
# A snapshot that waits to be merged: the origin is open.
lvcreate -y -l 4 -n merging other
fill /dev/other/merging merging
lvcreate -y -l 4 -s -n tomerge other/merging
part /dev/other/tomerge MERGED 7 20
sleep 100000 </dev/other/merging &
lvconvert -y --merge other/tomerge
kill $!
sync
lvs -a -o+segtype other

# wrap: a small ring of metadata, written until a text goes over its end
pvcreate -ff -y --dataalignment 4k --metadatasize 40k /dev/sdl
vgcreate -s 64k wrap /dev/sdl
lvcreate -y -l 2 -n keep wrap
fill /dev/wrap/keep keep
i=0
while [ $i -lt 100 ]; do
  lvchange -q --addtag tag$i wrap/keep
  [ $i -gt 5 ] && lvchange -q --deltag tag$((i - 5)) wrap/keep
  set -- $(dd if=/dev/sdl bs=512 skip=8 count=1 iflag=direct 2>/dev/null | od -An -v -t u8 -j 32 -N 24)
  [ $i -gt 30 ] && [ $(($2 + $3)) -gt $1 ] && break
  i=$((i + 1))
done
echo "ring of $1, text at $2 of $3"

# exported, orphans with and without an odd layout, a partitioned disk, a group of another host
pvcreate -ff -y /dev/sdm
vgcreate -s 128k exported /dev/sdm
lvcreate -y -l 2 -n ex exported
fill /dev/exported/ex ex
vgchange -an exported
vgexport exported
pvcreate -ff -y --metadatasize 64k --bootloaderareasize 256k /dev/sdn
parted -s /dev/sdo mklabel gpt mkpart p1 2048s 8191s mkpart p2 8192s 16383s mkpart p3 16384s 24575s
udevadm settle
pvcreate -ff -y /dev/sdo1
pvcreate -ff -y --uuid abcdef-ghij-klmn-opqr-stuv-wxyz-012345 --norestorefile /dev/sdo2
vgcreate -s 128k foreign /dev/sdo1
lvcreate -y -l 2 -n fo foreign
fill /dev/foreign/fo fo
vgchange -an foreign
vgchange -y --config 'local{extra_system_ids=["elsewhere"]}' --systemid elsewhere foreign
pvcreate -ff -y /dev/sdo3
vgcreate -s 128k on-part /dev/sdo3
lvcreate -y -l 2 -n lv-1 on-part
fill /dev/on-part/lv-1 lv1
vgs -a
pvs -a
lvs -a -o+segtype
sync
vgchange -an
dmsetup ls
sync
