import type { Extent } from '../block/device.ts';
import type { Replacement } from '../filesystems/writer.ts';
import type { TreeWriter } from './tree-writer.ts';
import type { FileRef, FileTree } from './tree.ts';

/** Bytes that are read and written at once. */
const PIECE = 1024 * 1024;
/** A hole smaller than this is copied like data: told apart it would only make writes small. */
const HOLE = 64 * 1024;

let buffer: Uint8Array | undefined;

/** The one buffer of this thread that content is copied through; what is in it does not outlive the next copy. */
export function copyBuffer(): Uint8Array {
  return (buffer ??= new Uint8Array(PIECE));
}

/** Run `fill` on new content for a file, and give it up where that fails. */
export function replacing(
  writer: TreeWriter,
  file: FileRef,
  size: number | undefined,
  fill: (content: Replacement) => void,
): void {
  const content = writer.replace(file, size);
  try {
    fill(content);
  } catch (error) {
    content.abandon();
    throw error;
  }
  content.finish();
}

/** Give a file the content of another, its holes too. `tick` is called for every piece with the bytes done. */
export function copyContent(
  tree: FileTree,
  writer: TreeWriter,
  from: FileRef,
  to: FileRef,
  size: number,
  tick: (done: number) => void,
): void {
  replacing(writer, to, size, (content) => {
    const piece = copyBuffer();
    let at = 0;
    for (const run of size > HOLE ? runs(tree.extents(from, 0, size)) : [whole(size)]) {
      if (run.kind !== 'data') {
        content.writeZeroes(run.length);
        at += run.length;
        continue;
      }
      const end = run.offset + run.length;
      while (at < end) {
        const wanted = Math.min(piece.length, end - at);
        const got = tree.read(from, at, wanted === piece.length ? piece : piece.subarray(0, wanted));
        // The file is shorter than its stat said.
        if (got === 0) return;
        content.write(piece.subarray(0, got));
        at += got;
        tick(at);
      }
    }
  });
}

function whole(length: number): Extent {
  return { offset: 0, length, kind: 'data' };
}

/** Extents with neighbours joined, small holes taken for data. */
function* runs(extents: Iterable<Extent>): Generator<Extent, void, void> {
  let run: Extent | undefined;
  for (const extent of extents) {
    const kind = extent.kind === 'data' || extent.length < HOLE ? 'data' : 'hole';
    if (run?.kind === kind) run.length += extent.length;
    else {
      if (run !== undefined) yield run;
      run = { offset: extent.offset, length: extent.length, kind };
    }
  }
  if (run !== undefined) yield run;
}
