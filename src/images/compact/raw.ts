import type { GrowingFile } from '../../block/file-growing.ts';
import { createImage } from '../create.ts';
import { openGrowingFile } from '../../block/file-growing.ts';
import { copyDisk } from '../convert/copy.ts';
import { beginReplacement } from '../convert/replacement.ts';
import { RawSink } from '../convert/sink.ts';
import { rawDevice } from '../raw.ts';
import type { Progress } from '../steps.ts';
import { discardBlanks } from './blanks.ts';
import type { Found } from './compact.ts';

/** Bytes that a hole has at least. */
const HOLE = 4096;

/** Make holes of what is stored as zeroes. */
export function* compactRawInPlace(file: GrowingFile): Generator<Progress, Found, void> {
  const total = file.size;
  const zeroBytes = yield* discardBlanks({
    device: file,
    extents: Array.from(file.extents(0, total)),
    total,
    unit: HOLE,
    align: 1,
    discard: (offset, length) => file.discard(offset, length),
  });
  file.flush();
  return { zeroBytes, lostBytes: 0, rewritten: false };
}

/** Where the host's files cannot be given holes by us: a copy that has them takes the place of the image. */
export function* rewriteRaw(path: string, file: GrowingFile): Generator<Progress, Found, void> {
  const device = rawDevice(file, path);
  // The image is locked already.
  const replacement = beginReplacement(path);
  try {
    createImage(replacement.path, file.size, { format: 'raw' });
    const copy = openGrowingFile(replacement.path);
    const sink = new RawSink(copy);
    try {
      yield* copyDisk({ device, zeroes: false, extents: () => device.extents(0, device.size) }, sink);
      // A file of no whole sectors stays one.
      copy.resize(file.size);
      sink.finish();
    } finally {
      sink.close();
    }
    replacement.done();
  } finally {
    replacement.end();
  }
  return { zeroBytes: 0, lostBytes: 0, rewritten: true };
}
