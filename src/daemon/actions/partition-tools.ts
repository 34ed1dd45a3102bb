import type { Partition as PartitionStruct } from '../../actions/generated/structs.ts';
import { GuestfsError } from '../../errors/index.ts';
import { readPartitionTable } from '../../partitions/index.ts';
import type { ActionContext } from '../context.ts';
import { writeDevice } from '../device-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { toolsOf } from '../tools.ts';
import { partitionsActions } from './partitions.ts';

/** Tables that parted(8) makes and this package does not. */
const FOREIGN = new Set(['aix', 'amiga', 'atari', 'bsd', 'dasd', 'dvh', 'mac', 'pc98', 'sun']);

/** Whether a disk has a table that this package knows and does not read. */
/** What part_add calls kinds of partitions. */
const KINDS = /^(p|primary|l|logical|e|extended)$/;

function isForeign({ platform }: ActionContext, device: string): boolean {
  return readPartitionTable(platform.devices.open(device))?.readable === false;
}

function parted(context: ActionContext, device: string, ...args: readonly string[]): string {
  const tools = toolsOf(context);
  return tools.text('parted', ['--script', '--machine', '--', tools.deviceNode(device), ...args], {
    about: { device },
  });
}

/** Change the table, and have the kernel read it. */
function change(context: ActionContext, device: string, ...args: readonly string[]): void {
  // Asks whether it may be written and is not in use, and has the kernel read the table.
  writeDevice(context, device, () => void parted(context, device, ...args));
}

interface PartedPartition extends PartitionStruct {
  readonly flags: readonly string[];
}

/** The partitions in what `parted --machine DEVICE unit b print` prints, in the order of their places. */
export function parseParted(text: string): PartedPartition[] {
  const found: PartedPartition[] = [];
  for (const line of text.split('\n')) {
    const match = /^(\d+):(\d+)B:(\d+)B:(\d+)B:[^:]*:[^:]*:([^;]*);$/.exec(line);
    if (match === null) continue;
    const [partNum, partStart, partEnd, partSize] = match.slice(1, 5).map(Number);
    found.push({
      partNum: partNum as number,
      partStart: partStart as number,
      partEnd: partEnd as number,
      partSize: partSize as number,
      flags: (match[5] as string).split(',').map((flag) => flag.trim()),
    });
  }
  return found.toSorted((a, b) => a.partStart - b.partStart || a.partNum - b.partNum);
}

function partitions(context: ActionContext, device: string): PartedPartition[] {
  return parseParted(parted(context, device, 'unit', 'b', 'print'));
}

function sector(value: number): string {
  return `${value}s`;
}

/** Partition tables that only parted(8) knows; the rest as on the engine. */
export const partitionToolsActions = {
  part_init(context, device, parttype) {
    if (FOREIGN.has(parttype)) change(context, device, 'mklabel', parttype);
    else partitionsActions.part_init(context, device, parttype);
  },

  part_list(context, device) {
    if (!isForeign(context, device)) return partitionsActions.part_list(context, device);
    return partitions(context, device).map(({ partNum, partStart, partEnd, partSize }) => ({
      partNum,
      partStart,
      partEnd,
      partSize,
    }));
  },

  part_add(context, device, prlogex, startsect, endsect) {
    // The others' own checks come first, whatever the table is.
    if (!KINDS.test(prlogex) || startsect < 0 || !isForeign(context, device)) {
      partitionsActions.part_add(context, device, prlogex, startsect, endsect);
      return;
    }
    const kind = /^(p|primary)$/.test(prlogex) ? 'primary' : prlogex;
    if (kind !== 'primary') {
      throw new GuestfsError('EINVAL', `${device}: this kind of table has primary partitions only`, {
        device,
      });
    }
    // Where parted(8) knows neither kinds nor names it takes this word for the type of a filesystem.
    const type = partitionsActions.part_get_parttype(context, device);
    const words = type === 'bsd' || type === 'sun' ? [] : [kind];
    change(context, device, 'mkpart', ...words, sector(startsect), sector(endsect));
  },

  part_del(context, device, partnum) {
    if (isForeign(context, device)) change(context, device, 'rm', String(partnum));
    else partitionsActions.part_del(context, device, partnum);
  },

  part_get_bootable(context, device, partnum) {
    if (!isForeign(context, device)) return partitionsActions.part_get_bootable(context, device, partnum);
    const found = partitions(context, device).find(({ partNum }) => partNum === partnum);
    if (found === undefined) {
      throw new GuestfsError('EINVAL', `${device}: there is no partition ${partnum}`, { device });
    }
    return found.flags.includes('boot');
  },

  part_set_bootable(context, device, partnum, bootable) {
    if (isForeign(context, device))
      change(context, device, 'set', String(partnum), 'boot', bootable ? 'on' : 'off');
    else partitionsActions.part_set_bootable(context, device, partnum, bootable);
  },
} satisfies Partial<DaemonActions>;
