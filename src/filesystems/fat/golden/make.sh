#!/bin/bash
# Makes the goldens of this folder: FAT images and what the kernel in stock libguestfs's appliance shows of them.
# usage: make.sh (from the root of the project)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$here/images.py" "$work" 2>/dev/null
npx tsx test/support/pack-goldens.ts "$work" "$here" \
  odd=shortname=lower,umask=077,uid=3,gid=4 odd=time_offset=-90,fmask=0137 fat12=showexec,rodir
