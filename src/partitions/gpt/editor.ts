import type { BlockDevice } from '../../block/device.ts';
import { guidText, parseGuid } from '../../bytes/guid.ts';
import { divideUp } from '../../bytes/round.ts';
import { randomUuid } from '../../crypto/random.ts';
import { GuestfsError } from '../../errors/index.ts';
import {
  checkOverlap,
  checkRange,
  type EditedPartition,
  entryTaken,
  needNumber,
  type PartitionEditor,
  type PartitionKind,
} from '../editor.ts';
import { isDamage, type GptCopy, readGptCopy } from './copy.ts';
import { ESP_TYPE, GPT_SIGNATURE, GptEntry, GptHeader, LINUX_TYPE, NAME_UNITS } from './layout.ts';
import { writeGpt } from './writer.ts';

/** What the specification asks for at least, and everybody makes. */
const ENTRY_COUNT = 128;
const REVISION_1 = 0x0001_0000;

/** A GPT to be changed: header and entries as they are on disk, so that what is not known here is kept. */
export class GptEditor implements PartitionEditor {
  readonly type = 'gpt';
  readonly sectorSize: number;
  /** Of the disk. */
  readonly sectors: number;
  /** Sector of the primary copy's entries. */
  readonly arraySector: number;
  /** The sector of the primary header; addresses and checksums are set when it is written. */
  readonly header: Uint8Array;
  readonly entries: Uint8Array;
  readonly entrySize: number;
  readonly entryCount: number;
  /** False where the primary copy on the disk cannot be relied on, so that it is written before the backup. */
  primaryGood: boolean;
  /** Where the disk's backup is now, if not in the last sector. */
  strayBackup: number | undefined;
  /** The protective MBR is written too: where the table is new, or has grown. */
  writesProtectiveMbr = false;
  /** The boot code that a new protective MBR keeps. */
  bootCode: Uint8Array | undefined;

  constructor(sectors: number, sectorSize: number, copy: GptCopy, arraySector: number, primaryGood: boolean) {
    this.sectors = sectors;
    this.sectorSize = sectorSize;
    this.header = copy.header;
    this.entries = copy.entries;
    this.entrySize = copy.entrySize;
    this.entryCount = copy.entryCount;
    this.arraySector = arraySector;
    this.primaryGood = primaryGood;
  }

  /** Sectors that the entries fill. */
  get arraySectors(): number {
    return divideUp(this.entries.length, this.sectorSize);
  }

  get firstUsable(): number {
    return GptHeader.view(this.header).first_usable_lba;
  }

  get lastUsable(): number {
    return GptHeader.view(this.header).last_usable_lba;
  }

  partitions(): EditedPartition[] {
    const found: EditedPartition[] = [];
    for (let number = 1; number <= this.entryCount; number++) {
      const entry = this.#entry(number);
      if (isFree(entry.partition_type_guid)) continue;
      found.push({
        number,
        first: Number(entry.starting_lba),
        last: Number(entry.ending_lba),
        kind: 'primary',
      });
    }
    return found;
  }

  #entry(number: number) {
    return GptEntry.view(this.entries, (number - 1) * this.entrySize);
  }

  /** The entry of a partition that exists. Throws EINVAL. */
  #needEntry(number: number) {
    needNumber(this.partitions(), number);
    return this.#entry(number);
  }

  #checkPlace(first: number, last: number, others: readonly EditedPartition[]): void {
    checkRange(first, last, this.sectors);
    if (first < this.firstUsable || last > this.lastUsable) {
      throw new GuestfsError(
        'EINVAL',
        `sectors ${first} to ${last} are not all usable: this GPT gives partitions ${this.firstUsable} to ${this.lastUsable}`,
      );
    }
    checkOverlap(first, last, others);
  }

  add(_kind: PartitionKind, first: number, last: number, wanted?: number): number {
    const others = this.partitions();
    this.#checkPlace(first, last, others);
    const taken = new Set(others.map(({ number }) => number));
    let number = wanted ?? 1;
    if (wanted === undefined) while (taken.has(number)) number++;
    else if (taken.has(number) || number < 1 || number > this.entryCount) {
      throw entryTaken(number, this.entryCount);
    }
    if (number > this.entryCount) {
      throw new GuestfsError('ENOSPC', `all ${this.entryCount} entries of this GPT are in use`);
    }
    this.#clear(number);
    const entry = this.#entry(number);
    entry.partition_type_guid = needGuid(LINUX_TYPE);
    entry.unique_partition_guid = randomGuid();
    entry.starting_lba = BigInt(first);
    entry.ending_lba = BigInt(last);
    return number;
  }

  #clear(number: number): void {
    this.entries.fill(0, (number - 1) * this.entrySize, number * this.entrySize);
  }

  remove(number: number): void {
    this.#needEntry(number);
    this.#clear(number);
  }

  resize(number: number, last: number): void {
    const { first } = needNumber(this.partitions(), number);
    const others = this.partitions().filter((partition) => partition.number !== number);
    this.#checkPlace(first, last, others);
    this.#entry(number).ending_lba = BigInt(last);
  }

  /** As parted(8) does it: an EFI system partition is bootable, what is no longer one is a Linux filesystem. */
  setBootable(number: number, bootable: boolean): void {
    const entry = this.#needEntry(number);
    if (bootable) entry.partition_type_guid = needGuid(ESP_TYPE);
    else if (guidText(entry.partition_type_guid) === ESP_TYPE)
      entry.partition_type_guid = needGuid(LINUX_TYPE);
  }

  /** Throws EINVAL for a text that is no GUID, or for that of a free entry. */
  setPartitionType(number: number, guid: string): void {
    const type = needGuid(guid);
    if (isFree(type)) throw new GuestfsError('EINVAL', `${guid} is the type of entries that are not in use`);
    this.#needEntry(number).partition_type_guid = type;
  }

  setPartitionGuid(number: number, guid: string): void {
    this.#needEntry(number).unique_partition_guid = needGuid(guid);
  }

  setAttributes(number: number, attributes: bigint): void {
    this.#needEntry(number).attributes = BigInt.asUintN(64, attributes);
  }

  /** Throws EINVAL for a name of more than 36 UTF-16 units. */
  setName(number: number, name: string): void {
    const entry = this.#needEntry(number);
    if (name.length > NAME_UNITS || name.includes('\0')) {
      throw new GuestfsError(
        'EINVAL',
        `the name ${JSON.stringify(name)} has ${name.length} UTF-16 units, expected at most ${NAME_UNITS} and no NUL`,
      );
    }
    const bytes = new Uint8Array(2 * NAME_UNITS);
    for (let i = 0; i < name.length; i++) {
      bytes[2 * i] = name.charCodeAt(i) & 0xff;
      bytes[2 * i + 1] = name.charCodeAt(i) >> 8;
    }
    entry.partition_name = bytes;
  }

  /** A random one if none is given. */
  setDiskGuid(guid?: string): void {
    GptHeader.view(this.header).disk_guid = guid === undefined ? randomGuid() : needGuid(guid);
  }

  /** Use all of a disk that has grown. Wherever the backup was, it is written to the end of the disk. */
  expand(): void {
    GptHeader.view(this.header).last_usable_lba = this.sectors - 2 - this.arraySectors;
    this.writesProtectiveMbr = true;
  }

  write(device: BlockDevice): void {
    writeGpt(device, this);
  }
}

function isFree(type: Uint8Array): boolean {
  return type.every((byte) => byte === 0);
}

/** The bytes of a GUID; braces and dashes may be left out. Throws EINVAL. */
function needGuid(text: string): Uint8Array {
  const guid = parseGuid(text.replace(/^\{(.*)\}$/, '$1'));
  if (guid === undefined) throw new GuestfsError('EINVAL', `${JSON.stringify(text)} is no GUID`);
  return guid;
}

/** Bytes of a GUID as GPT stores them: the version is in the third field, which is little-endian. */
function randomGuid(): Uint8Array {
  const bytes = randomUuid();
  return Uint8Array.of(
    ...bytes.slice(0, 4).reverse(),
    bytes[5]!,
    bytes[4]!,
    bytes[7]!,
    bytes[6]!,
    ...bytes.slice(8),
  );
}

/**
 * An empty GPT for a disk. Throws EINVAL where the disk is too small for the two copies.
 * `primaryGood` tells whether the disk has a good primary copy of another GPT now.
 */
export function newGpt(device: BlockDevice, sectorSize: number, primaryGood: boolean): GptEditor {
  const sectors = Math.floor(device.size / sectorSize);
  const entries = new Uint8Array(ENTRY_COUNT * GptEntry.size);
  const arraySectors = divideUp(entries.length, sectorSize);
  const firstUsable = 2 + arraySectors;
  const lastUsable = sectors - 2 - arraySectors;
  if (lastUsable < firstUsable) {
    throw new GuestfsError(
      'EINVAL',
      `a GPT needs at least ${2 * firstUsable} sectors of ${sectorSize} bytes, the disk has ${sectors}`,
    );
  }
  const sector = new Uint8Array(sectorSize);
  const header = GptHeader.view(sector);
  header.signature = GPT_SIGNATURE;
  header.revision = REVISION_1;
  header.header_size = GptHeader.size;
  header.first_usable_lba = firstUsable;
  header.last_usable_lba = lastUsable;
  header.disk_guid = randomGuid();
  header.number_of_partition_entries = ENTRY_COUNT;
  header.size_of_partition_entry = GptEntry.size;
  const copy = { header: sector, diskGuid: '', entries, entrySize: GptEntry.size, entryCount: ENTRY_COUNT };
  const editor = new GptEditor(sectors, sectorSize, copy, 2, primaryGood);
  editor.writesProtectiveMbr = true;
  return editor;
}

/**
 * The GPT of a disk that has one, for changing: out of its primary copy, or of the backup where that is damaged.
 * Throws CorruptError where neither is good, ENOSPC where the disk has become too small for its partitions.
 */
export function openGpt(device: BlockDevice, sectorSize: number): GptEditor {
  const sectors = Math.floor(device.size / sectorSize);
  const primary = tryCopy(device, sectorSize, 1);
  const copy = primary ?? readGptCopy(device, sectorSize, sectors - 1);
  const header = GptHeader.view(copy.header);
  const arraySector = primary === undefined ? 2 : header.partition_entry_lba;
  const editor = new GptEditor(sectors, sectorSize, copy, arraySector, primary !== undefined);
  if (primary !== undefined && header.alternate_lba < sectors - 1) {
    editor.strayBackup = header.alternate_lba;
  }
  fitToDisk(editor);
  return editor;
}

function tryCopy(device: BlockDevice, sectorSize: number, lba: number): GptCopy | undefined {
  try {
    return readGptCopy(device, sectorSize, lba);
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

/** The backup is written to the end of the disk: no partition may be where its entries go. */
function fitToDisk(editor: GptEditor): void {
  const limit = editor.sectors - 2 - editor.arraySectors;
  const header = GptHeader.view(editor.header);
  if (header.last_usable_lba <= limit) return;
  const beyond = editor.partitions().find(({ last }) => last > limit);
  if (beyond !== undefined) {
    throw new GuestfsError(
      'ENOSPC',
      `partition ${beyond.number} ends at sector ${beyond.last}, but the backup of the GPT needs the disk from sector ${limit + 1} on`,
    );
  }
  header.last_usable_lba = limit;
}
