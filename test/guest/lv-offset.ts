import { execFileSync } from 'node:child_process';

/** Run a program and return what it printed. */
function output(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

/**
 * Where a linear logical volume of one segment lies in a raw disk image, in bytes, as sfdisk(8) and lvm(8) tell:
 * with it the kernel mounts the volume on a host that has no device mapper. Needs root and loop devices.
 */
export function logicalVolumeOffset(raw: string, vg: string, lv: string): { offset: number; size: number } {
  const table = JSON.parse(output('sfdisk', ['--json', raw])) as {
    partitiontable: { partitions: { start: number; size: number; type: string }[]; sectorsize?: number };
  };
  const lvmType = /^(8e|E6D6D379-F507-44C2-A23C-238F2A3DF928)$/i;
  const partition = table.partitiontable.partitions.find(({ type }) => lvmType.test(type));
  if (partition === undefined) throw new Error(`${raw} has no LVM partition`);
  const start = partition.start * (table.partitiontable.sectorsize ?? 512);
  const loop = output('losetup', ['--find', '--show', '--read-only', '--offset', String(start), raw]);
  try {
    const config = `devices { filter=["a|^${loop}$|","r|.*|"] use_devicesfile=0 } global { event_activation=0 }`;
    const report = output('lvm', [
      'lvs',
      '--config',
      config,
      '--readonly',
      '--noheadings',
      '--units',
      'b',
      '--nosuffix',
      '--separator',
      ',',
      '-o',
      'lv_size,seg_count,seg_pe_ranges,vg_extent_size',
      `${vg}/${lv}`,
    ]);
    const peStart = Number(
      output('lvm', [
        'pvs',
        '--config',
        config,
        '--readonly',
        '--noheadings',
        '--units',
        'b',
        '--nosuffix',
        '-o',
        'pe_start',
        loop,
      ]),
    );
    const [size, segments, range, extentSize] = report.trim().split(',');
    if (segments !== '1') throw new Error(`${vg}/${lv} has ${segments} segments, expected 1`);
    const firstExtent = Number(/:(\d+)-\d+$/.exec(range ?? '')?.[1]);
    return { offset: start + peStart + firstExtent * Number(extentSize), size: Number(size) };
  } finally {
    output('losetup', ['--detach', loop]);
  }
}
