import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { parseMountable } from '../mountable.ts';

/** Kinds of an `internal_mountable`, as the wire has them. */
const MOUNTABLE_DEVICE = 0;
const MOUNTABLE_BTRFS_VOLUME = 1;

function partition(context: ActionContext, name: string): { parent: string; number: number } {
  const device = context.platform.devices.find(name);
  if (device.parent === undefined || device.partitionNumber === undefined) {
    throw new GuestfsError('EINVAL', `${name} is not a partition`, { device: name });
  }
  return { parent: device.parent, number: device.partitionNumber };
}

/** Names of disks and partitions. */
export const devicesActions = {
  list_devices: ({ platform }) => platform.devices.disks().map(({ name }) => name),

  list_partitions: ({ platform }) => platform.devices.partitions().map(({ name }) => name),

  list_dm_devices: () => [],

  list_disk_labels: ({ platform }) => ({ ...platform.devices.labels() }),

  nr_devices: ({ platform }) => platform.devices.disks().length,

  part_to_dev: (context, name) => partition(context, name).parent,

  part_to_partnum: (context, name) => partition(context, name).number,

  is_whole_device: ({ platform }, name) => platform.devices.find(name).kind === 'disk',

  internal_parse_mountable(_context, mountable) {
    const { device, volume } = parseMountable(mountable);
    return {
      imType: volume === undefined ? MOUNTABLE_DEVICE : MOUNTABLE_BTRFS_VOLUME,
      imDevice: device,
      imVolume: volume ?? '',
    };
  },
} satisfies Partial<DaemonActions>;
