import type { BlockDevice } from '../../block/device.ts';
import { randomBytes } from '../../crypto/random.ts';
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
import { type EbrLink, readChain } from './chain.ts';
import {
  isExtendedType,
  Mbr,
  MBR_SIGNATURE,
  type MbrRecord,
  mbrRecords,
  TYPE_EXTENDED_LBA,
  TYPE_GPT_PROTECTIVE,
  TYPE_LINUX,
} from './layout.ts';
import { writeMbr } from './writer.ts';

const FREE: MbrRecord = { bootIndicator: 0, type: 0, start: 0, size: 0 };
const FIRST_LOGICAL = 5;
/** Logical partitions, so that Linux still counts the last one. */
const MAX_LOGICAL = 251;
const ACTIVE = 0x80;

/** An MBR with its logical partitions, to be changed. */
export class MbrEditor implements PartitionEditor {
  readonly type = 'msdos';
  readonly sectorSize: number;
  /** Of the disk. */
  readonly sectors: number;
  /** The first 512 bytes; entries are set when it is written. */
  readonly sector: Uint8Array;
  /** The four entries. */
  readonly primary: MbrRecord[];
  /** The chain in the extended partition. */
  links: EbrLink[];
  /** The sectors of the chain that the disk has now. */
  readonly oldLinks: ReadonlySet<number>;
  /** True where what the start and the end of the disk held before must not be found any more. */
  isNew = false;

  constructor(sectors: number, sectorSize: number, sector: Uint8Array, links: EbrLink[]) {
    this.sectors = sectors;
    this.sectorSize = sectorSize;
    this.sector = sector;
    this.primary = mbrRecords(sector);
    this.links = links;
    this.oldLinks = new Set(links.map(({ ebr }) => ebr));
  }

  /** The extended partition; undefined where there is none. */
  get extended(): MbrRecord | undefined {
    return this.primary.find((record) => record.size !== 0 && isExtendedType(record.type));
  }

  partitions(): EditedPartition[] {
    const found: EditedPartition[] = [];
    for (const [slot, record] of this.primary.entries()) {
      if (record.size === 0) continue;
      found.push(edited(slot + 1, record, isExtendedType(record.type) ? 'extended' : 'primary'));
    }
    for (const [index, { data }] of this.#logical().entries()) {
      found.push(edited(FIRST_LOGICAL + index, data, 'logical'));
    }
    return found;
  }

  #logical(): (EbrLink & { data: MbrRecord })[] {
    return this.links.filter((link): link is EbrLink & { data: MbrRecord } => link.data !== undefined);
  }

  /** The entry of a partition. Throws EINVAL. */
  #record(number: number): MbrRecord {
    needNumber(this.partitions(), number);
    return number < FIRST_LOGICAL ? this.primary[number - 1]! : this.#logical()[number - FIRST_LOGICAL]!.data;
  }

  add(kind: PartitionKind, first: number, last: number, wanted?: number): number {
    checkRange(first, last, this.sectors);
    if (last > 0xffffffff) {
      throw new GuestfsError('EINVAL', `an MBR reaches to sector ${0xffffffff}, ${last} was asked for`);
    }
    if (first === 0) throw new GuestfsError('EINVAL', 'sector 0 holds the MBR, no partition can start there');
    return kind === 'logical' ? this.#addLogical(first, last) : this.#addPrimary(kind, first, last, wanted);
  }

  #addPrimary(kind: PartitionKind, first: number, last: number, wanted: number | undefined): number {
    if (kind === 'extended' && this.extended !== undefined) {
      throw new GuestfsError('EINVAL', 'this MBR has an extended partition, and can have only one');
    }
    checkOverlap(first, last, this.partitions());
    const slot = wanted === undefined ? this.primary.findIndex(({ size }) => size === 0) : wanted - 1;
    if (this.primary[slot]?.size !== 0) {
      if (wanted !== undefined) throw entryTaken(wanted, 4);
      throw new GuestfsError('ENOSPC', 'all four entries of this MBR are in use; add logical partitions');
    }
    const type = kind === 'extended' ? TYPE_EXTENDED_LBA : TYPE_LINUX;
    this.primary[slot] = { bootIndicator: 0, type, start: first, size: last - first + 1 };
    if (kind === 'extended') this.links = [emptyLink(first)];
    return slot + 1;
  }

  #addLogical(first: number, last: number): number {
    const { extended } = this;
    if (extended === undefined) {
      throw new GuestfsError('EINVAL', 'a logical partition needs an extended one, this MBR has none');
    }
    if (this.#logical().length >= MAX_LOGICAL) {
      throw new GuestfsError(
        'ENOSPC',
        `this MBR has ${MAX_LOGICAL} logical partitions, Linux counts no more`,
      );
    }
    this.#checkLogical(extended, first, last, undefined);
    const data = { bootIndicator: 0, type: TYPE_LINUX, start: first, size: last - first + 1 };
    // An EBR at the start of the extended partition has no other place; every other one is just before its partition.
    if (this.links.length === 0) this.links = [emptyLink(extended.start)];
    const [head] = this.links;
    if (this.#logical().length === 0 && head !== undefined) this.links = [{ ...head, data }];
    else {
      checkOverlap(first - 1, first - 1, this.#logicalWithEbrs(undefined));
      this.links.push({ ...emptyLink(first - 1), data });
    }
    return FIRST_LOGICAL + this.#logical().length - 1;
  }

  #checkLogical(extended: MbrRecord, first: number, last: number, changed: number | undefined): void {
    const end = extended.start + extended.size - 1;
    if (first <= extended.start || last > end) {
      throw new GuestfsError(
        'EINVAL',
        `sectors ${first} to ${last} are not all in the extended partition, which gives logical ones ${extended.start + 1} to ${end}`,
      );
    }
    checkOverlap(first, last, this.#logicalWithEbrs(changed));
  }

  /** Sectors in use in the extended partition: the logical partitions but one, and all EBRs. */
  #logicalWithEbrs(changed: number | undefined): EditedPartition[] {
    const partitions = this.partitions().filter(
      ({ kind, number }) => kind === 'logical' && number !== changed,
    );
    let number = FIRST_LOGICAL;
    for (const { ebr, data } of this.links) {
      if (this.#logical().length > 0) partitions.push({ number, first: ebr, last: ebr, kind: 'logical' });
      if (data !== undefined) number++;
    }
    return partitions;
  }

  remove(number: number): void {
    const record = this.#record(number);
    if (number < FIRST_LOGICAL) {
      if (isExtendedType(record.type)) this.links = [];
      this.primary[number - 1] = FREE;
      return;
    }
    const logical = this.#logical();
    const index = this.links.indexOf(logical[number - FIRST_LOGICAL]!);
    if (index > 0) {
      this.links.splice(index, 1);
      return;
    }
    // The first EBR cannot go: it takes over the next partition, which then needs no EBR of its own.
    const [head, next] = this.links;
    this.links.splice(0, 2, { ...head!, data: next?.data });
  }

  resize(number: number, last: number): void {
    const record = this.#record(number);
    const { start } = record;
    checkRange(start, last, this.sectors);
    const { extended } = this;
    if (number >= FIRST_LOGICAL && extended !== undefined) {
      this.#checkLogical(extended, start, last, number);
    } else {
      const others = this.partitions().filter(
        (partition) => partition.kind !== 'logical' && partition.number !== number,
      );
      checkOverlap(start, last, others);
      if (record === extended) this.#checkHolds(start, last);
    }
    this.#replace(number, { ...record, size: last - start + 1 });
  }

  /** Throws EINVAL where an extended partition would lose logical ones. */
  #checkHolds(first: number, last: number): void {
    const lost = this.#logicalWithEbrs(undefined).find((part) => part.first < first || part.last > last);
    if (lost === undefined) return;
    throw new GuestfsError(
      'EINVAL',
      `the extended partition cannot end at sector ${last}: logical partition ${lost.number} ends at ${lost.last}`,
    );
  }

  #replace(number: number, record: MbrRecord): void {
    if (number < FIRST_LOGICAL) this.primary[number - 1] = record;
    else this.#logical()[number - FIRST_LOGICAL]!.data = record;
  }

  /** Only one partition of a disk is active, as parted(8) has it: setting the flag clears all others. */
  setBootable(number: number, bootable: boolean): void {
    this.#record(number);
    for (const other of this.partitions()) {
      const record = this.#record(other.number);
      const wanted = other.number === number ? (bootable ? ACTIVE : 0) : bootable ? 0 : record.bootIndicator;
      if (record.bootIndicator !== wanted) this.#replace(other.number, { ...record, bootIndicator: wanted });
    }
  }

  /**
   * Set the id byte. Throws EINVAL where that would make an extended partition of another one or the reverse: what
   * is in it would not fit, or be lost.
   */
  setId(number: number, id: number): void {
    const record = this.#record(number);
    if (!Number.isInteger(id) || id < 0 || id > 0xff) {
      throw new GuestfsError('EINVAL', `the id of an MBR partition is a byte, ${id} was asked for`);
    }
    if (id === TYPE_GPT_PROTECTIVE) {
      throw new GuestfsError('EINVAL', 'the id 0xee would make a GPT of this MBR');
    }
    const extended = isExtendedType(record.type);
    if (extended && !isExtendedType(id) && this.#logical().length > 0) {
      throw new GuestfsError(
        'EINVAL',
        `partition ${number} is extended and has logical partitions: delete them before its id becomes 0x${id.toString(16)}`,
      );
    }
    if (!extended && isExtendedType(id)) {
      throw new GuestfsError(
        'EINVAL',
        `partition ${number} is not extended and cannot become so by its id 0x${id.toString(16)}: delete it and add an extended one`,
      );
    }
    if (extended && !isExtendedType(id)) this.links = [];
    this.#replace(number, { ...record, type: id });
  }

  write(device: BlockDevice): void {
    writeMbr(device, this);
  }
}

function edited(number: number, { start, size }: MbrRecord, kind: PartitionKind): EditedPartition {
  return { number, first: start, last: start + size - 1, kind };
}

function emptyLink(ebr: number): EbrLink {
  const sector = new Uint8Array(512);
  Mbr.view(sector).signature = MBR_SIGNATURE;
  return { ebr, sector, data: undefined };
}

/** An empty MBR with a new disk signature; the boot code is kept where one is given. */
export function newMbr(device: BlockDevice, bootCode: Uint8Array | undefined): MbrEditor {
  const { sectorSize } = device;
  const sectors = Math.floor(device.size / sectorSize);
  if (sectors < 1) {
    throw new GuestfsError('EINVAL', `an MBR needs a sector of ${sectorSize} bytes, the disk has none`);
  }
  const sector = new Uint8Array(512);
  const mbr = Mbr.view(sector);
  if (bootCode !== undefined) mbr.boot_code = bootCode;
  // 0 would mean that there is none.
  mbr.unique_mbr_disk_signature = new DataView(randomBytes(4).buffer).getUint32(0) || 1;
  mbr.signature = MBR_SIGNATURE;
  const editor = new MbrEditor(sectors, sectorSize, sector, []);
  editor.isNew = true;
  return editor;
}

/**
 * The MBR of a disk that has one, for changing. Throws CorruptError where its chain of logical partitions is not
 * sound.
 */
export function openMbr(device: BlockDevice, sector: Uint8Array): MbrEditor {
  const { sectorSize } = device;
  const records = mbrRecords(sector).filter(({ size, type }) => size !== 0 && isExtendedType(type));
  const [extended] = records;
  if (records.length > 1) {
    throw new GuestfsError(
      'EUCLEAN',
      `the MBR has ${records.length} extended partitions, expected at most one; it is not changed`,
    );
  }
  const chain = extended === undefined ? [] : readChain(device, sectorSize, extended.start, extended.size);
  const editor = new MbrEditor(Math.floor(device.size / sectorSize), sectorSize, sector.slice(), chain);
  // Empty links other than the first are left out when the chain is written next.
  editor.links = chain.filter(({ data }, index) => index === 0 || data !== undefined);
  return editor;
}
