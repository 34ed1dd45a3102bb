import type { BlockDevice } from '../../block/device.ts';
import { randomUuid } from '../../crypto/random.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { setExtLabel, setExtUuid, tuneExt, type TuneExtOptions } from '../../filesystems/ext4/tune/index.ts';
import { setFatLabel } from '../../filesystems/fat/index.ts';
import { setSwapLabel, setSwapUuid } from '../../filesystems/swap/index.ts';
import type { ActionContext } from '../context.ts';
import { writeDevice } from '../device-writing.ts';
import { writerOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { parseMountable } from '../mountable.ts';
import { extUuidArgument, uuidArgument } from '../uuid-argument.ts';
import { ATTRIBUTE_LETTERS } from '../../vfs/attribute-letters.ts';
import { fileWithFlags } from './ext.ts';

/** Attributes that a user may change; `e` is not among them here, because it would move the file's content. */
const CHANGEABLE = 0xff | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x20000000 | 0x40000000;

/** Type of what is on a device; '' where nothing is recognised. */
function typeOf({ platform }: ActionContext, device: string): string {
  return platform.identify.type(device) ?? '';
}

function isExt(type: string): boolean {
  return /^ext[234](dev)?$/.test(type);
}

function cannot(what: string, type: string, device: string): UnsupportedError {
  return new UnsupportedError(
    `${device}: the ${what} of ${type === '' ? 'what is not recognised' : `a filesystem of type ${type}`} cannot be set here`,
    { device },
  );
}

function wantExt(context: ActionContext, device: string, what: string): void {
  const type = typeOf(context, device);
  if (!isExt(type)) throw cannot(what, type, device);
}

function setLabel(context: ActionContext, mountable: string, label: string): void {
  const { device, volume } = parseMountable(mountable);
  const type = typeOf(context, device);
  if (volume !== undefined) throw cannot('label', 'btrfs', device);
  let set: (opened: BlockDevice, label: string) => void;
  if (isExt(type)) set = setExtLabel;
  else if (type === 'vfat') set = setFatLabel;
  else if (type === 'swap') set = setSwapLabel;
  else throw cannot('label', type, device);
  writeDevice(context, device, (opened) => set(opened, label));
}

function setExt(context: ActionContext, device: string, uuid: Uint8Array): void {
  const seeded = writeDevice(context, device, (opened) => setExtUuid(opened, uuid));
  if (seeded) {
    context.warn(
      `${device}: the feature metadata_csum_seed was set, so that the checksums stay right under the new UUID;` +
        ' GRUB before 2.12 cannot boot from such a filesystem',
    );
  }
}

function setUuid(context: ActionContext, device: string, uuid: string): void {
  const type = typeOf(context, device);
  if (isExt(type)) {
    setExt(context, device, uuidArgument(uuid));
  } else if (type === 'swap') {
    const bytes = uuidArgument(uuid);
    writeDevice(context, device, (opened) => setSwapUuid(opened, bytes));
  } else {
    throw cannot('UUID', type, device);
  }
}

function setUuidRandom(context: ActionContext, device: string): void {
  const type = typeOf(context, device);
  if (isExt(type)) setExt(context, device, randomUuid());
  else if (type === 'swap') writeDevice(context, device, (opened) => setSwapUuid(opened, randomUuid()));
  else throw cannot('UUID', type, device);
}

type Tune2fsOptions = Parameters<DaemonActions['tune2fs']>[2];

function tune2fs(context: ActionContext, device: string, options: Tune2fsOptions): void {
  const { errorbehavior } = options;
  if (
    errorbehavior !== undefined &&
    errorbehavior !== 'continue' &&
    errorbehavior !== 'remount-ro' &&
    errorbehavior !== 'panic'
  ) {
    throw new GuestfsError(
      'EINVAL',
      `errorbehavior is ${errorbehavior}, expected continue, remount-ro or panic`,
      { device },
    );
  }
  const changes: { [K in keyof TuneExtOptions]: TuneExtOptions[K] | undefined } = {
    maxMountCount: options.maxmountcount,
    mountCount: options.mountcount,
    errorBehavior: errorbehavior,
    group: options.group,
    user: options.user,
    checkInterval: options.intervalbetweenchecks,
    reservedPercentage: options.reservedblockspercentage,
    reservedBlocks: options.reservedblockscount,
    lastMounted: options.lastmounteddirectory,
  };
  const defined = Object.entries(changes).filter(([, value]) => value !== undefined);
  wantExt(context, device, 'parameters');
  writeDevice(context, device, (opened) => tuneExt(opened, Object.fromEntries(defined)));
}

function setAttributes(context: ActionContext, path: string, attrs: string, clear: boolean): void {
  let mask = 0;
  for (const letter of attrs) {
    const bit = ATTRIBUTE_LETTERS.find(([, known]) => known === letter)?.[0];
    if (bit === undefined) {
      throw new GuestfsError('EINVAL', `${letter} is no letter of an attribute of lsattr(1)`, { path });
    }
    if (mask & bit) {
      throw new GuestfsError('EINVAL', `the attribute ${letter} is given twice in ${attrs}`, { path });
    }
    mask |= bit;
  }
  const file = fileWithFlags(context, path);
  const old = context.platform.files.flags(file);
  const flags = (clear ? old & ~mask : old | mask) >>> 0;
  const changed = (old ^ flags) >>> 0;
  if (changed === 0) return;
  if (changed & ~CHANGEABLE) {
    const letters = ATTRIBUTE_LETTERS.filter(([bit]) => changed & bit & ~CHANGEABLE).map(
      ([, letter]) => letter,
    );
    throw new UnsupportedError(`${path}: the attribute ${letters.join(', ')} cannot be changed`, { path });
  }
  writerOf(context).setFlags(file, flags);
}

function setGeneration(context: ActionContext, path: string, generation: number): void {
  if (generation < 0 || generation > 0xffffffff) {
    throw new GuestfsError('EINVAL', `generation ${generation} is not in the range 0 to 4294967295`, {
      path,
    });
  }
  writerOf(context).setGeneration(fileWithFlags(context, path), generation);
}

/**
 * Labels, UUIDs and other parameters of filesystems. A filesystem that is mounted is refused with EBUSY: who mounted
 * it keeps its superblock in memory.
 */
export const tuneActions = {
  tune2fs,

  set_label: setLabel,

  set_e2label(context, device, label) {
    wantExt(context, device, 'label');
    setLabel(context, device, label);
  },

  set_uuid: setUuid,

  set_uuid_random: setUuidRandom,

  set_e2uuid(context, device, uuid) {
    wantExt(context, device, 'UUID');
    setExt(context, device, extUuidArgument(uuid));
  },

  set_e2attrs: (context, file, attrs, { clear = false }) => setAttributes(context, file, attrs, clear),

  set_e2generation: setGeneration,
} satisfies Partial<DaemonActions>;
