import type { GrowingFile } from '../../../block/file-growing.ts';
import { encodeText } from '../../../bytes/text.ts';
import { divideUp, isPowerOfTwo, roundUp } from '../../../bytes/round.ts';
import { GuestfsError } from '../../../errors/index.ts';
import {
  AUTOCLEAR,
  COMPATIBLE,
  COMPRESSION_TYPE_OFFSET,
  EXTENSION,
  HeaderExtension,
  INCOMPATIBLE,
  QCOW_MAGIC,
  QcowHeader,
  QcowHeaderV3,
  MAX_L1_BYTES,
} from '../layout.ts';

/** What a new qcow2 image is made with. */
export interface Qcow2Plan {
  /** Virtual size in bytes; a multiple of 512. */
  size: number;
  version: 2 | 3;
  /** Bytes, a power of two from 512 to 2 MiB. */
  clusterSize: number;
  /** Bits of a refcount, a power of two from 1 to 64. */
  refcountBits: number;
  extendedL2: boolean;
  lazyRefcounts: boolean;
  compression: 'zlib' | 'zstd';
  /** Name of the backing file as it is written into the header, and its format. */
  backingFile?: string;
  backingFormat?: string;
  /** Name of the external data file as it is written into the header. */
  dataFile?: string;
  /** The external data file can be read alone, as a raw image. */
  dataFileRaw?: boolean;
}

/** Bytes of the header of version 3 with the compression type, padded to 8. */
const HEADER_LENGTH = 112;
const MAX_NAME = 1023;

/** Throws EINVAL where values of a plan contradict each other or the specification. */
export function checkPlan(plan: Qcow2Plan): void {
  const refuse = (what: string, found: unknown, expected: string): never => {
    throw new GuestfsError(
      'EINVAL',
      `cannot make a qcow2 image with ${what} ${String(found)}, expected ${expected}`,
    );
  };
  const { clusterSize, refcountBits, version, size } = plan;
  if (!isPowerOfTwo(clusterSize) || clusterSize < 512 || clusterSize > 2 ** 21) {
    refuse('the cluster size', clusterSize, 'a power of two from 512 to 2097152');
  }
  if (!isPowerOfTwo(refcountBits) || refcountBits > 64) {
    refuse('refcounts of a width of', refcountBits, 'a power of two from 1 to 64');
  }
  if (!Number.isSafeInteger(size) || size < 0 || size % 512 !== 0) {
    refuse('the size', size, 'a multiple of 512 from 0');
  }
  if (plan.extendedL2 && clusterSize < 16384) {
    refuse('extended L2 entries and the cluster size', clusterSize, 'at least 16384');
  }
  if (version === 2) {
    if (refcountBits !== 16) refuse('compat 0.10 and refcounts of a width of', refcountBits, '16');
    const newer = plan.extendedL2
      ? 'extended_l2'
      : plan.lazyRefcounts
        ? 'lazy_refcounts'
        : plan.compression !== 'zlib'
          ? 'compression_type=zstd'
          : plan.dataFile === undefined
            ? undefined
            : 'data_file';
    if (newer !== undefined) refuse(`${newer} and compat`, '0.10', 'compat 1.1');
  }
  if (plan.dataFileRaw === true && plan.backingFile !== undefined) {
    refuse('a raw data file and the backing file', plan.backingFile, 'none');
  }
  const entries = l1Entries(plan);
  if (entries * 8 > MAX_L1_BYTES) {
    refuse(
      `clusters of ${clusterSize} bytes and the size`,
      size,
      `at most ${(MAX_L1_BYTES / 8) * span(plan)}`,
    );
  }
}

/** Guest bytes that one L2 table maps. */
function span(plan: Qcow2Plan): number {
  return (plan.clusterSize / (plan.extendedL2 ? 16 : 8)) * plan.clusterSize;
}

function l1Entries(plan: Qcow2Plan): number {
  return divideUp(plan.size, span(plan));
}

/** Write an empty image into an empty file: header, refcounts, L1 table. The header comes last. Throws as {@link checkPlan}. */
export function writeEmptyQcow2(file: GrowingFile, plan: Qcow2Plan): void {
  checkPlan(plan);
  const { clusterSize, refcountBits } = plan;
  const perBlock = (clusterSize * 8) / refcountBits;
  const l1Clusters = Math.max(1, divideUp(l1Entries(plan) * 8, clusterSize));
  let blocks = 1;
  let tableClusters = 1;
  let total: number;
  for (;;) {
    total = 1 + tableClusters + blocks + l1Clusters;
    const neededBlocks = divideUp(total, perBlock);
    const neededTable = divideUp(neededBlocks * 8, clusterSize);
    if (neededBlocks <= blocks && neededTable <= tableClusters) break;
    blocks = Math.max(blocks, neededBlocks);
    tableClusters = Math.max(tableClusters, neededTable);
  }
  const head = headerCluster(plan, {
    refcountTableOffset: clusterSize,
    refcountTableClusters: tableClusters,
    l1Offset: (1 + tableClusters + blocks) * clusterSize,
  });
  const table = new Uint8Array(tableClusters * clusterSize);
  const tableView = new DataView(table.buffer);
  for (let i = 0; i < blocks; i++) {
    tableView.setBigUint64(i * 8, BigInt((1 + tableClusters + i) * clusterSize));
  }
  file.writeAt(clusterSize, used(table));
  file.writeAt(
    (1 + tableClusters) * clusterSize,
    used(refcountBlocks(total, blocks * clusterSize, refcountBits)),
  );
  file.resize(total * clusterSize);
  file.flush();
  file.writeAt(0, used(head));
  file.flush();
}

/** The sectors up to the last one that is not all zeroes: the others are holes of the new file. */
function used(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 512 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, roundUp(end, 512));
}

/** Refcount blocks in which the first `total` clusters have one reference. */
function refcountBlocks(total: number, length: number, bits: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < total; i++) {
    if (bits >= 8) bytes[(i + 1) * (bits / 8) - 1] = 1;
    else {
      const at = Math.floor((i * bits) / 8);
      bytes[at] = (bytes[at] as number) | (1 << ((i * bits) % 8));
    }
  }
  return bytes;
}

interface Places {
  refcountTableOffset: number;
  refcountTableClusters: number;
  l1Offset: number;
}

function headerCluster(plan: Qcow2Plan, places: Places): Uint8Array {
  const bytes = new Uint8Array(plan.clusterSize);
  const header = QcowHeader.view(bytes);
  header.magic = QCOW_MAGIC;
  header.version = plan.version;
  header.cluster_bits = Math.log2(plan.clusterSize);
  header.size = plan.size;
  header.l1_size = l1Entries(plan);
  header.l1_table_offset = places.l1Offset;
  header.refcount_table_offset = places.refcountTableOffset;
  header.refcount_table_clusters = places.refcountTableClusters;
  let at: number = QcowHeader.size;
  if (plan.version === 3) {
    const v3 = QcowHeaderV3.view(bytes);
    v3.incompatible_features =
      (plan.dataFile === undefined ? 0n : INCOMPATIBLE.DATA_FILE) |
      (plan.compression === 'zstd' ? INCOMPATIBLE.COMPRESSION_TYPE : 0n) |
      (plan.extendedL2 ? INCOMPATIBLE.EXTENDED_L2 : 0n);
    v3.compatible_features = plan.lazyRefcounts ? COMPATIBLE.LAZY_REFCOUNTS : 0n;
    v3.autoclear_features = plan.dataFileRaw === true ? AUTOCLEAR.RAW_DATA_FILE : 0n;
    v3.refcount_order = Math.log2(plan.refcountBits);
    v3.header_length = HEADER_LENGTH;
    bytes[COMPRESSION_TYPE_OFFSET] = plan.compression === 'zstd' ? 1 : 0;
    at = HEADER_LENGTH;
  }
  const extension = (type: number, text: string): void => {
    const data = encodeText(text);
    room(bytes, at, HeaderExtension.size + data.length);
    const view = HeaderExtension.view(bytes, at);
    view.type = type;
    view.length = data.length;
    bytes.set(data, at + HeaderExtension.size);
    at = roundUp(at + HeaderExtension.size + data.length, 8);
  };
  if (plan.backingFormat !== undefined) extension(EXTENSION.BACKING_FORMAT, plan.backingFormat);
  if (plan.dataFile !== undefined) extension(EXTENSION.DATA_FILE, plan.dataFile);
  at += HeaderExtension.size;
  if (plan.backingFile !== undefined) {
    const name = encodeText(plan.backingFile);
    room(bytes, at, name.length);
    bytes.set(name, at);
    header.backing_file_offset = at;
    header.backing_file_size = name.length;
  }
  return bytes;
}

/** Names must be short and stay within the first cluster. */
function room(bytes: Uint8Array, at: number, length: number): void {
  if (length <= MAX_NAME && at + length <= bytes.length - HeaderExtension.size) return;
  throw new GuestfsError(
    'ENAMETOOLONG',
    `a name of ${length} bytes does not fit into the header of ${bytes.length} bytes; use a shorter one or larger clusters`,
  );
}
