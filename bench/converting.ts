import { join } from 'node:path';
import { tool, type Benchmark } from './benchmark.ts';
import type { GuestMounts } from './mounts.ts';

/**
 * Disk images converted whole. Ours returns when the new image is durable and in place, so that the peers' images are
 * synced too.
 */
export function convertingBenchmarks(image: string, { raw }: GuestMounts, work: string): Benchmark[] {
  const [ours, peer] = [join(work, 'ours.converted'), join(work, 'peer.converted')];
  const convert = (options: string, source: string): string =>
    `${tool('guestfs')} convert ${options} ${source} ${ours}`;
  const qemu = (options: string, source: string): Pick<Benchmark, 'peer' | 'peerName'> => ({
    peer: `qemu-img convert ${options} ${source} ${peer} && sync ${peer}`,
    peerName: `qemu-img convert ${options.replace(/^-f \w+ -O \w+ /, '')}, sync`,
  });
  const shared = { goal: 1.3, prepare: `rm -f ${ours} ${peer}; sync -f ${work}` };
  return [
    {
      name: 'convert raw to qcow2',
      ...shared,
      ours: convert('--format=raw -O qcow2', raw),
      ...qemu('-f raw -O qcow2 -m 1', raw),
    },
    {
      name: 'convert qcow2 to raw',
      ...shared,
      ours: convert('--format=qcow2 -O raw', image),
      ...qemu('-f qcow2 -O raw -m 1', image),
    },
    {
      name: 'compress with one thread',
      ...shared,
      ours: convert('--format=raw -O qcow2 --compress --threads 1', raw),
      ...qemu('-f raw -O qcow2 -c -m 1', raw),
      runs: 1,
      allocated: { ours, peer, goal: 1.03 },
    },
    {
      name: 'compress with two threads',
      ...shared,
      ours: convert('--format=raw -O qcow2 --compress --threads 2', raw),
      ...qemu('-f raw -O qcow2 -c -W -m 2', raw),
      runs: 1,
      allocated: { ours, peer, goal: 1.03 },
    },
  ];
}
