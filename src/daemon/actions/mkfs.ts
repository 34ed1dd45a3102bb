import type { BlockDevice } from '../../block/device.ts';
import { randomUuid } from '../../crypto/random.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import {
  assertExtCanBeMade,
  makeExt,
  makeExtJournal,
  useExtJournal,
  type ExternalJournal,
  type MakeExtOptions,
} from '../../filesystems/ext4/mkfs/index.ts';
import { makeFat } from '../../filesystems/fat/index.ts';
import { makeSwap, swapHeader, type MakeSwapOptions } from '../../filesystems/swap/index.ts';
import { eraseSignatures } from '../../filesystems/wipe/index.ts';
import type { ActionContext } from '../context.ts';
import { writeDevice } from '../device-writing.ts';
import { existingFile, writerOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { extUuidArgument, uuidArgument } from '../uuid-argument.ts';

type MkfsOptions = Parameters<DaemonActions['mkfs']>[3];
type Mke2fsOptions = Parameters<DaemonActions['mke2fs']>[2];

const EXT_TYPES = new Set(['ext2', 'ext3', 'ext4', 'ext4dev']);
const FAT_TYPES = new Set(['vfat', 'fat', 'msdos']);
const FAT_SECTOR = 512;
const MIB = 1024 * 1024;

/** Device numbers of SCSI disks: major 8, sixteen minors a disk; further disks have other majors. */
const SCSI_NUMBERS = 0x800;

function positive(value: number | undefined, name: string): number | undefined {
  if (value !== undefined && value <= 0) {
    throw new GuestfsError('EINVAL', `${name} is ${value}, expected a positive number`);
  }
  return value;
}

/** Only what is defined, so that an absent option stays absent. */
function given<T extends object>(options: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function refuse(type: string, options: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) {
      throw new UnsupportedError(`the option ${name} has no meaning for a filesystem of type ${type}`);
    }
  }
}

function makeFilesystem(context: ActionContext, type: string, device: string, options: MkfsOptions): void {
  const blocksize = positive(options.blocksize, 'blocksize');
  const inode = positive(options.inode, 'inode');
  const sectorsize = positive(options.sectorsize, 'sectorsize');
  const { label, features } = options;
  if (EXT_TYPES.has(type)) {
    refuse(type, { sectorsize });
    make(context, device, {
      type,
      ...given<MakeExtOptions>({
        blockSize: blocksize,
        inodeSize: inode,
        label,
        features: features?.split(/[\s,]+/),
      }),
    });
    return;
  }
  if (FAT_TYPES.has(type)) {
    refuse(type, { features, inode });
    const sectorSize = sectorsize ?? FAT_SECTOR;
    if (blocksize !== undefined && blocksize % sectorSize !== 0) {
      throw new GuestfsError(
        'EINVAL',
        `blocksize is ${blocksize}, expected a multiple of a sector of ${sectorSize}`,
      );
    }
    writeDevice(context, device, (opened) => {
      makeFat(opened, {
        ...(blocksize === undefined ? {} : { sectorsPerCluster: blocksize / sectorSize }),
        ...(sectorsize === undefined ? {} : { sectorSize: sectorsize }),
        ...(label === undefined ? {} : { label }),
      });
    });
    return;
  }
  wantTypeName(type, device);
  throw new UnsupportedError(
    `a filesystem of type ${type} cannot be made here, only ext2, ext3, ext4 and vfat; the appliance backend makes others`,
    { device },
  );
}

/** Throws EINVAL where a text can be no type of a filesystem. */
export function wantTypeName(type: string, device: string): void {
  if (/^[a-z0-9][a-z0-9._+-]*$/.test(type)) return;
  throw new GuestfsError('EINVAL', `${device}: ${JSON.stringify(type)} is no type of a filesystem`, {
    device,
  });
}

function make(context: ActionContext, device: string, options: MakeExtOptions): void {
  writeDevice(context, device, (opened) =>
    makeExt(opened, options, { warn: (message) => context.warn(`${device}: ${message}`) }),
  );
}

/** The features that the boolean options of mke2fs switch. */
function featureEdits(options: Mke2fsOptions): string[] {
  const switches = {
    extent: options.extent,
    filetype: options.filetype,
    flex_bg: options.flexbg,
    has_journal: options.hasjournal,
    large_file: options.largefile,
    quota: options.quota,
    resize_inode: options.resizeinode,
    sparse_super: options.sparsesuper,
    uninit_bg: options.uninitbg,
  };
  return Object.entries(switches)
    .filter(([, on]) => on !== undefined)
    .map(([name, on]) => (on ? name : `^${name}`));
}

function extOptions(options: Mke2fsOptions): MakeExtOptions {
  positive(options.fragsize, 'fragsize');
  const journalSize = positive(options.journalsize, 'journalsize');
  return given<MakeExtOptions>({
    // As mke2fs -j, which says nothing of the type.
    type: options.fstype ?? (options.hasjournal ? 'ext3' : undefined),
    usage: options.usagetype,
    blocksCount: positive(options.blockscount, 'blockscount'),
    blockSize: positive(options.blocksize, 'blocksize'),
    blocksPerGroup: positive(options.blockspergroup, 'blockspergroup'),
    groupsPerFlex: positive(options.numberofgroups, 'numberofgroups'),
    bytesPerInode: positive(options.bytesperinode, 'bytesperinode'),
    inodeSize: positive(options.inodesize, 'inodesize'),
    journalSize: journalSize === undefined ? undefined : journalSize * MIB,
    inodesCount: positive(options.numberofinodes, 'numberofinodes'),
    stride: positive(options.stridesize, 'stridesize'),
    stripeWidth: positive(options.stripewidth, 'stripewidth'),
    resizeLimit: positive(options.maxonlineresize, 'maxonlineresize'),
    reservedPercentage: options.reservedblockspercentage,
    mmpInterval: positive(options.mmpupdateinterval, 'mmpupdateinterval'),
    label: options.label,
    lastMounted: options.lastmounteddir,
    creatorOs: options.creatoros,
    uuid: options.uuid === undefined ? undefined : extUuidArgument(options.uuid),
    force: options.forcecreate,
    superBlocksOnly: options.writesbandgrouponly,
    lazyInodeTables: options.lazyitableinit,
    lazyJournal: options.lazyjournalinit,
    testing: options.testfs,
    discard: options.discard,
    features: featureEdits(options),
    quotaTypes: options.quotatype ? ['user', 'group'] : undefined,
  });
}

/** The device that `/dev/...`, `LABEL=...` or `UUID=...` names. Throws ENOENT. */
function journalDevice({ platform }: ActionContext, name: string): string {
  const tag = /^(LABEL|UUID)=(.*)$/.exec(name);
  if (tag === null) return platform.devices.find(name).name;
  const found = platform.identify.findByTag(tag[1] ?? '', tag[2] ?? '');
  if (found === undefined) throw new GuestfsError('ENOENT', `no device has ${name}`);
  return found;
}

/** The number that Linux gives a SCSI disk or its partition; 0 for others, whose number is not known. */
function deviceNumber(name: string): number {
  const match = /^\/dev\/sd([a-p])(\d*)$/.exec(name);
  if (match === null) return 0;
  const partition = Number(match[2] ?? '');
  return partition > 15 ? 0 : SCSI_NUMBERS + ((match[1] ?? 'a').charCodeAt(0) - 97) * 16 + partition;
}

/** Make a filesystem whose journal is on another device, which must know it first. */
function makeWithJournal(
  context: ActionContext,
  device: string,
  journal: string,
  options: MakeExtOptions,
): void {
  const name = journalDevice(context, journal);
  const own = context.platform.devices.find(device).name;
  if (name === own) {
    throw new GuestfsError('EINVAL', `${device}: a filesystem cannot have its journal on its own device`, {
      device,
    });
  }
  const uuid = options.uuid ?? randomUuid();
  const blockSize = options.blockSize ?? journalBlockSize(context.platform.devices.open(name));
  const known: ExternalJournal = { uuid: new Uint8Array(16), deviceNumber: deviceNumber(name) };
  // A filesystem that cannot be made is not entered in the journal.
  writeDevice(context, device, (opened) =>
    assertExtCanBeMade(opened, { ...options, blockSize, externalJournal: known }),
  );
  known.uuid = writeDevice(context, name, (log) => useExtJournal(log, uuid, blockSize));
  writeDevice(context, device, (opened) => {
    makeExt(
      opened,
      {
        ...options,
        uuid,
        blockSize,
        externalJournal: known,
        features: ['has_journal', ...(options.features ?? [])],
      },
      { warn: (message) => context.warn(`${device}: ${message}`) },
    );
  });
}

/** `s_log_block_size` of the journal: the filesystem takes the same where none is asked for. */
function journalBlockSize(device: BlockDevice): number {
  const bytes = new Uint8Array(4);
  if (device.size >= 2048) device.readAt(1024 + 24, bytes);
  return 1024 << (bytes[0]! & 7);
}

function makeJournal(context: ActionContext, device: string, options: MakeExtOptions): void {
  writeDevice(context, device, (opened) => makeExtJournal(opened, options));
}

function makeSwapArea(
  context: ActionContext,
  device: string,
  options: { label?: string; uuid?: string },
): void {
  const swap = given<MakeSwapOptions>({
    label: options.label,
    uuid: options.uuid === undefined ? undefined : uuidArgument(options.uuid),
  });
  writeDevice(context, device, (opened) => makeSwap(opened, swap));
}

function makeSwapFile(context: ActionContext, path: string): void {
  const file = existingFile(context, path);
  try {
    const page = swapHeader(context.platform.files.stat(file).size);
    writerOf(context).write(file, 0, page);
  } catch (error) {
    if (error instanceof GuestfsError) error.path ??= path;
    throw error;
  }
}

function mke2fs(context: ActionContext, device: string, options: Mke2fsOptions): void {
  const made = extOptions(options);
  if (options.journaldev) makeJournal(context, device, made);
  else if (options.journaldevice !== undefined) makeWithJournal(context, device, options.journaldevice, made);
  else make(context, device, made);
}

/** Making filesystems, journals and swap areas; erasing what marks them. */
export const mkfsActions = {
  mkfs: makeFilesystem,

  mkfs_b: (context, fstype, blocksize, device) => makeFilesystem(context, fstype, device, { blocksize }),

  mke2fs,

  mke2fs_J: (context, fstype, blocksize, device, journal) =>
    makeWithJournal(context, device, journal, { type: fstype, blockSize: blocksize }),

  mke2fs_JL: (context, fstype, blocksize, device, label) =>
    makeWithJournal(context, device, `LABEL=${label}`, { type: fstype, blockSize: blocksize }),

  mke2fs_JU: (context, fstype, blocksize, device, uuid) =>
    makeWithJournal(context, device, `UUID=${uuid}`, { type: fstype, blockSize: blocksize }),

  mke2journal: (context, blocksize, device) => makeJournal(context, device, { blockSize: blocksize }),

  mke2journal_L: (context, blocksize, label, device) =>
    makeJournal(context, device, { blockSize: blocksize, label }),

  mke2journal_U: (context, blocksize, uuid, device) =>
    makeJournal(context, device, { blockSize: blocksize, uuid: extUuidArgument(uuid) }),

  mkswap: makeSwapArea,

  mkswap_L: (context, label, device) => makeSwapArea(context, device, { label }),

  mkswap_U: (context, uuid, device) => makeSwapArea(context, device, { uuid }),

  mkswap_file: makeSwapFile,

  wipefs: (context, device) => {
    writeDevice(context, device, (opened) => eraseSignatures(opened));
  },
} satisfies Partial<DaemonActions>;
