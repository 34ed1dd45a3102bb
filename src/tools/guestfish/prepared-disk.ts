import type { Handle } from '../common/handle.ts';
import { UsageError } from '../common/usage-error.ts';
import { parseNumber } from './numbers.ts';

/** A parameter of a prepared disk: its name, what it is, and what it is if nothing is said. */
interface DiskParameter {
  name: string;
  words: string;
  otherwise: string;
}

/** A kind of disk that `-N` makes. */
interface PreparedType {
  name: string;
  words: string;
  parameters: readonly DiskParameter[];
  /** Fill the disk `device`; `values` are the parameters in order. */
  fill(handle: Handle, device: string, values: readonly string[]): Promise<void>;
}

const SIZE: DiskParameter = { name: 'size', words: 'the size of the disk image', otherwise: '1G' };
const TABLE: DiskParameter = { name: 'partition', words: 'partition table type', otherwise: 'mbr' };
const NAME: DiskParameter = {
  name: 'name',
  words: 'the name of the volume group and logical volume',
  otherwise: '/dev/VG/LV',
};
const BOOT_SIZE: DiskParameter = {
  name: 'bootsize',
  words: 'the size of the boot filesystem',
  otherwise: '128M',
};

function filesystemParameter(name: string, what: string): DiskParameter {
  return { name, words: `the type of the ${what}filesystem`, otherwise: 'ext2' };
}

/** Sector at which the first partition begins: aligned for every disk there is. */
const FIRST_SECTOR = 2048;
/** Sectors at the end that a GPT keeps for its copy, and then some. */
const LAST_SECTORS = 64;
const SECTOR = 512;

async function partitionDisk(handle: Handle, device: string, table = 'mbr'): Promise<string> {
  await handle.partDisk(device, table);
  return `${device}1`;
}

function volumeNames(name: string): [group: string, volume: string] {
  const match = /^\/dev\/([^/]+)\/([^/]+)$/.exec(name);
  if (match === null) throw new UsageError(`-N: the name ${name} of a volume: expected /dev/GROUP/VOLUME`);
  return [match[1] as string, match[2] as string];
}

async function makeVolume(handle: Handle, partition: string, name: string): Promise<void> {
  const [group, volume] = volumeNames(name);
  await handle.pvcreate(partition);
  await handle.vgcreate(group, [partition]);
  await handle.lvcreateFree(volume, group, 100);
}

/** Two partitions: one of `bootSize` with a filesystem, and the rest. Returns the second. */
async function bootAndRest(
  handle: Handle,
  device: string,
  { table, bootSize, bootType }: { table: string; bootSize: string; bootType: string },
): Promise<string> {
  const size = Number(parseNumber(bootSize, { what: '-N: bootsize', bits: 64 }));
  const sectors = Math.floor(size / SECTOR);
  await handle.partInit(device, table);
  await handle.partAdd(device, 'primary', FIRST_SECTOR, FIRST_SECTOR + sectors - 1);
  await handle.partAdd(device, 'primary', FIRST_SECTOR + sectors, -LAST_SECTORS);
  await handle.mkfs(bootType, `${device}1`);
  return `${device}2`;
}

/** What `-N` can make. */
export const preparedTypes: readonly PreparedType[] = [
  { name: 'disk', words: 'a blank disk', parameters: [SIZE], fill: async () => undefined },
  {
    name: 'part',
    words: 'a disk with one partition',
    parameters: [SIZE, TABLE],
    fill: async (handle, device, [, table]) => void (await partitionDisk(handle, device, table)),
  },
  {
    name: 'fs',
    words: 'a partition with a filesystem',
    parameters: [filesystemParameter('filesystem', ''), SIZE, TABLE],
    async fill(handle, device, [type = '', , table]) {
      await handle.mkfs(type, await partitionDisk(handle, device, table));
    },
  },
  {
    name: 'lv',
    words: 'a partition with a logical volume',
    parameters: [NAME, SIZE, TABLE],
    async fill(handle, device, [name = '', , table]) {
      await makeVolume(handle, await partitionDisk(handle, device, table), name);
    },
  },
  {
    name: 'lvfs',
    words: 'a partition with a logical volume with a filesystem',
    parameters: [NAME, filesystemParameter('filesystem', ''), SIZE, TABLE],
    async fill(handle, device, [name = '', type = '', , table]) {
      await makeVolume(handle, await partitionDisk(handle, device, table), name);
      await handle.mkfs(type, name);
    },
  },
  {
    name: 'bootroot',
    words: 'a partition for /boot and one for the root, with filesystems',
    parameters: [
      filesystemParameter('bootfs', 'boot '),
      filesystemParameter('rootfs', 'root '),
      SIZE,
      BOOT_SIZE,
      TABLE,
    ],
    async fill(handle, device, [bootType = '', rootType = '', , bootSize = '', table = '']) {
      await handle.mkfs(rootType, await bootAndRest(handle, device, { table, bootSize, bootType }));
    },
  },
  {
    name: 'bootrootlv',
    words: 'a partition for /boot, and the root on a logical volume, with filesystems',
    parameters: [
      NAME,
      filesystemParameter('bootfs', 'boot '),
      filesystemParameter('rootfs', 'root '),
      SIZE,
      BOOT_SIZE,
      TABLE,
    ],
    async fill(handle, device, [name = '', bootType = '', rootType = '', , bootSize = '', table = '']) {
      await makeVolume(handle, await bootAndRest(handle, device, { table, bootSize, bootType }), name);
      await handle.mkfs(rootType, name);
    },
  },
];

/** One `-N`, taken apart. */
export interface PreparedDisk {
  file: string;
  type: PreparedType;
  values: readonly string[];
  /** Bytes. */
  size: number;
}

/**
 * `[FILE=]TYPE[:PARAMETER...]`; the `index`th of the command line, from 1, is `testN.img` where no file is named.
 * Throws UsageError.
 */
export function parsePreparedDisk(text: string, index: number): PreparedDisk {
  const match = /^(?:(.+?)=)?([^=:]+)(?::(.*))?$/.exec(text);
  const type = preparedTypes.find(({ name }) => name === match?.[2]);
  if (match === null || type === undefined) {
    const known = preparedTypes.map(({ name }) => name).join(', ');
    throw new UsageError(
      `-N ${text}: there is no prepared disk of this type, there are ${known} (-N help tells about them)`,
    );
  }
  const given = match[3] === undefined ? [] : match[3].split(':');
  if (given.length > type.parameters.length) {
    throw new UsageError(`-N ${text}: too many parameters, ${type.name} has ${type.parameters.length}`);
  }
  const values = type.parameters.map(({ otherwise }, at) =>
    given[at] === undefined || given[at] === '' ? otherwise : given[at],
  );
  const sizeText = values[type.parameters.indexOf(SIZE)] ?? SIZE.otherwise;
  const size = Number(parseNumber(sizeText, { what: `-N ${type.name}: size`, bits: 64 }));
  if (!(size > 0)) throw new UsageError(`-N ${text}: the size ${sizeText} is not possible for a disk`);
  return { file: match[1] ?? `test${index}.img`, type, values, size };
}

/** What `-N help` prints. */
export function preparedHelp(): string {
  const types = preparedTypes.map(({ name, words, parameters }) => {
    const syntax = [name, ...parameters.map((parameter) => `<${parameter.name}>`)].join(':');
    const lines = parameters.map(
      (parameter) => `      <${parameter.name}> ${parameter.words} (default: ${parameter.otherwise})`,
    );
    return [`  -N ${syntax}`, `      ${words}`, ...lines].join('\n');
  });
  return [
    'Disks that -N makes:',
    ...types,
    'They are written to test1.img, test2.img and so on, or to the file that is named before: -N blank.img=fs:ext4:10G',
    '',
  ].join('\n\n');
}

/** Make the host files of prepared disks, sparse, and add them. */
export async function addPreparedDisks(handle: Handle, disks: readonly PreparedDisk[]): Promise<void> {
  for (const { file, size } of disks) {
    await handle.diskCreate(file, 'raw', size);
    await handle.addDrive(file, { format: 'raw' });
  }
}

/** Partition and format the prepared disks of a launched handle; they are its drives from number `first` on. */
export async function fillPreparedDisks(
  handle: Handle,
  disks: readonly PreparedDisk[],
  first: number,
): Promise<void> {
  for (const [at, { type, values }] of disks.entries()) {
    await type.fill(handle, await handle.deviceName(first + at), values);
  }
}
