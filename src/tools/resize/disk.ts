import type { Handle } from '../common/handle.ts';
import { ToolError } from '../common/usage-error.ts';
import type { Plan, PlannedPartition, SourcePartition } from './plan.ts';

/** The source disk as far as it is needed. */
export interface SourceDisk {
  table: 'mbr' | 'gpt';
  sectorSize: number;
  size: number;
  partitions: SourcePartition[];
}

/** Read the source's partition table. Throws ToolError where it is none that can be copied. */
export async function readSource(handle: Handle, device: string): Promise<SourceDisk> {
  const type = await handle.partGetParttype(device);
  if (type !== 'msdos' && type !== 'gpt') {
    throw new ToolError(`the disk has a partition table of type ${type}, only MBR and GPT can be resized`);
  }
  const table = type === 'gpt' ? 'gpt' : 'mbr';
  const partitions: SourcePartition[] = [];
  for (const { partNum, partStart, partSize } of await handle.partList(device)) {
    const kind = table === 'gpt' ? 'primary' : await handle.partGetMbrPartType(device, partNum);
    // Logical partitions come along with the extended one that they are in.
    if (kind === 'logical') continue;
    partitions.push({
      device: `${device}${partNum}`,
      number: partNum,
      start: partStart,
      size: partSize,
      extended: kind === 'extended',
    });
  }
  if (partitions.length === 0) throw new ToolError('the disk has no partitions');
  return {
    table,
    partitions,
    sectorSize: await handle.blockdevGetss(device),
    size: await handle.blockdevGetsize64(device),
  };
}

/** Bytes of an MBR in front of the disk's signature, which are code, and up to the table. */
const BOOT_CODE = 440;
const BEFORE_TABLE = 446;

/** Copy what lies before the first partition, where boot loaders live; the tables themselves come later. */
export async function copyBootLoader(
  handle: Handle,
  source: SourceDisk,
  from: string,
  to: string,
): Promise<void> {
  const first = Math.min(...source.partitions.map(({ start }) => start));
  await handle.copyDeviceToDevice(from, to, { size: Math.min(first, source.size) });
}

/**
 * Make the target's partition table. The disk keeps its identity, by which boot loaders and `PARTUUID=` in fstab know
 * its partitions, and with `bootLoader` the code in its first sector.
 */
export async function makeTable(
  handle: Handle,
  source: SourceDisk,
  plan: Plan,
  { from, to, bootLoader }: { from: string; to: string; bootLoader: boolean },
): Promise<Map<string, string>> {
  const begin = bootLoader ? 0 : BOOT_CODE;
  const kept = await handle.preadDevice(from, BEFORE_TABLE - begin, begin);
  await handle.partInit(to, source.table);
  if (source.table === 'mbr') await handle.pwriteDevice(to, kept, begin);
  else await handle.partSetDiskGuid(to, await handle.partGetDiskGuid(from));
  const targets = new Map<string, string>();
  let number = 0;
  for (const partition of plan.partitions) {
    const { start, size, source: old } = partition;
    const { sectorSize } = source;
    const kind = old.extended ? 'extended' : 'primary';
    await handle.partAdd(to, kind, start / sectorSize, (start + size) / sectorSize - 1);
    number++;
    targets.set(old.device, `${to}${number}`);
    await copyProperties(handle, source, partition, from, to, number);
  }
  if (plan.extra !== undefined) {
    const { start, size } = plan.extra;
    await handle.partAdd(to, 'primary', start / source.sectorSize, (start + size) / source.sectorSize - 1);
  }
  return targets;
}

async function copyProperties(
  handle: Handle,
  { table }: SourceDisk,
  { source: old }: PlannedPartition,
  from: string,
  to: string,
  number: number,
): Promise<void> {
  if (table === 'mbr') {
    if (!old.extended) await handle.partSetMbrId(to, number, await handle.partGetMbrId(from, old.number));
    if (await handle.partGetBootable(from, old.number)) await handle.partSetBootable(to, number, true);
    return;
  }
  await handle.partSetGptType(to, number, await handle.partGetGptType(from, old.number));
  await handle.partSetGptGuid(to, number, await handle.partGetGptGuid(from, old.number));
  await handle.partSetGptAttributes(to, number, await handle.partGetGptAttributes(from, old.number));
  const name = await handle.partGetName(from, old.number);
  if (name !== '') await handle.partSetName(to, number, name);
}

/** Copy what is in the partitions. */
export async function copyPartitions(
  handle: Handle,
  plan: Plan,
  from: string,
  to: string,
  sparse: boolean,
): Promise<void> {
  for (const { source: old, request, start, size } of plan.partitions) {
    if (request.kind === 'ignore') continue;
    // By place on the disk: an extended partition's own device shows its first sectors only.
    await handle.copyDeviceToDevice(from, to, {
      srcoffset: old.start,
      destoffset: start,
      size: Math.min(size, old.size),
      sparse,
    });
  }
}
