import { GuestfsError } from '../../errors/index.ts';
import type { GuestDevice } from '../../platform/contract.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { parseMountable } from '../mountable.ts';

function tag({ platform }: ActionContext, mountable: string, name: string): string {
  return platform.identify.superblock(parseMountable(mountable).device)[name] ?? '';
}

function findByTag({ platform }: ActionContext, name: string, value: string): string {
  const device = platform.identify.findByTag(name, value);
  if (device === undefined) {
    throw new GuestfsError('ENOENT', `no device has ${name}=${value}`);
  }
  return device;
}

/** Types that hold something else than files, which list_filesystems leaves out. */
function isContainer(type: string): boolean {
  return type.endsWith('_member') || type === 'crypto_LUKS' || type === 'BitLocker';
}

/** What vfs_type says, `unknown` where that is nothing or fails: one bad device must not hide the others. */
function filesystemType(context: ActionContext, device: GuestDevice): string {
  try {
    const type = context.platform.identify.type(device.name) ?? '';
    return type === '' ? 'unknown' : type;
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    context.warn(`${device.name}: ${error.message}`);
    return 'unknown';
  }
}

/** The subvolumes of a btrfs where the platform can list them; one that is damaged must not hide other devices. */
function subvolumes(context: ActionContext, device: string): string[] {
  try {
    return context.platform.subvolumes?.(device) ?? [];
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    context.warn(`${device}: ${error.message}`);
    return [];
  }
}

/** What is on devices, without opening it. */
export const identifyActions = {
  vfs_type: (context, mountable) => tag(context, mountable, 'TYPE'),

  vfs_label: (context, mountable) => tag(context, mountable, 'LABEL'),

  vfs_uuid: (context, mountable) => tag(context, mountable, 'UUID'),

  blkid: ({ platform }, device) => platform.identify.blkid(device),

  findfs_uuid: (context, uuid) => findByTag(context, 'UUID', uuid),

  findfs_label: (context, label) => findByTag(context, 'LABEL', label),

  findfs_partuuid: (context, uuid) => findByTag(context, 'PARTUUID', uuid),

  findfs_partlabel: (context, label) => findByTag(context, 'PARTLABEL', label),

  filesystem_available: ({ platform }, filesystem) => platform.filesystemTypes().includes(filesystem),

  list_filesystems(context) {
    const { devices } = context.platform;
    const partitions = devices.partitions();
    const partitioned = new Set(partitions.map(({ parent }) => parent));
    const candidates = [
      ...devices.disks().filter(({ name }) => !partitioned.has(name)),
      ...partitions.filter((partition) => partition.extended !== true),
      ...(devices.mdDevices?.() ?? []).filter(({ name }) => !partitioned.has(name)),
      ...devices.logicalVolumes(),
      ...(devices.mappedDevices?.() ?? []),
    ];
    const found: Record<string, string> = {};
    for (const device of candidates) {
      const type = filesystemType(context, device);
      if (!isContainer(type)) found[device.name] = type;
      for (const subvolume of type === 'btrfs' ? subvolumes(context, device.name) : [])
        found[subvolume] = type;
    }
    return found;
  },
} satisfies Partial<DaemonActions>;
