#!/bin/sh
# Makes the golden images of this folder and what stock libguestfs says of them:
#   sd[a-o].img.br   15 drives of 16 to 64 MiB, brotli
#   stock.txt        answers of stock guestfish, a section after each line "== NAME"
# Needs guestfish, lvm2 in its machine, node; about 10 minutes without KVM.
set -e
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
: "${LIBGUESTFS_BACKEND:=direct}" "${LIBGUESTFS_BACKEND_SETTINGS:=force_tcg}"
export LIBGUESTFS_BACKEND LIBGUESTFS_BACKEND_SETTINGS

letters='a b c d e f g h i j k l m n o'
add=
for letter in $letters; do
  case $letter in i) size=64M ;; j | k) size=40M ;; *) size=16M ;; esac
  truncate -s $size $letter.img
  add="$add --format=raw -a $letter.img"
done
script=$(base64 -w0 "$here/inside.sh")
/usr/bin/guestfish $add run : \
  debug sh "echo $script | base64 -d >/tmp/inside.sh; bash /tmp/inside.sh >/tmp/inside.log 2>&1; grep -v \"^+* *\\('\\[' \\|printf\\|i=\\)\" /tmp/inside.log" \
  >"${LOG:-/dev/null}" 2>&1

volumes='basic/linear basic/multi basic/with-dash_x basic/one basic/contig basic/zeroes basic/errors basic/snap_one
  stripe/s4k stripe/s64k stripe/onfirst stripe/onsecond raid/mcore raid/mdisk raid/r1 raid/r1three raid/r0 raid/r0meta
  raid/r4 raid/r5 raid/r5ra raid/r6 raid/r10 raid/r1stale thin/extorigin thin/tone thin/tbig thin/tempty thin/text
  thin/tsnap thin/tsnapskip other/cached other/wc other/r1int other/plain other/snorigin other/cow4k other/cow16k
  other/overfull other/areaorigin other/areas other/merging other/tomerge wrap/keep exported/ex foreign/fo on-part/lv-1'
reports() { # suffix
  for report in pvs vgs lvs pvs-full vgs-full lvs-full; do printf 'echo "== %s%s"\n-%s\n' $report "$1" $report; done
}
{
  echo run
  reports ''
  for group in basic stripe raid thin other wrap exported on-part foreign; do
    printf 'echo "== uuids %s"\n-vguuid %s\n-vgpvuuids %s\n-vglvuuids %s\n' $group $group $group $group
  done
  printf 'echo "== vgmeta %s"\n-vgmeta %s\n' basic basic stripe stripe
  echo 'echo "== sums"'
  for volume in $volumes; do printf 'echo %s\n-checksum-device sha256 /dev/%s\n' $volume $volume; done
  echo 'echo "== mapper"'
  echo 'debug sh "dmsetup ls"'
  echo 'echo "== all"'
  echo 'debug sh "lvm lvs -a --units b -o vg_name,lv_name,lv_attr,segtype --separator , --noheadings"'
  # PVs missing: as if only these drives were there.
  for subset in '/dev/sdb' '/dev/sdc' '/dev/sdd /dev/sdf' '/dev/sde' '/dev/sdd /dev/sde /dev/sdf /dev/sdg' '/dev/sdk'; do
    printf 'echo "== filter %s"\n-lvm-set-filter "%s"\n' "$subset" "$subset"
    reports " of $subset"
    printf 'echo "== mapper of %s"\ndebug sh "dmsetup ls"\n' "$subset"
  done
  echo 'echo "== sums of /dev/sdk"'
  echo '-lvm-set-filter "/dev/sdd /dev/sdf"'
  for volume in r1 r1three r5 r4 mcore mdisk; do printf 'echo raid/%s\n-checksum-device sha256 /dev/raid/%s\n' $volume $volume; done
  echo 'echo "== end"'
} >read.fish
/usr/bin/guestfish --ro $add <read.fish >"$here/stock.txt" 2>&1

node --input-type=module -e '
  import { readFileSync, writeFileSync } from "node:fs";
  import { brotliCompressSync, constants } from "node:zlib";
  for (const letter of process.argv[2].split(" ")) {
    const bytes = readFileSync(letter + ".img");
    const params = { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    writeFileSync(`${process.argv[1]}/sd${letter}.img.br`, brotliCompressSync(bytes, { params }));
  }' "$here" "$letters"
