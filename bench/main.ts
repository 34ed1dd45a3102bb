/**
 * Measures the tools against their peers on one real guest, as whole processes, run in turn: `npm run bench [-- PATTERN]`.
 * Needs root (kernel mounts as peers) and the guest that test/guest/make-debian.sh builds; it is built if absent.
 * Stock programs are called by absolute path, because ours carry the same names.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianGuest } from '../test/guest/debian-guest.ts';
import { compare, type Command } from './measure.ts';
import { mountGuest } from './mounts.ts';

interface Benchmark {
  name: string;
  /** The ratio that the project promises. */
  goal: number;
  ours: string;
  peer: string;
  peerName: string;
  runs?: number;
}

const root = join(import.meta.dirname, '..');
const pattern = new RegExp(process.argv[2] ?? '.');
const guest = debianGuest();
if ('reason' in guest) throw new Error(`no guest to measure on: ${guest.reason}`);
const work = mkdtempSync(join(tmpdir(), 'guestfs-bench-'));
const mounts = mountGuest(guest.image, work);
const tool = (name: string): string => `node ${join(root, 'dist', 'bin', `${name}.cjs`)}`;
const TCG = 'LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg';
const { image } = guest;
const { rootRaw, rootMount } = mounts;

const benchmarks: Benchmark[] = [
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
    peer: `${TCG} /usr/bin/virt-cat -a ${image} /etc/os-release`,
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
    ours: `node ${join(root, 'bench', 'read-all.mjs')} ${rootRaw} /usr`,
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
    ours: `rm -f ${work}/ours.raw; ${tool('guestfish')} --ro --format=qcow2 -a ${mounts.compressed} run : download /dev/sda ${work}/ours.raw`,
    peer: `rm -f ${work}/peer.raw; qemu-img convert -f qcow2 -O raw ${mounts.compressed} ${work}/peer.raw`,
    peerName: 'qemu-img convert',
    runs: 3,
  },
];

try {
  process.stdout.write(
    `| what | ours ms | peer ms | ratio | goal | peak MB | peer |\n|---|---|---|---|---|---|---|\n`,
  );
  for (const { name, goal, ours, peer, peerName, runs } of benchmarks) {
    if (!pattern.test(name)) continue;
    const a: Command = { label: name, shell: ours };
    const b: Command = { label: peerName, shell: peer };
    const { ours: wall, peer: peerWall, ratio, memory } = compare(a, b, runs ?? 5);
    const megabytes = memory === undefined ? '?' : (memory / 1024).toFixed(0);
    const verdict = ratio <= goal ? '' : ' (missed)';
    process.stdout.write(
      `| ${name} | ${wall.toFixed(0)} | ${peerWall.toFixed(0)} | ${ratio.toPrecision(3)} | ${goal}${verdict} | ${megabytes} | ${peerName} |\n`,
    );
  }
} finally {
  mounts.release();
  execFileSync('rm', ['-f', '/dev/shm/guestfs-bench-ours.tar', '/dev/shm/guestfs-bench-peer.tar']);
  rmSync(work, { recursive: true, force: true });
}
