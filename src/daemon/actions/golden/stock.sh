#!/bin/bash
# Asks a stock guestfish the questions of questions.txt about files.img.gz and writes its answers to stock.txt, and
# what its tar-out, cpio-out and the like made to stock.tar.gz. Takes a minute or two under TCG.
set -eu
cd "$(dirname "$0")"
guestfish=${GUESTFISH:-/usr/bin/guestfish}
export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -dc files.img.gz > "$work/img"
mkdir "$work/out"
{
  echo "add-ro $work/img"
  echo run
  echo 'mount-ro /dev/sda /'
  number=0
  while IFS= read -r question; do
    case $question in '' | '#'*) continue ;; esac
    number=$((number + 1))
    echo "-echo @@@ $number"
    echo "-${question//OUT/$work/out}"
  done < questions.txt
} > "$work/script"
"$guestfish" -f "$work/script" 2>&1 | sed -e "s,^$work/script:[0-9]*: ,," > stock.txt
tar -C "$work/out" --sort=name --mtime=@0 --owner=0 --group=0 -czf stock.tar.gz .
ls -l stock.txt stock.tar.gz
