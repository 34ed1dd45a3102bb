import { blankRuns } from '../../block/file-blank.ts';
import { fileUsage } from '../../block/file-path.ts';
import { openWriter } from '../chain.ts';
import { beginReplacement } from '../convert/replacement.ts';
import { createImage } from '../create.ts';
import { RUN, type ClusterMap, type QcowWriter } from '../qcow2/index.ts';
import { sameForm } from '../same-form.ts';
import type { Progress } from '../steps.ts';
import type { Found } from './compact.ts';

const CHUNK = 2 * 1024 * 1024;
/** Bytes of compressed clusters that are copied at once. */
const PACKED = 1024 * 1024;
const SECTOR = 512;
/** Bytes that must be saved for a new file to take the place of the old one: how the host counts differs by less. */
const LEAST = 65536;

/**
 * Copy an image into a new one that takes its place: its own clusters, without what is below it, and compressed ones as
 * they are. Nothing happens where the new one would not be smaller.
 */
export function* rewriteQcow2(path: string, old: QcowWriter): Generator<Progress, Found, void> {
  const { header } = old;
  // The image is locked already.
  const replacement = beginReplacement(path);
  try {
    createImage(replacement.path, header.size, sameForm(header));
    const writer = openWriter(replacement.path, 'any');
    let zeroBytes: number;
    try {
      zeroBytes = yield* copyClusters(old, writer);
      writer.settle();
    } finally {
      writer.abandon();
    }
    const before = fileUsage(path);
    const after = fileUsage(replacement.path);
    const saved = Math.max(before.size - after.size, before.allocated - after.allocated);
    const rewritten = saved >= Math.max(LEAST, header.clusterSize);
    if (rewritten) replacement.done();
    const lostBytes = rewritten ? Math.max(0, before.size - after.size - zeroBytes) : 0;
    return { zeroBytes: rewritten ? zeroBytes : 0, lostBytes, rewritten };
  } finally {
    replacement.end();
  }
}

function* copyClusters(old: QcowWriter, writer: QcowWriter): Generator<Progress, number, void> {
  const map = old.clusterMap();
  const { clusterSize } = old.header;
  const total = old.header.size;
  const chunk = Math.max(CHUNK, clusterSize);
  const buffer = new Uint8Array(Math.max(chunk, PACKED + 2 * clusterSize));
  const behind = old.backing?.size ?? 0;
  let zeroBytes = 0;
  for (let at = 0; at < total;) {
    map.locate(at, Math.min(total, at - (at % chunk) + chunk));
    const { kind, length, host } = map;
    if (kind === RUN.COMPRESSED) at = copyPacked(old, writer, map, at, buffer);
    else {
      // Without anything below, what is not stored reads as zeroes.
      if (kind === RUN.ZERO && at < behind) writer.zero(at, length);
      if (kind === RUN.DATA) {
        const part = buffer.subarray(0, length);
        const there = Math.max(0, Math.min(length, old.data.size - host));
        if (there > 0) old.data.readAt(host, part.subarray(0, there));
        part.fill(0, there);
        zeroBytes += writeRuns(writer, at, part, clusterSize, behind);
      }
      at += length;
    }
    yield { position: at, total };
  }
  return zeroBytes;
}

/** Write what is not zeroes; returns the bytes that are. */
function writeRuns(
  writer: QcowWriter,
  offset: number,
  bytes: Uint8Array,
  unit: number,
  behind: number,
): number {
  let zeroBytes = 0;
  // The first run begins within a cluster where a subcluster does.
  for (const { at, end, blank } of blankRuns(bytes, unit, unit - (offset % unit))) {
    if (!blank) writer.writeAt(offset + at, bytes.subarray(at, end));
    else {
      if (offset + at < behind) writer.zero(offset + at, end - at);
      zeroBytes += end - at;
    }
  }
  return zeroBytes;
}

/**
 * Copy a run of compressed clusters whose streams follow each other in the file. Where a stream ends is not known, only in
 * which sector; the next one begins there, so that each keeps its place in its sector. Returns where the run ends.
 */
function copyPacked(
  old: QcowWriter,
  writer: QcowWriter,
  map: ClusterMap,
  from: number,
  buffer: Uint8Array,
): number {
  const { clusterSize } = old.header;
  const total = old.header.size;
  const begin = map.host;
  const clusters: number[] = [];
  let end = begin;
  let at = from;
  for (;;) {
    const { host, compressedLength } = map;
    clusters.push(at, host - begin, compressedLength);
    end = host + compressedLength;
    at += clusterSize;
    // Narrow refcounts may not have room for as many in one cluster as they lay in.
    if (at >= total || end - begin >= PACKED || old.header.refcountBits < 16) break;
    map.locate(at, total);
    if (map.kind !== RUN.COMPRESSED || map.host <= host || map.host > end) break;
  }
  const bytes = buffer.subarray(0, end - begin);
  old.file.readAt(begin, bytes);
  writer.copyCompressed(bytes, begin % SECTOR, clusters);
  return Math.min(at, total);
}
