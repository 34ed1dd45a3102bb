import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { checkExt, type CheckOptions, type CheckReport } from '../../filesystems/ext4/check/index.ts';
import { checkFat } from '../../filesystems/fat/check/index.ts';
import type { ActionContext } from '../context.ts';
import { writeDevice } from '../device-writing.ts';
import { deviceOf } from '../mountable.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** Problems that a message names. */
const NAMED_PROBLEMS = 3;

/** Check ext2, ext3 or ext4 for an action that fails (EUCLEAN) where something is left. */
export function check(context: ActionContext, device: string, options: CheckOptions): void {
  const report = run(context, device, options);
  if (report.status <= 1) return;
  const left = report.problems.filter(({ fixed }) => !fixed);
  const named = left.slice(0, NAMED_PROBLEMS).map(({ text }) => text);
  const more = left.length > NAMED_PROBLEMS ? `, and ${left.length - NAMED_PROBLEMS} more` : '';
  throw new GuestfsError(
    'EUCLEAN',
    `${device}: the filesystem has errors that were not corrected: ${named.join('; ')}${more}`,
    {
      device,
    },
  );
}

function run(context: ActionContext, device: string, options: CheckOptions): CheckReport {
  if (options.repair) return writeDevice(context, device, (opened) => checkExt(opened, options));
  refuseMounted(context, device);
  return checkExt(context.platform.devices.open(device), options);
}

/** What fsck(8) ends with where there is nothing to check. */
const OPERATIONAL_ERROR = 8;

function statusOfExt(context: ActionContext, device: string): number {
  try {
    return run(context, device, { repair: 'safe' }).status;
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code !== 'EUCLEAN') throw error;
    context.warn(`fsck: ${device}: ${error.message}`);
    return OPERATIONAL_ERROR;
  }
}

/** A check of what is mounted would see it change. */
function refuseMounted({ platform }: ActionContext, device: string): void {
  const { name } = platform.devices.find(device);
  for (const { mountable, mountpoint } of platform.mounts.list()) {
    if (deviceOf(platform, mountable)?.name === name) {
      throw new GuestfsError('EBUSY', `${device}: it is mounted on ${mountpoint}; unmount it first`, {
        device,
      });
    }
  }
}

/** Checks of filesystems. */
export const checkActions = {
  e2fsck(context, device, { correct = false, forceall = false, forceno = false }) {
    if (correct && forceno) {
      throw new GuestfsError('EINVAL', 'e2fsck: only one of the options correct and forceno may be given');
    }
    if (correct && forceall) {
      throw new GuestfsError('EINVAL', 'e2fsck: only one of the options correct and forceall may be given');
    }
    check(context, device, { repair: forceno ? false : correct ? true : 'safe', force: forceall });
  },

  e2fsck_f: (context, device) => check(context, device, { repair: 'safe', force: true }),

  fsck(context, fstype, device) {
    if (/^ext[234]$/.test(fstype)) return statusOfExt(context, device);
    if (/^(vfat|fat|msdos)$/.test(fstype)) {
      const report = writeDevice(context, device, (opened) => checkFat(opened, { repair: true }));
      return report.uncorrected > 0 ? 4 : report.status;
    }
    if (fstype === '') {
      throw new GuestfsError('EINVAL', `${device}: the type of the filesystem to check is empty`, { device });
    }
    throw new UnsupportedError(
      `${device}: filesystems of type ${fstype} are not checked here, only ext2, ext3, ext4 and vfat; the appliance can do it`,
      { device },
    );
  },
} satisfies Partial<DaemonActions>;
