import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { eraseSignatures } from '../../filesystems/wipe/index.ts';
import type { ActionContext } from '../context.ts';
import { writeDevice } from '../device-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { parseMountable } from '../mountable.ts';
import { runOnDevice, toolsOf, wantNoOption, wantPositive } from '../tools.ts';
import { checkActions } from './check.ts';
import { extActions } from './ext.ts';
import { mkfsActions, wantTypeName } from './mkfs.ts';
import { tuneActions } from './tune.ts';

type MkfsOptions = Parameters<DaemonActions['mkfs']>[3];

/** Types that this package makes, checks and labels itself. */
const OWN = /^(ext[234]|ext4dev|vfat|fat|msdos)$/;
/** Highest status of fsck(8): sums of powers of two. */
const FSCK_STATUSES = Array.from({ length: 128 }, (_, status) => status);

/** How the program that makes a filesystem takes the options that it has. */
interface Maker {
  /** Not to be asked, and not to take long. */
  readonly always?: readonly string[];
  readonly label?: string;
  readonly blocksize?: (size: number) => readonly string[];
  readonly inode?: (size: number) => readonly string[];
  readonly sectorsize?: (size: number) => readonly string[];
  readonly features?: string;
}

const MAKERS: Readonly<Record<string, Maker>> = {
  btrfs: { always: ['-f'], label: '-L', features: '-O', sectorsize: (size) => ['-s', String(size)] },
  exfat: { label: '-L', blocksize: (size) => ['-c', String(size)] },
  f2fs: { always: ['-f'], label: '-l', features: '-O' },
  gfs2: { always: ['-O', '-p', 'lock_nolock'], blocksize: (size) => ['-b', String(size)] },
  hfsplus: { label: '-v', blocksize: (size) => ['-b', String(size)] },
  jfs: { always: ['-q'], label: '-L' },
  minix: {},
  nilfs2: { always: ['-f'], label: '-L', blocksize: (size) => ['-b', String(size)] },
  ntfs: {
    always: ['-Q', '-F'],
    label: '-L',
    blocksize: (size) => ['-c', String(size)],
    sectorsize: (size) => ['-s', String(size)],
  },
  reiserfs: { always: ['-f', '-f', '-q'], label: '-l', blocksize: (size) => ['-b', String(size)] },
  udf: { label: '-l', blocksize: (size) => ['-b', String(size)] },
  xfs: {
    always: ['-f'],
    label: '-L',
    blocksize: (size) => ['-b', `size=${size}`],
    inode: (size) => ['-i', `size=${size}`],
    sectorsize: (size) => ['-s', `size=${size}`],
  },
};

function refused(type: string, option: string): UnsupportedError {
  return new UnsupportedError(`the option ${option} has no meaning for a filesystem of type ${type}`);
}

/** Arguments of `mkfs.TYPE` for the options of mkfs. */
export function makerArguments(type: string, options: MkfsOptions): string[] {
  const maker = MAKERS[type] ?? {};
  const args = [...(maker.always ?? [])];
  for (const name of ['blocksize', 'inode', 'sectorsize'] as const) {
    const value = options[name];
    if (value === undefined) continue;
    wantPositive(value, name);
    const given = maker[name];
    if (given === undefined) throw refused(type, name);
    args.push(...given(value));
  }
  for (const name of ['label', 'features'] as const) {
    const value = options[name];
    if (value === undefined) continue;
    if (maker[name] === undefined) throw refused(type, name);
    args.push(maker[name], value);
  }
  return args;
}

function make(context: ActionContext, type: string, device: string, options: MkfsOptions): void {
  if (OWN.test(type)) {
    mkfsActions.mkfs(context, type, device, options);
    return;
  }
  wantTypeName(type, device);
  const program = `mkfs.${type}`;
  const args = makerArguments(type, options);
  const tools = toolsOf(context);
  if (!tools.has(program)) {
    throw new UnsupportedError(
      `${device}: a filesystem of type ${type} is made by ${program}, which is not installed`,
      {
        device,
      },
    );
  }
  writeDevice(context, device, (opened) => eraseSignatures(opened));
  tools.run(program, [...args, tools.deviceNode(device)], { about: { device } });
  tools.devicesChanged();
}

function setLabel(context: ActionContext, mountable: string, label: string): void {
  const { device } = parseMountable(mountable);
  switch (context.platform.identify.type(device)) {
    case 'xfs':
      // xfs_admin(8) takes two dashes for no label.
      return runOnDevice(context, device, 'xfs_admin', (node) => ['-L', label === '' ? '--' : label, node]);
    case 'btrfs':
      return toolsOf(context).withMounted(mountable, (host) => {
        wantLabel(label);
        toolsOf(context).run('btrfs', ['filesystem', 'label', host, label], { about: { device } });
      });
    case 'ntfs':
      wantLabel(label);
      return runOnDevice(context, device, 'ntfslabel', (node) => [node, label]);
    default:
      return tuneActions.set_label(context, mountable, label);
  }
}

function wantLabel(label: string): void {
  if (label !== '') wantNoOption(label, 'label');
}

function setUuid(context: ActionContext, device: string, uuid: string | undefined): void {
  const type = context.platform.identify.type(device);
  if (uuid !== undefined && (type === 'xfs' || type === 'btrfs')) wantNoOption(uuid, 'uuid');
  switch (type) {
    case 'xfs':
      return runOnDevice(context, device, 'xfs_admin', (node) => ['-U', uuid ?? 'generate', node]);
    case 'btrfs':
      return runOnDevice(context, device, 'btrfstune', (node) => [
        '-f',
        ...(uuid === undefined ? ['-u'] : ['-U', uuid]),
        node,
      ]);
    default:
      if (uuid === undefined) tuneActions.set_uuid_random(context, device);
      else tuneActions.set_uuid(context, device, uuid);
  }
}

/** The size in what `ntfsresize --info` prints, in bytes. */
export function parseNtfsMinimum(text: string): number | undefined {
  const size = /You might resize at (\d+) bytes/.exec(text)?.[1];
  return size === undefined ? undefined : Number(size);
}

function minimumSize(context: ActionContext, mountable: string): number {
  const { device } = parseMountable(mountable);
  const tools = toolsOf(context);
  switch (context.platform.identify.type(device)) {
    case 'ntfs': {
      const text = tools.text('ntfsresize', ['--info', '-ff', tools.deviceNode(device)], {
        about: { device },
      });
      const size = parseNtfsMinimum(text);
      if (size !== undefined) return size;
      throw new GuestfsError('EIO', `${device}: ntfsresize did not tell the smallest size: ${text.trim()}`, {
        device,
      });
    }
    case 'btrfs':
      return tools.withMounted(mountable, (host) =>
        Number.parseInt(
          tools.text('btrfs', ['inspect-internal', 'min-dev-size', host], { about: { device } }),
          10,
        ),
      );
    default:
      return extActions.vfs_minimum_size(context, mountable);
  }
}

/** What is done by the tools of a filesystem where this package does not do it itself. */
export const filesystemToolsActions = {
  mkfs: make,

  mkfs_b: (context, fstype, blocksize, device) => make(context, fstype, device, { blocksize }),

  fsck(context, fstype, device) {
    if (OWN.test(fstype)) return checkActions.fsck(context, fstype, device);
    wantNoOption(fstype, 'fstype');
    const tools = toolsOf(context);
    // fsck(8) says that all is well where it has no checker.
    if (!tools.has(`fsck.${fstype}`)) {
      throw new UnsupportedError(
        `${device}: the program fsck.${fstype}, which checks filesystems of type ${fstype}, is not installed where the daemon runs`,
        { device },
      );
    }
    return tools.run('fsck', ['-a', '-t', fstype, tools.deviceNode(device)], {
      accept: FSCK_STATUSES,
      about: { device },
    }).status;
  },

  set_label: setLabel,

  set_uuid: setUuid,

  set_uuid_random: (context, device) => setUuid(context, device, undefined),

  vfs_minimum_size: minimumSize,
} satisfies Partial<DaemonActions>;
