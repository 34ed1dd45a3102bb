import type { BlockDevice } from '../../block/device.ts';
import { rangeDevice } from '../../block/range.ts';
import { GuestfsError } from '../../errors/index.ts';
import { readPartitionTable, type Partition, type PartitionTable } from '../../partitions/index.ts';
import { partitionDeviceName } from './device-names.ts';
import type { OpenDrive } from './drives.ts';

/** A drive with its partition table, which is read at first use. */
export class Disk {
  readonly drive: OpenDrive;
  readonly #warn: (message: string) => void;
  readonly #partitions = new Map<number, BlockDevice>();
  #table: PartitionTable | null | undefined;

  constructor(drive: OpenDrive, warn: (message: string) => void) {
    this.drive = drive;
    this.#warn = warn;
  }

  get name(): string {
    return this.drive.name;
  }

  get device(): BlockDevice {
    return this.drive.device;
  }

  /** The partition table, or null where there is none. Throws where there is one that cannot be read. */
  table(): PartitionTable | null {
    if (this.#table === undefined) {
      this.#table = readPartitionTable(this.drive.device, {
        warn: (message) => this.#warn(`${this.name}: ${message}`),
      });
    }
    return this.#table;
  }

  /** Forget the table, so that it is read again. */
  reread(): void {
    this.#table = undefined;
    this.#partitions.clear();
  }

  partitions(): readonly Partition[] {
    return this.table()?.partitions ?? [];
  }

  partition(number: number): Partition | undefined {
    return this.partitions().find((partition) => partition.number === number);
  }

  /** The bytes of a partition, as many as Linux shows. */
  openPartition(number: number): BlockDevice {
    const name = partitionDeviceName(this.name, number);
    let device = this.#partitions.get(number);
    if (device === undefined) {
      const partition = this.partition(number);
      if (partition === undefined) {
        throw new GuestfsError('ENOENT', `${name}: ${this.name} has no partition ${number}`, {
          device: name,
        });
      }
      const { start, deviceSize } = partition;
      const end = Math.min(start + deviceSize, this.device.size);
      if (end <= start) {
        throw new GuestfsError(
          'EIO',
          `${name} starts at byte ${start}, but ${this.name} has only ${this.device.size} bytes`,
          { device: name, offset: start },
        );
      }
      device = rangeDevice(this.device, start, end - start, name);
      this.#partitions.set(number, device);
    }
    return device;
  }
}
