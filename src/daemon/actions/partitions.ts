import { latin1 } from '../../bytes/text.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { readPartitionTable, type Partition, type PartitionTable } from '../../partitions/index.ts';
import type { ActionContext } from '../context.ts';
import { diskGeometry, diskListing } from '../disk-listing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { partitionsWriteActions } from './partitions-write.ts';

/** Type of an EFI system partition, which parted(8) shows as bootable. */
const ESP = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';

/**
 * What parted(8) recognises on a disk without a table. It then speaks of one partition that covers the disk, which it
 * calls a loop.
 */
const LOOP_TYPES: ReadonlySet<string> = new Set([
  'affs',
  'apfs',
  'btrfs',
  'ext2',
  'ext3',
  'ext4',
  'f2fs',
  'hfs',
  'hfsplus',
  'jfs',
  'nilfs2',
  'ntfs',
  'reiserfs',
  'swap',
  'udf',
  'ufs',
  'vfat',
  'xfs',
]);
const LOOP_MAGIC = 'GNU Parted Loopback 0';

function tableOf(context: ActionContext, device: string): PartitionTable | null {
  return readPartitionTable(context.platform.devices.open(device), {
    warn: (message) => context.warn(`${device}: ${message}`),
  });
}

/** True where a filesystem, or parted's own mark, fills a disk that has no table. */
function isLoop({ platform }: ActionContext, device: string): boolean {
  const disk = platform.devices.open(device);
  const magic = new Uint8Array(Math.min(LOOP_MAGIC.length, disk.size));
  disk.readAt(0, magic);
  return latin1(magic) === LOOP_MAGIC || LOOP_TYPES.has(platform.identify.type(device) ?? '');
}

/** The table of a disk. Throws EINVAL where it has none, ENOTSUP where it is of a kind that is not read here. */
function needTable(context: ActionContext, device: string): PartitionTable {
  const table = tableOf(context, device);
  if (table === null) {
    const why = isLoop(context, device)
      ? 'a filesystem fills this device, it is not partitioned'
      : 'no partition table was recognised';
    throw new GuestfsError('EINVAL', `${device}: ${why}`, { device });
  }
  return table;
}

function needReadable(context: ActionContext, device: string): PartitionTable {
  const table = needTable(context, device);
  if (!table.readable) {
    throw new UnsupportedError(
      `${device}: partition tables of type ${table.type} are recognised and not read here; the appliance backend reads them`,
      { device },
    );
  }
  return table;
}

function needPartition(table: PartitionTable, device: string, number: number): Partition {
  const partition = table.partitions.find((candidate) => candidate.number === number);
  if (partition === undefined) {
    const numbers = table.partitions.map((candidate) => candidate.number).join(', ');
    throw new GuestfsError(
      'EINVAL',
      `${device}: there is no partition ${number}, there are: ${numbers || 'none'}`,
      {
        device,
      },
    );
  }
  return partition;
}

/** A partition of a table of the kind `type`, which alone has what is asked for. */
function needPartitionOf(
  context: ActionContext,
  type: 'gpt' | 'msdos',
  device: string,
  number: number,
): Partition {
  const table = needTable(context, device);
  if (table.type !== type) {
    throw new GuestfsError(
      'EINVAL',
      `${device}: this can only be asked of a partition table of type ${type}, this one is ${table.type}`,
      { device },
    );
  }
  return needPartition(table, device, number);
}

function geometryLine(context: ActionContext, device: string): string {
  const disk = context.platform.devices.open(device);
  const { cylinders, heads, sectors } = diskGeometry(disk, tableOf(context, device));
  return `${device}: ${cylinders} cylinders, ${heads} heads, ${sectors} sectors/track\n`;
}

/** Partition tables, as parted(8) and sfdisk(8) show them to libguestfs. */
export const partitionsActions = {
  ...partitionsWriteActions,

  part_list(context, device) {
    const table = tableOf(context, device);
    if (table === null && isLoop(context, device)) {
      const { size } = context.platform.devices.open(device);
      return [{ partNum: 1, partStart: 0, partEnd: size - 1, partSize: size }];
    }
    return needReadable(context, device)
      .partitions.toSorted((a, b) => a.start - b.start || a.number - b.number)
      .map(({ number, start, size }) => ({
        partNum: number,
        partStart: start,
        partEnd: start + size - 1,
        partSize: size,
      }));
  },

  part_get_parttype: (context, device) => needTable(context, device).type,

  part_get_bootable(context, device, partnum) {
    if (partnum === 1 && tableOf(context, device) === null && isLoop(context, device)) return false;
    const { bootable, type } = needPartition(needReadable(context, device), device, partnum);
    return bootable || type === ESP;
  },

  part_get_mbr_id: (context, device, partnum) =>
    Number(needPartitionOf(context, 'msdos', device, partnum).type),

  part_get_mbr_part_type: (context, device, partnum) =>
    needPartition(needReadable(context, device), device, partnum).kind,

  part_get_gpt_type: (context, device, partnum) =>
    String(needPartitionOf(context, 'gpt', device, partnum).type).toUpperCase(),

  part_get_gpt_guid: (context, device, partnum) =>
    (needPartitionOf(context, 'gpt', device, partnum).guid ?? '').toUpperCase(),

  part_get_gpt_attributes: (context, device, partnum) =>
    needPartitionOf(context, 'gpt', device, partnum).attributes ?? 0n,

  part_get_name: (context, device, partnum) => needPartitionOf(context, 'gpt', device, partnum).name ?? '',

  part_get_disk_guid(context, device) {
    const { diskGuid, type } = needTable(context, device);
    if (diskGuid === undefined) {
      throw new GuestfsError('EINVAL', `${device}: only a GPT has a GUID, this table is ${type}`, { device });
    }
    return diskGuid.toUpperCase();
  },

  sfdisk_kernel_geometry: geometryLine,

  sfdisk_disk_geometry: geometryLine,

  sfdisk_l(context, device) {
    const { devices } = context.platform;
    const { name } = devices.find(device);
    const nameOf = (number: number): string => (/\d$/.test(name) ? `${name}p${number}` : `${name}${number}`);
    return diskListing(name, devices.open(device), tableOf(context, device), nameOf);
  },
} satisfies Partial<DaemonActions>;
