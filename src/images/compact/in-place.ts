import type { BlockDevice } from '../../block/device.ts';
import { openFile } from '../../block/file.ts';
import { roundUp } from '../../bytes/round.ts';
import { cutTail, freeLostClusters, openQcow2, readHeader, type QcowWriter } from '../qcow2/index.ts';
import type { Progress } from '../steps.ts';
import { discardBlanks } from './blanks.ts';
import type { Found } from './compact.ts';

/** Give back clusters that hold zeroes or that nothing refers to; the file ends with its last cluster that is used. */
export function* compactQcow2InPlace(path: string, writer: QcowWriter): Generator<Progress, Found, void> {
  const zeroBytes = yield* dropZeroes(path, writer);
  writer.settle();
  const lost = freeLostClusters(writer);
  writer.settle();
  cutTail(writer);
  writer.file.flush();
  return { zeroBytes, lostBytes: lost * writer.header.clusterSize, rewritten: false };
}

function* dropZeroes(path: string, writer: QcowWriter): Generator<Progress, number, void> {
  const { header } = writer;
  const { clusterSize } = header;
  // An older image cannot say "zeroes" where something would show through.
  const from = header.version < 3 && writer.backing !== undefined ? writer.backing.size : 0;
  const total = header.size;
  if (header.rawExternalData || from >= total) return 0;
  // The image alone, without what is below it. Only clusters that were looked at are given back, so that what it has in
  // memory of the tables stays true.
  const file = openFile(path);
  let layer: BlockDevice | undefined;
  try {
    layer = openQcow2(file, readHeader(file), {
      name: path,
      ...(writer.data === writer.file ? {} : { data: writer.data }),
    });
    const start = roundUp(from, clusterSize);
    return yield* discardBlanks({
      device: layer,
      extents: layer.extents(start, total - start),
      total,
      unit: clusterSize,
      align: clusterSize,
      discard: (offset, length) => writer.discard(offset, length),
    });
  } finally {
    // A layer closes its data as well, which may be the writer's.
    if (layer !== undefined && writer.data === writer.file) layer.close();
    else file.close();
  }
}
