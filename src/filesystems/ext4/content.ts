import type { BlockDevice, Extent } from '../../block/device.ts';
import type { BlockMapper, MapSource, Run } from './mapping.ts';

/** Reads mapped file content straight into the caller's buffer, in as few device reads as the map allows. */
export class ContentReader {
  readonly #device: BlockDevice;
  readonly #blockSize: number;
  readonly #mapper: BlockMapper;
  #run: Run = { block: 0, length: 0, kind: 'hole' };
  #next: Run = { block: 0, length: 0, kind: 'hole' };

  constructor(device: BlockDevice, blockSize: number, mapper: BlockMapper) {
    this.#device = device;
    this.#blockSize = blockSize;
    this.#mapper = mapper;
  }

  /** Fill `into` from byte `offset` of a file of `size` bytes; returns the bytes read. */
  read(source: MapSource, size: number, offset: number, into: Uint8Array): number {
    const blockSize = this.#blockSize;
    const end = Math.min(size, offset + into.length);
    if (offset >= end) return 0;
    let position = offset;
    let run = this.#run;
    let next = this.#next;
    this.#mapper.map(source, Math.floor(position / blockSize), run);
    for (;;) {
      const inner = position % blockSize;
      let length = Math.min(run.length * blockSize - inner, end - position);
      const start = run.block * blockSize + inner;
      let more = position + length < end;
      if (more) this.#mapper.map(source, (position + length) / blockSize, next);
      if (run.kind === 'data') {
        while (more && next.kind === 'data' && next.block * blockSize === start + length) {
          length = Math.min(length + next.length * blockSize, end - position);
          more = position + length < end;
          if (more) this.#mapper.map(source, (position + length) / blockSize, next);
        }
        this.#device.readAt(start, into.subarray(position - offset, position - offset + length));
      } else {
        into.fill(0, position - offset, position - offset + length);
      }
      position += length;
      if (!more) break;
      [run, next] = [next, run];
    }
    return end - offset;
  }

  /** The kinds of the runs of a range of a file, neighbours of one kind merged. */
  *extents(source: MapSource, size: number, offset: number, length: number): Iterable<Extent> {
    const blockSize = this.#blockSize;
    const end = Math.min(size, offset + length);
    const run: Run = { block: 0, length: 0, kind: 'hole' };
    let pending: Extent | undefined;
    for (let position = offset; position < end;) {
      this.#mapper.map(source, Math.floor(position / blockSize), run);
      const part = Math.min(run.length * blockSize - (position % blockSize), end - position);
      if (pending !== undefined && pending.kind === run.kind) {
        pending.length += part;
      } else {
        if (pending !== undefined) yield pending;
        pending = { offset: position, length: part, kind: run.kind };
      }
      position += part;
    }
    if (pending !== undefined) yield pending;
  }
}
