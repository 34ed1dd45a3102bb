import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import {
  guestPath,
  optional,
  runOnDevice,
  runOnPath,
  toolsOf,
  wantMounted,
  wantNoOption,
  when,
  withFilesystem,
} from '../tools.ts';
import {
  parseBalance,
  parseDefaultSubvolume,
  parseQgroups,
  parseScrub,
  parseShownDevices,
  parseSubvolume,
  parseSubvolumes,
} from './btrfs-output.ts';

/** Run `btrfs ... PATH` about a file of the guest. */
function onPath(context: ActionContext, path: string, ...args: readonly string[]): void {
  runOnPath(context, path, 'btrfs', (host) => [...args, host]);
}

/** Run `btrfs ... PATH` that goes on in the background. */
function startOnPath(context: ActionContext, path: string, ...args: readonly string[]): void {
  const host = guestPath(context, path);
  toolsOf(context).run('btrfs', [...args, host], { background: true, about: { path } });
}

/** Run `btrfs ... PATH` about a file of the guest and give what it prints. */
function ask(
  context: ActionContext,
  path: string,
  args: readonly string[],
  accept: readonly number[] = [],
): string {
  const host = guestPath(context, path);
  return toolsOf(context).text('btrfs', [...args, host], { accept, about: { path } });
}

/** The host's path of a name that is to be made. */
function newPath(context: ActionContext, path: string): string {
  wantMounted(context);
  return toolsOf(context).hostTarget(path);
}

function nodes(context: ActionContext, devices: readonly string[]): string[] {
  if (devices.length === 0) throw new GuestfsError('EINVAL', 'the list of devices is empty');
  return devices.map((device) => toolsOf(context).deviceNode(device));
}

function qgroup(id: string): string {
  wantNoOption(id, 'the id of the quota group');
  return id;
}

function make(
  context: ActionContext,
  devices: readonly string[],
  options: Parameters<DaemonActions['mkfs_btrfs']>[2],
): void {
  toolsOf(context).run('mkfs.btrfs', [
    '--force',
    ...optional('--alloc-start', options.allocstart),
    ...optional('--byte-count', options.bytecount),
    ...optional('--data', options.datatype),
    ...optional('--leafsize', options.leafsize),
    ...optional('--label', options.label),
    ...optional('--metadata', options.metadata),
    ...optional('--nodesize', options.nodesize),
    ...optional('--sectorsize', options.sectorsize),
    '--',
    ...nodes(context, devices),
  ]);
  toolsOf(context).devicesChanged();
}

function seeding(context: ActionContext, device: string, on: boolean): void {
  // Taking the flag away asks whether one is sure.
  runOnDevice(context, device, 'btrfstune', (node) => [...when(!on, '-f'), '-S', on ? '1' : '0', node]);
}

/** btrfs, by its own tools. */
export const btrfsActions = {
  mkfs_btrfs: make,

  btrfs_filesystem_resize(context, mountpoint, { size }) {
    if (size !== undefined && size < 0) {
      throw new GuestfsError('EINVAL', `size is ${size}, it cannot be negative`, { path: mountpoint });
    }
    onPath(context, mountpoint, 'filesystem', 'resize', size === undefined ? 'max' : String(size));
  },

  btrfs_subvolume_snapshot(context, source, dest, { ro, qgroupid }) {
    const from = guestPath(context, source);
    const to = newPath(context, dest);
    const group = optional('-i', qgroupid);
    toolsOf(context).run('btrfs', ['subvolume', 'snapshot', ...when(ro, '-r'), ...group, from, to], {
      about: { path: dest },
    });
  },

  btrfs_subvolume_delete: (context, path) => onPath(context, path, 'subvolume', 'delete'),

  btrfs_subvolume_create(context, dest, { qgroupid }) {
    const to = newPath(context, dest);
    toolsOf(context).run('btrfs', ['subvolume', 'create', ...optional('-i', qgroupid), to], {
      about: { path: dest },
    });
  },

  btrfs_subvolume_list: (context, fs) =>
    withFilesystem(context, fs, (host) =>
      parseSubvolumes(toolsOf(context).text('btrfs', ['subvolume', 'list', host])),
    ),

  btrfs_subvolume_set_default: (context, id, fs) =>
    onPath(context, fs, 'subvolume', 'set-default', String(id)),

  btrfs_subvolume_get_default: (context, fs) =>
    withFilesystem(context, fs, (host) => {
      const text = toolsOf(context).text('btrfs', ['subvolume', 'get-default', host]);
      const id = parseDefaultSubvolume(text);
      if (id === undefined)
        throw new GuestfsError('EIO', `btrfs subvolume get-default printed ${JSON.stringify(text)}`);
      return id;
    }),

  btrfs_subvolume_show: (context, path) => parseSubvolume(ask(context, path, ['subvolume', 'show'])),

  btrfs_filesystem_sync: (context, fs) => onPath(context, fs, 'filesystem', 'sync'),

  btrfs_filesystem_balance: (context, fs) => onPath(context, fs, 'balance', 'start', '--full-balance'),

  btrfs_filesystem_defragment(context, path, { flush, compress }) {
    if (compress !== undefined && !/^(zlib|lzo|zstd)$/.test(compress)) {
      throw new GuestfsError(
        'EINVAL',
        `compress is ${JSON.stringify(compress)}, expected zlib, lzo or zstd`,
        { path },
      );
    }
    const method = compress === undefined ? [] : [`-c${compress}`];
    onPath(context, path, 'filesystem', 'defragment', '-r', ...when(flush, '-f'), ...method);
  },

  btrfs_filesystem_show(context, device) {
    const tools = toolsOf(context);
    const text = tools.text('btrfs', ['filesystem', 'show', tools.deviceNode(device)], { about: { device } });
    if (/devices missing/.test(text)) {
      throw new GuestfsError('ENODEV', `${device}: devices of this filesystem are missing`, { device });
    }
    return parseShownDevices(text).map((node) => tools.deviceName(node));
  },

  btrfs_device_add: (context, devices, fs) =>
    onPath(context, fs, 'device', 'add', ...nodes(context, devices)),

  btrfs_device_delete: (context, devices, fs) =>
    onPath(context, fs, 'device', 'delete', ...nodes(context, devices)),

  btrfs_replace(context, srcdev, targetdev, mntpoint) {
    const [from = '', to = ''] = nodes(context, [srcdev, targetdev]);
    onPath(context, mntpoint, 'replace', 'start', '-B', from, to);
  },

  btrfs_set_seeding: seeding,

  btrfstune_seeding: seeding,

  btrfstune_enable_extended_inode_refs: (context, device) =>
    runOnDevice(context, device, 'btrfstune', (node) => ['-r', node]),

  btrfstune_enable_skinny_metadata_extent_refs: (context, device) =>
    runOnDevice(context, device, 'btrfstune', (node) => ['-x', node]),

  btrfs_fsck(context, device, { superblock, repair }) {
    if (superblock !== undefined && superblock < 0) {
      throw new GuestfsError('EINVAL', `superblock is ${superblock}, it cannot be negative`, { device });
    }
    runOnDevice(context, device, 'btrfs', (node) => [
      'check',
      ...optional('--super', superblock),
      ...when(repair, '--repair'),
      node,
    ]);
  },

  btrfs_rescue_chunk_recover: (context, device) =>
    runOnDevice(context, device, 'btrfs', (node) => ['rescue', 'chunk-recover', '-y', node]),

  btrfs_rescue_super_recover(context, device) {
    const tools = toolsOf(context);
    // 2: there were bad superblocks, and they are good now.
    tools.run('btrfs', ['rescue', 'super-recover', '-y', tools.deviceNode(device)], {
      accept: [2],
      about: { device },
    });
  },

  btrfs_image(context, sources, image, { compresslevel }) {
    if (compresslevel !== undefined && (compresslevel < 0 || compresslevel > 9)) {
      throw new GuestfsError('EINVAL', `compresslevel is ${compresslevel}, expected 0 to 9`, { path: image });
    }
    const to = newPath(context, image);
    const from = nodes(context, sources);
    toolsOf(context).run('btrfs-image', [...optional('-c', compresslevel), ...from, to], {
      about: { path: image },
    });
  },

  btrfs_quota_enable: (context, fs, enable) =>
    withFilesystem(context, fs, (host) => {
      toolsOf(context).run('btrfs', ['quota', enable ? 'enable' : 'disable', host]);
    }),

  btrfs_quota_rescan: (context, fs) =>
    withFilesystem(context, fs, (host) => {
      toolsOf(context).run('btrfs', ['quota', 'rescan', '-w', host]);
    }),

  btrfs_qgroup_limit: (context, path, size) => onPath(context, path, 'qgroup', 'limit', String(size)),

  btrfs_qgroup_create: (context, id, path) => onPath(context, path, 'qgroup', 'create', qgroup(id)),

  btrfs_qgroup_destroy: (context, id, path) => onPath(context, path, 'qgroup', 'destroy', qgroup(id)),

  btrfs_qgroup_assign: (context, src, dst, path) =>
    onPath(context, path, 'qgroup', 'assign', qgroup(src), qgroup(dst)),

  btrfs_qgroup_remove: (context, src, dst, path) =>
    onPath(context, path, 'qgroup', 'remove', qgroup(src), qgroup(dst)),

  btrfs_qgroup_show: (context, path) => parseQgroups(ask(context, path, ['qgroup', 'show', '--raw'])),

  btrfs_balance_pause: (context, path) => onPath(context, path, 'balance', 'pause'),

  btrfs_balance_cancel: (context, path) => onPath(context, path, 'balance', 'cancel'),

  btrfs_balance_resume: (context, path) => onPath(context, path, 'balance', 'resume'),

  // 1: a balance goes on.
  btrfs_balance_status: (context, path) => parseBalance(ask(context, path, ['balance', 'status'], [1])),

  btrfs_scrub_start: (context, path) => startOnPath(context, path, 'scrub', 'start'),

  btrfs_scrub_cancel: (context, path) => onPath(context, path, 'scrub', 'cancel'),

  btrfs_scrub_resume: (context, path) => startOnPath(context, path, 'scrub', 'resume'),

  btrfs_scrub_full: (context, path, options) =>
    onPath(context, path, 'scrub', 'start', '-B', ...when(options.readonly, '-r')),

  btrfs_scrub_status: (context, path) => parseScrub(ask(context, path, ['scrub', 'status', '-R'])),
} satisfies Partial<DaemonActions>;
