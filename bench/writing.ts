import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STOCK, tool, type Benchmark } from './benchmark.ts';
import type { GuestMounts } from './mounts.ts';

/** Small files that are made and removed. */
const SMALL_FILES = 10_000;
/** Filesystems made one after the other, so that the start of the process matters little. */
const MKFS_TIMES = 20;
const LAZY = '-E lazy_itable_init=1,lazy_journal_init=1';

/** Scripts for guestfish and debugfs that make many small files and remove them. */
function smallFileScripts(work: string): { ours: string; peer: string } {
  const small = join(work, 'small');
  writeFileSync(small, 'what is in a small file\n'.repeat(8));
  const names = Array.from({ length: SMALL_FILES }, (_, i) => `f${String(i).padStart(5, '0')}`);
  const [ours, peer] = [join(work, 'small.guestfish'), join(work, 'small.debugfs')];
  const lines = (...parts: (string | string[])[]): string => `${parts.flat().join('\n')}\n`;
  const made = names.map((name) => `upload ${small} /many/${name}`);
  const removed = names.map((name) => `rm /many/${name}`);
  writeFileSync(ours, lines('run', 'mount /dev/sda /', 'mkdir /many', made, removed));
  const written = names.map((name) => `write ${small} ${name}`);
  const killed = names.map((name) => `rm ${name}`);
  writeFileSync(peer, lines('mkdir many', 'cd many', written, killed));
  return { ours, peer };
}

/** What makes and fills: filesystems, large and small files, trees. Peers work on the same inputs and the same disk. */
export function writingBenchmarks({ rootRaw }: GuestMounts, work: string): Benchmark[] {
  const [ours, peer] = [join(work, 'ours.img'), join(work, 'peer.img')];
  const [big, copy] = [join(work, 'big'), join(work, 'big.copy')];
  const [tar, tree] = [join(work, 'root.tar'), join(work, 'tree')];
  const fish = (format = 'raw'): string => `${tool('guestfish')} --rw --format=${format} -a ${ours} run : `;
  const make = (path: string, content: string): string => `[ -e ${path} ] || { ${content}; }`;
  const bigInput = make(big, `head -c 1G /dev/urandom > ${big}`);
  // The guest's one sparse file of 3 GiB would be most of the archive.
  const treeInput = make(
    tree,
    `${tool('guestfish')} --ro --format=raw -a ${rootRaw} run : mount-ro /dev/sda / : tar-out / ${tar} excludes:./srv/odd/sparse; ` +
      `mkdir ${tree} && tar -C ${tree} --numeric-owner -xpf ${tar}`,
  );
  // What earlier runs left to be written would be written during this one.
  const fresh = `rm -f ${ours} ${peer} ${copy}; sync -f ${work}`;
  const sparse = (size: string): string => `truncate -s ${size} ${ours} ${peer}`;
  const scripts = smallFileScripts(work);
  const copied = { peer: `cp ${big} ${copy} && sync ${copy}`, peerName: 'cp, sync' };
  const repeated = Array.from({ length: MKFS_TIMES }, () => 'mkfs ext4 /dev/sda').join(' : ');
  return [
    {
      name: 'mkfs ext4 of 100 GiB',
      goal: 1.5,
      prepare: `${fresh}; ${sparse('100G')}`,
      ours: `${fish()} mkfs ext4 /dev/sda`,
      peer: `/sbin/mke2fs -q -F -t ext4 ${LAZY} ${peer}`,
      peerName: 'mke2fs',
      runs: 9,
      allocated: { ours, peer, goal: 1.1 },
    },
    {
      name: `mkfs ext4 of 100 GiB ${MKFS_TIMES} times`,
      goal: 1.5,
      prepare: `${fresh}; ${sparse('100G')}`,
      ours: `${fish()} ${repeated}`,
      peer: `for i in $(seq ${MKFS_TIMES}); do /sbin/mke2fs -q -F -t ext4 ${LAZY} ${peer}; done`,
      peerName: `mke2fs, ${MKFS_TIMES} times`,
    },
    {
      name: 'upload 1 GiB to ext4 in raw',
      goal: 1.67,
      prepare: `${bigInput}; ${fresh}; ${sparse('2G')}; /sbin/mke2fs -q -F -t ext4 ${ours}; sync ${ours}`,
      ours: `${fish()} mount /dev/sda / : upload ${big} /big`,
      ...copied,
    },
    {
      name: 'upload 1 GiB to ext4 in qcow2',
      goal: 1.67,
      prepare: `${bigInput}; ${fresh}; qemu-img create -q -f qcow2 ${ours} 2G; ${fish('qcow2')} mkfs ext4 /dev/sda; sync ${ours}`,
      ours: `${fish('qcow2')} mount /dev/sda / : upload ${big} /big`,
      ...copied,
    },
    {
      name: 'tar-in of a root filesystem',
      goal: 1,
      prepare: `${treeInput}; ${fresh}; ${sparse('2G')}`,
      ours: `${fish()} mkfs ext4 /dev/sda : mount /dev/sda / : tar-in ${tar} /`,
      peer: `/sbin/mke2fs -q -F -t ext4 -d ${tree} ${peer}`,
      peerName: 'mke2fs -d',
    },
    {
      name: 'tar-in against stock',
      goal: 0.05,
      prepare: `${treeInput}; ${fresh}; ${sparse('2G')}`,
      ours: `${fish()} mkfs ext4 /dev/sda : mount /dev/sda / : tar-in ${tar} /`,
      peer: `${STOCK} /usr/bin/guestfish --format=raw -a ${peer} run : mkfs ext4 /dev/sda : mount /dev/sda / : tar-in ${tar} /`,
      peerName: 'stock guestfish (TCG)',
      runs: 1,
    },
    {
      name: `${SMALL_FILES} small files made and removed`,
      goal: 1,
      prepare: `${fresh}; ${sparse('512M')}; /sbin/mke2fs -q -F -t ext4 ${ours}; /sbin/mke2fs -q -F -t ext4 ${peer}; sync -f ${work}`,
      ours: `${tool('guestfish')} --rw --format=raw -a ${ours} -f ${scripts.ours}`,
      peer: `/sbin/debugfs -w -f ${scripts.peer} ${peer} > ${work}/debugfs.log`,
      peerName: 'debugfs -w',
      runs: 3,
    },
  ];
}
