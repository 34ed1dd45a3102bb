import { type FstabEntry, parseCrypttab, parseFstab } from '../formats/fstab.ts';
import { unescapeHex } from '../bytes/escapes.ts';
import { parseGuestDisk } from './device-names.ts';
import type { GuestDevices } from './devices.ts';
import type { GuestFiles } from './guest-files.ts';

/** Where the filesystems of a system belong. */
export interface MountTable {
  /** Mount point to mountable; shorter mount points first, so that they can be mounted in this order. */
  mountpoints: Map<string, string>;
  /** All mountables, swap among them, none twice, from the end of fstab to its start as libguestfs has them. */
  filesystems: string[];
}

/** Entries that are looked at; more are no mount table that anybody wrote. */
const MOST_ENTRIES = 1000;

/** Filesystems without a device of the guest's. */
const VIRTUAL =
  /^(?:none|ignore|proc|procfs|kernfs|sysfs|devfs|devpts|devtmpfs|tmpfs|mfs|ramfs|fdescfs|ptyfs|usbfs|debugfs|tracefs|bpf|cgroup2?|configfs|securityfs|efivarfs|mqueue|hugetlbfs|overlay|aufs|unionfs|nullfs|autofs|nfs4?|cifs|smb3?|smbfs|9p|virtiofs|ceph|glusterfs|sshfs|davfs|fuse(?!blk)(?:\..*)?)$/;

/** Drives that take discs. */
const REMOVABLE = /^\/dev\/(?:sr|scd|cdrom|cdrw|dvd|fd|floppy|cd|acd)[0-9a-z]*$/;

/** `TAG=value`, and the folders of names that FreeBSD keeps for the same. */
const TAGGED = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/;
const BY_TAG = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.+)$/;
const FREEBSD_LABELS: readonly (readonly [RegExp, string])[] = [
  [/^\/dev\/gpt\/(.+)$/, 'PARTLABEL'],
  [/^\/dev\/gptid\/(.+)$/, 'PARTUUID'],
  [/^\/dev\/(?:ufs|msdosfs|ext2fs|ntfs|iso9660|label)\/(.+)$/, 'LABEL'],
  // NetBSD names wedges so.
  [/^NAME=(.+)$/, 'PARTLABEL'],
];

/** Read a system's fstab and find its devices among those of the platform. */
export function readMountTable(files: GuestFiles, root: string, devices: GuestDevices): MountTable {
  const entries = parseFstab(files.text('/etc/fstab') ?? '').slice(0, MOST_ENTRIES);
  const resolver = new Resolver(files, root, devices, entries);
  const points = new Map<string, string>();
  const inOrder: string[] = [];
  for (const entry of entries) {
    const device = resolver.resolve(entry);
    if (device === undefined) continue;
    const point = mountpointOf(entry);
    if (point !== undefined) points.set(point, device);
    else if (!isSwap(entry)) continue;
    inOrder.push(device);
  }
  if (!points.has('/')) {
    points.set('/', root);
    inOrder.unshift(root);
  }
  const sorted = [...points].sort(([a], [b]) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0));
  return { mountpoints: new Map(sorted), filesystems: [...new Set(inOrder.reverse())] };
}

function isSwap({ type, file }: FstabEntry): boolean {
  return type === 'swap' || file === 'swap';
}

/** Mount point without doubled or trailing slashes; undefined where the entry has none. */
function mountpointOf(entry: FstabEntry): string | undefined {
  const { file } = entry;
  if (isSwap(entry) || !file.startsWith('/') || file.includes('\0')) return undefined;
  const parts = file.split('/').filter((part) => part !== '');
  return parts.includes('..') || parts.includes('.') ? undefined : `/${parts.join('/')}`;
}

/** Finds out which of the platform's devices an entry means. */
class Resolver {
  readonly #root: string;
  readonly #devices: GuestDevices;
  readonly #crypttab: Map<string, string>;
  /** Where the guest's own numbering of disks differs from ours. */
  readonly #moved = new Map<number, string>();

  constructor(files: GuestFiles, root: string, devices: GuestDevices, entries: readonly FstabEntry[]) {
    this.#root = root;
    this.#devices = devices;
    const crypttab = parseCrypttab(files.text('/etc/crypttab') ?? '').slice(0, MOST_ENTRIES);
    this.#crypttab = new Map(crypttab.map(({ name, device }) => [name, device]));
    this.#learn(entries);
  }

  /**
   * A guest that calls its root /dev/sda2 has its disks numbered from where it was running. Where our own name of
   * that root is partition 2 of another disk, that disk is the guest's first.
   */
  #learn(entries: readonly FstabEntry[]): void {
    const own = entries.find((entry) => mountpointOf(entry) === '/');
    const named = own === undefined ? undefined : parseGuestDisk(own.spec);
    const place = this.#devices.place(this.#root);
    if (named?.disk === undefined || place === undefined || named.partition !== place.number) return;
    this.#moved.set(named.disk, place.disk);
  }

  resolve(entry: FstabEntry): string | undefined {
    if (mountpointOf(entry) === '/' || entry.spec === '/dev/root') return this.#root;
    if (VIRTUAL.test(entry.type) || REMOVABLE.test(entry.spec)) return undefined;
    if (entry.options.some((option) => option === 'bind' || option === 'rbind')) return undefined;
    const device = this.#device(entry.spec);
    if (device === undefined || entry.type !== 'btrfs') return device;
    const subvolume = entry.options.find((option) => option.startsWith('subvol='))?.slice(7);
    const path = subvolume?.replace(/^\/+/, '') ?? '';
    return path === '' ? device : `btrfsvol:${device}/${path}`;
  }

  #device(spec: string): string | undefined {
    const tagged = TAGGED.exec(spec);
    if (tagged) return this.#devices.byTag(tagged[1] as string, tagged[2] as string);
    const byTag = BY_TAG.exec(spec);
    if (byTag) return this.#devices.byTag(byTag[1] as string, unescapeHex(byTag[2] as string));
    for (const [pattern, tag] of FREEBSD_LABELS) {
      const label = pattern.exec(spec)?.[1];
      if (label !== undefined) return this.#devices.byTag(tag, label);
    }
    if (spec.startsWith('ID=')) return this.#place(`/dev/disk/by-id/${spec.slice(3)}`);
    // The numbers of device-mapper devices are given at boot, in an order that nothing on the disk tells.
    if (!spec.startsWith('/dev/') || spec.includes('\0') || spec.startsWith('/dev/dm-')) return undefined;
    const placed = this.#place(spec) ?? this.#devices.find(spec) ?? this.#decrypted(spec);
    if (placed !== undefined) return placed;
    // Not one of ours: told as it is written, so that it is seen to be missing; an identity tells nothing.
    return spec.startsWith('/dev/disk/') ? undefined : spec;
  }

  /** A device that the name of a disk and the number of a partition stand for. */
  #place(spec: string): string | undefined {
    const named = parseGuestDisk(spec);
    if (named === undefined) return undefined;
    const disks = this.#devices.disks();
    if (named.disk !== undefined) {
      const disk = this.#moved.get(named.disk) ?? disks[named.disk];
      if (disk === undefined) return undefined;
      return named.partition === 0 ? disk : this.#devices.partition(disk, named.partition);
    }
    // Which disk has the identity is not known: the root's own, or the only one with such a partition.
    if (named.partition === 0) return disks.length === 1 ? disks[0] : undefined;
    const own = this.#devices.place(this.#root)?.disk;
    const candidates = own === undefined ? disks : [own];
    const found = candidates.flatMap((disk) => this.#devices.partition(disk, named.partition) ?? []);
    return found.length === 1 ? found[0] : undefined;
  }

  /** /dev/mapper/NAME of crypttab, where the platform has the opened device under its encrypted one's name. */
  #decrypted(spec: string): string | undefined {
    const name = /^\/dev\/mapper\/(.+)$/.exec(spec)?.[1];
    const below = name === undefined ? undefined : this.#crypttab.get(name);
    const uuid = below === undefined ? undefined : /^UUID=(.+)$/.exec(below)?.[1];
    return uuid === undefined ? undefined : this.#devices.find(`/dev/mapper/luks-${uuid}`);
  }
}
