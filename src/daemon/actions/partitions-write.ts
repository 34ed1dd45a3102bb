import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import {
  GptEditor,
  MbrEditor,
  newPartitionTable,
  openPartitionTable,
  type PartitionEditor,
  type PartitionKind,
} from '../../partitions/edit.ts';
import { applySfdiskLine, applySfdiskScript } from '../../partitions/sfdisk-script.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { refuseToDisturb } from '../partitions-in-use.ts';

/** Sectors that part_disk leaves free before and behind its partition. */
const DISK_MARGIN = 128;

/** Types of tables that parted(8) makes beside those that are made here. */
const FOREIGN_TYPES = ['aix', 'amiga', 'atari', 'bsd', 'dasd', 'dvh', 'mac', 'pc98', 'sun', 'loop'];

const KINDS: Readonly<Record<string, PartitionKind>> = {
  p: 'primary',
  primary: 'primary',
  l: 'logical',
  logical: 'logical',
  e: 'extended',
  extended: 'extended',
};

function tableType(device: string, parttype: string): 'gpt' | 'msdos' {
  if (parttype === 'gpt' || parttype === 'efi') return 'gpt';
  if (parttype === 'mbr' || parttype === 'msdos') return 'msdos';
  if (FOREIGN_TYPES.includes(parttype)) {
    throw new UnsupportedError(
      `${device}: partition tables of type ${parttype} are not made here; the appliance backend makes them`,
      { device },
    );
  }
  throw new GuestfsError(
    'EINVAL',
    `${device}: unknown type of partition table ${JSON.stringify(parttype)}, expected gpt or mbr`,
    { device },
  );
}

/** Run `work`; what it throws names the device. */
function about<T>(device: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof GuestfsError && error.device === undefined) {
      error.device = device;
      error.message = `${device}: ${error.message}`;
    }
    throw error;
  }
}

function current(context: ActionContext, device: string): PartitionEditor | null {
  return openPartitionTable(context.platform.devices.open(device), {
    warn: (message) => context.warn(`${device}: ${message}`),
  });
}

/** Write a table, after what uses the disk was asked, and have it read again. */
function commit(context: ActionContext, device: string, table: PartitionEditor): void {
  const { devices } = context.platform;
  const { name, kind } = devices.find(device);
  if (kind === 'partition') {
    throw new GuestfsError('EINVAL', `${device} is a partition, expected a whole disk`, { device });
  }
  refuseToDisturb(context.platform, name, table.partitions(), table.sectorSize);
  try {
    table.write(devices.open(name));
  } finally {
    if (kind === 'disk' || kind === 'md') devices.reread(name);
  }
}

/** Change the table of a disk. Throws EINVAL where it has none. */
function edit(context: ActionContext, device: string, change: (table: PartitionEditor) => void): void {
  about(device, () => {
    const table = current(context, device);
    if (table === null) throw new GuestfsError('EINVAL', 'no partition table was recognised');
    change(table);
    commit(context, device, table);
  });
}

function editGpt(context: ActionContext, device: string, change: (table: GptEditor) => void): void {
  edit(context, device, (table) => {
    if (!(table instanceof GptEditor)) {
      throw new GuestfsError('EINVAL', `only a GPT has this, the partition table is ${table.type}`);
    }
    change(table);
  });
}

/** The sector that a number stands for: negative ones count from the end of the disk, -1 being the last sector. */
function endSector(context: ActionContext, device: string, table: PartitionEditor, sector: number): number {
  const { size } = context.platform.devices.open(device);
  return sector < 0 ? Math.floor(size / table.sectorSize) + sector : sector;
}

function refuseGeometry(device: string, ...numbers: readonly number[]): void {
  if (numbers.every((number) => number === 0)) return;
  throw new UnsupportedError(
    `${device}: the geometry ${numbers.join(', ')} was asked for; tables are written for 255 heads of 63 sectors, as 0 asks for`,
    { device },
  );
}

/** A new table by a script for sfdisk(8), of the type that the script states or the disk has. */
function runScript(context: ActionContext, device: string, lines: readonly string[], unit?: number): void {
  about(device, () => {
    const disk = context.platform.devices.open(device);
    const stated = lines.map((line) => /^\s*label\s*:\s*(\w+)/.exec(line)?.[1]).find(Boolean);
    const type = stated === undefined || stated === 'dos' ? 'msdos' : tableType(device, stated);
    const had = stated === undefined ? current(context, device)?.type : undefined;
    const table = newPartitionTable(disk, had ?? type);
    applySfdiskScript(table, disk.size, lines, unit);
    commit(context, device, table);
  });
}

/** Partition tables, written. Sectors and types of partitions come out as parted(8) makes them for libguestfs. */
export const partitionsWriteActions = {
  part_init(context, device, parttype) {
    const type = tableType(device, parttype);
    about(device, () =>
      commit(context, device, newPartitionTable(context.platform.devices.open(device), type)),
    );
  },

  part_add(context, device, prlogex, startsect, endsect) {
    const kind = KINDS[prlogex];
    if (kind === undefined) {
      throw new GuestfsError(
        'EINVAL',
        `${device}: unknown kind of partition ${JSON.stringify(prlogex)}, expected primary, logical or extended`,
        { device },
      );
    }
    if (startsect < 0) {
      throw new GuestfsError('EINVAL', `${device}: startsect is ${startsect}, it cannot be negative`, {
        device,
      });
    }
    edit(context, device, (table) => {
      const number = table.add(kind, startsect, endSector(context, device, table, endsect));
      // parted(8) takes the kind for a name where all partitions are of one kind.
      if (table instanceof GptEditor) table.setName(number, kind);
    });
  },

  part_del: (context, device, partnum) => edit(context, device, (table) => table.remove(partnum)),

  part_disk(context, device, parttype) {
    const type = tableType(device, parttype);
    about(device, () => {
      const disk = context.platform.devices.open(device);
      const table = newPartitionTable(disk, type);
      const number = table.add('primary', DISK_MARGIN, endSector(context, device, table, -DISK_MARGIN));
      if (table instanceof GptEditor) table.setName(number, 'p1');
      commit(context, device, table);
    });
  },

  part_resize: (context, device, partnum, endsect) =>
    edit(context, device, (table) => table.resize(partnum, endSector(context, device, table, endsect))),

  part_expand_gpt: (context, device) => editGpt(context, device, (table) => table.expand()),

  part_set_bootable: (context, device, partnum, bootable) =>
    edit(context, device, (table) => table.setBootable(partnum, bootable)),

  part_set_disk_guid: (context, device, guid) => editGpt(context, device, (table) => table.setDiskGuid(guid)),

  part_set_disk_guid_random: (context, device) => editGpt(context, device, (table) => table.setDiskGuid()),

  part_set_gpt_attributes: (context, device, partnum, attributes) =>
    editGpt(context, device, (table) => table.setAttributes(partnum, attributes)),

  part_set_gpt_guid: (context, device, partnum, guid) =>
    editGpt(context, device, (table) => table.setPartitionGuid(partnum, guid)),

  part_set_gpt_type: (context, device, partnum, guid) =>
    editGpt(context, device, (table) => table.setPartitionType(partnum, guid)),

  part_set_mbr_id: (context, device, partnum, idbyte) =>
    edit(context, device, (table) => {
      if (!(table instanceof MbrEditor)) {
        throw new GuestfsError('EINVAL', `only an MBR has ids, the partition table is ${table.type}`);
      }
      table.setId(partnum, idbyte);
    }),

  part_set_name: (context, device, partnum, name) =>
    editGpt(context, device, (table) => table.setName(partnum, name)),

  sfdisk(context, device, cyls, heads, sectors, lines) {
    refuseGeometry(device, cyls, heads, sectors);
    runScript(context, device, lines);
  },

  sfdiskM: (context, device, lines) => runScript(context, device, lines, 1024 * 1024),

  sfdisk_N(context, device, partnum, cyls, heads, sectors, line) {
    refuseGeometry(device, cyls, heads, sectors);
    edit(context, device, (table) => {
      applySfdiskLine(table, context.platform.devices.open(device).size, partnum, line);
    });
  },
} satisfies Partial<DaemonActions>;
