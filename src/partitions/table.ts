/** Kinds of partition tables, spelled as parted(8) does. */
export type PartitionTableType =
  'gpt' | 'msdos' | 'mac' | 'bsd' | 'sun' | 'dvh' | 'amiga' | 'pc98' | 'aix' | 'atari';

/** One partition. Offsets and sizes are in bytes of the whole device. */
export interface Partition {
  /** Number as Linux gives it: 1 to 4 are the MBR's own entries, logical partitions start at 5. */
  number: number;
  start: number;
  /** What the table says, cut at the end of the device. */
  size: number;
  /**
   * Size of the block device that Linux makes of it: {@link size}, but only 1024 bytes (one sector where that is
   * more) of an extended partition, so that nobody makes a filesystem over its logical ones.
   */
  deviceSize: number;
  /** `primary` for every partition of a table that knows no other kind. */
  kind: 'primary' | 'extended' | 'logical';
  /** MBR: the id byte, a number. GPT: the type's GUID, lower case. */
  type: number | string;
  /** MBR: the active flag. GPT: the attribute for legacy BIOS boot. */
  bootable: boolean;
  /** GPT: unique GUID, lower case. */
  guid?: string;
  /** GPT: name; empty where it has none. */
  name?: string;
  /** GPT: all 64 attribute bits. */
  attributes?: bigint;
}

/** A partition table. */
export interface PartitionTable {
  type: PartitionTableType;
  /** Unit of the table's numbers in bytes; differs from the device's on an image of a 4Kn disk. */
  sectorSize: number;
  /** In ascending order of number. */
  partitions: Partition[];
  /** False where the table was recognised by its magic only: `partitions` is empty whatever is on the disk. */
  readable: boolean;
  /** GPT: lower case. */
  diskGuid?: string;
  /** MBR: the NT disk signature; 0 if there is none. */
  diskSignature?: number;
  /** GPT: the MBR in front of it names other partitions beside the protective one. */
  hybrid?: boolean;
}

/** How a table is read. */
export interface PartitionTableOptions {
  /** Hears of damage that does not stop the reading, one sentence each. */
  warn?: (message: string) => void;
}
