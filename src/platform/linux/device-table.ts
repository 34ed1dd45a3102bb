import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { unescapeHex } from '../../bytes/escapes.ts';
import type { BlockDevice } from '../../block/device.ts';
import { hostError } from '../../block/file-error.ts';
import { openFile } from '../../block/file.ts';
import { eachInTurn, GuestfsError } from '../../errors/index.ts';
import { deviceNumbers } from '../../filesystems/mode.ts';
import { readPartitionTable, type Partition, type PartitionTable } from '../../partitions/index.ts';
import type { DeviceKind, DeviceTable, GuestDevice } from '../contract.ts';
import { driveDeviceName, parseDriveName, partitionDeviceName } from '../engine/device-names.ts';
import type { TagLookup } from '../engine/device-table.ts';
import { runTool } from './run-tool.ts';
import { kernelPartitions, mapperDevices, mdArrays, nameOfNumber, sysText } from './sysfs.ts';

/** A device with its name in the kernel. */
interface KernelDevice extends GuestDevice {
  readonly kernel: string;
}

/** What the table needs of the platform. */
export interface DeviceTableOptions {
  /** Kernel names of the disks, in order. */
  disks(): readonly string[];
  findTag: TagLookup;
  /** What the devices hold must be looked at again. */
  changed(): void;
  /** Called before arrays and volumes are looked for the first time. */
  assemble(): void;
}

const BY_TAG = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.+)$/;
const BY_DRIVE_LABEL = /^\/dev\/disk\/guestfs\/(.+)$/;
/** Bytes of the header of a SCSI page of vital product data. */
const VPD_HEADER = 4;

/** The kernel's block devices under the names of the API: the disks are /dev/sda, /dev/sdb, ... whatever drives them. */
export class LinuxDeviceTable implements DeviceTable {
  readonly #options: DeviceTableOptions;
  readonly #open = new Map<string, BlockDevice>();
  /** Partition tables that were read, by the names of disks; as long as the disks are open. */
  readonly #tables = new Map<string, PartitionTable | null>();
  #assembled = false;
  #kernelDisks: readonly string[] | undefined;

  constructor(options: DeviceTableOptions) {
    this.#options = options;
  }

  disks(): GuestDevice[] {
    return this.#disks().map(plain);
  }

  partitions(): GuestDevice[] {
    return this.#partitions().map(plain);
  }

  logicalVolumes(): GuestDevice[] {
    return this.#volumes().map(plain);
  }

  mdDevices(): GuestDevice[] {
    return this.#arrays().map(plain);
  }

  /** Devices of the mapper that are no logical volumes, nor parts of one: opened encrypted ones. Sorted. */
  mappedDevices(): GuestDevice[] {
    return this.#mapped()
      .map(plain)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): GuestDevice {
    return plain(this.#need(name));
  }

  open(name: string): BlockDevice {
    const device = this.#need(name);
    let opened = this.#open.get(device.name);
    if (opened === undefined) {
      opened = openNode(`/dev/${device.kernel}`, readOnly(device.kernel));
      this.#open.set(device.name, opened);
    }
    return opened;
  }

  /** The bytes of a device, to read only, for a caller who closes it: {@link release} does not. Throws as {@link find}. */
  openApart(name: string): BlockDevice {
    return openNode(`/dev/${this.#need(name).kernel}`, true);
  }

  /** The node of a device, for programs. Throws as {@link find}. */
  node(name: string): string {
    return `/dev/${this.#need(name).kernel}`;
  }

  /** The name in the guest of a node, which may be a link to it; undefined where it is none of the guest's. */
  nameOfNode(node: string): string | undefined {
    let kernel: string;
    try {
      const stat = statSync(node);
      kernel =
        (stat.isBlockDevice() ? nameOfNumber(deviceNumbers(stat.rdev)) : undefined) ??
        basename(realpathSync(node));
    } catch {
      kernel = basename(node);
    }
    return this.nameOfKernel(kernel);
  }

  /** The name in the guest of a kernel's name. */
  nameOfKernel(kernel: string): string | undefined {
    return this.#all().find((device) => device.kernel === kernel)?.name;
  }

  /** All devices with their nodes: disks, partitions, arrays, logical volumes, what else the mapper has. */
  nodes(): (GuestDevice & { readonly node: string })[] {
    return this.#all().map((device) => ({ ...plain(device), node: `/dev/${device.kernel}` }));
  }

  isReadonly(name: string): boolean {
    return readOnly(this.#need(name).kernel);
  }

  reread(name: string): void {
    const node = this.node(name);
    this.release();
    try {
      runTool('blockdev', ['--rereadpt', node], { about: { device: name } });
    } catch (error) {
      // Of a disk that is in use in part the kernel reads no table, but takes one partition after the other.
      if (!(error instanceof GuestfsError)) throw error;
    }
    if (!this.#tableIsKnown(name))
      runTool('partx', ['--update', node], { about: { device: name }, accept: [1] });
    this.#options.changed();
  }

  changed(name: string): void {
    const device = this.#need(name);
    this.release();
    if (device.kind === 'disk' || device.kind === 'md') {
      try {
        this.reread(name);
      } catch (error) {
        // There may be no table on it now, and partitions of the old one in use.
        if (!(error instanceof GuestfsError)) throw error;
      }
    }
    this.#options.changed();
  }

  labels(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const disk of this.#disks()) {
      const serial = serialOf(disk.kernel);
      if (serial === undefined) continue;
      found[serial] = disk.name;
      for (const { number } of kernelPartitions(disk.kernel)) {
        found[`${serial}${number}`] = partitionDeviceName(disk.name, number);
      }
    }
    return found;
  }

  /** The partition table of a disk; also where identification asks for one. */
  disk(name: string): {
    readonly name: string;
    table(): PartitionTable | null;
    partitions(): readonly Partition[];
    partition(number: number): Partition | undefined;
  } {
    const found = this.find(name).name;
    const table = (): PartitionTable | null => {
      let known = this.#tables.get(found);
      if (known === undefined) {
        known = readPartitionTable(this.open(found));
        this.#tables.set(found, known);
      }
      return known;
    };
    const partitions = (): readonly Partition[] => table()?.partitions ?? [];
    return {
      name: found,
      table,
      partitions,
      partition: (number) => partitions().find((partition) => partition.number === number),
    };
  }

  /** Whether the kernel shows the partitions that are in the table: it may lack the driver of such a table. */
  #tableIsKnown(name: string): boolean {
    const shown = kernelPartitions(this.#need(name).kernel).map(({ number }) => number);
    const written = this.disk(name)
      .partitions()
      .map(({ number }) => number)
      .toSorted((a, b) => a - b);
    this.release();
    return shown.join() === written.join();
  }

  /**
   * Write through what programs and the kernel hold of the disks. What nobody may open, or has no medium, holds nothing
   * of the guest. Every disk is tried before the first failure is thrown.
   */
  flush(): void {
    eachInTurn(this.#disks(), ({ kernel }) => {
      if (!readOnly(kernel)) flushNode(`/dev/${kernel}`);
    });
  }

  /** Close what is open, because a device that is open cannot be taken down, and look for disks again. */
  release(): void {
    this.#kernelDisks = undefined;
    if (this.#open.size === 0) return;
    for (const device of this.#open.values()) device.close();
    this.#open.clear();
    this.#tables.clear();
  }

  #disks(): KernelDevice[] {
    this.#kernelDisks ??= this.#options.disks();
    return this.#kernelDisks.map((kernel, index) => ({ kernel, name: driveDeviceName(index), kind: 'disk' }));
  }

  #assemble(): void {
    if (this.#assembled) return;
    this.#assembled = true;
    this.#options.assemble();
  }

  #partitions(): KernelDevice[] {
    return [...this.#disks(), ...this.#arrays()].flatMap((disk) => partitionsOf(disk));
  }

  #arrays(): KernelDevice[] {
    this.#assemble();
    return mdArrays().map((kernel) => device(kernel, `/dev/${kernel}`, 'md'));
  }

  #volumes(): KernelDevice[] {
    this.#assemble();
    return mapperDevices()
      .flatMap(({ kernel, volume }) => (volume === undefined ? [] : [device(kernel, volume, 'lv')]))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #mapped(): KernelDevice[] {
    const opened = mapperDevices().filter(({ uuid }) => !uuid.startsWith('LVM-'));
    if (opened.length === 0) return [];
    const below = [...this.#disks(), ...this.#partitions(), ...this.#arrays(), ...this.#volumes()];
    return opened.map(({ kernel, name, lower }) => {
      const parent = below.find((candidate) => candidate.kernel === lower)?.name;
      const found = device(kernel, `/dev/mapper/${name}`, 'dm');
      return parent === undefined ? found : { ...found, parent };
    });
  }

  #all(): KernelDevice[] {
    return [
      ...this.#disks(),
      ...this.#partitions(),
      ...this.#arrays(),
      ...this.#volumes(),
      ...this.#mapped(),
    ];
  }

  #need(name: string): KernelDevice {
    const found = this.#find(name);
    if (found === undefined) {
      const names = this.#disks().map((disk) => disk.name);
      throw new GuestfsError(
        'ENOENT',
        `${name}: no such device among ${names.length === 0 ? 'no drives' : names.join(', ')}`,
        { device: name },
      );
    }
    return found;
  }

  #find(name: string): KernelDevice | undefined {
    const parsed = parseDriveName(name);
    if (parsed !== null) {
      const disk = this.#disks()[parsed.index];
      if (disk === undefined || parsed.partition === 0) return disk;
      return partitionsOf(disk).find(({ partitionNumber }) => partitionNumber === parsed.partition);
    }
    const tag = BY_TAG.exec(name);
    if (tag !== null) {
      const found = this.#options.findTag((tag[1] ?? '').toUpperCase(), unescapeHex(tag[2] ?? ''));
      return found === undefined ? undefined : this.#find(found);
    }
    const label = BY_DRIVE_LABEL.exec(name)?.[1];
    if (label !== undefined) {
      const labels = this.labels();
      return Object.hasOwn(labels, label) ? this.#find(labels[label] as string) : undefined;
    }
    const all = this.#all();
    const direct = all.find((candidate) => candidate.name === name);
    if (direct !== undefined) return direct;
    return name.startsWith('/dev/') ? all.find(({ kernel }) => kernel === kernelOfAlias(name)) : undefined;
  }
}

function device(kernel: string, name: string, kind: DeviceKind): KernelDevice {
  return { kernel, name, kind };
}

/** A device for reading and writing, or for reading alone where the kernel lets nobody write: it may be mounted. */
function openNode(node: string, readonly: boolean): BlockDevice {
  if (readonly) return openFile(node, { lock: false });
  try {
    return openFile(node, { writable: true, lock: false });
  } catch (error) {
    if (!(error instanceof GuestfsError) || !/^(EPERM|EACCES|EBUSY|EROFS)$/.test(error.code)) throw error;
    return openFile(node, { lock: false });
  }
}

/** To write a device through it need not be open for writing, which a disk in use may refuse. */
function flushNode(node: string): void {
  let fd: number;
  try {
    fd = openSync(node, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (/^(EPERM|EACCES|ENOMEDIUM|ENXIO|ENODEV|ENOENT)$/.test(code ?? '')) return;
    throw hostError(error, `cannot open ${node}`, node);
  }
  try {
    fsyncSync(fd);
  } catch (error) {
    throw hostError(error, `cannot write ${node} through`, node);
  } finally {
    closeSync(fd);
  }
}

function plain({ kernel: _kernel, ...rest }: KernelDevice): GuestDevice {
  return rest;
}

function partitionsOf(disk: KernelDevice): KernelDevice[] {
  return kernelPartitions(disk.kernel).map(({ name, number, extended }) => ({
    kernel: name,
    name: partitionDeviceName(disk.name, number),
    kind: 'partition',
    parent: disk.name,
    partitionNumber: number,
    ...(extended ? { extended: true } : {}),
  }));
}

/** Kernel name behind /dev/mapper/VG-LV, /dev/dm-3, /dev/md/NAME and what else is linked to a node. */
function kernelOfAlias(name: string): string | undefined {
  const mapper = /^\/dev\/mapper\/(.+)$/.exec(name)?.[1];
  if (mapper !== undefined) return mapperDevices().find((found) => found.name === mapper)?.kernel;
  try {
    const stat = statSync(name);
    return stat.isBlockDevice() ? nameOfNumber(deviceNumbers(stat.rdev)) : undefined;
  } catch {
    return undefined;
  }
}

function readOnly(kernel: string): boolean {
  return sysText(`/sys/class/block/${kernel}/ro`) === '1';
}

/** The serial number of a disk, which is the label it was added with. */
function serialOf(kernel: string): string | undefined {
  const virtio = sysText(`/sys/block/${kernel}/serial`)?.trim();
  if (virtio !== undefined && virtio !== '') return virtio;
  try {
    const page = readFileSync(`/sys/block/${kernel}/device/vpd_pg80`);
    const text = page.subarray(VPD_HEADER).toString('latin1').replace(/\0+$/, '').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}
