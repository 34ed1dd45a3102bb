import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { deviceNumbers } from '../../filesystems/mode.ts';

const BLOCK = '/sys/block';
/** What has no place among the guest's disks. */
const NOT_DISKS = /^(loop|ram|dm-|md|sr|fd|zram|nbd|mtdblock|pmem)/;

/** A file of sysfs without its line feed, or undefined. */
export function sysText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').replace(/\n$/, '');
  } catch {
    return undefined;
  }
}

/** Names of a folder, or none. */
export function sysNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Host, channel, target and lun of a SCSI disk: the order in which disks were added, whatever sd probed first. */
function address(name: string): number[] | undefined {
  try {
    const match = /^(\d+):(\d+):(\d+):(\d+)$/.exec(basename(readlinkSync(`${BLOCK}/${name}/device`)));
    return match?.slice(1).map(Number);
  } catch {
    return undefined;
  }
}

/** Order of two disks: SCSI disks by address, then others by the letters of their names. */
export function compareDisks(a: { name: string; address?: number[] }, b: typeof a): number {
  if (a.address !== undefined && b.address !== undefined) {
    for (const [index, number] of a.address.entries()) {
      const difference = number - (b.address[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
  if (a.address !== undefined || b.address !== undefined) return a.address === undefined ? 1 : -1;
  return a.name.length - b.name.length || (a.name < b.name ? -1 : 1);
}

/** Kernel names of the disks of this machine in the order they were added, without the one that `/` is on. */
export function machineDisks(withRoot: boolean): string[] {
  const root = withRoot ? undefined : rootDisk();
  return sysNames(BLOCK)
    .filter((name) => !NOT_DISKS.test(name) && name !== root)
    .map((name) => {
      const found = address(name);
      return found === undefined ? { name } : { name, address: found };
    })
    .toSorted(compareDisks)
    .map(({ name }) => name);
}

/** Kernel name of the disk that the machine's own root is on. */
function rootDisk(): string | undefined {
  return diskOf(deviceNumbers(statSync('/').dev));
}

/** Kernel name of a block device by `MAJOR:MINOR`. */
export function nameOfNumber(number: string): string | undefined {
  try {
    return basename(readlinkSync(`/sys/dev/block/${number}`));
  } catch {
    return undefined;
  }
}

/** Kernel name of the disk of a partition, or of the disk itself. */
function diskOf(number: string): string | undefined {
  const name = nameOfNumber(number);
  if (name === undefined) return undefined;
  if (sysText(`/sys/class/block/${name}/partition`) === undefined) return name;
  return basename(readlinkSync(`/sys/dev/block/${number}`).replace(/\/[^/]+$/, ''));
}

/** A partition that the kernel shows. */
export interface KernelPartition {
  /** Kernel name: `sda1`. */
  readonly name: string;
  readonly number: number;
  /** It holds logical partitions: the kernel shows two sectors of it at most. */
  readonly extended: boolean;
}

/** The partitions of a disk in order of their numbers. */
export function kernelPartitions(disk: string): KernelPartition[] {
  const found: KernelPartition[] = [];
  for (const name of sysNames(`${BLOCK}/${disk}`)) {
    const number = sysText(`${BLOCK}/${disk}/${name}/partition`);
    if (number === undefined) continue;
    found.push({
      name,
      number: Number(number),
      extended: Number(sysText(`${BLOCK}/${disk}/${name}/size`)) <= 2,
    });
  }
  return found.toSorted((a, b) => a.number - b.number);
}

/** A device of the mapper. */
export interface MapperDevice {
  /** Kernel name: `dm-3`. */
  readonly kernel: string;
  /** Name below /dev/mapper. */
  readonly name: string;
  readonly uuid: string;
  /** Kernel name of the device that it lies on, the first where there are several. */
  readonly lower?: string;
  /** `/dev/VG/LV` of a logical volume that is not hidden. */
  readonly volume?: string;
}

/** UUID of a logical volume's own device: those of its group and its own; parts of it have a suffix. */
const VOLUME_UUID = /^LVM-[A-Za-z0-9]{64}$/;

/** The active devices of the mapper, in order of their numbers. */
export function mapperDevices(): MapperDevice[] {
  return sysNames(BLOCK)
    .filter((name) => /^dm-\d+$/.test(name))
    .toSorted((a, b) => Number(a.slice(3)) - Number(b.slice(3)))
    .flatMap((kernel) => {
      const name = sysText(`${BLOCK}/${kernel}/dm/name`);
      if (name === undefined || name === '') return [];
      const uuid = sysText(`${BLOCK}/${kernel}/dm/uuid`) ?? '';
      const volume = VOLUME_UUID.test(uuid) ? volumePath(name) : undefined;
      const [lower] = sysNames(`${BLOCK}/${kernel}/slaves`);
      return [
        {
          kernel,
          name,
          uuid,
          ...(lower === undefined ? {} : { lower }),
          ...(volume === undefined ? {} : { volume }),
        },
      ];
    });
}

/** `/dev/VG/LV` of a name of the mapper, in which a dash of a name is two; undefined where it is none. */
export function volumePath(mapper: string): string | undefined {
  const match = /^((?:[^-]|--)+)-((?:[^-]|--)+)$/.exec(mapper);
  if (match === null) return undefined;
  const [group, volume] = [match[1] as string, match[2] as string].map((part) => part.replaceAll('--', '-'));
  return `/dev/${group}/${volume}`;
}

/** Kernel names of the software RAID arrays that are running. */
export function mdArrays(): string[] {
  return sysNames(BLOCK)
    .filter((name) => /^md\d+$|^md_/.test(name))
    .filter((name) => {
      const state = sysText(`${BLOCK}/${name}/md/array_state`);
      return state !== undefined && state !== 'clear' && state !== 'inactive';
    })
    .toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
}
