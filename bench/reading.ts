import { join } from 'node:path';
import { ROOT, STOCK, tool, type Benchmark } from './benchmark.ts';
import type { GuestMounts } from './mounts.ts';

/** What looks inside: starts, walks, reading and packing on a real guest. */
export function readingBenchmarks(image: string, mounts: GuestMounts, work: string): Benchmark[] {
  const { compressed, rootRaw, rootMount } = mounts;
  return [
    {
      name: 'virt-cat one file',
      goal: 1.4,
      ours: `${tool('virt-cat')} --format=qcow2 -a ${image} -m /dev/guest/root /etc/os-release`,
      peer: 'node -e 0',
      peerName: 'node -e 0',
      runs: 15,
    },
    {
      name: 'virt-filesystems',
      goal: 1.4,
      ours: `${tool('virt-filesystems')} --format=qcow2 -a ${image} --all --long`,
      peer: 'node -e 0',
      peerName: 'node -e 0',
      runs: 15,
    },
    {
      name: 'virt-df',
      goal: 1.6,
      ours: `${tool('virt-df')} --format=qcow2 -a ${image}`,
      peer: 'node -e 0',
      peerName: 'node -e 0',
      runs: 15,
    },
    {
      name: 'virt-inspector',
      goal: 4,
      ours: `${tool('virt-inspector')} --format=qcow2 -a ${image}`,
      peer: 'node -e 0',
      peerName: 'node -e 0',
      runs: 9,
    },
    {
      name: 'virt-cat against stock',
      goal: 0.01,
      ours: `${tool('virt-cat')} --format=qcow2 -a ${image} -m /dev/guest/root /etc/os-release`,
      peer: `${STOCK} /usr/bin/virt-cat -a ${image} /etc/os-release`,
      peerName: 'stock virt-cat (TCG)',
      runs: 1,
    },
    {
      name: 'walk with lstat, sorted',
      goal: 1,
      ours: `${tool('virt-ls')} --format=raw -a ${rootRaw} -m /dev/sda -lR / > ${work}/ls`,
      peer: `fls -r -l -p ${rootRaw} > ${work}/fls`,
      peerName: 'fls -r -l -p',
      runs: 9,
    },
    {
      name: 'walk against 7z',
      goal: 2.5,
      ours: `${tool('virt-ls')} --format=raw -a ${rootRaw} -m /dev/sda -lR / > ${work}/ls`,
      peer: `7z l ${rootRaw} > ${work}/7z`,
      peerName: '7z l',
      runs: 9,
    },
    {
      name: 'read all of /usr',
      goal: 1.1,
      ours: `node ${join(ROOT, 'bench', 'read-all.mjs')} ${rootRaw} /usr`,
      peer: `find ${rootMount}/usr -type f -print0 | xargs -0 cat > /dev/null`,
      peerName: 'cat from a kernel mount',
    },
    {
      name: 'tar-out /usr to tmpfs',
      goal: 1.5,
      ours: `${tool('virt-tar-out')} --format=raw -a ${rootRaw} -m /dev/sda /usr /dev/shm/guestfs-bench-ours.tar`,
      peer: `tar -C ${rootMount}/usr -cf /dev/shm/guestfs-bench-peer.tar .`,
      peerName: 'tar on a kernel mount',
    },
    {
      name: 'tar-out /usr to disk',
      goal: 1.15,
      ours: `rm -f ${work}/ours.tar; ${tool('virt-tar-out')} --format=raw -a ${rootRaw} -m /dev/sda /usr ${work}/ours.tar`,
      peer: `rm -f ${work}/peer.tar; tar -C ${rootMount}/usr -cf ${work}/peer.tar .`,
      peerName: 'tar on a kernel mount',
    },
    {
      name: 'checksum of a device',
      goal: 1.3,
      ours: `${tool('guestfish')} --ro --format=raw -a ${rootRaw} run : checksum-device sha256 /dev/sda`,
      peer: `openssl dgst -sha256 ${rootRaw}`,
      peerName: 'openssl dgst -sha256',
      runs: 3,
    },
    {
      name: 'download a qcow2 device',
      goal: 1.2,
      ours: `rm -f ${work}/ours.raw; ${tool('guestfish')} --ro --format=qcow2 -a ${image} run : download /dev/sda ${work}/ours.raw`,
      peer: `rm -f ${work}/peer.raw; qemu-img convert -f qcow2 -O raw ${image} ${work}/peer.raw`,
      peerName: 'qemu-img convert',
      runs: 3,
    },
    {
      name: 'download a compressed qcow2 device',
      goal: 1,
      ours: `rm -f ${work}/ours.raw; ${tool('guestfish')} --ro --format=qcow2 -a ${compressed} run : download /dev/sda ${work}/ours.raw`,
      peer: `rm -f ${work}/peer.raw; qemu-img convert -f qcow2 -O raw ${compressed} ${work}/peer.raw`,
      peerName: 'qemu-img convert',
      runs: 3,
    },
  ];
}
