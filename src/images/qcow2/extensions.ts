import type { BlockDevice } from '../../block/device.ts';
import { allocate } from '../../bytes/budget.ts';
import { decodeText } from '../../bytes/text.ts';
import { roundUp } from '../../bytes/round.ts';
import { CorruptError } from '../../errors/index.ts';
import { EXTENSION, FeatureName, HeaderExtension } from './layout.ts';

/** What the header extensions say. */
export interface Extensions {
  /** Format of the backing file, as `qemu-img` spells it. */
  backingFormat: string | undefined;
  /** Name of the external data file as written. */
  dataFile: string | undefined;
  /** Names of feature bits; the key is `TYPE:BIT` with type 0 incompatible, 1 compatible, 2 autoclear. */
  featureNames: Map<string, string>;
  /** Persistent dirty bitmaps are stored. */
  bitmaps: boolean;
}

/** Names in extensions are never longer than this. */
const MAX_NAME = 1023;

/** Read the header extensions in `[start, end)`. Throws CorruptError where one leaves that range. */
export function readExtensions(file: BlockDevice, start: number, end: number): Extensions {
  const extensions: Extensions = {
    backingFormat: undefined,
    dataFile: undefined,
    featureNames: new Map(),
    bitmaps: false,
  };
  const limit = Math.min(end, file.size);
  const head = new Uint8Array(HeaderExtension.size);
  for (let at = start; at + HeaderExtension.size <= limit;) {
    file.readAt(at, head);
    const { type, length } = HeaderExtension.view(head);
    if (type === EXTENSION.END) break;
    at += HeaderExtension.size;
    if (length > limit - at) {
      throw new CorruptError(
        'qcow2 header extension',
        `type 0x${type.toString(16)} has ${length} bytes at ${at}, the header ends at ${limit}`,
        { offset: at - HeaderExtension.size },
      );
    }
    read(file, type, at, length, extensions);
    at += roundUp(length, 8);
  }
  return extensions;
}

function read(file: BlockDevice, type: number, at: number, length: number, into: Extensions): void {
  if (type === EXTENSION.BACKING_FORMAT) into.backingFormat = readName(file, at, length);
  else if (type === EXTENSION.DATA_FILE) into.dataFile = readName(file, at, length);
  else if (type === EXTENSION.BITMAPS) into.bitmaps = true;
  else if (type === EXTENSION.FEATURE_NAMES) readFeatureNames(file, at, length, into.featureNames);
}

function readName(file: BlockDevice, at: number, length: number): string {
  const bytes = allocate(length, 'qcow2 header extension', MAX_NAME);
  file.readAt(at, bytes);
  return decodeText(bytes);
}

function readFeatureNames(file: BlockDevice, at: number, length: number, names: Map<string, string>): void {
  // Three types of 64 bits each: more entries than that are of no use.
  const bytes = new Uint8Array(Math.min(length, 192 * FeatureName.size));
  file.readAt(at, bytes);
  for (let i = 0; i + FeatureName.size <= bytes.length; i += FeatureName.size) {
    const entry = FeatureName.view(bytes, i);
    const name = bytes.subarray(i + 2, i + FeatureName.size);
    const end = name.indexOf(0);
    names.set(`${entry.type}:${entry.bit}`, decodeText(end < 0 ? name : name.subarray(0, end)));
  }
}
