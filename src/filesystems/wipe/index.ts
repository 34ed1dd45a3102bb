import type { BlockDevice } from '../../block/device.ts';
import { GuestfsError } from '../../errors/index.ts';
import { SIGNATURES } from '../identify/order.ts';
import type { IdentifyOptions, Signature } from '../identify/signature.ts';
import { Window } from '../identify/window.ts';

/** Bytes by which something is recognised. */
export interface FoundSignature {
  /** TYPE as blkid(8) spells it; `gpt` and `dos` for partition tables. */
  type: string;
  /** Byte offset on the device, and how many bytes there are. */
  offset: number;
  length: number;
}

/** A signature may be there several times (ZFS has four labels, swap five page sizes), but not more often. */
const MAXIMUM_COPIES = 64;
/** Of what a probe looked at, so many bytes at its start are enough to make it blind. */
const ERASED = 64;

interface Piece {
  offset: number;
  length: number;
}

/** Reads through to a device on which some bytes count as zero, and remembers what it was asked for. */
class TracingWindow extends Window {
  readonly asked: Piece[] = [];
  readonly #erased: readonly Piece[];

  constructor(device: BlockDevice, erased: readonly Piece[]) {
    super(device);
    this.#erased = erased;
  }

  override read(offset: number, length: number): Uint8Array | null {
    const bytes = super.read(offset, length);
    if (bytes === null) return null;
    this.asked.push({ offset, length });
    let copy: Uint8Array | undefined;
    for (const piece of this.#erased) {
      const from = Math.max(piece.offset, offset);
      const to = Math.min(piece.offset + piece.length, offset + length);
      if (from >= to) continue;
      copy ??= bytes.slice();
      copy.fill(0, from - offset, to - offset);
    }
    return copy ?? bytes;
  }
}

/** Where the signature is on the device, or undefined. `asked` is all that its probe looked at. */
function matchOf(
  signature: Signature,
  window: TracingWindow,
  options: IdentifyOptions,
): { magic: Piece | undefined; asked: Piece[] } | undefined {
  if (window.size < (signature.minimumSize ?? 0)) return undefined;
  const magic = signature.magics?.find(({ at, bytes }) => window.has(at, bytes));
  if (signature.magics !== undefined && magic === undefined) return undefined;
  window.asked.length = 0;
  if (signature.probe !== undefined && signature.probe(window, magic, options) === null) return undefined;
  return {
    magic: magic === undefined ? undefined : { offset: magic.at, length: magic.bytes.length },
    asked: window.asked.slice(),
  };
}

/**
 * Bytes whose erasure hides one signature: its magic, or else the first piece that its probe cannot do without. RAID
 * metadata and others have no fixed place, so that what the probe looked at is tried piece by piece.
 */
function decisivePiece(
  device: BlockDevice,
  signature: Signature,
  options: IdentifyOptions,
  erased: readonly Piece[],
  found: { magic: Piece | undefined; asked: Piece[] },
): Piece {
  if (found.magic !== undefined) return found.magic;
  const pieces = found.asked.map(({ offset, length }) => ({ offset, length: Math.min(length, ERASED) }));
  const before = found.asked.length;
  for (const piece of pieces) {
    const again = matchOf(signature, new TracingWindow(device, [...erased, piece]), options);
    // Gone, or found again elsewhere: either way this piece was one that carried it.
    if (again === undefined || again.asked.length !== before) return piece;
  }
  const all = pieces[0];
  if (all === undefined) {
    throw new GuestfsError('EIO', `${signature.type} was recognised by nothing that could be erased`);
  }
  return all;
}

const GPT_MAGIC = 'EFI PART';
const BOOT_MAGIC = '\x55\xaa';
const BOOT_MAGIC_AT = 510;

/** Partition tables: GPT's header and its copy in the last sector, and the mark of MBR and of boot sectors. */
function tables(device: BlockDevice): FoundSignature[] {
  const found: FoundSignature[] = [];
  const window = new Window(device);
  const last = Math.floor(device.size / device.sectorSize) * device.sectorSize - device.sectorSize;
  for (const offset of new Set([512, 4096, device.sectorSize, last, device.size - 512])) {
    if (offset > 0 && window.has(offset, GPT_MAGIC)) {
      found.push({ type: 'gpt', offset, length: GPT_MAGIC.length });
    }
  }
  if (window.has(BOOT_MAGIC_AT, BOOT_MAGIC)) {
    found.push({ type: 'dos', offset: BOOT_MAGIC_AT, length: BOOT_MAGIC.length });
  }
  return found;
}

/**
 * All signatures of filesystems, RAID, volume managers, encryption and partition tables on a device, every copy of
 * each, the outermost first: also those that hide behind another one.
 */
export function findSignatures(device: BlockDevice, options: IdentifyOptions = {}): FoundSignature[] {
  const found: FoundSignature[] = [];
  const erased: Piece[] = [];
  for (const signature of SIGNATURES) {
    for (let copies = 0; copies < MAXIMUM_COPIES; copies++) {
      const match = matchOf(signature, new TracingWindow(device, erased), options);
      if (match === undefined) break;
      const piece = decisivePiece(device, signature, options, erased, match);
      erased.push(piece);
      found.push({ type: signature.type, ...piece });
    }
  }
  for (const table of tables(device)) {
    if (
      !found.some(
        ({ offset, length }) => offset <= table.offset && table.offset + table.length <= offset + length,
      )
    ) {
      found.push(table);
    }
  }
  return found;
}

/**
 * Erase every signature by which libblkid, or a partition table's reader, would recognise what is on a device, as
 * `wipefs -a`: only the bytes that mark it, each set in one write of a sector or less; the rest of the data stays.
 * Durable when it returns. Returns what was erased.
 *
 * After a crash some of the signatures are left, each whole or gone.
 */
export function eraseSignatures(device: BlockDevice, options: IdentifyOptions = {}): FoundSignature[] {
  const found = findSignatures(device, options);
  for (const { offset, length } of found) device.writeAt(offset, new Uint8Array(length));
  if (found.length > 0) device.flush();
  return found;
}
