#!/bin/bash
# Makes the goldens of this folder: ISO 9660 images and what the kernel in stock libguestfs's appliance shows of
# them. Needs root for device nodes. usage: make.sh (from the root of the project)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bash "$here/images.sh" "$work"
npx tsx test/support/pack-goldens.ts "$work" "$here" \
  rock=norock rock=norock,nojoliet rock=norock,nojoliet,map=off rock=norock,nojoliet,check=r,map=acorn \
  rock=uid=5,gid=6,mode=0400,dmode=0500,overriderockperm rock=norock,nojoliet,mode=0640,dmode=0750 \
  zisofs=nocompress crafted=hide crafted=showassoc crafted=cruft
