import { GuestfsError } from '../errors/index.ts';
import type { Platform } from '../platform/contract.ts';

/** The platform's devices, asked by the names that a guest's configuration uses; what is not there is undefined. */
export class GuestDevices {
  readonly #platform: Platform;
  readonly #known = new Map<string, string | undefined>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Canonical name of a device or an alias of one. */
  find(name: string): string | undefined {
    if (!this.#known.has(name)) this.#known.set(name, this.#find(name));
    return this.#known.get(name);
  }

  /** Device whose filesystem or partition has a tag: `UUID`, `LABEL`, `PARTUUID`, `PARTLABEL`. */
  byTag(tag: string, value: string): string | undefined {
    return value === '' ? undefined : this.find(`/dev/disk/by-${tag.toLowerCase()}/${value}`);
  }

  /** Names of the whole disks in their order. */
  disks(): string[] {
    return this.#platform.devices.disks().map(({ name }) => name);
  }

  /** Partition `number` of a disk. */
  partition(disk: string, number: number): string | undefined {
    return this.#platform.devices
      .partitions()
      .find(({ parent, partitionNumber }) => parent === disk && partitionNumber === number)?.name;
  }

  /** Disk and number of a partition; a disk itself has the number 0; undefined for everything else. */
  place(name: string): { disk: string; number: number } | undefined {
    const { devices } = this.#platform;
    if (devices.disks().some((disk) => disk.name === name)) return { disk: name, number: 0 };
    const found = devices.partitions().find((partition) => partition.name === name);
    if (found?.parent === undefined || found.partitionNumber === undefined) return undefined;
    return { disk: found.parent, number: found.partitionNumber };
  }

  #find(name: string): string | undefined {
    try {
      return this.#platform.devices.find(name).name;
    } catch (error) {
      if (error instanceof GuestfsError) return undefined;
      throw error;
    }
  }
}
