import type { GivenOption } from './options.ts';
import { UsageError } from './usage-error.ts';

/** A disk named on the command line. */
export interface DiskRequest {
  /** As written. */
  disk: string;
  format: string | undefined;
  blocksize: number | undefined;
  backing: 'none' | 'folder' | 'any' | undefined;
  /** Bytes of a blank disk that is gone in the end, which this one is then. */
  scratch?: number;
  /** `disk` is the name or UUID of a domain of libvirt, whose disks are meant. */
  domain?: boolean;
}

/** One `-m`. */
export interface MountPointRequest {
  device: string;
  mountpoint: string;
  options: string | undefined;
  type: string | undefined;
}

/** A key given with `--key`. */
export interface KeyRequest {
  id: string;
  kind: 'key' | 'file' | 'clevis';
  value: string;
}

/** Where keys of encrypted devices come from. */
export interface KeySource {
  readonly keys: readonly KeyRequest[];
  readonly keysFromStdin: boolean;
  readonly echoKeys: boolean;
}

const NO_WISHES = { format: undefined, blocksize: undefined, backing: undefined };

/** What the options that tools share ask for; made by {@link SharedOptions.take}, in order of the command line. */
export class SharedOptions {
  readonly mounts: MountPointRequest[] = [];
  readonly keys: KeyRequest[] = [];
  keysFromStdin = false;
  echoKeys = false;
  verbose = false;
  trace = false;
  /** URI of the libvirt connection; its default one if absent. */
  connect: string | undefined;
  /** Attach to the guest of `-d`, which is running. */
  live = false;
  /** Set by `--rw`; everything is read-only without it. */
  writable = false;
  /** Set by an explicit `--ro`: what is written goes to an overlay that is dropped at the end. */
  overlay = false;
  #format: string | undefined;
  #blocksize: number | undefined;
  #backing: DiskRequest['backing'];
  #isBackingLast = false;
  readonly #disks: DiskRequest[] = [];

  /** The disks in order. An `--allow-backing` that no `-a` follows can only mean those before it. */
  get disks(): readonly DiskRequest[] {
    if (!this.#isBackingLast) return this.#disks;
    return this.#disks.map((disk) => ({ ...disk, backing: disk.backing ?? this.#backing }));
  }

  /**
   * Take over one option. False if it is none of the shared ones.
   *
   * @throws UsageError for a value that cannot be.
   */
  take(option: GivenOption): boolean {
    const value = option.value ?? '';
    switch (option.name) {
      case 'add':
        this.addDisk(value);
        return true;
      case 'format':
        this.#format = option.value === '' || option.value === 'auto' ? undefined : option.value;
        return true;
      case 'blocksize':
        if (option.value !== undefined && value !== '512' && value !== '4096') {
          throw new UsageError(`--blocksize=${value}: expected 512 or 4096`);
        }
        this.#blocksize = option.value === undefined ? undefined : Number(value);
        return true;
      case 'allow-backing':
        if (value !== 'none' && value !== 'folder' && value !== 'any') {
          throw new UsageError(`--allow-backing=${value}: expected none, folder or any`);
        }
        this.#backing = value;
        this.#isBackingLast = true;
        return true;
      case 'mount':
        this.mounts.push(parseMount(value));
        return true;
      case 'key':
        this.keys.push(parseKey(value));
        return true;
      case 'keys-from-stdin':
        this.keysFromStdin = true;
        return true;
      case 'echo-keys':
        this.echoKeys = true;
        return true;
      case 'domain':
        if (value === '') throw new UsageError('the name of the libvirt guest is empty');
        this.#disks.push({ ...NO_WISHES, disk: value, domain: true });
        return true;
      case 'connect':
        this.connect = value;
        return true;
      case 'live':
        this.live = true;
        return true;
      case 'verbose':
        this.verbose = true;
        return true;
      case 'trace':
        this.trace = true;
        return true;
      default:
        return false;
    }
  }

  /** Add a blank disk of so many bytes that is gone in the end. */
  addScratch(bytes: number): void {
    const disk = `a blank disk of ${bytes} bytes`;
    this.#disks.push({ ...NO_WISHES, disk, scratch: bytes });
  }

  /** Add a disk with the format, sector size and backing policy that hold at this point of the command line. */
  addDisk(disk: string): void {
    if (disk === '') throw new UsageError('the name of a disk image is empty');
    this.#isBackingLast = false;
    this.#disks.push({ disk, format: this.#format, blocksize: this.#blocksize, backing: this.#backing });
  }
}

/** `DEV[:MNT[:OPTS[:FSTYPE]]]`. */
export function parseMount(value: string): MountPointRequest {
  // A subvolume's mountable has colons of its own: btrfsvol:/dev/sda1/home
  const prefix = value.startsWith('btrfsvol:') ? 'btrfsvol:' : '';
  const [device = '', mountpoint = '/', options, ...type] = value.slice(prefix.length).split(':');
  if (device === '') throw new UsageError(`-m ${value}: the device is missing`);
  return {
    device: prefix + device,
    mountpoint: mountpoint === '' ? '/' : mountpoint,
    options,
    type: type.length === 0 || type.join('') === '' ? undefined : type.join(':'),
  };
}

/** `ID:key:TEXT`, `ID:file:NAME` or `ID:clevis`. */
export function parseKey(value: string): KeyRequest {
  const match = /^(.*?):(key|file):([^]*)$/.exec(value) ?? /^(.*?):(clevis)$/.exec(value);
  if (match === null)
    throw new UsageError(`--key '${value}': expected ID:key:TEXT, ID:file:FILE or ID:clevis`);
  const [, id = '', kind, text = ''] = match;
  if (id === '') throw new UsageError(`--key '${value}': the device or UUID before the colon is missing`);
  return { id, kind: kind as KeyRequest['kind'], value: text };
}
