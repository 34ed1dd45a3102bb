import { GuestfsError } from '../../errors/index.ts';
import type { Handle } from '../common/handle.ts';

/** Kinds of things that virt-filesystems shows. */
export interface Wanted {
  filesystems: boolean;
  /** Filesystems that cannot be mounted too. */
  extra: boolean;
  logicalVolumes: boolean;
  volumeGroups: boolean;
  physicalVolumes: boolean;
  partitions: boolean;
  blockDevices: boolean;
}

/** What is found out beside names. */
export interface Details {
  long: boolean;
  uuid: boolean;
}

/** One thing that is shown; what does not apply is undefined. */
export interface Row {
  name: string;
  type: 'filesystem' | 'lv' | 'vg' | 'pv' | 'partition' | 'device';
  vfs?: string | undefined;
  label?: string | undefined;
  mbr?: string | undefined;
  size?: number | undefined;
  parents?: string[] | undefined;
  uuid?: string | undefined;
}

/** What a call gives, undefined if it fails: one thing that cannot be told must not hide all others. */
async function attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof GuestfsError) return undefined;
    throw error;
  }
}

const orUndefined = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** The rows in the order in which they are shown: filesystems, volumes from the top down, partitions, disks. */
export async function* filesystemRows(handle: Handle, wanted: Wanted, details: Details): AsyncGenerator<Row> {
  if (wanted.filesystems) yield* filesystems(handle, wanted.extra, details);
  if (wanted.logicalVolumes) yield* logicalVolumes(handle, details);
  if (wanted.volumeGroups) yield* volumeGroups(handle, details);
  if (wanted.physicalVolumes) yield* physicalVolumes(handle, details);
  if (wanted.partitions) yield* partitions(handle, details);
  if (wanted.blockDevices) {
    for (const name of await handle.listDevices()) {
      yield { name, type: 'device', size: details.long ? await handle.blockdevGetsize64(name) : undefined };
    }
  }
}

async function* filesystems(handle: Handle, extra: boolean, { long, uuid }: Details): AsyncGenerator<Row> {
  for (const [name, vfs] of Object.entries(await handle.listFilesystems())) {
    const mountable = vfs !== 'swap' && vfs !== 'unknown';
    if (!mountable && !extra) continue;
    const row: Row = { name, type: 'filesystem' };
    if (long) {
      row.vfs = vfs;
      row.label = orUndefined(await attempt(() => handle.vfsLabel(name)));
      row.size =
        (mountable ? await mountedSize(handle, name) : undefined) ?? (await deviceSize(handle, name));
      if (uuid) row.uuid = orUndefined(await attempt(() => handle.vfsUuid(name)));
    }
    yield row;
  }
}

/** Bytes that the filesystem has for files, as df counts them. */
async function mountedSize(handle: Handle, mountable: string): Promise<number | undefined> {
  return attempt(async () => {
    await handle.mountRo(mountable, '/');
    try {
      const { blocks, frsize, bsize } = await handle.statvfs('/');
      return blocks * (frsize > 0 ? frsize : bsize);
    } finally {
      await handle.umountAll();
    }
  });
}

async function deviceSize(handle: Handle, mountable: string): Promise<number | undefined> {
  return attempt(async () => handle.blockdevGetsize64(await handle.mountableDevice(mountable)));
}

async function* logicalVolumes(handle: Handle, { long, uuid }: Details): AsyncGenerator<Row> {
  for (const name of (await attempt(() => handle.lvs())) ?? []) {
    const row: Row = { name, type: 'lv' };
    if (long) {
      row.size = await attempt(() => handle.blockdevGetsize64(name));
      row.parents = [name.slice(0, name.lastIndexOf('/'))];
      if (uuid) row.uuid = await attempt(() => handle.lvuuid(name));
    }
    yield row;
  }
}

async function* volumeGroups(handle: Handle, { long, uuid }: Details): AsyncGenerator<Row> {
  if (!long) {
    for (const name of (await attempt(() => handle.vgs())) ?? []) yield { name: `/dev/${name}`, type: 'vg' };
    return;
  }
  for (const { vgName, vgSize, vgUuid } of (await attempt(() => handle.vgsFull())) ?? []) {
    yield {
      name: `/dev/${vgName}`,
      type: 'vg',
      size: vgSize,
      parents: await attempt(() => physicalVolumesOf(handle, vgName)),
      uuid: uuid ? vgUuid : undefined,
    };
  }
}

/** Devices of a group's physical volumes. */
async function physicalVolumesOf(handle: Handle, group: string): Promise<string[]> {
  const uuids = new Set((await handle.vgpvuuids(group)).map((uuid) => uuid.replaceAll('-', '')));
  const all = await handle.pvsFull();
  return all.filter(({ pvUuid }) => uuids.has(pvUuid.replaceAll('-', ''))).map(({ pvName }) => pvName);
}

async function* physicalVolumes(handle: Handle, { long, uuid }: Details): AsyncGenerator<Row> {
  if (!long) {
    for (const name of (await attempt(() => handle.pvs())) ?? []) yield { name, type: 'pv' };
    return;
  }
  for (const { pvName, pvSize, pvUuid } of (await attempt(() => handle.pvsFull())) ?? []) {
    yield { name: pvName, type: 'pv', size: pvSize, uuid: uuid ? pvUuid : undefined };
  }
}

async function* partitions(handle: Handle, { long }: Details): AsyncGenerator<Row> {
  for (const name of await handle.listPartitions()) {
    const row: Row = { name, type: 'partition' };
    if (long) {
      row.size = await handle.blockdevGetsize64(name);
      const parent = await attempt(() => handle.partToDev(name));
      row.parents = parent === undefined ? undefined : [parent];
      row.mbr = parent === undefined ? undefined : await attempt(() => mbrType(handle, name, parent));
    }
    yield row;
  }
}

/** Type byte of an MBR partition as two hexadecimal digits; undefined in other partition tables. */
async function mbrType(handle: Handle, partition: string, disk: string): Promise<string | undefined> {
  if ((await handle.partGetParttype(disk)) !== 'msdos') return undefined;
  const id = await handle.partGetMbrId(disk, await handle.partToPartnum(partition));
  return id.toString(16).padStart(2, '0');
}
