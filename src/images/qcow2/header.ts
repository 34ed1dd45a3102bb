import { allocate } from '../../bytes/budget.ts';
import { decodeText } from '../../bytes/text.ts';
import type { BlockDevice } from '../../block/device.ts';
import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import { readExtensions, type Extensions } from './extensions.ts';
import {
  AUTOCLEAR,
  COMPATIBLE,
  COMPRESSION_TYPE_OFFSET,
  INCOMPATIBLE,
  MAX_L1_BYTES,
  QCOW_MAGIC,
} from './layout.ts';
import { QcowHeader, QcowHeaderV3 } from './layout.ts';

/** What a qcow2 header says, checked. Sizes and offsets are in bytes. */
export interface QcowImageHeader {
  version: 2 | 3;
  clusterBits: number;
  clusterSize: number;
  /** Virtual size. */
  size: number;
  l1Offset: number;
  /** Entries. */
  l1Size: number;
  refcountTableOffset: number;
  refcountTableClusters: number;
  refcountBits: number;
  snapshotCount: number;
  snapshotsOffset: number;
  compression: 'zlib' | 'zstd';
  extendedL2: boolean;
  /** Name of the encryption method, or undefined. */
  encryption: string | undefined;
  dirty: boolean;
  corrupt: boolean;
  lazyRefcounts: boolean;
  /** The image uses an external data file. */
  externalData: boolean;
  /** The external data file can be read alone, as a raw image. */
  rawExternalData: boolean;
  /** Autoclear bits that this reader does not know. */
  unknownAutoclear: bigint;
  headerLength: number;
  /** Name of the backing file as written, or undefined. */
  backingFile: string | undefined;
  extensions: Extensions;
}

/** Largest refcount table in bytes, as QEMU sets it. */
const MAX_REFCOUNT_TABLE_BYTES = 8 * 1024 * 1024;
/** Longest name of a backing file that the specification allows. */
const MAX_BACKING_NAME = 1023;
const HEADER = 'qcow2 header';

/** True if the device begins with the magic of qcow2 and version 2 or 3. */
export function hasQcow2Magic(start: Uint8Array): boolean {
  if (start.length < 8) return false;
  const view = new DataView(start.buffer, start.byteOffset, 8);
  return view.getUint32(0) === QCOW_MAGIC && view.getUint32(4) >= 2;
}

/**
 * Read and check the header. Throws CorruptError where a value contradicts the specification, UnsupportedError
 * for an unknown version and unknown incompatible features (named by the image's own table).
 */
export function readHeader(file: BlockDevice): QcowImageHeader {
  const start = allocate(Math.min(file.size, 4096), HEADER);
  file.readAt(0, start);
  const v2 = QcowHeader.view(start);
  if (v2.magic !== QCOW_MAGIC) {
    throw new CorruptError(HEADER, `magic is 0x${v2.magic.toString(16)}, expected 0x514649fb`, { offset: 0 });
  }
  const version = v2.version;
  if (version !== 2 && version !== 3) {
    throw new UnsupportedError(`qcow2 version ${version} cannot be read, expected 2 or 3`, {
      structure: HEADER,
      offset: 4,
    });
  }
  const clusterBits = v2.cluster_bits;
  if (clusterBits < 9 || clusterBits > 21) {
    throw new CorruptError(HEADER, `cluster_bits is ${clusterBits}, expected 9 to 21`, { offset: 20 });
  }
  const clusterSize = 2 ** clusterBits;
  const v3 = version === 3 ? QcowHeaderV3.view(start) : undefined;
  const headerLength = v3 === undefined ? QcowHeader.size : v3.header_length;
  if (headerLength < (v3 === undefined ? QcowHeader.size : QcowHeaderV3.size) || headerLength % 8 !== 0) {
    throw new CorruptError(HEADER, `header_length is ${headerLength}, expected a multiple of 8 from 104`, {
      offset: 100,
    });
  }
  if (headerLength > clusterSize) {
    throw new CorruptError(
      HEADER,
      `header_length ${headerLength} is larger than the cluster of ${clusterSize} bytes`,
      { offset: 100 },
    );
  }
  const backingOffset = v2.backing_file_offset;
  if (backingOffset > clusterSize) {
    throw new CorruptError(
      HEADER,
      `backing_file_offset ${backingOffset} is not within the first cluster of ${clusterSize} bytes`,
      { offset: 8 },
    );
  }
  const extensionsEnd = backingOffset === 0 ? clusterSize : backingOffset;
  const extensions = readExtensions(file, headerLength, extensionsEnd);
  const incompatible = v3?.incompatible_features ?? 0n;
  checkFeatures(incompatible, extensions);
  const extendedL2 = (incompatible & INCOMPATIBLE.EXTENDED_L2) !== 0n;
  if (extendedL2 && clusterBits < 14) {
    throw new CorruptError(
      HEADER,
      `extended L2 entries with clusters of ${clusterSize} bytes, expected 16384`,
      {
        offset: 72,
      },
    );
  }
  const refcountOrder = v3?.refcount_order ?? 4;
  if (refcountOrder > 6) {
    throw new CorruptError(HEADER, `refcount_order is ${refcountOrder}, expected 0 to 6`, { offset: 96 });
  }
  const autoclear = v3?.autoclear_features ?? 0n;
  const externalData = (incompatible & INCOMPATIBLE.DATA_FILE) !== 0n;
  const header: QcowImageHeader = {
    version,
    clusterBits,
    clusterSize,
    size: v2.size - (v2.size % 512),
    l1Offset: v2.l1_table_offset,
    l1Size: v2.l1_size,
    refcountTableOffset: v2.refcount_table_offset,
    refcountTableClusters: v2.refcount_table_clusters,
    refcountBits: 2 ** refcountOrder,
    snapshotCount: v2.nb_snapshots,
    snapshotsOffset: v2.snapshots_offset,
    compression: compressionType(start, headerLength, incompatible),
    extendedL2,
    encryption: encryptionName(v2.crypt_method),
    dirty: (incompatible & INCOMPATIBLE.DIRTY) !== 0n,
    corrupt: (incompatible & INCOMPATIBLE.CORRUPT) !== 0n,
    lazyRefcounts: ((v3?.compatible_features ?? 0n) & COMPATIBLE.LAZY_REFCOUNTS) !== 0n,
    externalData,
    rawExternalData: externalData && (autoclear & AUTOCLEAR.RAW_DATA_FILE) !== 0n,
    unknownAutoclear: autoclear & ~(AUTOCLEAR.BITMAPS | AUTOCLEAR.RAW_DATA_FILE),
    headerLength,
    backingFile: readBackingName(file, backingOffset, v2.backing_file_size, clusterSize),
    extensions,
  };
  checkTables(header, file.size);
  return header;
}

function checkFeatures(incompatible: bigint, extensions: Extensions): void {
  const known = Object.values(INCOMPATIBLE).reduce((all, bit) => all | bit, 0n);
  const unknown = incompatible & ~known;
  if (unknown === 0n) return;
  const names: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if ((unknown & (1n << BigInt(bit))) === 0n) continue;
    const name = extensions.featureNames.get(`0:${bit}`);
    names.push(name === undefined ? `bit ${bit}` : `bit ${bit} (${name})`);
  }
  throw new UnsupportedError(
    `the qcow2 image uses incompatible features that are not known here: ${names.join(', ')}`,
    { structure: HEADER, offset: 72 },
  );
}

function encryptionName(method: number): string | undefined {
  if (method === 0) return undefined;
  return method === 1 ? 'AES' : method === 2 ? 'LUKS' : `method ${method}`;
}

/** Throws UnsupportedError naming the method where the image is encrypted. */
export function refuseEncryption(header: QcowImageHeader): void {
  if (header.encryption === undefined) return;
  throw new UnsupportedError(
    `the qcow2 image is encrypted (${header.encryption}); encrypted qcow2 images cannot be read. ` +
      'Decrypt a copy with "qemu-img convert"',
    { structure: HEADER, offset: 32 },
  );
}

function compressionType(start: Uint8Array, headerLength: number, incompatible: bigint): 'zlib' | 'zstd' {
  const type = headerLength > COMPRESSION_TYPE_OFFSET ? (start[COMPRESSION_TYPE_OFFSET] ?? 0) : 0;
  const flagged = (incompatible & INCOMPATIBLE.COMPRESSION_TYPE) !== 0n;
  if (flagged !== (type !== 0)) {
    throw new CorruptError(
      HEADER,
      `compression_type is ${type} and the feature bit for it is ${flagged ? 'set' : 'clear'}; ` +
        'expected the bit exactly where the type is not 0',
      { offset: COMPRESSION_TYPE_OFFSET },
    );
  }
  if (type === 0) return 'zlib';
  if (type === 1) return 'zstd';
  throw new UnsupportedError(`qcow2 compression type ${type} cannot be read, expected 0 (zlib) or 1 (zstd)`, {
    structure: HEADER,
    offset: COMPRESSION_TYPE_OFFSET,
  });
}

function readBackingName(
  file: BlockDevice,
  offset: number,
  length: number,
  clusterSize: number,
): string | undefined {
  if (offset === 0) return undefined;
  if (length > MAX_BACKING_NAME || length > clusterSize - offset || offset + length > file.size) {
    throw new CorruptError(
      HEADER,
      `the backing file's name of ${length} bytes at ${offset} is longer than ${MAX_BACKING_NAME} or leaves the first cluster`,
      { offset: 16 },
    );
  }
  if (length === 0) return undefined;
  const name = new Uint8Array(length);
  file.readAt(offset, name);
  return decodeText(name);
}

/** A table must be aligned to clusters and, where it holds anything, lie within the file. */
export function checkTable(
  what: string,
  offset: number,
  bytes: number,
  clusterSize: number,
  fileSize: number,
): void {
  if (offset % clusterSize !== 0) {
    throw new CorruptError(what, `offset ${offset} is not a multiple of the cluster size ${clusterSize}`, {
      offset,
    });
  }
  if (bytes > 0 && offset + bytes > fileSize) {
    throw new CorruptError(
      what,
      `${bytes} bytes at ${offset} end at ${offset + bytes}, the file has ${fileSize} bytes`,
      { offset },
    );
  }
}

/** Throws CorruptError where an L1 table is larger than QEMU allows or outside the file. */
export function checkL1(offset: number, entries: number, clusterSize: number, fileSize: number): void {
  const bytes = entries * 8;
  if (bytes > MAX_L1_BYTES) {
    throw new CorruptError('qcow2 L1 table', `has ${entries} entries, expected at most ${MAX_L1_BYTES / 8}`, {
      offset,
    });
  }
  checkTable('qcow2 L1 table', offset, bytes, clusterSize, fileSize);
}

function checkTables(header: QcowImageHeader, fileSize: number): void {
  const { clusterSize } = header;
  checkL1(header.l1Offset, header.l1Size, clusterSize, fileSize);
  const covered = (clusterSize / (header.extendedL2 ? 16 : 8)) * clusterSize;
  if (header.l1Size < Math.ceil(header.size / covered)) {
    throw new CorruptError(
      HEADER,
      `l1_size is ${header.l1Size}, a size of ${header.size} needs ${Math.ceil(header.size / covered)}`,
      { offset: 36 },
    );
  }
  const refcountBytes = header.refcountTableClusters * clusterSize;
  if (refcountBytes === 0 || refcountBytes > MAX_REFCOUNT_TABLE_BYTES) {
    throw new CorruptError(
      'qcow2 refcount table',
      `has ${refcountBytes} bytes, expected 1 to ${MAX_REFCOUNT_TABLE_BYTES}`,
      { offset: 56 },
    );
  }
  checkTable('qcow2 refcount table', header.refcountTableOffset, 0, clusterSize, fileSize);
}
