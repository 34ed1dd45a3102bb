import { identify, type IdentifyOptions } from '../../filesystems/identify/index.ts';
import type { Partition, PartitionTable } from '../../partitions/index.ts';
import type { BlkidTags, DeviceTable, Identification } from '../contract.ts';

/** Major device number of SCSI disks, which blkid shows of a partition's disk. */
const SCSI_MAJOR = 8;
/** Minor numbers that Linux reserves for each SCSI disk. */
const MINORS_PER_DISK = 16;

/** A disk with its partition table. */
interface Disk {
  readonly name: string;
  table(): PartitionTable | null;
  partitions(): readonly Partition[];
  partition(number: number): Partition | undefined;
}

/** Devices of which the disks tell their tables. */
export interface IdentifiedDevices extends DeviceTable {
  /** The disk of a name or alias. Throws ENOENT. */
  disk(name: string): Disk;
}

/** Identification over devices whose bytes are read here; answers are kept until `forget`. */
export class EngineIdentification implements Identification {
  readonly #devices: IdentifiedDevices;
  readonly #known = new Map<string, BlkidTags>();

  constructor(devices: IdentifiedDevices) {
    this.#devices = devices;
  }

  type(device: string): string | undefined {
    return this.superblock(device)['TYPE'];
  }

  /** Tags of the superblock alone, without those of the partition table around it. */
  superblock(device: string): BlkidTags {
    const { name, kind } = this.#devices.find(device);
    let tags = this.#known.get(name);
    if (tags === undefined) {
      const opened = this.#devices.open(name);
      tags = identify(opened, kind === 'disk' ? wholeDisk(this.#devices.disk(name)) : {});
      this.#known.set(name, tags);
    }
    return tags;
  }

  blkid(device: string): BlkidTags {
    const found = this.#devices.find(device);
    const opened = this.#devices.open(found.name);
    const sector = String(opened.sectorSize);
    const tags: BlkidTags = {
      DEVNAME: device,
      MINIMUM_IO_SIZE: sector,
      PHYSICAL_SECTOR_SIZE: sector,
      LOGICAL_SECTOR_SIZE: sector,
      ...this.superblock(found.name),
    };
    if (found.kind === 'disk') Object.assign(tags, tableTags(this.#devices.disk(found.name).table()));
    if (found.kind === 'partition' && found.parent !== undefined && found.partitionNumber !== undefined) {
      Object.assign(tags, this.#entryTags(this.#devices.disk(found.parent), found.partitionNumber));
    }
    return tags;
  }

  /** First device whose tag has the value, in the order disks, partitions, logical volumes. */
  findByTag(tag: string, value: string): string | undefined {
    const partitionTag = tag === 'PARTUUID' || tag === 'PARTLABEL';
    const candidates = partitionTag
      ? this.#devices.partitions()
      : [...this.#devices.disks(), ...this.#devices.partitions(), ...this.#devices.logicalVolumes()];
    for (const candidate of candidates) {
      if (partitionTag) {
        const { parent = '', partitionNumber = 0 } = candidate;
        const tags = this.#entryTags(this.#devices.disk(parent), partitionNumber);
        const found = tag === 'PARTUUID' ? tags['PART_ENTRY_UUID'] : tags['PART_ENTRY_NAME'];
        if (found !== undefined && sameTag(tag, found, value)) return candidate.name;
        continue;
      }
      const found = this.superblock(candidate.name)[tag];
      if (found !== undefined && sameTag(tag, found, value)) return candidate.name;
    }
    return undefined;
  }

  /** Forget all answers: the devices changed. */
  forget(): void {
    if (this.#known.size > 0) this.#known.clear();
  }

  #entryTags(disk: Disk, number: number): BlkidTags {
    const table = disk.table();
    const partition = disk.partition(number);
    if (table === null || partition === undefined) return {};
    const index = this.#devices.disks().findIndex(({ name }) => name === disk.name);
    const tags: BlkidTags = { PART_ENTRY_SCHEME: schemeName(table) };
    if (partition.name !== undefined && partition.name !== '') tags['PART_ENTRY_NAME'] = partition.name;
    const uuid = partitionUuid(table, number);
    if (uuid !== undefined) tags['PART_ENTRY_UUID'] = uuid;
    tags['PART_ENTRY_TYPE'] =
      typeof partition.type === 'number' ? `0x${partition.type.toString(16)}` : String(partition.type);
    if (typeof partition.type === 'number' && partition.bootable) tags['PART_ENTRY_FLAGS'] = '0x80';
    if (partition.attributes !== undefined && partition.attributes !== 0n) {
      tags['PART_ENTRY_FLAGS'] = `0x${partition.attributes.toString(16)}`;
    }
    tags['PART_ENTRY_NUMBER'] = String(number);
    tags['PART_ENTRY_OFFSET'] = String(partition.start / 512);
    tags['PART_ENTRY_SIZE'] = String(partition.size / 512);
    tags['PART_ENTRY_DISK'] = `${SCSI_MAJOR}:${index * MINORS_PER_DISK}`;
    return tags;
  }
}

/** What identification must know of a disk: a superblock inside a partition is the partition's. */
function wholeDisk(disk: Disk): IdentifyOptions {
  return {
    wholeDisk: true,
    insidePartition: (offset, length) =>
      disk
        .partitions()
        .some(({ start, deviceSize }) => offset < start + deviceSize && start < offset + length),
  };
}

/** UUIDs compare without regard to case, labels to the letter. */
function sameTag(tag: string, found: string, wanted: string): boolean {
  return tag.endsWith('UUID') ? found.toLowerCase() === wanted.toLowerCase() : found === wanted;
}

function schemeName(table: PartitionTable): string {
  return table.type === 'msdos' ? 'dos' : table.type;
}

function tableTags(table: PartitionTable | null): BlkidTags {
  if (table === null) return {};
  const uuid = table.type === 'gpt' ? table.diskGuid : table.diskSignature?.toString(16).padStart(8, '0');
  return {
    ...(uuid === undefined || uuid === '00000000' ? {} : { PTUUID: uuid }),
    PTTYPE: schemeName(table),
  };
}

/** PARTUUID: the GUID in GPT; in MBR the disk's signature and the number, both in hex. */
function partitionUuid(table: PartitionTable, number: number): string | undefined {
  if (table.type === 'gpt') return table.partitions.find((p) => p.number === number)?.guid;
  const signature = table.diskSignature;
  if (signature === undefined || signature === 0) return undefined;
  return `${signature.toString(16).padStart(8, '0')}-${number.toString(16).padStart(2, '0')}`;
}
