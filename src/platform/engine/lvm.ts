import type { BlockDevice } from '../../block/device.ts';
import { GuestfsError } from '../../errors/index.ts';
import { devicePath, mapperName } from '../../volumes/lvm2/names.ts';
import { VolumeOpener } from '../../volumes/lvm2/open.ts';
import { scanDevices, type LvmDevice } from '../../volumes/lvm2/scan.ts';

interface ActiveVolume {
  opener: VolumeOpener;
  volume: string;
}

/** The logical volumes of the engine's devices, scanned at the first question. */
export class EngineLvm {
  readonly #devices: () => LvmDevice[];
  readonly #warn: (message: string) => void;
  #active: Map<string, ActiveVolume> | undefined;
  #aliases = new Map<string, string>();

  constructor(devices: () => LvmDevice[], warn: (message: string) => void) {
    this.#devices = devices;
    this.#warn = warn;
  }

  /** `/dev/VG/LV` of the active logical volumes that are not hidden, sorted. */
  activeNames(): string[] {
    return [...this.#volumes().keys()].toSorted();
  }

  /** `/dev/VG/LV` for a name or one of its aliases; undefined where there is no such volume. */
  canonicalName(name: string): string | undefined {
    return this.#volumes().has(name) ? name : this.#aliases.get(name);
  }

  /** The bytes of an active logical volume. Throws ENOENT, and what opening a segment type throws. */
  open(canonical: string): BlockDevice {
    const active = this.#volumes().get(canonical);
    if (active === undefined) {
      throw new GuestfsError('ENOENT', `${canonical}: no such logical volume`, { device: canonical });
    }
    return active.opener.open(active.volume);
  }

  /** Look at the devices again at the next question. */
  forget(): void {
    this.#active = undefined;
    this.#aliases.clear();
  }

  #volumes(): Map<string, ActiveVolume> {
    if (this.#active !== undefined) return this.#active;
    const active = new Map<string, ActiveVolume>();
    for (const found of scanDevices(this.#devices(), { warn: this.#warn }).volumeGroups) {
      const opener = new VolumeOpener(found, this.#warn);
      for (const volume of found.group.logicalVolumes.values()) {
        if (!volume.status.has('VISIBLE') || volume.flags.has('ACTIVATION_SKIP')) continue;
        if (volume.segments[0]?.type === 'thin-pool') continue;
        const name = devicePath(found.group.name, volume.name);
        if (active.has(name)) continue;
        active.set(name, { opener, volume: volume.name });
        this.#aliases.set(`/dev/mapper/${mapperName(found.group.name, volume.name)}`, name);
      }
    }
    this.#active = active;
    return active;
  }
}
