import type { BlockDevice } from '../../block/device.ts';
import { SIGNATURES } from './order.ts';
import type { IdentifyOptions, Signature, Tags } from './signature.ts';
import { Window } from './window.ts';

export type { IdentifyOptions, Tags } from './signature.ts';

/** A result of {@link identifyFully}. */
export interface Identification {
  /** Empty where nothing was found, or where more than one thing was. */
  tags: Tags;
  /** TYPEs that were found, in probing order; more than one with empty tags is blkid's "ambivalent result". */
  found: string[];
}

/** Files up to a floppy's size carry no RAID superblocks. */
const TINY = 1440 * 1024;

/**
 * What is on a device, as `blkid -p -u filesystem,raid,crypto,other` tells it: TYPE, USAGE, and where the format
 * has them LABEL, UUID, UUID_SUB, VERSION, SEC_TYPE, BLOCK_SIZE and others. Empty where nothing is recognised and,
 * as with blkid, where two signatures contradict each other. Labels are not escaped.
 *
 * Reads a few dozen small pieces at most; throws only what the device throws.
 */
export function identify(device: BlockDevice, options: IdentifyOptions = {}): Tags {
  return identifyFully(device, options).tags;
}

/** As {@link identify}, and tells which signatures were there. */
export function identifyFully(device: BlockDevice, options: IdentifyOptions = {}): Identification {
  const none: Identification = { tags: {}, found: [] };
  // Extended partitions are this small and hold nothing but a table.
  if (device.size <= 1024) return none;
  const window = new Window(device);
  const found: string[] = [];
  let first: Tags | undefined;
  let strict = false;
  for (const signature of SIGNATURES) {
    if (signature.usage === 'raid' && device.size <= TINY) continue;
    const tags = match(signature, window, options);
    if (tags === null) continue;
    first ??= tags;
    found.push(tags['TYPE']!);
    strict ||= !signature.tolerant;
    // What is inside a RAID member or a LUKS volume shines through the outer device; it does not count.
    if (signature.usage === 'raid' || signature.usage === 'crypto') break;
  }
  if (first === undefined || (found.length > 1 && strict)) return { ...none, found };
  return { tags: first, found };
}

/** The tags of one signature on a device, whatever else is there; null where it is not. */
export function identifyAs(type: string, device: BlockDevice, options: IdentifyOptions = {}): Tags | null {
  const signature = SIGNATURES.find((candidate) => candidate.type === type);
  return signature === undefined || device.size <= 1024
    ? null
    : match(signature, new Window(device), options);
}

function match(signature: Signature, window: Window, options: IdentifyOptions): Tags | null {
  if (window.size < (signature.minimumSize ?? 0)) return null;
  const magic = signature.magics?.find(({ at, bytes }) => window.has(at, bytes));
  if (signature.magics !== undefined && magic === undefined) return null;
  const tags = signature.probe === undefined ? {} : signature.probe(window, magic, options);
  if (tags === null) return null;
  tags['TYPE'] ??= signature.type;
  tags['USAGE'] = signature.usage;
  return tags;
}
